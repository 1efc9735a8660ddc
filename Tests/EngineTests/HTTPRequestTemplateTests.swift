import Engine
import Telemetry
import TestData
import Testing

/// Requests as they go out, and what cannot be written.
@Suite struct HTTPRequestTemplateTests {
    /// Fields given as texts.
    private struct Fields: HTTPFieldSource {
        var values: [[UInt8]]

        init(_ texts: String...) { values = texts.map { Array($0.utf8) } }

        func withValue<R>(_ index: Int, _ body: (Span<UInt8>) -> R) -> R {
            let value = values[index]
            return body(value.span)
        }
    }

    private func text(_ string: String) -> TextTemplate.Piece { .text(Array(string.utf8)) }

    private func render(
        _ plan: HTTPRequestPlan, headers: [HTTPTarget.Header] = [], _ fields: Fields = Fields(),
        trace: TraceContext? = nil
    ) throws -> String {
        var bytes: [UInt8] = []
        let template = try HTTPRequestTemplate(plan, headers: headers, host: "127.0.0.1:80")
        template.append(to: &bytes, fields, trace: trace)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("A request without values is what a person would write")
    func plain() throws {
        let plan = HTTPRequestPlan(path: TextTemplate([text("/index.html")]))
        #expect(try render(plan) == "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n")
        let trace = try #require(TraceContext(traceHigh: 1, traceLow: 2, span: 3, flags: 1))
        #expect(
            try render(plan, headers: [HTTPTarget.Header(name: "Accept", value: "*/*")], trace: trace)
                == "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\n"
                + "traceparent: 00-00000000000000010000000000000002-0000000000000003-01\r\n\r\n")
    }

    @Test("Values stand in path, headers and body, and Content-Length counts them")
    func values() throws {
        let plan = HTTPRequestPlan(
            method: "POST", path: TextTemplate([text("/orders/"), .field(0), text("?s="), .field(1)]),
            headers: [.init(name: "X-Symbol", value: TextTemplate([text("<"), .field(1), text(">")]))],
            body: TextTemplate([text("{\"id\":\""), .field(0), text("\",\"n\":\""), .field(2), text("\"}")]))
        let headers = [HTTPTarget.Header(name: "x-symbol", value: "hidden"), HTTPTarget.Header(name: "A", value: "b")]
        #expect(
            try render(plan, headers: headers, Fields("17", "SYM1", "ü"))
                == "POST /orders/17?s=SYM1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nA: b\r\nX-Symbol: <SYM1>\r\n"
                + "Content-Length: 20\r\n\r\n{\"id\":\"17\",\"n\":\"ü\"}")
    }

    @Test("A body's length is there for requests that may have one, empty bodies included")
    func lengths() throws {
        let path = TextTemplate([text("/")])
        #expect(try render(HTTPRequestPlan(method: "POST", path: path)).contains("Content-Length: 0\r\n"))
        #expect(try render(HTTPRequestPlan(path: path, body: TextTemplate([]))).contains("Content-Length: 0\r\n"))
        #expect(try !render(HTTPRequestPlan(method: "DELETE", path: path)).contains("Content-Length"))
        for count in [9, 10, 99, 100, 12_345] {
            let body = TextTemplate([.field(0)])
            let request = try render(
                HTTPRequestPlan(method: "PUT", path: path, body: body), Fields(String(repeating: "x", count: count)))
            #expect(request.contains("Content-Length: \(count)\r\n\r\nx"))
        }
    }

    @Test("No value leaves its place: not the path, not its header")
    func injection() throws {
        let plan = HTTPRequestPlan(
            path: TextTemplate([text("/a/"), .field(0)]),
            headers: [.init(name: "X", value: TextTemplate([.field(1)]))])
        let evil = "v HTTP/1.1\r\nHost: evil\r\n\r\n\u{7F}é"
        let request = try render(plan, Fields(evil, "a\r\nX-Evil: 1\u{0}\tb"))
        #expect(
            request == "GET /a/v%20HTTP/1.1%0D%0AHost:%20evil%0D%0A%0D%0A%7F%C3%A9 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
                + "X: a  X-Evil: 1 \tb\r\n\r\n")
        var random = SplitMix64(seed: 53)
        for round in 0..<500 {
            var fields = Fields("", "")
            for index in 0..<2 {
                fields.values[index] = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            }
            var bytes: [UInt8] = []
            try HTTPRequestTemplate(plan, headers: [], host: "h").append(to: &bytes, fields, trace: nil)
            #expect(bytes.count { $0 == 10 } == 4 && bytes.count { $0 == 13 } == 4, "round \(round)")
            #expect(bytes.prefix { $0 != 13 }.count { $0 == 32 } == 2, "round \(round)")
        }
    }

    @Test("What cannot be a request is refused with the word that is wrong")
    func refusals() {
        let path = TextTemplate([text("/")])
        func header(_ name: String, _ value: String = "v") -> [HTTPRequestPlan.HeaderTemplatePlan] {
            [.init(name: name, value: TextTemplate([text(value)]))]
        }
        let wrong: [(HTTPRequestPlan, String)] = [
            (HTTPRequestPlan(method: "GE T", path: path), "GE T"), (HTTPRequestPlan(method: "", path: path), "method"),
            (HTTPRequestPlan(method: "CONNECT", path: path), "CONNECT"),
            (HTTPRequestPlan(path: TextTemplate([text("index")])), "begins with /"),
            (HTTPRequestPlan(path: TextTemplate([.field(0)])), "begins with /"),
            (HTTPRequestPlan(path: TextTemplate([])), "begins with /"),
            (HTTPRequestPlan(path: TextTemplate([text("/a b")])), "printable"),
            (HTTPRequestPlan(path: path, headers: header("A B")), "A B"),
            (HTTPRequestPlan(path: path, headers: header("A", "b\r\nC: d")), "control character"),
            (HTTPRequestPlan(path: path, headers: header("Content-Length")), "Content-Length"),
            (HTTPRequestPlan(path: path, headers: header("transfer-encoding")), "transfer-encoding"),
            (HTTPRequestPlan(path: path, headers: header("HOST")), "HOST"),
        ]
        for (plan, word) in wrong {
            let error = #expect(throws: LoadError.self) { try HTTPRequestTemplate(plan, headers: [], host: "h") }
            #expect(error?.message.contains(word) == true, "\(String(describing: error))")
        }
        let evil = [HTTPTarget.Header(name: "A", value: "b\nc")]
        #expect(throws: LoadError.self) {
            try HTTPRequestTemplate(HTTPRequestPlan(path: path), headers: evil, host: "h")
        }
        #expect(throws: LoadError.self) {
            try HTTPRequestTemplate(HTTPRequestPlan(path: path), headers: [], host: "h\r\nX: y")
        }
    }
}
