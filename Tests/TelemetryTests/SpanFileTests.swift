import Telemetry
import TestData
import Testing

@Suite("OTLP lines")
struct SpanFileTests {
    /// A context with readable ids.
    static func context(_ trace: UInt64, _ span: UInt64) -> TraceContext {
        guard let context = TraceContext(traceHigh: 0x0102_0304_0506_0708, traceLow: trace, span: span, flags: 1) else {
            preconditionFailure("ids are not zero")
        }
        return context
    }

    static func line(_ spans: [SpanRecord]) -> String {
        String(decoding: SpanLine(spans[...], service: "springtide").bytes, as: UTF8.self)
    }

    @Test("A line is the export request of OTLP/JSON, field by field")
    func golden() {
        var attributes = SpanRecord.Attributes()
        attributes.batchSize = 12
        attributes.cache = .init(l1: 20, l2: 3, l3: 1, missing: 0)
        var http = SpanRecord.Attributes()
        http.httpStatus = 404
        http.httpRoute = "/orders/{id}"
        let spans = [
            SpanRecord(
                context: Self.context(9, 1), name: "OrderEntry/NewOrder", kind: .server,
                start: 1_700_000_000_000_000_000, end: 1_700_000_000_000_250_000),
            SpanRecord(
                context: Self.context(9, 2), parent: 1, name: "Prefetch", start: 1_700_000_000_000_000_001,
                end: 1_700_000_000_000_000_002, attributes: attributes),
            SpanRecord(
                context: Self.context(10, 0xABC), parent: 0xF00, name: "GET \"x\"", kind: .client, start: 5, end: 6,
                status: .error, attributes: http),
        ]
        let expected = """
            {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"springtide"}}]},\
            "scopeSpans":[{"scope":{"name":"springtide"},"spans":[\
            {"traceId":"01020304050607080000000000000009","spanId":"0000000000000001","flags":1,\
            "name":"OrderEntry/NewOrder","kind":2,"startTimeUnixNano":"1700000000000000000",\
            "endTimeUnixNano":"1700000000000250000"},\
            {"traceId":"01020304050607080000000000000009","spanId":"0000000000000002",\
            "parentSpanId":"0000000000000001","flags":1,"name":"Prefetch","kind":1,\
            "startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",\
            "attributes":[{"key":"batch.size","value":{"intValue":"12"}},\
            {"key":"cache.l1.hits","value":{"intValue":"20"}},{"key":"cache.l2.hits","value":{"intValue":"3"}},\
            {"key":"cache.l3.hits","value":{"intValue":"1"}},{"key":"cache.missing","value":{"intValue":"0"}}]},\
            {"traceId":"0102030405060708000000000000000a","spanId":"0000000000000abc",\
            "parentSpanId":"0000000000000f00","flags":1,"name":"GET \\"x\\"","kind":3,"startTimeUnixNano":"5",\
            "endTimeUnixNano":"6","attributes":[{"key":"http.response.status_code","value":{"intValue":"404"}},\
            {"key":"http.route","value":{"stringValue":"/orders/{id}"}}],"status":{"code":2}}\
            ]}]}]}

            """
        #expect(Self.line(spans) == expected)
        let file = SpanFile(text: expected)
        #expect(file.spans == spans)
        #expect(file.malformedLines == 0 && !file.isTruncated)
    }

    @Test("Random spans survive writing and reading")
    func roundTrip() {
        var random = SplitMix64(seed: 31)
        let names = ["a", "ü \u{1F600}", "\"\\\n\t\u{1}", "Commit"]
        let spans = (0..<SpanLine.spansMax).map { _ in
            var attributes = SpanRecord.Attributes()
            if random.next() & 1 == 0 { attributes.batchSize = Int32(truncatingIfNeeded: random.next()) }
            if random.next() & 1 == 0 {
                attributes.cache = .init(
                    l1: Int32(random.next() % 9), l2: Int32(random.next() % 9), l3: 0, missing: .max)
            }
            if random.next() & 1 == 0 { attributes.httpRoute = names[Int(random.next() % 4)] }
            let start = Int64(random.next() >> 2)
            return SpanRecord(
                context: Self.context(random.next(), random.next() | 1), parent: random.next() % 3,
                name: names[Int(random.next() % 4)], kind: .init(rawValue: UInt8(1 + random.next() % 3)) ?? .server,
                start: start, end: start + Int64(random.next() % 1_000_000_000),
                status: .init(rawValue: UInt8(random.next() % 3)) ?? .ok, attributes: attributes)
        }
        #expect(SpanFile(text: Self.line(spans)).spans == spans)
    }

    /// What other writers of OTLP/JSON do differently.
    @Test("Unknown fields, other kinds of values, upper-case ids and numbers as numbers are read")
    func foreign() throws {
        let text = """
             { "resourceSpans" : [ { "schemaUrl": null, "scopeSpans": [ { "spans": [ { "links": [{"a": [true, -1.5e+3]}],
            """.replacing("\n", with: "")
                + """
                "traceId": "0102030405060708000000000000000A", "spanId": "0000000000000ABC", "parentSpanId": "",
                "name": "\\u0041\\ud83d\\ude00\\/", "startTimeUnixNano": 7, "endTimeUnixNano": "8", "kind": 5,
                "attributes": [{"key": "other", "value": {"doubleValue": 0.5}}, {"key": "batch.size", "value": {"intValue": 3}}],
                "status": {"message": "x"} } ] } ] } ] }\r
                """.replacing("\n", with: "")
        let file = SpanFile(text: text)
        let span = try #require(file.spans.first)
        #expect(span.context.description == "00-0102030405060708000000000000000a-0000000000000abc-01")
        #expect(span.name == "A\u{1F600}/")
        #expect(span.parent == 0 && span.start == 7 && span.end == 8)
        #expect(span.kind == .internal && span.status == .unset)
        #expect(span.attributes.batchSize == 3)
    }

    static let good: String = line([SpanRecord(context: context(9, 1), name: "a", start: 1, end: 2)])

    static let faultyLines: [(String, String)] = [
        ("cut off", String(good.dropLast(3))), ("something behind", good.dropLast() + "x"), ("empty object", "{}"),
        ("no array", "{\"resourceSpans\":1}"),
        ("short trace id", good.replacing("0102", with: "01")),
        ("id of zeros", good.replacing("\"0000000000000001\"", with: "\"0000000000000000\"")),
        ("no hexadecimal", good.replacing("0102", with: "01g2")),
        ("end before start", good.replacing("Nano\":\"1\"", with: "Nano\":\"3\"")),
        ("time too large", good.replacing("Nano\":\"1\"", with: "Nano\":\"99999999999999999999\"")),
        ("no name", good.replacing("\"name\":\"a\"", with: "\"name\":1")),
        ("control character", good.replacing("\"a\"", with: "\"\u{1}\"")),
        ("unknown escape", good.replacing("\"a\"", with: "\"\\x\"")),
        ("half a pair", good.replacing("\"a\"", with: "\"\\ud800\"")),
        ("second half alone", good.replacing("\"a\"", with: "\"\\udc00\"")),
        ("number with a leading zero", good.replacing("\"kind\":1", with: "\"kind\":01")),
        ("number without digits", good.replacing("\"kind\":1", with: "\"kind\":-")),
        ("comma too many", good.replacing("\"kind\":1", with: "\"kind\":1,")),
        ("key without quotes", good.replacing("\"kind\"", with: "kind")),
        ("word misspelt", good.replacing("\"kind\":1", with: "\"kind\":nul")),
        ("parent no id", good.replacing("\"kind\"", with: "\"parentSpanId\":\"1\",\"kind\"")),
    ]

    @Test("A line that is no export request is counted and the next one read", arguments: Self.faultyLines)
    func malformed(name: String, line: String) {
        let file = SpanFile(text: line.filter { $0 != "\n" } + "\n" + Self.good)
        #expect(file.malformedLines == 1, "\(name)")
        #expect(file.spans.count == 1, "\(name)")
    }

    @Test("Bytes that are no UTF-8 are refused")
    func notUnicode() {
        let bytes = Array("\"a".utf8) + [0xFF] + Array("\"".utf8)
        #expect(throws: SpanJSON.Malformed.self) { try SpanJSON.parse(bytes.span) }
    }

    @Test("Nesting is read up to the limit and not one deeper")
    func depth() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(throws: Never.self) { _ = try SpanJSON.parse(nested(SpanJSON.depthMax).span) }
        #expect(throws: SpanJSON.Malformed.self) { _ = try SpanJSON.parse(nested(SpanJSON.depthMax + 1).span) }
        #expect(throws: SpanJSON.Malformed.self) { _ = try SpanJSON.parse(nested(1_000_000).span) }
    }

    @Test("Random damage to a line never traps, and never gives a span without ids")
    func damage() {
        var random = SplitMix64(seed: 5)
        let line = Array(Self.good.utf8)
        for _ in 0..<20_000 {
            var changed = line
            for _ in 0...(random.next() % 3) {
                changed[Int(random.next() % UInt64(changed.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 4 == 0 { changed.removeLast(Int(random.next() % UInt64(changed.count))) }
            for span in SpanFile(text: String(decoding: changed, as: UTF8.self)).spans {
                #expect(span.context.span != 0 && span.start <= span.end)
            }
        }
    }

    @Test("More spans than the limit are left out, and it says so")
    func limit() {
        let spans = (1...5).map { SpanRecord(context: Self.context(1, $0), name: "a", start: 1, end: 2) }
        let file = SpanFile(text: Self.line(spans), spansMax: 4)
        #expect(file.spans == Array(spans[..<4]) && file.isTruncated)
        #expect(!SpanFile(text: Self.line(spans), spansMax: 5).isTruncated)
    }

    @Test("A file that is not there is an error that names it")
    func absent() {
        #expect(throws: SpanFileError.self) { _ = try SpanFile(path: "/no/such/file") }
    }

    /// Trace 1 lasts 100 ns, trace 2 lasts 300 ns.
    static let forest: [SpanRecord] = [
        SpanRecord(context: context(1, 0x11), name: "root", kind: .server, start: 1_000, end: 1_100),
        SpanRecord(context: context(2, 0x23), parent: 0x22, name: "grandchild", start: 2_060, end: 2_070),
        SpanRecord(context: context(2, 0x24), parent: 0x21, name: "later", start: 2_200, end: 2_300, status: .error),
        SpanRecord(context: context(2, 0x22), parent: 0x21, name: "earlier", start: 2_050, end: 2_100),
        SpanRecord(context: context(2, 0x21), parent: 0x99, name: "root", kind: .server, start: 2_000, end: 2_300),
    ]

    @Test("Traces come longest first, each as a tree, and by id")
    func trees() throws {
        let file = SpanFile(text: Self.line(Self.forest))
        let traces = file.traces()
        #expect(traces.map(\.duration) == [300, 100])
        #expect(traces[0].trace == "01020304050607080000000000000002")
        #expect(traces[0].rows.map(\.span.name) == ["root", "earlier", "grandchild", "later"])
        #expect(traces[0].rows.map(\.depth) == [0, 1, 2, 1])
        #expect(traces[0].first("grandchild")?.duration == 10 && traces[0].first("none") == nil)
        #expect(file.traces(limit: 1).map(\.duration) == [300])
        #expect(file.trace("01020304050607080000000000000001")?.rows.count == 1)
        #expect(file.trace("01020304050607080000000000000003") == nil)
        #expect(file.trace("x") == nil)
    }

    @Test("Spans that are their own ancestors, or stand twice in a file, are each shown once or not at all")
    func circles() {
        let circle = [
            SpanRecord(context: Self.context(1, 1), parent: 2, name: "a", start: 1, end: 2),
            SpanRecord(context: Self.context(1, 2), parent: 1, name: "b", start: 1, end: 2),
            SpanRecord(context: Self.context(1, 3), name: "c", start: 1, end: 2),
            SpanRecord(context: Self.context(1, 3), name: "c", start: 1, end: 2),
        ]
        #expect(SpanFile(text: Self.line(circle)).traces()[0].rows.map(\.span.name) == ["c"])
    }

    @Test("Chrome's trace events: microseconds since the first span, one row a trace, the longest first")
    func chrome() throws {
        let text = SpanFile(text: Self.line(Self.forest)).chromeTrace()
        let document = try SpanJSON.parse(Array(text.utf8).span)
        #expect(document["otherData"]?["started_unix_nano"]?.text == "1000")
        let events = document["traceEvents"]?.elements ?? []
        #expect(events.map { $0["ph"]?.text } == ["M", "X", "X", "X", "X", "M", "X"])
        #expect(events.map { $0["tid"]?.integer } == [1, 1, 1, 1, 1, 2, 2])
        #expect(text.contains("{\"name\":\"earlier\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":1.050,\"dur\":0.050,"))
        #expect(text.contains("\"args\":{\"span\":\"0000000000000024\",\"error\":true}}"))
        #expect(SpanFile(text: "").chromeTrace().contains("\"traceEvents\":[]"))
    }
}
