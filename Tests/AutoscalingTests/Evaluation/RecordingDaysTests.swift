import Autoscaling
import Foundation
import TestData
import Testing

/// Recorded loads cut into days.
@Suite struct RecordingDaysTests {
    /// Six hours-long "days" in buckets of five minutes with a hump each and a spike on the last.
    static func recording() throws -> LoadTrace {
        var text = "timestamp,count\n"
        for bucket in 0..<72 * 6 {
            let place = Double(bucket % 72) / 72
            let spike = bucket == 72 * 5 + 40 ? 30.0 : 1
            text += "\(bucket * 300),\(Int((200 + 300 * (0.5 - abs(place - 0.5))) * spike))\n"
        }
        var reader = LoadReader()
        (reader.timeColumn, reader.valueColumn, reader.unit) = ("timestamp", "count", .perInterval)
        return try reader.read(text, name: "made")
    }

    @Test("The last days are judged at a stated size, with Poisson arrivals, and another seed's forecast") func days()
        throws
    {
        let recording = try Self.recording()
        let days = try EvaluationDays(recording, peak: 3_000, count: 2, secondsOfDay: 21_600)
        #expect(days.runs.map(\.seed) == [4, 5] && days.runs.allSatisfy { $0.load.duration == 21_600 })
        let sorted = recording.rates.sorted()
        let factor = 3_000 / sorted[sorted.count * 99 / 100]
        let first = days.runs[0].load
        let expected = recording.window(4 * 21_600..<5 * 21_600)
        #expect(abs(first.mean / (expected.mean * factor) - 1) < 0.002)
        #expect(first.rates.allSatisfy { $0 == $0.rounded() })
        #expect(days.runs[1].load.peak > 3_000, "what is above the percentile stays above")
        // With a limit the largest rate of the recording decides.
        let limited = try EvaluationDays(recording, peak: 3_000, most: 2_000, count: 2, secondsOfDay: 21_600)
        #expect(abs(limited.runs[1].load.peak / 2_000 - 1) < 0.1)
        #expect(limited.runs[0].load.mean < first.mean)
        #expect(throws: SimulationFault.self) {
            try EvaluationDays(recording, peak: 3_000, count: 4, secondsOfDay: 21_600)
        }
        let again = try EvaluationDays(recording, peak: 3_000, count: 2, secondsOfDay: 21_600)
        #expect(again.runs[0].load == first)
    }

    @Test("A Poisson load has the rates' means, and variances like means", arguments: [0.0, 0.3, 8, 29.9, 30, 400])
    func poisson(mean: Double) {
        let load = LoadTrace.steady(rate: mean, seconds: 40_000).withPoissonArrivals(seed: 3)
        let variance = load.rates.reduce(0) { $0 + ($1 - load.mean) * ($1 - load.mean) } / Double(load.duration)
        // Standard errors of mean and variance: sqrt(m / n), and m sqrt((2 + 1 / m) / n); four of them each.
        let count = Double(load.duration)
        #expect(abs(load.mean - mean) <= 4 * (mean / count).squareRoot())
        #expect(mean == 0 || abs(variance - mean) <= 4 * mean * ((2 + 1 / mean) / count).squareRoot() + 0.1)
        #expect(load == LoadTrace.steady(rate: mean, seconds: 40_000).withPoissonArrivals(seed: 3))
    }

    @Test("A gap longer than allowed is an error that names its line") func gap() throws {
        var reader = LoadReader()
        let text = "time,value\n0,1\n60,2\n600,3\n660,4\n"
        reader.gapMost = 540
        #expect(try reader.read(text, name: "f.csv").duration == 720)
        reader.gapMost = 539
        #expect {
            _ = try reader.read(text, name: "f.csv")
        } throws: {
            "\($0)".contains("f.csv line 4") && "\($0)".contains("540")
        }
    }

    @Test("On a made recording the forecast rule is not worse than HPA on violations and replica-hours at once")
    func made() throws {
        let days = try EvaluationDays(try Self.recording(), peak: 6_000, count: 1, secondsOfDay: 21_600)
        try Self.check(days)
    }

    @Test(
        "On three hours of WorldCup98 the forecast rule is not worse than HPA on both",
        .enabled(if: RecordedData.folder("c_request_rates") != nil, "no recorded request rates on this machine"))
    func worldCup() throws {
        let folder = try #require(RecordedData.folder("c_request_rates"))
        let file = folder.appendingPathComponent("worldcup98_per_minute_1998-04-30_06-21.csv.zst")
        var reader = LoadReader()
        (reader.timeColumn, reader.valueColumn, reader.unit) = ("minute", "requests", .perInterval)
        // The evening of 1998-06-15 and the hours before it: 4 parts of three hours.
        reader.window = Double(45 * 86_400)..<Double(45 * 86_400 + 43_200)
        let load = try reader.read(String(decoding: try RecordedData.unpacked(file), as: UTF8.self), name: "wc98")
        try Self.check(try EvaluationDays(load, peak: 6_000, count: 1, secondsOfDay: 10_800))
    }

    static func check(_ days: EvaluationDays) throws {
        let chain = ChainProfile.tradingChain
        var entries: [EvaluationEntry] = []
        for policy in PolicyCatalogue().entries where ["hpa", "forecast"].contains(policy.name) {
            for run in days.runs { entries.append(try days.evaluate(policy, chain, run).entry) }
        }
        let standing = try #require(EvaluationTable(entries).standing("forecast", beside: "hpa", on: days.name))
        #expect(standing != .worseOnBoth && standing != .moreViolations)
    }

    @Test("Standings: one policy beside another on both figures") func standings() {
        func standing(_ violations: Double, _ replicas: Int) -> PolicyStanding? {
            EvaluationTable([
                EvaluationTableTests.entry("hpa", 1, violations: 0.05, replicas: 40),
                EvaluationTableTests.entry("rule", 1, violations: violations, replicas: replicas),
            ]).standing("rule", beside: "hpa", on: "day")
        }
        #expect(standing(0.05, 39) == .notWorseOnEither && standing(0.01, 50) == .moreReplicaHours)
        #expect(standing(0.06, 30) == .moreViolations && standing(0.06, 50) == .worseOnBoth)
        #expect(EvaluationTable([]).standing("rule", beside: "hpa", on: "day") == nil)
    }
}
