import Telemetry
import TestData
import Testing

@Suite("Reading pages of metrics")
struct PrometheusTextTests {
    private func fault(_ text: String, _ limits: PrometheusText.Limits = PrometheusText.Limits()) -> PrometheusText
        .Fault?
    {
        do {
            _ = try PrometheusText(text: text, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test("The example page of the format's specification is read")
    func specification() throws {
        // Prometheus, "Exposition formats", the full example of version 0.0.4.
        let page = try PrometheusText(
            text: #"""
                # HELP http_requests_total The total number of HTTP requests.
                # TYPE http_requests_total counter
                http_requests_total{method="post",code="200"} 1027 1395066363000
                http_requests_total{method="post",code="400"}    3 1395066363000

                # Escaping in label values:
                msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

                # Minimalistic line:
                metric_without_timestamp_and_labels 12.47

                # A weird metric from before the epoch:
                something_weird{problem="division by zero"} +Inf -3982045

                # A histogram, which has a pretty complex representation in the text format:
                # HELP http_request_duration_seconds A histogram of the request duration.
                # TYPE http_request_duration_seconds histogram
                http_request_duration_seconds_bucket{le="0.05"} 24054
                http_request_duration_seconds_bucket{le="+Inf"} 144320
                http_request_duration_seconds_sum 53423
                http_request_duration_seconds_count 144320

                """#)
        #expect(page.samples.count == 9 && page.skippedLines == 0)
        #expect(page.types == ["http_requests_total": "counter", "http_request_duration_seconds": "histogram"])
        #expect(page.sum("http_requests_total") == 1_030)
        #expect(page.sum("http_requests_total", ["code": "400", "method": "post"]) == 3)
        #expect(page.samples("http_requests_total").map(\.timestamp) == [1_395_066_363, 1_395_066_363])
        let file = page.samples("msdos_file_access_time_seconds")[0]
        #expect(file.labels == ["path": #"C:\DIR\FILE.TXT"#, "error": "Cannot find file:\n\"FILE.TXT\""])
        let weird = page.samples("something_weird")[0]
        #expect(weird.value == .infinity && weird.timestamp == -3_982.045)
        #expect(page.sum("http_request_duration_seconds_bucket", ["le": "+Inf"]) == 144_320)
        #expect(page.sum("absent") == nil && page.sum("http_requests_total", ["code": "500"]) == nil)
    }

    @Test("OpenMetrics: seconds, exemplars, the end; without the end the page is cut off")
    func openMetrics() throws {
        let text = """
            # TYPE a counter
            a_total{x="# {"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.1
            b_bucket{le="+Inf"} 3 # {} 1
            # EOF

            """
        let page = try PrometheusText(text: text)
        #expect(page.samples[0].timestamp == 1_520_879_607.789 && page.samples[0].labels == ["x": "# {"])
        #expect(page.sum("b_bucket") == 3)
        #expect(throws: PrometheusText.Fault.self) {
            try PrometheusText(text: text.replacing("# EOF\n", with: ""), format: .openMetrics)
        }
        #expect(fault("a_total 1 # {x=\"y\"} 2\n")?.code == .malformed, "0.0.4 has no exemplars")
    }

    @Test("Blanks and tabs, a comma behind the last label, special numbers")
    func spelling() throws {
        let page = try PrometheusText(
            text: "\t a { x = \"1\" , y=\"2\", } \t 1e3  5000 \nb{} NaN\nc -Inf\n  \n#\n# TYPE\tb\tgauge\nn:m_1 -0.5\n")
        #expect(page.samples.map(\.name) == ["a", "b", "c", "n:m_1"])
        #expect(page.samples[0].labels == ["x": "1", "y": "2"] && page.samples[0].value == 1_000)
        #expect(page.samples[0].timestamp == 5)
        #expect(page.sum("b")?.isNaN == true && page.sum("c") == -.infinity && page.types == ["b": "gauge"])
        #expect(try PrometheusText(text: "").samples.isEmpty)
        #expect(try PrometheusText(text: #"a{x="\d\\n"} 1"# + "\n").samples[0].labels == ["x": #"\d\n"#])
    }

    @Test(
        "What is no metrics page says so",
        arguments: [
            ("<!DOCTYPE html><html></html>\n", PrometheusText.Fault.Code.otherDocument),
            ("\u{FEFF}\r\n  <?xml version=\"1.0\"?>\n", .otherDocument), ("{\"a\":1}\n", .otherDocument),
            ("a 1\nb 2", .truncated), ("a\n", .malformed), ("a{x=\"1\"} \n", .malformed), ("1a 1\n", .malformed),
            ("a{x=\"1\" 1\n", .malformed), ("a{x=\"1} 1\n", .malformed), ("a{x=1} 1\n", .malformed),
            ("a{x} 1\n", .malformed), ("a{x=\"1\",x=\"1\"} 1\n", .malformed), ("a{x=\"1\"y=\"1\"} 1\n", .malformed),
            ("a{,} 1\n", .malformed), ("a 1 2 3\n", .malformed), ("a one\n", .malformed), ("a 0x10\n", .malformed),
            ("a 1e999\n", .malformed), ("a 1 NaN\n", .malformed), ("a 1\r\n", .malformed), ("a 1\na 2\n", .malformed),
            ("# TYPE a widget\n", .malformed), ("# TYPE a\n", .malformed), ("a{x=\"1\\\n", .malformed),
            ("a{b:c=\"1\"} 1\n", .malformed), ("a{=\"1\"} 1\n", .malformed), ("{a=\"1\"} 1\n", .otherDocument),
        ])
    func refused(_ text: String, _ code: PrometheusText.Fault.Code) {
        #expect(fault(text)?.code == code, "\(text.debugDescription): \(fault(text)?.description ?? "taken")")
    }

    @Test("A fault names its line; label values must be UTF-8")
    func faults() {
        #expect(fault("a 1\n# x\nb{c=\"d\"} x\n")?.description == "line 3: the value is no number")
        #expect(fault("<html>\n")?.description.contains("HTML") == true)
        #expect(throws: PrometheusText.Fault.self) {
            try PrometheusText(Array("a{x=\"".utf8) + [0xFF] + Array("\"} 1\n".utf8))
        }
    }

    @Test("Each limit holds, and what is just within it is taken")
    func limits() {
        var limits = PrometheusText.Limits()
        limits.bytesMax = 8
        #expect(fault("a 1\nb 2\n", limits) == nil && fault("a 1\nb 22\n", limits)?.code == .tooLarge)
        limits = PrometheusText.Limits()
        limits.samplesMax = 2
        #expect(fault("a 1\nb 2\n", limits) == nil && fault("a 1\nb 2\nc 3\n", limits)?.code == .tooLarge)
        limits = PrometheusText.Limits()
        limits.labelsMax = 1
        #expect(fault("a{x=\"\"} 1\n", limits) == nil && fault("a{x=\"\",y=\"\"} 1\n", limits)?.code == .tooLarge)
    }

    @Test("The lenient reader takes the good lines and counts the others")
    func lenient() {
        let page = PrometheusText(readable: "a 1\n<html>\nb{x=\"}\"} 2\nc{ 3\nd 4")
        #expect(page.samples.map(\.name) == ["a", "b", "d"] && page.skippedLines == 2)
        #expect(PrometheusText(readable: "garbage {{{\n\u{0}").samples.isEmpty)
        #expect(PrometheusText(readable: "a NaN\n") == PrometheusText(readable: "a NaN\n"))
        #expect(PrometheusText(readable: "a 1\n") != PrometheusText(readable: "a 2\n"))
    }

    @Test("What the registry writes is read back, in both formats", arguments: [false, true])
    func ownPages(_ openMetrics: Bool) throws {
        let registry = MetricsRegistry()
        registry.counter("orders_total", "Orders \\ by\nresult.", [("type", "a\"b\\c\nd,e}f # {")]).increment(by: 3)
        registry.gauge("level", "Level.").set(-.infinity)
        registry.histogram("ack_seconds", "Time.", [("op", "new")], bounds: [0.01, 0.05]).record(0.02)
        let page = try PrometheusText(
            text: registry.text(openMetrics: openMetrics), format: openMetrics ? .openMetrics : .prometheus)
        #expect(page.sum("orders_total", ["type": "a\"b\\c\nd,e}f # {"]) == 3 && page.sum("level") == -.infinity)
        #expect(page.samples("ack_seconds_bucket").map { $0.labels["le"] } == ["0.01", "0.05", "+Inf"])
        #expect(
            page.samples("ack_seconds_bucket").map(\.value) == [0, 1, 1] && page.types["ack_seconds"] == "histogram")
    }

    @Test("Random pages are read back as they were meant", arguments: 0..<40 as Range<UInt64>)
    func randomPages(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var lines = ""
        var wanted: [(name: String, labels: [String: String], value: Double, time: Int?)] = []
        for number in 0..<Int.random(in: 1...60, using: &random) {
            let name = "m\(number)_" + word("abZ_:09", &random)
            var labels: [String: String] = [:]
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                labels["l" + word("aZ_7", &random)] = word("a\"\\\n,}{=# é😀 n\t", &random)
            }
            let special: [Double] = [.nan, .infinity, -.infinity, 0, -0.0]
            let value =
                Bool.random(using: &random)
                ? special[Int.random(in: 0..<5, using: &random)] : Double.random(in: -1e12...1e12, using: &random)
            let time = Bool.random(using: &random) ? Int.random(in: -10_000...10_000_000, using: &random) : nil
            wanted.append((name, labels, value, time))
            lines += Self.line(name, labels, value, time, &random)
        }
        let page = try PrometheusText(text: lines, format: .prometheus)
        #expect(page.samples.count == wanted.count, "seed \(seed)")
        for (sample, want) in zip(page.samples, wanted) {
            #expect(sample.name == want.name && sample.labels == want.labels, "seed \(seed)")
            #expect(sample.value == want.value || sample.value.isNaN && want.value.isNaN, "seed \(seed)")
            #expect(sample.timestamp == want.time.map { Double($0) / 1_000 }, "seed \(seed)")
        }
        #expect(PrometheusText(readable: lines, format: .prometheus) == page)
    }

    private func word(_ alphabet: String, _ random: inout SplitMix64) -> String {
        let characters = Array(alphabet.unicodeScalars)
        var text = ""
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            text.unicodeScalars.append(characters[Int.random(in: 0..<characters.count, using: &random)])
        }
        return text
    }

    private static func line(
        _ name: String, _ labels: [String: String], _ value: Double, _ time: Int?, _ random: inout SplitMix64
    ) -> String {
        let pairs = labels.shuffled(using: &random).map { key, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(key)=\"\(escaped)\""
        }
        let number = value.isNaN ? "NaN" : value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : "\(value)"
        let braces = labels.isEmpty && Bool.random(using: &random) ? "" : "{\(pairs.joined(separator: ","))}"
        return "\(name)\(braces) \(number)\(time.map { " \($0)" } ?? "")\n"
    }

    @Test(
        "A page with bytes changed is taken or refused, both readers agree where it is taken", arguments: [3, 17, 92])
    func changedBytes(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let page = Array("# TYPE a counter\na_total{x=\"1\\\"\",y=\"é\"} 12.5 17\nb{le=\"+Inf\"} NaN\nc 3\n".utf8)
        let alphabet = Array("\"\\{}=,# \n\t019aN+.".utf8) + [0, 0xC3, 0xFF]
        var taken = 0
        for _ in 0..<4_000 {
            var changed = page
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: changed[at] = alphabet.randomElement(using: &random) ?? 0
                case 1: changed.insert(alphabet.randomElement(using: &random) ?? 0, at: at)
                default: changed.remove(at: at)
                }
            }
            guard let text = String(validating: changed, as: UTF8.self), let whole = try? PrometheusText(text: text)
            else { continue }
            taken += 1
            let readable = PrometheusText(readable: text)
            #expect(readable == whole && readable.skippedLines == 0, "seed \(seed): \(text.debugDescription)")
        }
        #expect(taken > 100, "some changes leave a page that can be read")
    }
}
