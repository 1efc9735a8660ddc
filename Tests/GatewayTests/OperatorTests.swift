import Gateway
import Glibc
import Logging
import Telemetry
import Testing

@Suite("Operator's HTTP", .serialized)
struct OperatorTests {
    /// Sends raw text, reads until the peer closes; requests say `Connection: close`.
    func exchange(_ port: Int, _ request: String) -> String {
        let client = TestClient(port: port)
        client.send(Array(request.utf8))
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(client.socket, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            answer += chunk[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    func get(_ port: Int, _ target: String, method: String = "GET", headers: String = "") -> String {
        exchange(port, "\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)\r\n")
    }

    func withListener(
        _ configure: (inout OperatorConfiguration) -> Void = { _ in }, isHealthy: Bool = true,
        _ body: (Int) async throws -> Void
    ) async throws {
        let registry = MetricsRegistry()
        registry.counter("orders_total", "Orders.").increment(by: 42)
        var configuration = OperatorConfiguration()
        configure(&configuration)
        let listener = OperatorListener(
            configuration, registry: registry,
            routes: [
                .get("/orders/{id}") { .json("{\"id\":\"\($0.parameters["id"] ?? "")\",\"query\":\"\($0.query)\"}") },
                .post("/switches/{name}") { .json("\($0.body.count)") },
            ],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, isHealthy: { isHealthy })
        let port = try await listener.start()
        try await body(port)
        await listener.stop()
    }

    @Test("Metrics come as Prometheus text, and as OpenMetrics to those who accept it")
    func metrics() async throws {
        try await withListener { port in
            let plain = get(port, "/metrics")
            #expect(plain.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(plain.contains("text/plain; version=0.0.4") && plain.contains("\norders_total 42\n"))
            #expect(!plain.contains("# EOF"))
            let open = get(
                port, "/metrics", headers: "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n")
            #expect(open.contains("application/openmetrics-text; version=1.0.0") && open.hasSuffix("# EOF\n"))
        }
    }

    @Test("Health says what it is told")
    func health() async throws {
        try await withListener { port in #expect(get(port, "/health").hasSuffix("\r\n\r\nok\n")) }
        try await withListener(isHealthy: false) { port in #expect(get(port, "/health").hasPrefix("HTTP/1.1 503 ")) }
    }

    @Test("Routes get their parameters; unknown paths are 404, other methods 405 with Allow, HEAD has no body")
    func routes() async throws {
        try await withListener { port in
            #expect(get(port, "/orders/17?x=1").hasSuffix("{\"id\":\"17\",\"query\":\"x=1\"}"))
            #expect(get(port, "/orders").hasPrefix("HTTP/1.1 404 Not Found"))
            #expect(get(port, "/orders/1/2").hasPrefix("HTTP/1.1 404 "))
            let wrong = get(port, "/orders/17", method: "DELETE")
            #expect(wrong.hasPrefix("HTTP/1.1 405 ") && wrong.contains("Allow: GET\r\n"))
            #expect(get(port, "/switches/kill").contains("Allow: POST\r\n"))
            let head = get(port, "/orders/17", method: "HEAD")
            #expect(
                head.hasPrefix("HTTP/1.1 200 ") && head.hasSuffix("\r\n\r\n") && head.contains("Content-Length: 22"))
            let post = "POST /switches/kill HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
            #expect(exchange(port, post).hasSuffix("\r\n\r\n5"))
        }
    }

    @Test("At each limit a request passes, one past it is refused with its own status")
    func limits() async throws {
        let configure: (inout OperatorConfiguration) -> Void = {
            $0.targetBytesMax = 100
            $0.headerBytesMax = 200
            $0.bodyBytesMax = 10
        }
        try await withListener(configure) { port in
            #expect(get(port, "/orders/" + String(repeating: "x", count: 92)).hasPrefix("HTTP/1.1 200 "))
            #expect(get(port, "/orders/" + String(repeating: "x", count: 93)).hasPrefix("HTTP/1.1 414 "))
            // Host: x is 9 bytes, Connection: close 19, "A: " and line end 5: 167 more make 200.
            let fits = "A: " + String(repeating: "x", count: 167) + "\r\n"
            #expect(get(port, "/health", headers: fits).hasPrefix("HTTP/1.1 200 "))
            #expect(get(port, "/health", headers: "x" + fits).hasPrefix("HTTP/1.1 431 "))
            for (count, status) in [(10, 200), (11, 413)] {
                let post =
                    "POST /switches/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(count)\r\n\r\n"
                #expect(exchange(port, post + String(repeating: "b", count: count)).hasPrefix("HTTP/1.1 \(status) "))
            }
            #expect(exchange(port, "nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test("At the limit of connections the next is closed")
    func connections() async throws {
        try await withListener({ $0.connectionsMax = 1 }) { port in
            let first = TestClient(port: port)
            first.send(Array("GET /health HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            var byte: UInt8 = 0
            #expect(recv(first.socket, &byte, 1, 0) == 1)
            #expect(get(port, "/health") == "")
        }
    }
}
