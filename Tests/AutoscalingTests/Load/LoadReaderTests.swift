import Autoscaling
import Foundation
import TestData
import Testing

@Suite struct LoadReaderTests {
    static func read(_ text: String, _ edit: (inout LoadReader) -> Void = { _ in }) throws -> LoadTrace {
        var reader = LoadReader()
        edit(&reader)
        return try reader.read(text, name: "f.csv")
    }

    @Test("Rates run from middle to middle of the intervals") func straightLines() throws {
        let load = try Self.read("time,value\n0,10\n10,20\n20,40\n")
        #expect(load.duration == 30)
        #expect(load.rates[0] == 10 && load.rates[4] == 10)
        // Second 5 has its middle at 5.5, half a second after the first interval's middle at 5.
        #expect(abs(load.rates[5] - 10.5) < 1e-9 && abs(load.rates[14] - 19.5) < 1e-9)
        #expect(abs(load.rates[15] - 21) < 1e-9 && load.rates[29] == 40)
        // Windows end of line, blanks, other columns, no newline at the end, and a missing row.
        let other = try Self.read("b, time ,value\r\nx,100, 10\r\nx,101,20\r\n\r\nx,104,50") { _ in }
        #expect(other.rates == [10, 20, 30, 40, 50])
    }

    @Test("Counts, dates, speed, window and scale") func options() throws {
        let text = "minute,requests\n2015-01-05 09:30,600\n2015-01-05 09:31:00,1200\n2015-01-05T09:32:00Z,1200\n"
        func edit(_ reader: inout LoadReader) {
            reader.timeColumn = "minute"
            reader.valueColumn = "requests"
            reader.unit = .perInterval
        }
        let plain = try Self.read(text, edit)
        #expect(plain.duration == 180 && plain.rates[0] == 10 && plain.rates[179] == 20)
        let fast = try Self.read(text) {
            edit(&$0)
            $0.speed = 60
        }
        #expect(fast.rates == [10, 20, 20])
        let peak = try Self.read(text) {
            edit(&$0)
            $0.scale = .peak(300)
        }
        #expect(peak.peak == 300 && abs(peak.rates[0] - 150) < 1e-9)
        let mean = try Self.read(text) {
            edit(&$0)
            $0.scale = .mean(7)
            $0.window = 60..<120
        }
        #expect(mean.duration == 60 && abs(mean.mean - 7) < 1e-9)
    }

    @Test(
        "Mistakes name file and line",
        arguments: [
            ("", "empty"), ("time,rate\n0,1\n", "no column 'value'"), ("value\n1\n", "no column 'time'"),
            ("time,value\n0,1\n", "1 rows"), ("time,value\n0,1\n1\n", "line 3"), ("time,value\n0,1\nx,2\n", "line 3"),
            ("time,value\n0,1\n1,x\n", "line 3"), ("time,value\n0,1\n1,-2\n", "line 3"),
            ("time,value\n0,1\n1,nan\n", "line 3"),
            ("time,value\n5,1\n5,2\n", "line 3"), ("time,value\n5,1\n4,2\n", "line 3"),
            ("time,value\n0,1\n1e12,2\n", "lasts"),
            ("time,value\n0,1\n1,2e9\n", "rates are 0...1e9"),
        ])
    func mistakes(text: String, words: String) {
        #expect {
            _ = try Self.read(text)
        } throws: { error in
            "\(error)".contains(words) && (error as? SimulationFault)?.message.contains("f.csv") == true
        }
    }

    @Test("Speeds, scales and windows that make no sense are told") func badOptions() {
        let text = "time,value\n0,0\n10,0\n"
        #expect(throws: SimulationFault.self) { try Self.read(text) { $0.speed = 0 } }
        #expect(throws: SimulationFault.self) { try Self.read(text) { $0.speed = .nan } }
        #expect(throws: SimulationFault.self) { try Self.read(text) { $0.scale = .peak(5) } }
        #expect(throws: SimulationFault.self) { try Self.read(text) { $0.scale = .factor(-1) } }
        #expect(throws: SimulationFault.self) { try Self.read(text) { $0.window = 100..<200 } }
    }

    @Test(
        "WorldCup98: requests of a day are kept, and a flash crowd can be served",
        .enabled(if: RecordedData.folder("c_request_rates") != nil, "no recorded request rates on this machine"))
    func worldCup() throws {
        let folder = try #require(RecordedData.folder("c_request_rates"))
        let file = folder.appendingPathComponent("worldcup98_per_minute_1998-04-30_06-21.csv.zst")
        let text = String(decoding: try RecordedData.unpacked(file), as: UTF8.self)
        var reader = LoadReader()
        reader.timeColumn = "minute"
        reader.valueColumn = "requests"
        reader.unit = .perInterval
        let whole = try reader.read(text, name: "worldcup98")
        #expect(whole.duration == 75_030 * 60)
        let requests = whole.rates.reduce(0, +)
        #expect(abs(requests / 592_568_714 - 1) < 1e-4)
        #expect(abs(whole.peak * 60 - 153_878) < 3_000)
        // The day of the maximum, 1998-06-15, replayed with its peak at 15,000 a second.
        let second = Int(whole.rates.firstIndex(of: whole.peak) ?? 0)
        let day = whole.window(second / 86_400 * 86_400..<second / 86_400 * 86_400 + 86_400)
        var options = SimulatorOptions(seed: 1)
        options.forecaster = PersistenceForecast()
        let chain = ChainProfile.tradingChain
        var simulator = try ChainSimulator(chain, day.scaled(by: 15_000 / day.peak), options)
        var (violations, ended) = (0.0, 0.0)
        while !simulator.isOver {
            let rate = simulator.observation.forecast?.peak(until: 60) ?? 15_000
            let outcome = simulator.step(
                Decision(
                    services: chain.services.indices.map {
                        ServiceDecision(replicas: chain.replicas(of: $0, rate: rate, utilisation: 0.6))
                    }))
            violations += outcome.violations
            ended += outcome.completed + outcome.dropped
        }
        #expect(violations / ended < 0.01)
    }

    @Test(
        "Tweets on a company become a load with their spikes",
        .enabled(if: RecordedData.folder("c_request_rates") != nil, "no recorded request rates on this machine"))
    func tweets() throws {
        let folder = try #require(RecordedData.folder("c_request_rates"))
        let archive = try RecordedData.unpacked(folder.appendingPathComponent("nab.tar.zst"))
        let text = try #require(Self.member(of: archive, ending: "Twitter_volume_AAPL.csv"))
        var reader = LoadReader()
        reader.timeColumn = "timestamp"
        reader.unit = .perInterval
        reader.speed = 60
        let load = try reader.read(text, name: "AAPL")
        // 15,902 rows of 5 minutes, mean 86, maximum 13,480; 60 recorded seconds pass in one.
        #expect(abs(load.mean * 300 - 86) < 3)
        #expect(load.peak * 300 > 10_000 && load.peak * 300 < 13_480.001)
        #expect(abs(Double(load.duration) / (15_902 * 5) - 1) < 0.01)
    }

    /// A file of a tar archive (ustar: name at 0, size in octal at 124, blocks of 512 bytes).
    static func member(of archive: Data, ending: String) -> String? {
        let bytes = [UInt8](archive)
        var at = 0
        while at + 512 <= bytes.count, bytes[at] != 0 {
            let name = String(decoding: bytes[at..<at + 100].prefix { $0 != 0 }, as: UTF8.self)
            let octal = String(decoding: bytes[at + 124..<at + 136].filter { (48...55).contains($0) }, as: UTF8.self)
            let size = Int(octal, radix: 8) ?? 0
            if name.hasSuffix(ending) { return String(decoding: bytes[at + 512..<at + 512 + size], as: UTF8.self) }
            at += 512 + (size + 511) / 512 * 512
        }
        return nil
    }
}
