import Arrivals
import Engine
import Foundation
import Report
import Telemetry
import Testing

enum Samples {
    static func context(_ name: String = "Sample") throws -> RunContext {
        let csv = InstrumentList.header + "\n600000,10000,10,9000,11000"
        let endpoint = Endpoint("127.0.0.1:9880")
        let configuration = LoadConfiguration(
            target: try #require(endpoint), profile: .constant(10, seconds: 10), seed: .max,
            instruments: try InstrumentList(csv: csv, name: "x"))
        return RunContext(
            name: name, scenario: "rate: 10 # <b>\"x\"</b>", host: [("name", "box")], configuration: configuration)
    }

    static func report(_ name: String = "Sample", seconds: Int = 10) throws -> RunReport {
        var result = ThresholdTests.result()
        result.startedAt = 1_790_730_600_000_000
        result.series = (0..<seconds).map { second in
            var interval = LoadInterval(second: second)
            (interval.offered, interval.sent, interval.done) = (10, 10, 10)
            (interval.p50, interval.p99, interval.greatest) = (2_000_000, 9_000_000, 10_000_000 + Int64(second))
            return interval
        }
        result.refusals = [RefusalCount(operation: .new, outcome: .rejected, reason: "103=3 <price>", count: 10)]
        return RunReport(
            context: try context(name), result: result, thresholds: try Threshold.parse("p(99)<50ms and errors<5%"))
    }
}

@Suite("JSON summary")
struct SummaryDocumentTests {
    private func object() throws -> [String: Any] {
        let text = SummaryDocument.text(try Samples.report())
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("Every documented field is there, and no other")
    func fields() throws {
        #expect(
            try object().keys.sorted() == [
                "exit_code", "generator", "histograms", "host", "name", "objective_us", "operations", "orders",
                "refusals", "response", "revision", "scenario", "schedule", "schema_version", "seed", "sentence",
                "series", "service", "sessions", "started_at", "target", "thresholds", "totals", "verdict",
                "wall_seconds",
            ])
    }

    @Test("Values are the run's")
    func values() throws {
        let object = try object()
        #expect(object["schema_version"] as? Int == 1 && object["verdict"] as? String == "fail")
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
        let scenario = try #require(object["scenario"] as? [String: Any])
        #expect((scenario["crc32"] as? String)?.count == 8)
        #expect((object["series"] as? [[String: Any]])?.count == 10)
        let operations = try #require(object["operations"] as? [[String: Any]])
        let counts = try #require(operations[0]["counts"] as? [String: Int])
        #expect(
            counts == [
                "ok": 89, "rejected": 10, "too_late": 0, "timeout": 1, "error": 0, "unknown": 0, "dropped": 0,
            ])
    }

    @Test("The histograms decode to the run's own")
    func histograms() throws {
        let histograms = try #require(try object()["histograms"] as? [String: String])
        let response = try HDRHistogramCodec.decode(try #require(histograms["response"]))
        #expect(response.count == 100)
        #expect(response.value(atPercentile: 50) == ThresholdTests.result().response.value(atPercentile: 50))
    }
}

@Suite("HTML page")
struct HTMLPageTests {
    @Test("The page is self-contained: nothing is fetched, and the script is short")
    func selfContained() throws {
        let page = HTMLPage.text(try Samples.report())
        for needle in ["http://", "https://", "src=", "@import", "url("] {
            #expect(!page.contains(needle), "\(needle)")
        }
        let parts = page.components(separatedBy: "<script>")
        #expect(parts.count == 2 && parts[1].split(separator: "\n").count <= 150)
        #expect(page.contains("prefers-color-scheme:dark") && page.contains("@media print"))
    }

    @Test("Verdict, thresholds and figures are readable without the script")
    func content() throws {
        let page = HTMLPage.text(try Samples.report())
        for needle in [
            "<strong>Fail</strong>", "response time p99", "<td class=\"n\">99 ms</td>", "&lt; 50 ms", "objective 50 ms",
            "Percentile curve",
            "Send lag", "Requests a second", "<td>new</td>", "10 %",
        ] { #expect(page.contains(needle), "\(needle)") }
        #expect(page.components(separatedBy: "<svg").count == 5, "four charts")
    }

    @Test("Text from outside is escaped")
    func escaping() throws {
        let section = ServerSection(
            title: "<i>T</i>", note: "", status: "ok", hasHeader: false, rows: [["</script>", "a&b"]])
        let page = HTMLPage.text(try Samples.report("<script>alert(1)</script>"), [section])
        #expect(!page.contains("<script>alert") && !page.contains("<i>T") && page.contains("a&amp;b"))
        #expect(page.contains("103=3 &lt;price&gt;") && page.contains("rate: 10 # &lt;b&gt;"))
        #expect(page.components(separatedBy: "<script>").count == 2)
    }

    @Test("Tags are balanced and the charts' data is JSON")
    func wellFormed() throws {
        let page = HTMLPage.text(try Samples.report())
        for tag in ["section", "table", "figure", "svg", "g", "div", "tr", "td", "p", "details", "main", "button"] {
            let opened = page.components(separatedBy: "<\(tag)>").count + page.components(separatedBy: "<\(tag) ").count
            #expect(opened - 2 == page.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
        }
        for part in page.components(separatedBy: "<script type=\"application/json\">").dropFirst() {
            let json = part.components(separatedBy: "</script>")[0]
            #expect(try JSONSerialization.jsonObject(with: Data(json.utf8)) is [String: Any])
        }
    }

    @Test("Runs of one second, of none and of a day make a page of bounded size")
    func lengths() throws {
        for seconds in [0, 1, 2, 86_400] {
            let report = try Samples.report(seconds: seconds)
            let page = HTMLPage.text(report)
            #expect(page.utf8.count < 600_000 && page.contains("</html>"), "\(seconds) s: \(page.utf8.count)")
            #expect(!page.contains("nan") && !page.contains("inf "))
        }
    }

    @Test("Server sections: text, numbers and booleans; anything else is refused with the file's name")
    func serverSections() throws {
        let json =
            #"{"sections":[{"title":"Tiers","header":true,"status":"ok","rows":[["tier","hits"],["l1",12345],["x",true]]}]}"#
        let sections = try ServerSection.list(json: json, name: "s.json")
        #expect(sections[0].rows == [["tier", "hits"], ["l1", "12,345"], ["x", "yes"]])
        let page = HTMLPage.text(try Samples.report(), sections)
        #expect(page.contains("<td class=\"n\">12,345</td>") && page.contains("<th class=\"n\">hits</th>"))
        for bad in ["", "[]", #"{"sections":[{"rows":[]}]}"#, #"{"sections":[{"title":"x","rows":[[{}]]}]}"#] {
            let error = #expect(throws: ServerSection.Malformed.self) {
                try ServerSection.list(json: bad, name: "s.json")
            }
            #expect(error?.description.hasPrefix("s.json:") == true)
        }
        let row = "[\"x\"]"
        func document(_ count: Int) -> String {
            #"{"sections":[{"title":"x","rows":["# + Array(repeating: row, count: count).joined(separator: ",") + "]}]}"
        }
        #expect(try ServerSection.list(json: document(1_000), name: "s").count == 1)
        #expect(throws: ServerSection.Malformed.self) { try ServerSection.list(json: document(1_001), name: "s") }
    }
}

@Suite("Readable numbers")
struct ReadableTests {
    @Test(
        "Durations have three digits and a unit",
        arguments: [
            (0, "0 µs"), (850, "0.85 µs"), (92_200, "92.2 µs"), (999_400, "999 µs"), (999_600, "1 ms"),
            (3_210_000, "3.21 ms"), (50_000_000, "50 ms"), (1_500_000_000, "1.5 s"), (120_000_000_000, "120 s"),
        ] as [(Double, String)])
    func durations(nanoseconds: Double, text: String) {
        #expect(Readable.duration(nanoseconds) == text)
    }

    @Test("Counts, rates and ratios")
    func numbers() {
        #expect(Readable.count(1_234_567) == "1,234,567" && Readable.count(-1_000) == "-1,000")
        #expect(Readable.number(14_998.6) == "14,999" && Readable.number(9.94) == "9.9" && Readable.number(12) == "12")
        #expect(Readable.percent(0.1234) == "12.3 %" && Readable.percent(0.00001) == "0.001 %")
        #expect(Readable.percent(0) == "0 %" && Readable.percent(1) == "100 %")
    }
}
