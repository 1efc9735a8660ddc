import Actuation
import Foundation
import Synchronization
import TestCertificates
import TestKubernetes
import Testing

/// A fake cluster with deployment `risk`, a client and an actuator on it.
struct Cluster {
    let fake: FakeKubernetes
    let url: String
    let client: KubernetesClient
    let surroundings: TestSurroundings
    let transport: HTTPTransport

    func actuator(_ change: (inout KubernetesActuator.Options) -> Void = { _ in }) throws -> KubernetesActuator {
        var options = KubernetesActuator.Options(
            now: TestSurroundings.now, wall: TestSurroundings.seconds, sleep: surroundings.sleep)
        change(&options)
        return try KubernetesActuator(
            client, targets: ["risk": ScaleTarget(.deployment, "risk")], options: options,
            metrics: surroundings.metrics, warnings: surroundings.warnings)
    }

    static func with(
        timeout: Double = 4, tokenFile: String? = nil, _ body: (Cluster) async throws -> Void
    ) async throws {
        let fake = FakeKubernetes()
        let url = try await fake.start()
        fake.addDeployment("risk", replicas: 3)
        let surroundings = TestSurroundings()
        do {
            try await withCaller { transport in
                var configuration = KubernetesConfiguration(server: url, namespace: "trading", tokenFile: tokenFile)
                configuration.timeout = timeout
                let client = try KubernetesClient(configuration, transport: transport, now: TestSurroundings.now)
                try await body(
                    Cluster(fake: fake, url: url, client: client, surroundings: surroundings, transport: transport))
            }
        } catch {
            await fake.stop()
            throw error
        }
        await fake.stop()
    }
}

@Suite("Replicas through Kubernetes' /scale")
struct KubernetesActuatorTests {
    let risk = ScaleTarget(.deployment, "risk")

    func order(_ replicas: Int, seen: Int? = nil, epoch: UInt64 = 1) -> ReplicaOrder {
        ReplicaOrder(service: "risk", replicas: replicas, seen: seen, decision: "d1", epoch: epoch)
    }

    @Test("The golden transcript of a real 1.20.2 API server, step by step")
    func transcript() async throws {
        try await Cluster.with { cluster in
            let first = try await cluster.client.scale(of: risk)
            #expect(first.replicas == 3 && first.existing == 0)
            let dry = try await cluster.client.setReplicas(
                9, of: risk, resourceVersion: first.resourceVersion, dryRun: true)
            #expect(dry.replicas == 9 && dry.resourceVersion == first.resourceVersion)
            #expect(cluster.fake.replicas("risk") == 3)
            let changed = try await cluster.client.setReplicas(5, of: risk, resourceVersion: first.resourceVersion)
            #expect(changed.replicas == 5 && changed.resourceVersion != first.resourceVersion)
            let conflict = await fault {
                _ = try await cluster.client.setReplicas(5, of: risk, resourceVersion: first.resourceVersion)
            }
            #expect(conflict?.code == .conflict)
            #expect(
                conflict?.description.contains(
                    "Operation cannot be fulfilled on deployments.apps \"risk\": the object has been modified; please "
                        + "apply your changes to the latest version and try again") == true)
            let zero = try await cluster.client.setReplicas(0, of: risk, resourceVersion: changed.resourceVersion)
            #expect(zero.replicas == 0, "absent is 0")
            let again = try await cluster.client.scale(of: risk)
            #expect(again.replicas == 0)
            let negative = await fault {
                _ = try await cluster.client.setReplicas(-1, of: risk, resourceVersion: zero.resourceVersion)
            }
            #expect(negative?.code == .invalid)
            #expect(negative?.description.contains("must be greater than or equal to 0") == true)
            let unknown = await fault { _ = try await cluster.client.scale(of: ScaleTarget(.deployment, "nope")) }
            #expect(unknown?.description.contains("deployments/scale.apps \"nope\" not found") == true)
        }
    }

    @Test("An order is carried out once; the same one again changes nothing; ready and pending are seen")
    func apply() async throws {
        try await Cluster.with { cluster in
            let actuator = try cluster.actuator()
            #expect(try await actuator.apply(order(5)) == AppliedOrder(.changed, previous: 3, replicas: 5))
            #expect(try await actuator.apply(order(5)) == AppliedOrder(.unchanged, previous: 5, replicas: 5))
            #expect(try await actuator.observe()["risk"]?.pending.count == 5)
            cluster.fake.settle()
            let state = try await actuator.observe()["risk"]
            #expect(state == ReplicaState(service: "risk", desired: 5, ready: 5))
            #expect(try await actuator.apply(order(0)).replicas == 0 && cluster.fake.replicas("risk") == 0)
            #expect(try await actuator.apply(order(0)).result == .unchanged)
        }
    }

    @Test("A change by somebody else between read and patch is a conflict; it is read again and patched once more")
    func conflict() async throws {
        try await Cluster.with { cluster in
            let left = Mutex(2)
            cluster.fake.intercept { request in
                let isDisturbed =
                    request.method == "PATCH"
                    && left.withLock { left in
                        left -= 1
                        return left >= 0
                    }
                if isDisturbed { cluster.fake.setReplicas("risk", 7) }
                return nil
            }
            let applied = try await cluster.actuator().apply(order(5))
            #expect(applied == AppliedOrder(.changed, previous: 3, replicas: 5, conflicts: 2))
            #expect(cluster.fake.replicas("risk") == 5)
            #expect(cluster.surroundings.metric("autoscaler_actuation_conflicts_total") == 2)
        }
    }

    @Test("What somebody has added since the decision is not taken away, neither before the patch nor after a conflict")
    func unseen() async throws {
        try await Cluster.with { cluster in
            let actuator = try cluster.actuator()
            #expect(try await actuator.apply(order(5, seen: 3)).result == .changed)
            cluster.fake.setReplicas("risk", 9)
            _ = cluster.fake.takeRequests()
            for replicas in [7, 5, 4, 0] {
                #expect(await fault { _ = try await actuator.apply(order(replicas, seen: 5)) }?.code == .stale)
            }
            #expect(
                !cluster.fake.takeRequests().contains { $0.hasPrefix("PATCH") } && cluster.fake.replicas("risk") == 9)
            // More than is there, and fewer by who saw what is there.
            #expect(try await actuator.apply(order(10, seen: 5)) == AppliedOrder(.changed, previous: 9, replicas: 10))
            #expect(try await actuator.apply(order(8, seen: 10)).result == .changed)
            let isFirst = Mutex(true)
            cluster.fake.intercept { request in
                let isDisturbed =
                    request.method == "PATCH"
                    && isFirst.withLock { first in
                        defer { first = false }
                        return first
                    }
                if isDisturbed { cluster.fake.setReplicas("risk", 12) }
                return nil
            }
            #expect(await fault { _ = try await actuator.apply(order(6, seen: 8)) }?.code == .stale)
            #expect(cluster.fake.replicas("risk") == 12)
        }
    }

    @Test("Conflicts without end are given up after the last try; so are 500s")
    func limits() async throws {
        try await Cluster.with { cluster in
            cluster.fake.intercept { request in
                if request.method == "PATCH" { cluster.fake.setReplicas("risk", 7) }
                return nil
            }
            #expect(await fault { _ = try await cluster.actuator().apply(order(5)) }?.code == .conflict)
            #expect(cluster.fake.takeRequests().filter { $0.hasPrefix("PATCH") }.count == Backoff().triesMax)
            cluster.fake.intercept { _ in FakeKubernetes.failure(500, "InternalError", "etcd is away") }
            let given = await fault { _ = try await cluster.actuator().apply(order(5)) }
            #expect(given?.code == .unavailable && given?.description.contains("etcd is away") == true)
            #expect(cluster.fake.takeRequests().count == Backoff().triesMax)
        }
    }

    @Test("429 and 500 are tried again after a pause that grows, or as long as the server asks within the limit")
    func retries() async throws {
        try await Cluster.with { cluster in
            let answers = Mutex([429, 500, 503])
            cluster.fake.intercept { request in
                guard request.path.hasSuffix("/scale") else { return nil }
                let status = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                return status.map { .answer(status: $0, fields: ["Retry-After": $0 == 429 ? "2" : "60"], body: "{}") }
            }
            let actuator = try cluster.actuator()
            #expect(try await actuator.apply(order(4)).replicas == 4)
            #expect(cluster.surroundings.slept.withLock { $0 } == [2, 3, 3], "3 s is the longest pause")
        }
    }

    @Test("A patch whose answer is lost is found done, not done twice")
    func lostAnswer() async throws {
        try await Cluster.with(timeout: 0.3) { cluster in
            let isFirst = Mutex(true)
            cluster.fake.intercept { request in
                guard request.method == "PATCH",
                    isFirst.withLock({ first in
                        defer { first = false }
                        return first
                    })
                else { return nil }
                cluster.fake.setReplicas("risk", 6)
                return .hang
            }
            let applied = try await cluster.actuator().apply(order(6))
            #expect(applied == AppliedOrder(.changed, previous: 3, replicas: 6))
            #expect(cluster.fake.takeRequests().filter { $0.hasPrefix("PATCH") }.count == 1)
        }
    }

    @Test("A server that hangs, or answers HTML, is a fault in bounded time")
    func hang() async throws {
        try await Cluster.with(timeout: 0.05) { cluster in
            cluster.fake.intercept { _ in .hang }
            #expect(await fault { _ = try await cluster.actuator().apply(order(6)) }?.code == .timeout)
            cluster.fake.intercept { _ in .answer(status: 200, type: "text/html", body: "<html>login</html>") }
            #expect(await fault { _ = try await cluster.actuator().apply(order(6)) }?.code == .unreadable)
            cluster.fake.intercept { _ in .answer(status: 302, fields: ["Location": "http://127.0.0.1:1/"], body: "") }
            #expect(await fault { _ = try await cluster.actuator().apply(order(6)) }?.code == .redirected)
            #expect(cluster.fake.replicas("risk") == 3)
        }
    }

    @Test("Where an HPA targets the object nothing is touched; one on another object does not matter")
    func contested() async throws {
        try await Cluster.with { cluster in
            cluster.fake.addAutoscaler("other", target: "matching")
            let actuator = try cluster.actuator()
            #expect(try await actuator.apply(order(4)).replicas == 4)
            cluster.fake.addAutoscaler("keda-hpa-risk", target: "risk")
            let refused = await fault { _ = try await cluster.actuator().apply(order(5)) }
            #expect(refused?.code == .contested && refused?.description.contains("keda-hpa-risk") == true)
            #expect(cluster.fake.replicas("risk") == 4)
        }
    }

    @Test("Lower epochs, lost leadership, absurd numbers and unknown services are refused before any request")
    func fenced() async throws {
        try await Cluster.with { cluster in
            let leads = Mutex(true)
            let actuator = try cluster.actuator { $0.leads = { _ in leads.withLock { $0 } } }
            #expect(try await actuator.apply(order(4, epoch: 7)).replicas == 4)
            _ = cluster.fake.takeRequests()
            #expect(await fault { _ = try await actuator.apply(order(5, epoch: 6)) }?.code == .fenced)
            #expect(await fault { _ = try await actuator.apply(order(-1, epoch: 7)) }?.code == .invalid)
            #expect(await fault { _ = try await actuator.apply(order(1_001, epoch: 7)) }?.code == .invalid)
            leads.withLock { $0 = false }
            #expect(await fault { _ = try await actuator.apply(order(5, epoch: 7)) }?.code == .fenced)
            let unknown = ReplicaOrder(service: "nope", replicas: 1, decision: "d", epoch: 7)
            #expect(await fault { _ = try await actuator.apply(unknown) }?.code == .configuration)
            #expect(cluster.fake.takeRequests().isEmpty && cluster.fake.replicas("risk") == 4)
        }
    }

    @Test("A leader that is deposed while it waits does not try again")
    func deposedWhileWaiting() async throws {
        try await Cluster.with { cluster in
            let leads = Mutex(true)
            cluster.fake.intercept { request in
                guard request.method == "PATCH" else { return nil }
                leads.withLock { $0 = false }
                cluster.fake.setReplicas("risk", 9)
                return nil
            }
            let actuator = try cluster.actuator { $0.leads = { _ in leads.withLock { $0 } } }
            #expect(await fault { _ = try await actuator.apply(order(5)) }?.code == .fenced)
            #expect(cluster.fake.replicas("risk") == 9, "the next leader's number stands")
        }
    }

    @Test("A leader deposed while it reads, or before, sends no patch: the version it read may be the next leader's")
    func deposedWhileReading() async throws {
        try await Cluster.with { cluster in
            let leads = Mutex(true)
            cluster.fake.intercept { request in
                if request.method == "GET", request.path.hasSuffix("/scale") { leads.withLock { $0 = false } }
                return nil
            }
            let actuator = try cluster.actuator { $0.leads = { _ in leads.withLock { $0 } } }
            _ = cluster.fake.takeRequests()
            #expect(await fault { _ = try await actuator.apply(order(5)) }?.code == .fenced)
            #expect(!cluster.fake.takeRequests().contains { $0.hasPrefix("PATCH") })
            #expect(cluster.fake.replicas("risk") == 3)
        }
    }

    @Test("A change stands where its event cannot be recorded")
    func eventFails() async throws {
        try await Cluster.with { cluster in
            cluster.fake.intercept {
                $0.path.hasSuffix("/events") ? FakeKubernetes.failure(403, "Forbidden", "no") : nil
            }
            let actuator = try cluster.actuator()
            #expect(try await actuator.apply(order(5)).result == .changed)
            #expect(try await actuator.apply(order(6)).result == .changed)
            #expect(cluster.fake.replicas("risk") == 6 && cluster.fake.events.isEmpty)
        }
    }

    @Test("A dry run asks the server and stores nothing")
    func dryRun() async throws {
        try await Cluster.with { cluster in
            let applied = try await cluster.actuator { $0.dryRun = true }.apply(order(8))
            #expect(applied == AppliedOrder(.dryRun, previous: 3, replicas: 8) && cluster.fake.replicas("risk") == 3)
        }
    }

    @Test("The token is sent; when it has rotated a 401 reads it anew at once")
    func token() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "first\n".write(toFile: file, atomically: true, encoding: .utf8)
        try await Cluster.with(tokenFile: file) { cluster in
            cluster.fake.require(token: "first")
            #expect(try await cluster.client.scale(of: risk).replicas == 3)
            try "second".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await cluster.client.scale(of: risk).replicas == 3, "kept for a minute")
            cluster.fake.require(token: "second")
            #expect(try await cluster.client.scale(of: risk).replicas == 3)
            try FileManager.default.removeItem(atPath: file)
            #expect(try await cluster.client.scale(of: risk).replicas == 3, "the one before stays")
            cluster.fake.require(token: "third")
            #expect(await fault { _ = try await cluster.client.scale(of: risk) }?.code == .unauthorized)
        }
    }

    @Test("In a cluster: address, namespace and files of the service account; TLS by its authority alone")
    func inCluster() async throws {
        let certificates = try #require(TestCertificates.shared, "openssl is needed to make certificates")
        let fake = FakeKubernetes()
        let url = try await fake.start(certificate: certificates.server.certificate, key: certificates.server.key)
        fake.addDeployment("risk", replicas: 2)
        fake.require(token: "t0")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try "trading\n".write(to: folder.appendingPathComponent("namespace"), atomically: true, encoding: .utf8)
        try "t0".write(to: folder.appendingPathComponent("token"), atomically: true, encoding: .utf8)
        let port = try #require(url.split(separator: ":").last)
        let configuration = try KubernetesConfiguration.inCluster(
            environment: ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": String(port)],
            folder: folder.path)
        #expect(configuration.namespace == "trading" && configuration.server == url)
        #expect(configuration.authorityFile == folder.path + "/ca.crt")
        for (authority, isTrusted) in [(certificates.authority, true), (certificates.foreignAuthority, false)] {
            try await withCaller(authorityFile: authority) { transport in
                let client = try KubernetesClient(configuration, transport: transport, now: TestSurroundings.now)
                let failed = await fault { _ = try await client.scale(of: risk) }
                #expect(isTrusted ? failed == nil : failed?.code == .unreachable)
            }
        }
        await fake.stop()
        #expect(throws: ActuationFault.self) { try KubernetesConfiguration.inCluster(environment: [:]) }
        #expect(throws: ActuationFault.self) { try HTTPCaller(authorityFile: folder.path + "/none") }
    }

    @Test(
        "Configurations that contradict themselves are named",
        arguments: [
            ("ftp://x", "trading", nil), ("http://10.0.0.1", "trading", "/token"), ("https://x", "Trading", nil),
            ("https://x", "a/../b", nil), ("http://localhost.example.com", "trading", "/token"),
        ] as [(String, String, String?)])
    func configurations(_ server: String, _ namespace: String, _ tokenFile: String?) {
        #expect(KubernetesConfiguration(server: server, namespace: namespace, tokenFile: tokenFile).fault != nil)
    }

    @Test("Events are recorded with their times")
    func events() async throws {
        try await Cluster.with { cluster in
            try await cluster.client.record(
                "SuccessfulRescale", "New size: 5", of: risk, id: "d1", at: TestSurroundings.wall())
            #expect(cluster.fake.events == ["SuccessfulRescale New size: 5"])
        }
    }
}

@Suite("Leadership over a Lease of Kubernetes")
struct LeaseKeeperTests {
    /// A clock that a test turns.
    final class Clock: Sendable {
        let time = Mutex(1_000.0)

        var surroundings: LeaseKeeper.Surroundings {
            LeaseKeeper.Surroundings(
                now: { self.time.withLock { $0 } },
                wall: { MicroTime(microseconds: Int64(1.8e15 + self.time.withLock { $0 } * 1e6)) },
                sleep: { _ in try await Task.sleep(for: .milliseconds(5)) }, chance: { 0 })
        }

        func advance(_ seconds: Double) { time.withLock { $0 += seconds } }
    }

    func keeper(
        _ identity: String, _ cluster: Cluster, _ clock: Clock,
        onChange: @escaping @Sendable (UInt64?) -> Void = { _ in }
    ) throws -> LeaseKeeper {
        LeaseKeeper(
            LeaseElection(identity: identity), store: try KubernetesLease(cluster.client, name: "autoscaler"),
            surroundings: clock.surroundings, metrics: cluster.surroundings.metrics,
            warnings: cluster.surroundings.warnings, onChange: onChange)
    }

    @Test("Two candidates: one leads; when it is stopped the other takes over after the lease's duration, one epoch up")
    func handover() async throws {
        try await Cluster.with { cluster in
            let clock = Clock()
            let changes = Mutex<[UInt64?]>([])
            let (a, b) = (
                try keeper("a_1", cluster, clock) { epoch in changes.withLock { $0.append(epoch) } },
                try keeper("b_1", cluster, clock)
            )
            await a.round()
            await b.round()
            #expect(a.epoch == 0 && b.epoch == nil && b.holder == "a_1")
            #expect(
                cluster.fake.lease("autoscaler")
                    == "{\"acquireTime\":\"2027-01-15T08:16:40.000000Z\",\"holderIdentity\":\"a_1\","
                    + "\"leaseDurationSeconds\":15,\"leaseTransitions\":0,"
                    + "\"renewTime\":\"2027-01-15T08:16:40.000000Z\"}")
            cluster.fake.label(lease: "autoscaler", "owner", "operations")
            clock.advance(2)
            await a.round()
            #expect(a.epoch == 0 && cluster.fake.label(lease: "autoscaler", "owner") == "operations")
            // From here a is stopped; b sees the renewal at this moment and counts from it.
            await b.round()
            clock.advance(10)
            #expect(a.epoch == nil, "a does not act any more")
            await b.round()
            #expect(b.epoch == nil, "and b not yet")
            clock.advance(5)
            await b.round()
            #expect(b.epoch == 1 && a.epoch == nil)
            await a.round()
            #expect(a.epoch == nil && a.holder == "b_1")
            #expect(changes.withLock { $0 } == [0, nil])
        }
    }

    @Test("Who is asked to end gives the lease back, and the other leads at its next round")
    func givesBack() async throws {
        try await Cluster.with { cluster in
            let clock = Clock()
            let (a, b) = (try keeper("a_1", cluster, clock), try keeper("b_1", cluster, clock))
            let running = Task { await a.run() }
            #expect(await eventually { a.epoch == 0 })
            running.cancel()
            await running.value
            #expect(a.epoch == nil && cluster.fake.lease("autoscaler")?.contains("\"leaseDurationSeconds\":1,") == true)
            await b.round()
            #expect(b.epoch == 1)
        }
    }

    @Test("A leader whose API server is away stops within 10 s and leads again when it is back, in a new epoch")
    func apiServerAway() async throws {
        try await Cluster.with { cluster in
            let clock = Clock()
            let a = try keeper("a_1", cluster, clock)
            await a.round()
            cluster.fake.intercept { _ in FakeKubernetes.failure(500, "InternalError", "away") }
            for _ in 0..<5 {
                clock.advance(2)
                await a.round()
            }
            #expect(a.epoch == nil && cluster.surroundings.metric("autoscaler_lease_failures_total") == 5)
            #expect(cluster.surroundings.said.withLock { $0.count } == 1, "one warning, not five")
            cluster.fake.intercept(nil)
            await a.round()
            #expect(a.epoch == 1 && cluster.surroundings.metric("autoscaler_leader") == 1)
        }
    }
}
