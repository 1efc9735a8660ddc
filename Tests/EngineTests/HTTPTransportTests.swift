import Arrivals
import Engine
import Foundation
import Synchronization
import TLS
import Telemetry
import TestCertificates
import Testing

/// Whole runs against servers that behave, and against those that do not: every request ends, and for the right reason.
@Suite(.serialized, .timeLimit(.minutes(2))) struct HTTPTransportTests {
    /// Even arrivals: `count` requests of the first operation within a tenth of a second.
    private func plan(
        _ port: UInt16, requests count: Int = 40, connections: Int = 4, _ change: (inout LoadPlan) -> Void = { _ in }
    ) throws -> LoadPlan {
        let endpoint = try #require(Endpoint("127.0.0.1:\(port)"))
        var plan = LoadPlan(name: "http", seed: 3, target: TargetPlan(.http(HTTPTarget()), at: endpoint))
        plan.target.connections = connections
        plan.target.window = 1
        plan.target.timeoutNanoseconds = 20_000_000_000
        plan.operations = [OperationPlan(name: "page", request: .http(HTTPRequestPlan(path: path("/index.html"))))]
        plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 1)])]
        // Arrivals lie at multiples of the gap, the first one gap after the start.
        let rate = Double(count) * 10
        let profile = RateProfile.constant(rate, seconds: (Double(count) + 0.5) / rate)
        plan.scenarios = [ScenarioPlan(name: "even", mix: 0, executor: .arrivals(.even, profile))]
        change(&plan)
        return plan
    }

    private func path(_ text: String) -> TextTemplate { TextTemplate([.text(Array(text.utf8))]) }

    private func run(_ plan: LoadPlan) throws -> RunResult { try LoadEngine(plan).run() }

    private func reasons(_ result: RunResult) -> [String: Int] {
        Dictionary(result.refusals.map { ($0.reason, $0.count) }, uniquingKeysWith: +)
    }

    @Test("A well-behaved server: all requests right, as many as it counted, one connection each", arguments: [1, 16])
    func good(window: Int) throws {
        let server = try HTTPTestServer { request in
            .reply(request.head.hasPrefix("GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:") ? 200 : 400, "hello")
        }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 500) { $0.target.window = window })
        #expect(result.count(.ok) == 500 && result.total == 500)
        #expect(server.requests == 500 && server.accepted == 4)
        #expect(result.disconnects == 0 && result.reconnects == 0)
    }

    @Test("Statuses become outcomes: expected ones right, others below 500 rejected, from 500 on errors")
    func statuses() throws {
        let codes = [200, 302, 404, 503, 599, 204]
        let server = try HTTPTestServer { .reply(codes[$0.number % 6]) }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 60, connections: 1))
        #expect(result.count(.ok) == 30 && result.count(.rejected) == 10 && result.count(.error) == 20)
        #expect(reasons(result) == ["status 404": 10, "status 503": 10, "status 599": 10])
        let narrow = try run(
            try plan(server.port, requests: 60, connections: 1) { plan in
                let request = HTTPRequestPlan(path: path("/"), expected: 404...404)
                plan.operations = [OperationPlan(name: "page", request: .http(request))]
            })
        #expect(narrow.count(.ok) == 10 && narrow.count(.rejected) == 30 && narrow.count(.error) == 20)
    }

    @Test("A flow carries values from body and header into the next request, and ends where they are missing")
    func flow() throws {
        let server = try HTTPTestServer { request in
            if request.head.hasPrefix("POST /orders ") {
                let isBad = request.body == #"{"qty":13}"#
                return .reply(201, isBad ? "{}" : #"{"order":{"id":"A\u002f1"}}"#, "ETag: \"v7\"\r\n")
            }
            let isRight =
                request.head.hasPrefix("DELETE /orders/A/1 HTTP/1.1\r\n") && request.head.contains("If-Match: \"v7\"")
            return .reply(isRight ? 204 : 409)
        }
        defer { server.stop() }
        var order = FlowRequest(operation: 0)
        order.saves = [
            SavePlan(variable: 0, extract: .json(["order", "id"])), SavePlan(variable: 1, extract: .header("etag")),
        ]
        var cancel = FlowRequest(operation: 1)
        cancel.bindings = [
            BindingPlan(field: "id", source: .variable(0)), BindingPlan(field: "tag", source: .variable(1)),
        ]
        let plan = try plan(server.port, requests: 40) { plan in
            let body = TextTemplate([.text(Array("{\"qty\":".utf8)), .field(0), .text(Array("}".utf8))])
            let post = HTTPRequestPlan(method: "POST", path: path("/orders"), body: body)
            let delete = HTTPRequestPlan(
                method: "DELETE", path: TextTemplate([.text(Array("/orders/".utf8)), .field(0)]),
                headers: [.init(name: "If-Match", value: TextTemplate([.field(1)]))])
            let rows = ["12", "13", "14", "15"].map { [$0] }
            plan.feeders = [FeederPlan(name: "qty", kind: .csv(columns: ["qty"], rows: rows, order: .sequential))]
            let quantity = FieldPlan(name: "qty", fallback: .column(feeder: 0, column: 0))
            plan.operations = [
                OperationPlan(name: "new", request: .http(post), fields: [quantity]),
                OperationPlan(
                    name: "cancel", request: .http(delete), fields: [FieldPlan(name: "id"), FieldPlan(name: "tag")]),
            ]
            plan.flows = [
                FlowPlan(name: "life", steps: [.request(order), .request(cancel)], variables: ["id", "tag"])
            ]
            plan.mixes = [MixPlan(name: "mix", items: [(.flow(0), 1)])]
        }
        let result = try run(plan)
        #expect(result.merged(operation: 0)?.count(.ok) == 30)
        #expect(result.merged(operation: 1)?.count(.ok) == 30 && result.merged(operation: 1)?.total == 30)
        #expect(reasons(result) == ["no $.order.id in the reply": 10])
    }

    @Test("Sampled requests carry a traceparent, each its own")
    func trace() throws {
        let seen = Mutex<[String]>([])
        let server = try HTTPTestServer { request in
            let line = request.head.components(separatedBy: "\r\n").first { $0.hasPrefix("traceparent: ") }
            if let line { seen.withLock { $0.append(String(line.dropFirst(13))) } }
            return .reply(200)
        }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 40) { $0.traceEvery = 4 })
        #expect(result.count(.ok) == 40)
        let contexts = seen.withLock { $0 }
        #expect(contexts.count == 10 && Set(contexts).count == 10)
        #expect(contexts.allSatisfy { TraceContext($0)?.isSampled == true })
    }

    @Test("A server that closes after every reply costs connections, not requests", arguments: [false, true])
    func closing(says: Bool) throws {
        let header = says ? "Connection: close\r\n" : ""
        let server = try HTTPTestServer { _ in
            .end(Array("HTTP/1.1 200 OK\r\n\(header)Content-Length: 2\r\n\r\nok".utf8))
        }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 20, connections: 1))
        // Unannounced, the end may meet a request that is already on its way: that one is unknown.
        #expect(result.count(.ok) + result.count(.unknown) == 20 && result.total == 20)
        if says { #expect(result.count(.ok) == 20 && result.disconnects == 0) }
        #expect(result.reconnects >= 10)
    }

    @Test("A body that ends with its connection is a right answer")
    func untilEnd() throws {
        let server = try HTTPTestServer { _ in .end(Array("HTTP/1.0 200 OK\r\n\r\nall of it".utf8)) }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 10, connections: 2))
        #expect(result.count(.ok) == 10 && result.disconnects == 0)
    }

    @Test("Resets and replies cut short leave their requests unknown, and others go on")
    func broken() throws {
        let server = try HTTPTestServer { request in
            switch request.number % 5 {
            case 1: .reset
            case 3: .end(Array("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf".utf8))
            default: .reply(200, "ok")
            }
        }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 50, connections: 1))
        #expect(result.count(.ok) == 30 && result.count(.unknown) == 20 && result.total == 50)
        #expect(reasons(result) == ["connection reset": 10, "malformed reply: cut short": 10])
        #expect(result.disconnects == 20)
    }

    @Test("Garbage is an error of the request it answers; those behind it are unknown")
    func garbage() throws {
        let server = try HTTPTestServer { $0.ofConnection == 2 ? .send(Array("%$!\r\n\r\n".utf8)) : .reply(200) }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 60, connections: 1))
        #expect(result.count(.error) == 20 && result.count(.ok) == 40)
        #expect(reasons(result) == ["malformed reply: status line": 20])
        let piped = try run(try plan(server.port, requests: 60, connections: 1) { $0.target.window = 60 })
        #expect(piped.total == 60 && piped.count(.error) >= 1)
        #expect(piped.count(.ok) + piped.count(.error) + piped.count(.unknown) == 60)
    }

    @Test("Two replies to one request: the second ends the connection")
    func unasked() throws {
        let twice = Array(repeating: Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8), count: 2).flatMap {
            $0
        }
        let server = try HTTPTestServer { _ in .send(twice) }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 10, connections: 1))
        #expect(result.total == 10 && result.count(.ok) >= 1 && result.disconnects >= 1)
    }

    @Test("No answer is a timeout, its connection is closed, and another is opened")
    func silence() throws {
        let server = try HTTPTestServer { $0.ofConnection == 1 ? .ignore : .reply(200) }
        defer { server.stop() }
        let result = try run(
            try plan(server.port, requests: 8, connections: 4) { $0.target.timeoutNanoseconds = 200_000_000 })
        #expect(result.count(.timeout) >= 1 && result.count(.ok) >= 4)
        #expect(result.count(.timeout) + result.count(.ok) == 8)
        #expect(server.accepted >= 4 + result.count(.timeout) - 4)
    }

    @Test("A reply that drips is as long as it takes, and right")
    func drip() throws {
        let server = try HTTPTestServer { _ in
            .drip(Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".utf8))
        }
        defer { server.stop() }
        let result = try run(try plan(server.port, requests: 20, connections: 2))
        #expect(result.count(.ok) == 20)
    }

    @Test("A body at the limit passes, one past it is an error")
    func replyLimit() throws {
        let server = try HTTPTestServer {
            .reply(200, String(repeating: "x", count: $0.number % 2 == 0 ? 1_000 : 1_001))
        }
        defer { server.stop() }
        let result = try run(
            try plan(server.port, requests: 10, connections: 1) { plan in
                var target = HTTPTarget()
                target.replyMax = 1_000
                plan.target.transport = .http(target)
            })
        #expect(result.count(.ok) == 5 && reasons(result) == ["malformed reply: body too long": 5])
    }

    @Test("Nobody listening is said before anything is sent")
    func refused() throws {
        let server = try HTTPTestServer { _ in .reply(200) }
        server.stop()
        let port = server.port
        while (try? run(plan(port, requests: 1, connections: 1))) != nil {}
        let error = #expect(throws: LoadError.self) { try run(plan(port)) }
        #expect(error?.code == .connection && error?.message.contains("Connection refused") == true)
    }

    @Test("A server that goes away: what follows is dropped, and the run ends")
    func goesAway() throws {
        let box = Mutex<HTTPTestServer?>(nil)
        let server = try HTTPTestServer { request in
            if request.number == 10 { box.withLock { $0?.stop() } }
            return request.number >= 10 ? .reset : .reply(200)
        }
        box.withLock { $0 = server }
        let result = try run(try plan(server.port, requests: 100, connections: 2))
        #expect(result.total == 100 && result.count(.ok) == 10)
        #expect(result.count(.ok) + result.count(.unknown) + result.count(.dropped) == 100)
    }

    @Test("HTTPS with mutual TLS, and a server that is not who it should be")
    func tls() throws {
        let certificates = try #require(TestCertificates.shared)
        var settings = TLSSettings(.server)
        settings.certificateFile = certificates.server.certificate
        settings.keyFile = certificates.server.key
        settings.authorityFile = certificates.authority
        let server = try HTTPTestServer(tls: settings) { request in
            .reply(200, String(repeating: "y", count: request.number * 400))
        }
        defer { server.stop() }
        var client = TLSPlan()
        client.authorityFile = certificates.authority
        client.certificateFile = certificates.client.certificate
        client.keyFile = certificates.client.key
        let result = try run(try plan(server.port, requests: 200) { $0.target.tls = client })
        #expect(result.count(.ok) == 200 && server.requests == 200)
        client.serverName = "other.test"
        let error = #expect(throws: LoadError.self) { try run(plan(server.port) { $0.target.tls = client }) }
        #expect(error?.message.contains("does not name this host") == true)
        client.serverName = nil
        client.authorityFile = "/nowhere/ca.crt"
        #expect(throws: LoadError.self) { try run(plan(server.port) { $0.target.tls = client }) }
        let plain = #expect(throws: LoadError.self) {
            let text = try HTTPTestServer { _ in .reply(200) }
            defer { text.stop() }
            return try run(plan(text.port, connections: 1) { $0.target.tls = TLSPlan() })
        }
        #expect(plain?.code == .connection)
    }

    @Test("Under TLS 1.3 a refused client certificate is said with the first reading")
    func refusedClient() throws {
        let certificates = try #require(TestCertificates.shared)
        var settings = TLSSettings(.server)
        settings.certificateFile = certificates.server.certificate
        settings.keyFile = certificates.server.key
        settings.authorityFile = certificates.authority
        let server = try HTTPTestServer(tls: settings) { _ in .reply(200) }
        defer { server.stop() }
        var client = TLSPlan()
        client.authorityFile = certificates.authority
        let result = try? run(try plan(server.port, requests: 4, connections: 1) { $0.target.tls = client })
        #expect(server.requests == 0)
        #expect(result.map { $0.count(.ok) == 0 } ?? true)
    }
}
