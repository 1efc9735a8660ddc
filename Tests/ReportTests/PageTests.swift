import Engine
import Foundation
import Report
import Telemetry
import Testing

@Suite("HTML page")
struct HTMLPageTests {
    @Test("The page is self-contained: nothing is fetched, and the script is short")
    func selfContained() throws {
        let page = HTMLPage.text(try Samples.full())
        for needle in ["http://", "https://", "//cdn", "src=", "@import", "url(", "<link"] {
            #expect(!page.contains(needle), "\(needle)")
        }
        let parts = page.components(separatedBy: "<script>")
        #expect(parts.count == 2 && parts[1].split(separator: "\n").count <= 150)
        #expect(page.contains("prefers-color-scheme:dark") && page.contains("@media print"))
    }

    @Test("All sections are there, in their order")
    func order() throws {
        let report = try Samples.full()
        let section = ServerSection(title: "Own", rows: [["a", "1"]])
        let page = HTMLPage.text(report, PageAdditions(baseline: report, sections: [section]))
        let ids = [
            "thresholds", "rates", "latency", "percentiles", "heat", "errors", "machine", "tiers", "steps", "lag",
            "slowest", "target", "method",
        ]
        let places = ids.map { id in page.range(of: "<section id=\"\(id)\"")?.lowerBound }
        #expect(places.allSatisfy { $0 != nil }, "\(zip(ids, places).filter { $0.1 == nil }.map(\.0))")
        let found = places.compactMap { $0 }
        #expect(zip(found, found.dropFirst()).allSatisfy { $0 < $1 })
        for id in ids.dropFirst() { #expect(page.contains("href=\"#\(id)\""), "\(id)") }
    }

    @Test("Verdict, thresholds and figures are readable without the script")
    func content() throws {
        let page = HTMLPage.text(try Samples.full())
        for needle in [
            "<strong>Fail</strong>", "Promised: response time p99 &lt; 50 ms", ">99 ms</td>", "&lt; 50 ms",
            "objective 50 ms", "no data", "Requests a second", ">order.new</td>", "103=3 &lt;price&gt;", "p50 to p95",
            "Hit ratio by tier", "send lag 900 µs", "elsewhere 99.1 ms", "×2",
        ] { #expect(page.contains(needle), "\(needle)") }
        let charts = page.components(separatedBy: "<figure").count
        #expect(page.components(separatedBy: "<details class=\"data\">").count == charts, "a table for every chart")
        #expect(page.components(separatedBy: "<title>").count == charts + 1, "a title for every drawing")
    }

    @Test("Text from outside is escaped wherever it appears")
    func escaping() throws {
        let evil = "<script>alert(1)</script>\"'&"
        var plan = try Samples.plan("p(99)<1s")
        plan.operations[0].name = evil
        plan.operations[1].name = evil + "2"
        plan.scenarios[0].name = evil
        plan.mixes[0].name = evil
        var result = Samples.result()
        result.series = (0..<5).map(Samples.interval)
        result.refusals = [RefusalCount(operation: 0, outcome: .error, reason: evil, count: 1)]
        result.slowest = [
            SlowRequest(
                scenario: 0, operation: 0, intended: 1, lag: 1, response: 10, outcome: .ok, traceID: evil)
        ]
        result.steps = [Samples.step(0, users: 5, rate: 0, isMet: true)]
        var watch = Samples.watch(5)
        (watch.components, watch.tiers) = ([evil, evil], [evil, evil])
        let context = RunContext(name: evil, scenario: evil, revision: evil, host: [("name", evil), (evil, evil)])
        let report = RunReport(context: context, plan: plan, result: result, watch: watch)
        let section = ServerSection(title: evil, note: evil, status: "ok", hasHeader: true, rows: [[evil], [evil]])
        let page = HTMLPage.text(report, PageAdditions(baseline: report, sections: [section]))
        #expect(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert"))
        #expect(page.components(separatedBy: "<script>").count == 2)
        for tag in page.components(separatedBy: "<").dropFirst() where !tag.hasPrefix("script") {
            let inside = tag.prefix { $0 != ">" }
            #expect(inside.count { $0 == "\"" }.isMultiple(of: 2), "\(inside.prefix(80))")
        }
    }

    @Test("Tags are balanced and the charts' data is JSON")
    func wellFormed() throws {
        let page = HTMLPage.text(try Samples.full())
        for tag in [
            "section", "table", "figure", "svg", "g", "div", "tr", "td", "p", "details", "main", "button", "nav", "ol",
            "li", "span", "i", "b",
        ] {
            let opened =
                page.components(separatedBy: "<\(tag)>").count + page.components(separatedBy: "<\(tag) ").count
            #expect(opened - 2 == page.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
        }
        for part in page.components(separatedBy: "<script type=\"application/json\">").dropFirst() {
            let json = part.components(separatedBy: "</script>")[0]
            let data = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
            let count = try #require(data["x"] as? [Any]).count
            let series = try #require(data["series"] as? [[Any]])
            #expect(series.allSatisfy { $0.count == count } && (data["units"] as? [String])?.count == series.count)
        }
    }

    @Test("Runs of none, one and two seconds, of 15 minutes and of a day make a page of bounded size")
    func lengths() throws {
        for (seconds, bytesMax) in [(0, 100_000), (1, 150_000), (2, 150_000), (900, 1_500_000), (86_400, 1_500_000)] {
            let page = HTMLPage.text(try Samples.full(intervals: seconds))
            #expect(page.utf8.count < bytesMax && page.contains("</html>"), "\(seconds) s: \(page.utf8.count)")
            #expect(page.firstMatch(of: try Regex("[^A-Za-z](nan|inf)[^A-Za-z]")) == nil, "\(seconds)")
        }
    }

    @Test("A single bad second of a day is still drawn")
    func worst() throws {
        var plan = try Samples.plan()
        plan.thresholds = []
        var result = Samples.result()
        result.series = (0..<86_400).map(Samples.interval)
        result.series[40_000].greatest = 7_000_000_000
        let page = HTMLPage.text(RunReport(context: Samples.context(), plan: plan, result: result))
        // 7 s in the table of the chart, and 7,000,000 us in its data.
        #expect(page.contains(">7 s</td>") && page.contains("7000000,"))
    }

    @Test("A run without anything makes a page that says so")
    func empty() throws {
        let report = RunReport(context: Samples.context("nothing"), plan: try Samples.plan(), result: RunResult())
        let page = HTMLPage.text(report)
        #expect(page.contains("<strong>Fail</strong>") && page.contains("no data") && !page.contains("<figure"))
        #expect(TextReport.text(report).contains("FAIL p(99)<50ms   (no data)"))
    }

    @Test("What the hypervisor withheld is told from 1 % on, in text, page and comparison")
    func withheld() throws {
        func report(_ steal: Double?) throws -> RunReport {
            var watch = Samples.watch(10)
            for index in watch.samples.indices { watch.samples[index].machineSteal = steal }
            var result = Samples.result()
            result.series = (0..<10).map { Samples.interval($0) }
            return RunReport(context: Samples.context(), plan: try Samples.plan(), result: result, watch: watch)
        }
        let words = "the hypervisor withheld 12 % of the processors (steal)"
        for (steal, isTold) in [(0.12, true), (0.009, false), (nil, false)] as [(Double?, Bool)] {
            let found = try report(steal)
            #expect((found.steal == nil) == (steal == nil) && abs((found.steal ?? 0) - (steal ?? 0)) < 1e-9)
            #expect(TextReport.text(found).contains(words) == isTold && HTMLPage.text(found).contains(words) == isTold)
            let notes = try RunComparison(try report(0), found).notes
            #expect(notes.contains("In the second run \(words).") == isTold, "\(notes)")
        }
    }

    @Test("Server sections: text, numbers and booleans; anything else is refused with the file's name")
    func serverSections() throws {
        let json =
            #"{"sections":[{"title":"Tiers","header":true,"status":"ok","rows":[["tier","hits"],["l1",12345],["x",true]]}]}"#
        let sections = try ServerSection.list(json: json, name: "s.json")
        #expect(sections[0].rows == [["tier", "hits"], ["l1", "12,345"], ["x", "yes"]])
        let page = HTMLPage.text(try Samples.full(), PageAdditions(sections: sections))
        #expect(page.contains("<td class=\"n\" data-label=\"hits\">12,345</td>"))
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

@Suite("Slowest requests")
struct SlowestTests {
    private func span(_ name: String, _ id: UInt64, parent: UInt64, _ start: Int64, _ end: Int64) throws -> SpanRecord {
        let context = try #require(TraceContext(traceHigh: 1, traceLow: 2, span: id, flags: 1))
        return SpanRecord(context: context, parent: parent, name: name, start: start, end: end)
    }

    private func request(lag: Int64, response: Int64) -> SlowRequest {
        SlowRequest(scenario: 0, operation: 0, intended: 0, lag: lag, response: response, outcome: .ok)
    }

    @Test("Parts are self times and add up to the response time")
    func parts() throws {
        let spans = try [
            span("Entry", 1, parent: 99, 1_000, 1_900), span("Risk", 2, parent: 1, 1_000, 1_100),
            // Two children that overlap by 100 cover 500 of their parent, and reach 50 beyond it.
            span("Commit", 3, parent: 1, 1_200, 1_600), span("Match", 4, parent: 1, 1_500, 1_700),
            span("Late", 5, parent: 1, 1_850, 1_950), span("Entry", 1, parent: 99, 1_000, 1_900),
        ]
        let parts = SlowestList.parts(request(lag: 30, response: 1_230), spans.shuffled())
        // Entry: 900 - (100 + 500 + 50) = 250.
        let expected: [(String, Int64)] = [
            ("send lag", 30), ("Entry", 250), ("Risk", 100), ("Commit", 400), ("Match", 200), ("Late", 100),
            ("elsewhere", 150),
        ]
        #expect(parts.map(\.name) == expected.map(\.0) && parts.map(\.nanoseconds) == expected.map(\.1))
    }

    @Test("Spans longer than the request are cut, and a request without spans is lag and elsewhere")
    func bounds() throws {
        let long = SlowestList.parts(request(lag: 10, response: 100), [try span("X", 1, parent: 0, 0, 5_000)])
        #expect(long.map(\.nanoseconds) == [10, 90])
        let bare = SlowestList.parts(request(lag: 500, response: 100), [])
        #expect(bare.map(\.name) == ["send lag"] && bare[0].nanoseconds == 100)
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

    @Test("Counts, rates, ratios and bytes")
    func numbers() {
        #expect(Readable.count(1_234_567) == "1,234,567" && Readable.count(-1_000) == "-1,000")
        #expect(Readable.number(14_998.6) == "14,999" && Readable.number(9.94) == "9.9" && Readable.number(12) == "12")
        #expect(Readable.percent(0.1234) == "12.3 %" && Readable.percent(0.00001) == "0.001 %")
        #expect(Readable.percent(0) == "0 %" && Readable.percent(1) == "100 %")
        #expect(
            Readable.bytes(512) == "512 B" && Readable.bytes(4.2e8) == "420 MB" && Readable.bytes(1.5e9) == "1.5 GB")
    }
}
