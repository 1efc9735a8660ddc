import Actuation
import Autoscaling
import Foundation
import Synchronization
import Telemetry
import TestKubernetes
import Testing

@Suite("Reading the services' own pages")
struct ScrapeReaderTests {
    func reader(
        _ transport: HTTPTransport, _ surroundings: TestSurroundings, _ endpoints: [String: String],
        _ change: (inout ScrapeReader.Limits) -> Void = { _ in }
    ) -> ScrapeReader {
        var limits = ScrapeReader.Limits()
        change(&limits)
        return ScrapeReader(
            [
                ScrapeReader.Service(
                    name: "risk",
                    metrics: ServiceMetrics(
                        requests: MetricSelection("orders_total"), latency: MetricSelection("ack_seconds"),
                        queue: MetricSelection("waiting")), endpoints: endpoints)
            ],
            limits: limits, transport: transport, now: TestSurroundings.now, metrics: surroundings.metrics,
            warnings: surroundings.warnings)
    }

    /// A server whose answer a test changes.
    func withServer(_ body: (String, ReplyBox) async throws -> Void) async throws {
        let reply = ReplyBox(.hang)
        let server = try FakeHTTPServer { _ in reply.value.withLock { $0 } }
        let url = try await server.start()
        do {
            try await body(url, reply)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    static func ok(_ text: String, type: String = "text/plain; version=0.0.4") -> FakeReply {
        .answer(status: 200, type: type, body: text)
    }

    @Test("Two replicas over the network; the actuator's endpoints and replicas are used")
    func reads() async throws {
        let surroundings = TestSurroundings()
        try await withServer { url, reply in
            try await withCaller { transport in
                reply.value.withLock { $0 = Self.ok("orders_total 100\nwaiting 2\n") }
                let reader = reader(transport, surroundings, [:])
                let state = ReplicaState(
                    service: "risk", desired: 3, ready: 2, pending: [4], draining: 1,
                    endpoints: ["a": url + "/metrics", "b": url + "/metrics"])
                _ = await reader.read(["risk": state])
                reply.value.withLock { $0 = Self.ok("orders_total 300\nwaiting 2\n") }
                let found = await reader.read([:])
                #expect(found.count == 1 && found[0].ready == 2 && found[0].pending == [4] && found[0].draining == 1)
                #expect(found[0].queue == 4 && found[0].age == 0)
                #expect(found[0].rate.map { $0 > 0 } == true)
                #expect(surroundings.said.withLock { $0.isEmpty })
                #expect(surroundings.metric("autoscaler_metric_age_seconds", ["service": "risk"]) == 0)
            }
        }
    }

    @Test(
        "Each kind of bad endpoint: numbers missing with a growing age, one warning, a count by reason",
        arguments: [
            ("html", "unreadable"), ("html200", "unreadable"), ("json", "unreadable"), ("500", "unavailable"),
            ("404", "notFound"), ("redirect", "redirected"), ("hang", "timeout"), ("drip", "timeout"),
            ("truncated", "unreachable"), ("cut", "unreadable"), ("large", "tooLarge"), ("garbage", "unreachable"),
            ("noise", "unreadable"),
        ])
    func badEndpoints(_ kind: String, _ reason: String) async throws {
        let surroundings = TestSurroundings()
        try await withServer { url, reply in
            try await withCaller { transport in
                let reader = reader(transport, surroundings, ["a": url]) { limits in
                    limits.timeout = kind == "hang" || kind == "drip" ? 0.3 : 10
                    limits.bytesMax = 10_000
                }
                reply.value.withLock { $0 = Self.ok("orders_total 1\nwaiting 1\n") }
                _ = await reader.read([:])
                #expect(await reader.read([:])[0].rate == 0)
                reply.value.withLock { $0 = Self.bad(kind) }
                for _ in 0..<3 {
                    let found = await reader.read([:])[0]
                    #expect(found.rate == nil && found.queue == nil && found.p95 == nil && found.age > 0, "\(kind)")
                    #expect(found.ready == 1, "the replicas are not forgotten with their numbers")
                }
                #expect(
                    surroundings.metric(
                        "autoscaler_scrape_failures_total", ["service": "risk", "reason": reason]) == 3, "\(kind)")
                let said = surroundings.said.withLock { $0 }
                #expect(said.count == 1, "\(kind): \(said)")
                reply.value.withLock { $0 = Self.ok("orders_total 5\nwaiting 1\n") }
                let well = await reader.read([:])[0]
                #expect(well.age == 0 && well.queue == 1 && well.rate.map { $0 > 0 } == true, "\(kind)")
            }
        }
    }

    static func bad(_ kind: String) -> FakeReply {
        let page = "orders_total 2\nwaiting 2\n"
        return switch kind {
        case "html": .answer(status: 200, type: "text/html", body: "<!doctype html><title>Sign in</title>")
        case "html200": ok("  <html>\n</html>\n")
        case "json": ok("{\"status\":\"ok\"}\n")
        case "500": .answer(status: 500, type: "text/plain", body: page)
        case "404": .answer(status: 404, type: "text/plain", body: page)
        case "redirect": .answer(status: 302, type: "text/plain", fields: ["Location": "/metrics"], body: page)
        case "drip": .drip(type: "text/plain", body: page)
        case "truncated": .truncated(type: "text/plain", body: page)
        case "cut": ok(String(page.dropLast()))
        case "large": ok(String(repeating: "# a comment of no use\n", count: 1_000) + page)
        case "garbage": .raw("SSH-2.0-OpenSSH_9.2p1\r\n")
        case "noise": ok("orders_total two\n")
        default: .hang
        }
    }

    @Test("Nobody listens: missing from the first reading on, age infinite")
    func nobody() async throws {
        let surroundings = TestSurroundings()
        try await withCaller { transport in
            let found = await reader(transport, surroundings, ["a": "http://127.0.0.1:1/metrics"]).read([:])
            #expect(found[0].rate == nil && found[0].age == .infinity && found[0].ready == 1)
            let odd = await reader(transport, surroundings, ["a": "not a url"]).read([:])
            #expect(odd[0].age == .infinity)
        }
    }

    @Test("Warnings: one a kind and interval, with what was kept back")
    func warnings() {
        let said = Mutex<[String]>([])
        let limit = WarningLimit(interval: 10, keysMax: 2) { text in said.withLock { $0.append(text) } }
        for time in [0.0, 1, 9.9, 10] { limit.warn("a", "gone", at: time) }
        limit.warn("b", "other", at: 10)
        limit.clear("b")
        limit.warn("b", "other", at: 11)
        #expect(
            said.withLock { $0 } == ["gone", "gone (2 more like this since the last one)", "other", "other"])
        limit.warn("c", "third", at: 12)
        limit.warn("a", "gone", at: 12)
        #expect(said.withLock { $0.count } == 6, "the memory is bounded")
    }
}

/// A reply that a test changes while the server answers.
final class ReplyBox: Sendable {
    let value: Mutex<FakeReply>

    init(_ value: FakeReply) { self.value = Mutex(value) }
}
