import Engine
import Foundation
import Glibc
import Report
import Telemetry
import Testing

/// A folder that goes with the test.
final class TemporaryFolder {
    let path = "/tmp/springtide-outputs-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    init() { mkdir(path, 0o755) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }
    func text(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

@Suite("output files")
struct OutputFileTests {
    @Test("a file appears under its name when it is complete, and not before")
    func appearsComplete() throws {
        let folder = TemporaryFolder()
        let file = try OutputFile(folder.file("a"))
        try file.write(Array("half".utf8))
        #expect(folder.names == ["a.partial"])
        try file.finish()
        #expect(folder.names == ["a"])
        #expect(try folder.text("a") == "half")
    }

    @Test("a file that is given up leaves the one of before")
    func givenUp() throws {
        let folder = TemporaryFolder()
        try OutputFile.write("before", to: folder.file("a"))
        do {
            let file = try OutputFile(folder.file("a"))
            try file.write(Array("after".utf8))
        }
        #expect(folder.names == ["a"])
        #expect(try folder.text("a") == "before")
    }

    @Test("what the system refuses is an error that names the file")
    func refused() throws {
        let error = #expect(throws: OutputError.self) { try OutputFile.write("x", to: "/nonexistent/a") }
        #expect(error?.code == .file)
        #expect(error?.description == "/nonexistent/a: No such file or directory")
        let full = #expect(throws: OutputError.self) { try OutputFile.write("x", to: "/dev/full") }
        #expect(full?.description == "/dev/full: No space left on device")
    }
}

@Suite("histogram log and percentile table")
struct HistogramOutputTests {
    @Test("the log has a head, a line an interval, and a line a tag that decodes to the run's histogram")
    func log() throws {
        let report = try Samples.full()
        let lines = HistogramLog.text(report).split(separator: "\n").map(String.init)
        // The date as `date -u -d @1790730600` says it.
        #expect(
            lines.prefix(5) == [
                "#[Logged with springtide loadgen]", "#[Histogram log format version 1.3]",
                "#[StartTime: 1790730600.000 (seconds since epoch), Wed Sep 30 01:10:00 UTC 2026]",
                "#[BaseTime: 1790730600.000 (seconds since epoch)]",
                "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
            ])
        let intervals = lines.dropFirst(5).prefix(10).map { $0.split(separator: ",") }
        #expect(intervals.map { String($0[0]) } == (0..<10).map { "\($0).000" })
        // Nine answers of 2 ms: 2 ms lies in a sub-bucket of two digits that ends at 2,015,231 ns (HdrHistogram's shape).
        #expect(intervals.allSatisfy { $0[1] == "1.000" && $0[2].hasPrefix("2.0") })
        let first = try HDRHistogramCodec.decode(String(intervals[0][3]))
        #expect((first.count, first.digits) == (9, 2))
        let tagged = lines.dropFirst(15).map { $0.split(separator: ",").map(String.init) }
        #expect(
            tagged.map { $0[0] }
                == ["all", "all.service", "all.send_lag", "order.new", "order.new.service", "order.new.send_lag"].map {
                    "Tag=\($0)"
                })
        // After a second of warm-up, of a run of eleven.
        #expect(tagged.allSatisfy { $0[1] == "1.000" && $0[2] == "10.000" })
        let all = try HDRHistogramCodec.decode(tagged[0][4])
        #expect(tagged[0][3] == "100.000")
        for percentile in [1, 50, 90, 99, 99.9] {
            #expect(all.value(atPercentile: percentile) == report.response.value(atPercentile: percentile))
        }
    }

    @Test("scenarios of one plan have lines of their own, and no tag holds a comma or a space")
    func tags() throws {
        var plan = try Samples.plan()
        plan.operations[0].name = "new, big"
        plan.scenarios.append(plan.scenarios[0])
        plan.scenarios[1].name = "other"
        var result = Samples.result()
        result.rows.append(result.rows[0])
        result.rows[2].scenario = 1
        let text = HistogramLog.text(RunReport(context: Samples.context(), plan: plan, result: result))
        let tags = text.split(separator: "\n").filter { $0.hasPrefix("Tag=") }.map { $0.split(separator: ",")[0] }
        #expect(tags.contains("Tag=steady/new__big"))
        #expect(tags.contains("Tag=other/new__big"))
        #expect(tags.contains("Tag=new__big"))
    }

    /// `outputPercentileDistribution(System.out, 5, 1e6)` of HdrHistogram 2.1.11 for `Histogram(1000, 120000000000L, 3)`
    /// with the values 1...100 ms.
    private static let golden = """
               Value     Percentile TotalCount 1/(1-Percentile)

               1.000 0.000000000000          1           1.00
              10.002 0.100000000000         10           1.11
              20.005 0.200000000000         20           1.25
              30.015 0.300000000000         30           1.43
              40.010 0.400000000000         40           1.67
              50.004 0.500000000000         50           2.00
              55.017 0.550000000000         55           2.22
              60.031 0.600000000000         60           2.50
              65.012 0.650000000000         65           2.86
              70.058 0.700000000000         70           3.33
              75.039 0.750000000000         75           4.00
              78.053 0.775000000000         78           4.44
              80.019 0.800000000000         80           5.00
              83.034 0.825000000000         83           5.71
              85.000 0.850000000000         85           6.67
              88.015 0.875000000000         88           8.00
              89.063 0.887500000000         89           8.89
              90.046 0.900000000000         90          10.00
              92.013 0.912500000000         92          11.43
              93.061 0.925000000000         93          13.33
              94.044 0.937500000000         94          16.00
              95.027 0.943750000000         95          17.78
              95.027 0.950000000000         95          20.00
              96.010 0.956250000000         96          22.86
              97.059 0.962500000000         97          26.67
              97.059 0.968750000000         97          32.00
              98.042 0.971875000000         98          35.56
              98.042 0.975000000000         98          40.00
              98.042 0.978125000000         98          45.71
              99.025 0.981250000000         99          53.33
              99.025 0.984375000000         99          64.00
              99.025 0.985937500000         99          71.11
              99.025 0.987500000000         99          80.00
              99.025 0.989062500000         99          91.43
             100.008 0.990625000000        100         106.67
             100.008 1.000000000000        100
        #[Mean    =       50.499, StdDeviation   =       28.866]
        #[Max     =      100.008, Total count    =          100]
        #[Buckets =           18, SubBuckets     =         2048]
        """

    @Test("the percentile table is the one of HdrHistogram's Java tools, byte for byte")
    func table() throws {
        #expect(PercentileTable.text(Samples.result().rows[0].response) == Self.golden + "\n")
    }

    @Test("an empty histogram makes a table without lines")
    func empty() {
        let text = PercentileTable.text(.latency())
        #expect(text.split(separator: "\n").count == 4)
        #expect(text.contains("Total count    =            0]"))
    }
}

@Suite("series and steps as CSV")
struct SeriesOutputTests {
    @Test("a row an interval, cells empty where nothing was measured")
    func series() throws {
        let lines = SeriesTable.text(try Samples.full()).split(separator: "\n").map(String.init)
        #expect(
            lines[0]
                == "t_s,users,offered_rps,sent_rps,done_rps,err_rps,p50_us,p95_us,p99_us,max_us,lag_p99_us,in_flight,"
                + "cpu_gen,cpu_srv,rss_srv,replicas,l1_hit,l2_hit,l3_hit")
        #expect(lines.count == 11)
        #expect(lines[2] == "1,1,10,10,9,1,2000,5000,9000,10001,100,2,0,0.5,50000000,1,0.9,,")
        // The services were not read in second 3: Redis alone is left.
        #expect(lines[4].split(separator: ",", omittingEmptySubsequences: false)[13] == "0.1")
        #expect(lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 19 })
    }

    @Test("a row a step; none without steps")
    func steps() throws {
        let report = try Samples.full()
        let lines = try #require(StepTable.text(report)).split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        // 1,000/s for 4 s; response 0.1...10 ms in hundredths, mean 5.05 ms.
        #expect(
            lines[1].hasPrefix(
                "steady,0,,1000,0,4,1000,1000,5050,5001.215,9502.719,9904.127,10002.431,10000,0,0,,0,0.5,50000000,"))
        #expect(lines[1].hasSuffix(",met"))
        #expect(lines[2].hasSuffix(",not met"))
        #expect(lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 25 })
        #expect(
            StepTable.text(RunReport(context: Samples.context(), plan: try Samples.plan(), result: Samples.result()))
                == nil)
        #expect(OutputFiles.steps(beside: "a/series.csv") == "a/series.steps.csv")
        #expect(OutputFiles.steps(beside: "series") == "series.steps.csv")
    }
}
