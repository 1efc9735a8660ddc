import Actuation
import Autoscaling
import Synchronization
import Telemetry
import TestKubernetes
import Testing

@Suite("Replicas seen by their pods")
struct PodObserverTests {
    /// The fake's time, which stands still: 2026-11-21T18:53:27Z.
    static let made: Int64 = 1_795_287_207

    /// Clocks that a test turns, and one limit on warnings.
    final class Clock: Sendable {
        let now = Mutex(1_000.0)
        let wall = Mutex(Double(PodObserverTests.made))

        func advance(_ seconds: Double) {
            now.withLock { $0 += seconds }
            wall.withLock { $0 += seconds }
        }
    }

    func actuator(
        _ cluster: Cluster, _ clock: Clock, targets: [String] = ["risk"],
        pages: PodPages? = PodPages(port: .named("metrics"))
    ) throws -> KubernetesActuator {
        var options = KubernetesActuator.Options(
            now: { clock.now.withLock { $0 } }, wall: { clock.wall.withLock { $0 } }, sleep: cluster.surroundings.sleep)
        for service in targets { options.pages[service] = pages }
        return try KubernetesActuator(
            cluster.client,
            targets: Dictionary(uniqueKeysWithValues: targets.map { ($0, ScaleTarget(.deployment, $0)) }),
            options: options, metrics: cluster.surroundings.metrics, warnings: cluster.surroundings.warnings)
    }

    @Test("Pods from their order to their end: not made, starting with their age, ready with a page, draining, gone")
    func life() async throws {
        try await Cluster.with { cluster in
            let (fake, clock) = (cluster.fake, Clock())
            fake.template("risk") { _ in FakePod(address: "10.1.0.7", ports: ["metrics": 9_400]) }
            let actuator = try actuator(cluster, clock)
            func seen() async throws -> ReplicaState { try #require(try await actuator.observe()["risk"]) }
            #expect(try await seen() == ReplicaState(service: "risk", desired: 3, ready: 0, pending: [0, 0, 0]))
            clock.advance(5)
            #expect(try await seen().pending == [5, 5, 5], "ordered five seconds ago, not made yet")
            fake.setTime(Self.made + 5)
            fake.reconcile()
            clock.advance(4)
            #expect(try await seen().pending == [4, 4, 4], "made four seconds ago")
            fake.settle()
            var state = try await seen()
            #expect(state.ready == 3 && state.pending.isEmpty && state.draining == 0)
            #expect(state.endpoints.keys.sorted() == fake.pods("risk"))
            #expect(Set(state.endpoints.values) == ["http://10.1.0.7:9400/metrics"])
            let first = try #require(fake.pods("risk").first)
            fake.setReady(pod: first, false)
            state = try await seen()
            #expect(state.ready == 2 && state.pending == [4] && state.endpoints[first] == nil)
            fake.evict(pod: first)
            fake.setReplicas("risk", 2)
            fake.reconcile()
            state = try await seen()
            #expect(state.ready == 2 && state.desired == 2 && state.pending.isEmpty && state.endpoints.count == 2)
            #expect(pods(cluster, .ended) == 1 && pods(cluster, .ready) == 2)
            fake.setReplicas("risk", 1)
            fake.reconcile()
            state = try await seen()
            #expect(state.ready == 1 && state.draining == 1 && state.endpoints.count == 1)
            #expect(pods(cluster, .draining) == 1)
            clock.advance(1_000)
            #expect(try await seen().draining == 0, "a pod on a lost node never ends; it does not drain for ever")
            fake.runPods()
            #expect(try await seen().draining == 0 && pods(cluster, .ended) == 1)
        }
    }

    func pods(_ cluster: Cluster, _ state: Pod.State) -> Double? {
        cluster.surroundings.metric("autoscaler_pods", ["service": "risk", "state": state.rawValue])
    }

    @Test("During a rollout there are more pods than ordered: replicas are those ordered, all pages are told")
    func surge() async throws {
        try await Cluster.with { cluster in
            let clock = Clock()
            cluster.fake.template("risk") { _ in FakePod(address: "10.1.0.7", ports: ["metrics": 9_400]) }
            cluster.fake.setReplicas("risk", 5)
            cluster.fake.settle()
            cluster.fake.setReplicas("risk", 3)
            let state = try await actuator(cluster, clock).observe()["risk"]
            #expect(state?.desired == 3 && state?.ready == 3 && state?.pending == [] && state?.endpoints.count == 5)
        }
    }

    @Test("Two requests a target and observation, however many pods fit a page")
    func cost() async throws {
        try await Cluster.with { cluster in
            cluster.fake.setReplicas("risk", 24)
            cluster.fake.settle()
            let actuator = try actuator(cluster, Clock())
            _ = cluster.fake.takeRequests()
            _ = try await actuator.observe()
            #expect(
                cluster.fake.takeRequests() == [
                    "GET /apis/apps/v1/namespaces/trading/deployments/risk/scale",
                    "GET /api/v1/namespaces/trading/pods",
                ])
        }
    }

    @Test(
        "Where pods cannot be listed: ready by the workload's status, the last pages for 30 s, one warning, a count",
        arguments: [
            (403, "forbidden"), (410, "expired"), (429, "throttled"), (500, "unavailable"), (200, "unreadable"),
            (0, "timeout"), (1, "unreachable"),
        ])
    func unlisted(_ status: Int, _ reason: String) async throws {
        try await Cluster.with(timeout: status == 0 ? 0.5 : 4) { cluster in
            let (fake, clock) = (cluster.fake, Clock())
            fake.template("risk") { _ in FakePod(address: "10.1.0.7", ports: ["metrics": 9_400]) }
            fake.settle()
            let actuator = try actuator(cluster, clock)
            let before = try #require(try await actuator.observe()["risk"])
            #expect(before.ready == 3 && before.endpoints.count == 3)
            fake.setReplicas("risk", 6)
            fake.settle()
            fake.intercept { request in request.path.hasSuffix("/pods") ? Self.broken(status) : nil }
            for passed in [10.0, 20, 30] {
                clock.advance(10)
                let state = try #require(try await actuator.observe()["risk"])
                #expect(state.desired == 6 && state.ready == 6, "the workload's status knows it")
                #expect(state.endpoints == before.endpoints, "\(passed) s")
            }
            clock.advance(0.1)
            let late = try #require(try await actuator.observe()["risk"])
            #expect(late.ready == 6 && late.endpoints.isEmpty, "what is read would be too little")
            let labels = ["service": "risk", "object": "pods", "reason": reason]
            #expect(cluster.surroundings.metric("autoscaler_observation_failures_total", labels) == 4)
            #expect(
                cluster.surroundings.metric("autoscaler_pod_list_age_seconds").map { abs($0 - 30.1) < 1e-6 } == true)
            let said = cluster.surroundings.said.withLock { $0 }
            #expect(said.count == 1 && said[0].contains("the last list counts for 30 s"), "\(said)")
            fake.intercept(nil)
            let well = try #require(try await actuator.observe()["risk"])
            #expect(well.endpoints.count == 6 && cluster.surroundings.metric("autoscaler_pod_list_age_seconds") == 0)
        }
    }

    static func broken(_ status: Int) -> FakeReply {
        switch status {
        case 0: .hang
        case 1: .truncated(type: "application/json", body: #"{"kind":"PodList","apiVersion":"v1","items":["#)
        case 200: .answer(status: 200, type: "text/html", body: "<html>login</html>")
        default: FakeKubernetes.failure(status, "Failure", "no pods")
        }
    }

    @Test("Retry-After is waited for before pods are listed again, at most a minute")
    func throttled() async throws {
        try await Cluster.with { cluster in
            let clock = Clock()
            cluster.fake.settle()
            let asked = Mutex(0)
            cluster.fake.intercept { request in
                guard request.path.hasSuffix("/pods") else { return nil }
                asked.withLock { $0 += 1 }
                return .answer(
                    status: 429, fields: ["Retry-After": asked.withLock { $0 } == 1 ? "25" : "3600"], body: "{}")
            }
            let actuator = try actuator(cluster, clock)
            for _ in 0..<10 {
                #expect(try await actuator.observe()["risk"]?.ready == 3)
                clock.advance(10)
            }
            // At 0 s, at 30 s as the first after 25 s, at 90 s as the first after a minute more.
            #expect(asked.withLock { $0 } == 3)
        }
    }

    @Test("A target that may not be read keeps the others from nothing, and stays as it was seen last, without pages")
    func oneForbidden() async throws {
        try await Cluster.with { cluster in
            let (fake, clock) = (cluster.fake, Clock())
            fake.addDeployment("matching", replicas: 2)
            for name in ["risk", "matching"] {
                fake.template(name) { _ in FakePod(address: "fd00::7", ports: ["metrics": 9_400]) }
            }
            fake.settle()
            let actuator = try actuator(cluster, clock, targets: ["risk", "matching"])
            #expect(try await actuator.observe().count == 2)
            fake.intercept { request in
                request.path.contains("/matching/") ? FakeKubernetes.failure(403, "Forbidden", "no") : nil
            }
            fake.setReplicas("risk", 4)
            fake.settle()
            clock.advance(31)
            let found = try await actuator.observe()
            #expect(found["risk"]?.ready == 4 && found["risk"]?.endpoints.count == 4)
            #expect(found["matching"] == ReplicaState(service: "matching", desired: 2, ready: 2))
            let labels = ["service": "matching", "object": "scale", "reason": "forbidden"]
            #expect(cluster.surroundings.metric("autoscaler_observation_failures_total", labels) == 1)
            #expect(cluster.surroundings.said.withLock { $0.count } == 1)
            let fresh = try self.actuator(cluster, clock, targets: ["risk", "matching"])
            #expect(try await fresh.observe().keys.sorted() == ["risk"], "never seen, so not there")
            fake.intercept { _ in FakeKubernetes.failure(500, "InternalError", "etcd is away") }
            #expect(try await fresh.observe()["risk"]?.ready == 4)
            let blind = try self.actuator(cluster, clock, targets: ["risk", "matching"])
            #expect(await fault { _ = try await blind.observe() }?.code == .unavailable)
        }
    }

    @Test("Pods without the port are named once, those that are left out are not; both count as not answering")
    func withoutPort() async throws {
        try await Cluster.with { cluster in
            let clock = Clock()
            cluster.fake.template("risk") { pod in
                switch pod.last {
                case "1": FakePod(address: "10.1.0.1", annotations: ["prometheus.io/scrape": "false"])
                case "2": FakePod(address: "10.1.0.2", ports: ["other": 1])
                default: FakePod(address: "10.1.0.3", ports: ["metrics": 9_400])
                }
            }
            cluster.fake.settle()
            let actuator = try actuator(cluster, clock)
            for _ in 0..<3 {
                let state = try await actuator.observe()["risk"]
                #expect(state?.ready == 3 && state?.endpoints.count == 1)
            }
            let said = cluster.surroundings.said.withLock { $0 }
            #expect(
                said == [
                    "risk: 1 of 3 ready pods have no page of metrics (risk-7d4b9c6f5d-00002: no container has a port "
                        + "named 'metrics')"
                ])
            let unread = try await self.actuator(cluster, clock, pages: nil).observe()["risk"]
            #expect(unread?.endpoints.isEmpty == true && cluster.surroundings.said.withLock { $0.count } == 1)
        }
    }

    @Test("Replicas that serve and cannot be read make what adds up larger, and missing beyond the coverage")
    func silent() throws {
        func page(_ count: Int) throws -> PrometheusText {
            try PrometheusText(Array("orders_total \(count)\nwaiting 4\n".utf8), format: .prometheus)
        }
        func sampler() -> ServiceSampler {
            ServiceSampler(ServiceMetrics(requests: MetricSelection("orders_total"), queue: MetricSelection("waiting")))
        }
        for (silent, rate, queue) in [(0, 20.0, 8.0), (1, 30, 12), (2, 40, 16), (3, nil, nil)]
            as [(Int, Double?, Double?)]
        {
            var sampler = sampler()
            for (time, count) in [(0.0, 0), (10, 100)] {
                let readings: [String: ServiceSampler.Reading] = [
                    "a": (.success(try page(count)), time), "b": (.success(try page(count)), time),
                ]
                let numbers = sampler.take(readings, silent: silent, at: time).numbers
                guard time > 0 else { continue }
                #expect(numbers.rate == rate && numbers.queue == queue, "\(silent)")
            }
        }
    }

    @Test(
        "A pod that vanishes, one that moves, one that is new: missing, read where it is, counted from its second page")
    func moving() async throws {
        let surroundings = TestSurroundings()
        let servers = try (0..<2).map { _ in
            try FakeHTTPServer { _ in ScrapeReaderTests.ok("orders_total 5\nwaiting 1\n") }
        }
        var urls: [String] = []
        for server in servers { urls.append(try await server.start()) }
        try await withCaller { transport in
            let reader = ScrapeReaderTests().reader(transport, surroundings, [:])
            func read(_ endpoints: [String: String], ready: Int) async -> ServiceObservation {
                let state = ReplicaState(service: "risk", desired: ready, ready: ready, endpoints: endpoints)
                return await reader.read(["risk": state])[0]
            }
            _ = await read(["a": urls[0], "b": urls[1]], ready: 2)
            #expect(await read(["a": urls[0], "b": urls[1]], ready: 2).queue == 2)
            await servers[1].stop()
            let halved = await read(["a": urls[0], "b": urls[1]], ready: 2)
            #expect(halved.queue == 2 && halved.age == 0, "half of the replicas answer: what is known is doubled")
            #expect(await read(["b": urls[1]], ready: 1).queue == nil, "nobody answers")
            let moved = await read(["a": urls[0], "b": urls[0]], ready: 2)
            #expect(moved.queue == 2 && moved.rate != nil)
            #expect(await read(["a": urls[0]], ready: 4).queue == nil, "one of four is too few")
        }
        await servers[0].stop()
    }
}
