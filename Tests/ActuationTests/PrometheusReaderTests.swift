import Actuation
import Autoscaling
import Foundation
import LocalStack
import Synchronization
import Telemetry
import TestKubernetes
import Testing

@Suite("Numbers through Prometheus' HTTP API")
struct PrometheusReaderTests {
    /// The first observation and what was said, from a server that answers `body` evaluated at `time` s after now.
    func read(
        _ status: Int, _ body: String, skew: Double = 0, number: PrometheusReader.Number = .rate
    ) async throws -> (ServiceObservation, TestSurroundings) {
        let surroundings = TestSurroundings()
        let transport = HTTPTransport { call throws(ActuationFault) in
            #expect(call.method == "POST" && call.url == "http://p/api/v1/query")
            #expect(
                String(decoding: call.body, as: UTF8.self)
                    == "query=sum%28rate%28a%7Bx%3D%22%C3%A9%20b%22%7D%5B30s%5D%29%29")
            return HTTPAnswer(status: status, contentType: "application/json", body: Array(body.utf8))
        }
        let reader = try PrometheusReader(
            server: "http://p/",
            services: [.init(name: "risk", queries: [number: "sum(rate(a{x=\"é b\"}[30s]))"])],
            transport: transport, now: { 50 }, wall: { 1_700_000_000 - skew }, metrics: surroundings.metrics,
            warnings: surroundings.warnings)
        return (await reader.read([:])[0], surroundings)
    }

    static func vector(_ items: String) -> String {
        #"{"status":"success","data":{"resultType":"vector","result":[\#(items)]}}"#
    }

    static func item(_ value: String) -> String { #"{"metric":{},"value":[1700000000.1,"\#(value)"]}"# }

    @Test("A rate that all replicas together cannot serve is refused and counted, unless it comes twice in a row")
    func implausible() async throws {
        let surroundings = TestSurroundings()
        let rates = Mutex([2_400.0, 2_401, 100, 2_401, 2_500])
        let transport = HTTPTransport { _ throws(ActuationFault) in
            let rate = rates.withLock { $0.removeFirst() }
            return HTTPAnswer(
                status: 200, contentType: "application/json", body: Array(Self.vector(Self.item("\(rate)")).utf8))
        }
        let reader = try PrometheusReader(
            server: "http://p/", services: [.init(name: "risk", queries: [.rate: "r"], rateMax: 2_400)],
            transport: transport, now: { 50 }, wall: { 1_700_000_000 }, metrics: surroundings.metrics,
            warnings: surroundings.warnings)
        var seen: [Double?] = []
        for _ in 0..<5 { seen.append(await reader.read([:])[0].rate) }
        #expect(seen == [2_400, nil, 100, nil, 2_500])
        #expect(
            surroundings.metric("autoscaler_scrape_failures_total", ["service": "risk", "reason": "implausible"]) == 2)
    }

    @Test("Where a part of the replicas has no series, sums are made up for it; too small a part is no data")
    func coverage() async throws {
        let cases: [(String?, Double?)] = [("8", 800), ("6", 1_066.666), ("4", 1_600), ("3", nil), (nil, nil)]
        for (counted, expected) in cases {
            let surroundings = TestSurroundings()
            let transport = HTTPTransport { call throws(ActuationFault) in
                let isCount = String(decoding: call.body, as: UTF8.self) == "query=count"
                let items = isCount ? counted.map { Self.item($0) } ?? "" : Self.item("800")
                return HTTPAnswer(
                    status: 200, contentType: "application/json", body: Array(Self.vector(items).utf8))
            }
            let reader = try PrometheusReader(
                server: "http://p/",
                services: [.init(name: "risk", queries: [.rate: "r", .utilisation: "u", .replicas: "count"])],
                transport: transport, now: { 50 }, wall: { 1_700_000_000 }, metrics: surroundings.metrics,
                warnings: surroundings.warnings)
            let seen = await reader.read(["risk": ReplicaState(service: "risk", desired: 8, ready: 8)])[0]
            #expect(seen.rate.map { ($0 * 1_000).rounded(.down) / 1_000 } == expected, "\(counted ?? "no series")")
            #expect(seen.age == (expected == nil ? .infinity : 0) && (seen.utilisation == nil) == (expected == nil))
        }
    }

    @Test("One series or a scalar is a number; the values are strings")
    func numbers() async throws {
        #expect(try await read(200, Self.vector(Self.item("12.5"))).0.rate == 12.5)
        #expect(try await read(200, Self.vector(Self.item("0"))).0.rate == 0)
        let scalar = #"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"3e2"]}}"#
        #expect(try await read(200, scalar).0.rate == 300)
        #expect(try await read(200, Self.vector(Self.item("1.2")), number: .utilisation).0.utilisation == 1)
    }

    @Test(
        "All else is missing, with one warning and a reason",
        arguments: [
            (200, vector(""), "stale"), (200, vector(item("NaN")), "stale"), (200, vector(item("+Inf")), "stale"),
            (200, vector(item("-1")), "stale"), (200, vector(item("1") + "," + item("2")), "configuration"),
            (200, vector(item("abc")), "unreadable"), (200, #"{"status":"success","data":{}}"#, "configuration"),
            (200, #"{"status":"success","data":{"resultType":"matrix","result":[]}}"#, "configuration"),
            (200, vector(#"{"metric":{},"value":[1700000000.1,5]}"#), "unreadable"), (200, "<html>", "unreadable"),
            (400, #"{"status":"error","errorType":"bad_data","error":"parse error"}"#, "configuration"),
            (422, #"{"status":"error","errorType":"execution","error":"too many"}"#, "unavailable"),
            (503, "", "unavailable"), (302, "", "redirected"), (401, "", "status"), (200, "", "unreadable"),
        ])
    func missing(_ status: Int, _ body: String, _ reason: String) async throws {
        let (found, surroundings) = try await read(status, body)
        #expect(found.rate == nil && found.age == .infinity && found.ready == 1)
        #expect(
            surroundings.metric("autoscaler_scrape_failures_total", ["service": "risk", "reason": reason]) == 1,
            "\(surroundings.said.withLock { $0 })")
        #expect(surroundings.said.withLock { $0.count } == 1)
    }

    @Test("A server whose clock is far from ours is not believed; its warnings are passed on")
    func clocks() async throws {
        #expect(try await read(200, Self.vector(Self.item("1")), skew: 29).0.rate == 1)
        #expect(try await read(200, Self.vector(Self.item("1")), skew: 31).0.rate == nil)
        #expect(try await read(200, Self.vector(Self.item("1")), skew: -31).0.rate == nil)
        let warned = Self.vector(Self.item("1")).replacing("}}", with: #"},"warnings":["partial response"]}"#)
        let (found, surroundings) = try await read(200, warned)
        #expect(found.rate == 1)
        #expect(surroundings.said.withLock { $0.count } == 1)
    }

    @Test("An answer evaluated before the last one is refused")
    func timeTravel() async throws {
        let times = Mutex([1_700_000_000.0, 1_699_999_999, 1_700_000_001])
        let surroundings = TestSurroundings()
        let transport = HTTPTransport { _ throws(ActuationFault) in
            let time = times.withLock { $0.removeFirst() }
            let body = #"{"status":"success","data":{"resultType":"scalar","result":[\#(time),"7"]}}"#
            return HTTPAnswer(status: 200, body: Array(body.utf8))
        }
        let clock = Mutex(0.0)
        let reader = try PrometheusReader(
            server: "http://p", services: [.init(name: "risk", queries: [.queue: "q"])], transport: transport,
            now: { clock.withLock { $0 } }, wall: { 1_700_000_000 }, metrics: surroundings.metrics,
            warnings: surroundings.warnings)
        #expect(await reader.read([:])[0].queue == 7)
        clock.withLock { $0 = 10 }
        let back = await reader.read([:])[0]
        #expect(back.queue == nil && back.age == 10)
        clock.withLock { $0 = 20 }
        #expect(await reader.read([:])[0].age == 0)
    }
}

/// Our server scraped by the real Prometheus, then asked by our client.
@Suite(
    "The real Prometheus",
    .enabled(if: Programs.has("prometheus"), "prometheus is missing: apt-get install prometheus"))
struct RealPrometheusTests {
    @Test("It scrapes our listener, our reader gets the rate; when the listener is gone the number is missing, not 0")
    func scrapeAndQuery() async throws {
        let registry = MetricsRegistry()
        let orders = registry.counter("orders_total", "Orders.", [("type", "a\"b\\c")])
        let listener = HTTPListener(
            ListenerConfiguration(),
            routes: DecisionServer.routes(
                DecisionBoard(services: ["risk"], ageMax: 30, now: TestSurroundings.now), registry: registry))
        let target = "127.0.0.1:\(try await listener.start())"
        try await Programs.withFolder { folder in
            let server = try await Self.start(folder, target)
            let counting = Task {
                while !Task.isCancelled {
                    orders.increment(by: 10)
                    try? await Task.sleep(for: .milliseconds(20))
                }
            }
            try await withCaller { transport in
                let surroundings = TestSurroundings()
                let reader = try PrometheusReader(
                    server: server.url,
                    services: [
                        .init(
                            name: "risk",
                            queries: [
                                .rate: #"sum(rate(orders_total{type="a\"b\\c"}[5s]))"#,
                                .queue: "sum(absent_metric)", .p95: "up{job=\"nothing\"} or vector(0) / 0",
                            ])
                    ],
                    transport: transport, now: TestSurroundings.now,
                    wall: { Double(TestSurroundings.wall().microseconds) / 1e6 }, metrics: surroundings.metrics,
                    warnings: surroundings.warnings)
                let isSeen = await eventually { await reader.read([:])[0].rate.map { $0 > 0 } ?? false }
                #expect(isSeen, "\(surroundings.said.withLock { $0 })")
                let found = await reader.read([:])[0]
                #expect(found.queue == nil && found.p95 == nil, "absent and NaN are missing")
                await listener.stop()
                let isMissing = await eventually { await reader.read([:])[0].rate == nil }
                #expect(isMissing, "a lost target is missing, never 0")
            }
            counting.cancel()
            server.process.signal(15)
            _ = await server.process.wait()
        }
    }

    static func start(_ folder: String, _ target: String) async throws -> (url: String, process: ChildProcess) {
        try """
        global: {scrape_interval: 500ms, scrape_timeout: 500ms}
        scrape_configs: [{job_name: springtide, static_configs: [{targets: ["\(target)"]}]}]

        """.write(toFile: "\(folder)/prometheus.yml", atomically: true, encoding: .utf8)
        let port = try Loopback.freePort()
        let process = try ChildProcess.start(
            [
                Programs.path("prometheus") ?? "prometheus", "--config.file=\(folder)/prometheus.yml",
                "--storage.tsdb.path=\(folder)/data", "--web.listen-address=127.0.0.1:\(port)",
            ], log: "\(folder)/log")
        let isReady = await eventually { Loopback.httpGet(port: port, path: "/-/ready") != nil }
        let log = (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? ""
        try #require(isReady, "prometheus did not start: \(log.suffix(600))")
        return ("http://127.0.0.1:\(port)", process)
    }
}
