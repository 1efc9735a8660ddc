import Engine
import Foundation
import Glibc
import Report
import Telemetry
import Testing

@Suite("metrics while a run goes")
struct OutputsMetricsTests {
    private func answer(_ request: String) -> MetricsAnswer? {
        MetricsAnswer.to(Array(request.utf8)) { $0 ? "open" : "plain" }
    }

    @Test("GET /metrics is answered in the format that is asked for")
    func formats() throws {
        let plain = try #require(answer("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))
        #expect((plain.status, plain.body) == ("200 OK", "plain"))
        #expect(plain.type == "text/plain; version=0.0.4; charset=utf-8")
        // What Prometheus 2.42 sends.
        let accept =
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        let open = try #require(answer("GET /metrics?a=b HTTP/1.1\r\naCCept: \(accept)\r\n\r\n"))
        #expect((open.status, open.body) == ("200 OK", "open"))
        #expect(open.type == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(
            answer("GET /metrics HTTP/1.1\r\nAccept: text/plain, application/openmetrics-text;q=0.3\r\n\r\n")?.body
                == "plain")
        #expect(answer("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;q=0\r\n\r\n")?.body == "plain")
        #expect(
            String(decoding: plain.bytes, as: UTF8.self).hasSuffix(
                "Content-Length: 5\r\nConnection: close\r\n\r\nplain"))
    }

    @Test("other methods, paths and malformed requests are refused, each with its status")
    func refusals() {
        #expect(answer("POST /metrics HTTP/1.1\r\n\r\n")?.status == "405 Method Not Allowed")
        #expect(answer("GET / HTTP/1.1\r\n\r\n")?.status == "404 Not Found")
        #expect(answer("GET /metricsx HTTP/1.1\r\n\r\n")?.status == "404 Not Found")
        for bad in [
            "\r\n\r\n", "GET /metrics\r\n\r\n", "GET  /metrics HTTP/1.1\r\n\r\n", "GET /metrics SPDY/3\r\n\r\n",
        ] {
            #expect(answer(bad)?.status == "400 Bad Request", "\(bad.debugDescription)")
        }
        #expect(answer("GET /metrics HTTP/1.1\r\nHost: x\r\n") == nil)
        #expect(answer("") == nil)
        let longest = String(repeating: "x", count: MetricsAnswer.headMax - "GET /metrics HTTP/1.1\r\nA: ".utf8.count)
        #expect(answer("GET /metrics HTTP/1.1\r\nA: \(longest)\r\n\r\n")?.status == "200 OK")
        #expect(
            answer("GET /metrics HTTP/1.1\r\nA: \(longest)x\r\n\r\n")?.status == "431 Request Header Fields Too Large")
        #expect(
            answer(String(repeating: "x", count: MetricsAnswer.headMax + 1))?.status
                == "431 Request Header Fields Too Large")
    }

    @Test("requests become counts and durations of their scenario and operation")
    func requests() throws {
        let metrics = LoadMetrics(try Samples.plan())
        let before = metrics.registry.text(openMetrics: true)
        #expect(before.contains("loadgen_requests_total{op=\"order.cancel\",outcome=\"ok\",scenario=\"steady\"} 0\n"))
        for (outcome, connection) in [(Outcome.ok, 0), (.timeout, 0), (.unknown, 0), (.dropped, -1)] {
            var sample = try FinishedRequests.one()
            (sample.intended, sample.sent, sample.done) = (0, 10_000_000, 50_000_000)
            (sample.outcome, sample.connection) = (outcome, connection)
            metrics.finished(sample)
        }
        let text = metrics.registry.text(openMetrics: true)
        let row = "{op=\"order.new\",scenario=\"steady\""
        #expect(text.contains("loadgen_requests_total{op=\"order.new\",outcome=\"dropped\",scenario=\"steady\"} 1\n"))
        #expect(text.contains("loadgen_dropped_requests_total\(row)} 1\n"))
        // Unknown and dropped requests have no duration; 50 ms are within the bound of 0.05 s, 40 ms of service too.
        #expect(text.contains("loadgen_request_duration_seconds_bucket\(row),le=\"0.025\"} 0\n"))
        #expect(text.contains("loadgen_request_duration_seconds_bucket\(row),le=\"0.05\"} 2\n"))
        #expect(text.contains("loadgen_service_duration_seconds_sum\(row)} 0.08\n"))
        #expect(text.contains("loadgen_send_lag_seconds_count\(row)} 3\n"))
        #expect(text.hasSuffix("# EOF\n"))
    }

    @Test("sums of several processes are counted once, however often they are shown")
    func sums() throws {
        let metrics = LoadMetrics(try Samples.plan())
        var totals = Samples.result().rows[0]
        let interval = Samples.interval(0)
        metrics.show(totals: totals, interval: interval, elapsed: 1)
        metrics.show(totals: totals, interval: interval, elapsed: 2)
        totals.response.record(200_000_000)
        totals.counts[0] += 1
        metrics.show(totals: totals, interval: interval, elapsed: 3)
        let text = metrics.registry.text(openMetrics: false)
        #expect(text.contains("loadgen_requests_total{op=\"all\",outcome=\"ok\",scenario=\"all\"} 90\n"))
        #expect(text.contains("loadgen_request_duration_seconds_count{op=\"all\",scenario=\"all\"} 101\n"))
        #expect(text.contains("loadgen_elapsed_seconds 3.0\n"))
        #expect(text.contains("loadgen_offered_requests_per_second 10.0\n"))
    }

    // MARK: Over a socket

    private func free() throws -> Endpoint {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                _ = bind(descriptor, raw, length)
                _ = getsockname(descriptor, raw, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        return try #require(Endpoint("127.0.0.1:\(port)"))
    }

    private func connected(_ endpoint: Endpoint) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        inet_pton(AF_INET, endpoint.host, &address.sin_addr)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        return descriptor
    }

    private func exchange(_ endpoint: Endpoint, _ request: String) throws -> String {
        let descriptor = try connected(endpoint)
        defer { close(descriptor) }
        _ = request.withCString { write(descriptor, $0, strlen($0)) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("the page is served, to one after the other, until it is stopped", .timeLimit(.minutes(1)))
    func served() throws {
        let registry = MetricsRegistry()
        registry.gauge("a_b", "Text.").set(1)
        let endpoint = try free()
        let listener = try MetricsListener(endpoint, registry)
        for _ in 0..<20 {
            let reply = try exchange(endpoint, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(reply.hasSuffix("# HELP a_b Text.\n# TYPE a_b gauge\na_b 1.0\n"))
        }
        #expect(try exchange(endpoint, "GET / HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
        #expect(try exchange(endpoint, String(repeating: "y", count: 20_000)).hasPrefix("HTTP/1.1 431 "))
        listener.stop()
        let other = try MetricsListener(free(), registry)
        other.stop()
    }

    @Test("a client that says nothing holds up the next for a second at most", .timeLimit(.minutes(1)))
    func silent() throws {
        let endpoint = try free()
        let listener = try MetricsListener(endpoint, MetricsRegistry())
        let silent = try (0..<2).map { _ in try connected(endpoint) }
        defer { for descriptor in silent { close(descriptor) } }
        _ = "GET /met".withCString { write(silent[0], $0, strlen($0)) }
        #expect(try exchange(endpoint, "GET /metrics HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
        listener.stop()
    }

    @Test("an address of another machine, or in use, is refused")
    func refusedAddresses() throws {
        let remote = try #require(Endpoint("192.0.2.1:9401"))
        let error = #expect(throws: OutputError.self) { _ = try MetricsListener(remote, MetricsRegistry()) }
        #expect(error?.code == .listener)
        #expect(error?.description == "openmetrics: 192.0.2.1:9401 is not a loopback address")
        let endpoint = try free()
        let first = try MetricsListener(endpoint, MetricsRegistry())
        let taken = #expect(throws: OutputError.self) { _ = try MetricsListener(endpoint, MetricsRegistry()) }
        #expect(taken?.description == "openmetrics: cannot listen on \(endpoint): Address already in use")
        first.stop()
    }
}
