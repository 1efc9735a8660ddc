import Engine
import Foundation
import Report
import Telemetry
import Testing

@Suite("JSON summary")
struct SummaryTests {
    private func object(_ report: RunReport) throws -> [String: Any] {
        let text = SummaryDocument.text(report)
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("Every documented field is there, and no other")
    func fields() throws {
        #expect(
            try object(try Samples.full()).keys.sorted() == [
                "capacity", "connections", "exit_code", "generator", "histograms", "host", "name", "objective_us",
                "operations", "orders", "refusals", "response", "revision", "rows", "scenario", "schedule",
                "schema_version", "seed", "sentence", "series", "service", "sessions", "slowest", "started_at",
                "started_at_us", "steps", "target", "thresholds", "totals", "transport", "verdict", "wall_seconds",
                "watch",
            ])
    }

    @Test("Values are the run's")
    func values() throws {
        let report = RunReport(context: Samples.context(), plan: try Samples.plan(), result: Samples.result())
        let object = try object(report)
        #expect(object["schema_version"] as? Int == 2 && object["verdict"] as? String == "fail")
        #expect(object["seed"] as? String == "18446744073709551615")
        #expect(object["started_at"] as? String == "2026-09-30T01:10:00.000000Z")
        let response = try #require(object["response"] as? [String: Any])
        #expect(response["count"] as? Int == 100)
        // 99 ms up to the end of its sub-bucket: 65.536 us wide above 67 ms.
        let p99 = try #require(response["p99_us"] as? Double)
        #expect(p99 >= 99_000 && p99 < 99_070)
        let totals = try #require(object["totals"] as? [String: Any])
        #expect(totals["answered_per_second"] as? Double == 9.9 && totals["error_ratio"] as? Double == 0.01)
        let thresholds = try #require(object["thresholds"] as? [[String: Any]])
        #expect(thresholds.map { $0["ok"] as? Bool } == [false, true])
        #expect(thresholds[0]["limit"] as? Double == 50_000 && thresholds[0]["unit"] as? String == "us")
        let operations = try #require(object["operations"] as? [[String: Any]])
        let counts = try #require(operations[0]["counts"] as? [String: Int])
        #expect(
            counts == [
                "ok": 89, "rejected": 10, "too_late": 0, "timeout": 1, "error": 0, "unknown": 0, "dropped": 0,
            ])
    }

    /// Digests from FIPS 180-4's examples and of the empty text.
    @Test(
        "The scenario's SHA-256 is right",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func digest(text: String, expected: String) throws {
        let context = RunContext(name: "x", scenario: text)
        let report = RunReport(context: context, plan: try Samples.plan(), result: Samples.result())
        let scenario = try #require(try object(report)["scenario"] as? [String: Any])
        #expect(scenario["sha256"] as? String == expected)
    }
}

@Suite("Reading a summary")
struct SummaryReaderTests {
    @Test("A summary read back is written as the same text, and makes the same page", arguments: [2, 3])
    func roundTrip(digits: Int) throws {
        let report = try Samples.full(digits: digits)
        let text = SummaryDocument.text(report)
        let back = try SummaryReader.read(text, name: "s.json")
        // Means are those of the sub-buckets' middles: at most half a sub-bucket away.
        let mean = try Regex(#""mean_us": [0-9.]+"#)
        #expect(SummaryDocument.text(back).replacing(mean, with: "") == text.replacing(mean, with: ""))
        #expect(abs(back.response.mean - report.response.mean) <= report.response.mean * 0.01 + 1)
        #expect(back.verdict == report.verdict && back.facts == report.facts && back.watch == report.watch)
        #expect(back.result.series == report.result.series)
        let numbers = try Regex(#"mean [0-9.]+ "#)
        #expect(HTMLPage.text(back).replacing(numbers, with: "") == HTMLPage.text(report).replacing(numbers, with: ""))
    }

    @Test("Unknown fields are passed over")
    func unknown() throws {
        let text = SummaryDocument.text(try Samples.full())
        let more = text.replacing("\"schema_version\": 2,", with: "\"schema_version\": 2, \"new\": [{\"x\": null}],")
        #expect(more != text)
        #expect(try SummaryReader.read(more, name: "s").total == 100)
    }

    @Test(
        "What is wrong is named with file and place",
        arguments: [
            ("", "s.json, line 1, column 1: expected a value"), ("{", "s.json, line 1, column 2: expected a key"),
            ("{\"a\": 1,\n \"a\": 2}", "line 2, column 5: expected a key that was not there before"),
            ("[1, 02]", "line 1, column 6: expected , or ]"), ("[1] x", "expected the end"),
            ("[1e999]", "a number in range"),
            ("[\"\\ud800\"]", "surrogate"), ("[\"\u{1}\"]", "control character"), ("[1,]", "a value"),
            ("nul", "a value"),
            ("{}", "expected a field \"schema_version\""), ("[]", "expected an object"),
            ("{\"schema_version\": 1}", "schema_version 1 cannot be read, only 2"),
            ("{\"schema_version\": 2.5}", "schema_version: expected a whole number"),
            ("{\"schema_version\": 2}", "expected a field \"schedule\""),
        ])
    func malformed(text: String, message: String) {
        let error = #expect(throws: SummaryError.self) { try SummaryReader.read(text, name: "s.json") }
        #expect(error?.description.contains(message) == true, "\(error.map { $0.description } ?? "")")
        #expect(error?.description.hasPrefix("s.json") == true)
    }

    @Test(
        "A field of the wrong kind or out of range is refused with its path",
        arguments: [
            ("\"seed\": \"18446744073709551615\"", "\"seed\": \"-1\"", "seed: expected a seed"),
            ("\"offered\": 100", "\"offered\": -1", "totals.offered: expected a number from 0 on"),
            ("\"interval_seconds\": 1", "\"interval_seconds\": 0", "schedule.interval_seconds: expected a positive"),
            ("\"digits\": 3", "\"digits\": 9", "schedule.digits: expected 1 to 5"),
            ("\"executor\": \"arrivals\"", "\"executor\": \"x\"", "scenarios[0].executor: expected one of"),
            ("\"outcome\": \"timeout\"", "\"outcome\": \"late\"", "refusals[1].outcome: expected an outcome"),
            ("\"heat\": [18, ", "\"heat\": [55, ", "series[0].heat: expected at most 56 classes"),
        ])
    func wrongKinds(from: String, to: String, message: String) throws {
        let text = SummaryDocument.text(try Samples.full())
        let range = try #require(text.range(of: from))
        let error = #expect(throws: SummaryError.self) {
            try SummaryReader.read(text.replacingCharacters(in: range, with: to), name: "s.json")
        }
        #expect(error?.description.contains(message) == true, "\(error.map { $0.description } ?? "")")
    }

    @Test("Levels are limited: 32 are read, 33 are refused")
    func levels() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        let fits = #expect(throws: SummaryError.self) { try SummaryReader.read(nested(32), name: "s") }
        #expect(fits?.description.contains("expected an object") == true)
        let deep = #expect(throws: SummaryError.self) { try SummaryReader.read(nested(33), name: "s") }
        #expect(deep?.description.contains("at most 32 levels") == true)
    }

    @Test("A summary cut anywhere is refused, never read wrongly")
    func truncated() throws {
        let text = SummaryDocument.text(try Samples.full(intervals: 2)).dropLast(1)
        for length in stride(from: 0, to: text.count - 1, by: max(1, text.count / 150)) {
            #expect(throws: SummaryError.self) { try SummaryReader.read(String(text.prefix(length)), name: "s") }
        }
    }
}
