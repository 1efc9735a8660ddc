import Autoscaling
import Foundation
import LocalStack
import Synchronization
import TestKubernetes
import Testing

/// `autoscaler run` that reads the metrics of the pods it scales, against a fake API server.
@Suite struct AutoscalerPodTests {
    private func with(
        isAnnotated: Bool = false, _ body: (PodCluster, SidecarBench) async throws -> Void
    ) async throws {
        let cluster = try await PodCluster(isAnnotated: isAnnotated)
        let bench = try SidecarBench("")
        defer { bench.remove() }
        do {
            try await body(cluster, bench)
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    /// Waits until the load of 600 a second has its replicas: 600 / (100 * 0.7) = 9 at least, all ready.
    private func scaled(_ cluster: PodCluster, _ bench: SidecarBench, _ log: String = "run.log") async throws {
        let hasGrown = try await bench.until {
            PodCluster.deployments.allSatisfy { cluster.fake.readyPods($0).count >= 9 }
        }
        #expect(hasGrown, "\(bench.log(log).suffix(2_000))")
    }

    /// Waits for ten more decisions, all of them held, during which no service lost a replica.
    private func held(_ cluster: PodCluster, _ bench: SidecarBench, _ why: String) async throws {
        let isHeld = try await bench.until { try bench.decisions().last?.round.acting == .hold }
        #expect(isHeld, "\(why): \(bench.log("run.log").suffix(2_000))")
        let before = cluster.replicas
        let count = try bench.decisions().count
        #expect(try await bench.until { try bench.decisions().count >= count + 10 })
        #expect(
            cluster.replicas.allSatisfy { $0.value >= before[$0.key] ?? 0 }, "\(why): \(before) to \(cluster.replicas)")
    }

    @Test("The load's replicas are ordered by the pods' own pages; without pages or pods nothing is taken away")
    func wholeLife() async throws {
        try await with { cluster, bench in
            let port = try Loopback.freePort()
            try bench.write(
                cluster.text(
                    folder: bench.folder, "listen: 127.0.0.1:\(port)\n", kubernetes: ", metrics_port: metrics"))
            cluster.setRate(600)
            let sidecar = try bench.start("run.log")
            try await scaled(cluster, bench)
            // Pods that were made by the sidecar's own orders are read too.
            let areRead = try await bench.until {
                let names = PodCluster.deployments.flatMap { cluster.fake.readyPods($0) }
                return cluster.state.withLock { state in names.allSatisfy { state.read[$0] ?? 0 > 1 } }
            }
            #expect(areRead)
            let metrics = Loopback.httpGet(port: port, path: "/metrics") ?? ""
            for name in [
                "autoscaler_pods{service=\"risk\",state=\"ready\"}",
                "autoscaler_pod_list_age_seconds{service=\"risk\"} ",
                "autoscaler_metric_age_seconds{service=\"match\"} ",
            ] {
                #expect(metrics.contains(name), "\(name) in \(metrics)")
            }
            let victim = try #require(cluster.fake.readyPods("risk").first)
            cluster.kill(victim)
            let isMissed = try await bench.until {
                Loopback.httpGet(port: port, path: "/metrics")?.contains(
                    "autoscaler_scrape_failures_total{reason=\"unreachable\",service=\"risk\"}") == true
            }
            #expect(isMissed, "\(bench.log("run.log").suffix(2_000))")
            let count = try bench.decisions().count
            #expect(try await bench.until { try bench.decisions().count >= count + 10 })
            #expect(cluster.replicas.values.allSatisfy { $0 >= 9 }, "one of many is no reason for fewer")
            cluster.fake.remove(pod: victim)
            try await scaled(cluster, bench)
            cluster.state.withLock { $0.isSilent = true }
            cluster.setRate(50)
            try await held(cluster, bench, "pods are silent")
            cluster.state.withLock { $0.isSilent = false }
            let isSmaller = try await bench.until { cluster.replicas.values.allSatisfy { $0 < 9 } }
            #expect(isSmaller, "\(bench.log("run.log").suffix(2_000))")
            sidecar.signal(SIGTERM)
            #expect(await sidecar.wait() == 0)
        }
    }

    @Test(
        "Where pods cannot be listed for long their load is not known, and nothing is taken away",
        arguments: [403, 500])
    func unlisted(_ status: Int) async throws {
        try await with(isAnnotated: true) { cluster, bench in
            try bench.write(cluster.text(folder: bench.folder))
            cluster.setRate(600)
            let sidecar = try bench.start("run.log")
            try await scaled(cluster, bench)
            cluster.fake.intercept { request in
                request.path.hasSuffix("/pods") ? FakeKubernetes.failure(status, "Failure", "no pods") : nil
            }
            try await held(cluster, bench, "pods cannot be listed")
            cluster.setRate(50)
            try await held(cluster, bench, "and the load is gone")
            let warned = bench.log("run.log").components(separatedBy: "risk: pods cannot be listed").count - 1
            #expect(warned == 1, "\(bench.log("run.log").suffix(2_000))")
            cluster.fake.intercept(nil)
            let isSmaller = try await bench.until { cluster.replicas.values.allSatisfy { $0 < 9 } }
            #expect(isSmaller, "\(bench.log("run.log").suffix(2_000))")
            sidecar.signal(SIGTERM)
            #expect(await sidecar.wait() == 0)
        }
    }

    /// The configuration that `config/kubernetes` ships, but for where this test's cluster is, and a faster period.
    private func shipped(_ cluster: PodCluster, _ bench: SidecarBench, listen port: UInt16) throws -> String {
        var text = try String(contentsOfFile: "\(Programs.root)/config/kubernetes/autoscaler.yaml", encoding: .utf8)
        for (shipped, here) in [
            ("name: matching,", "name: match,"), ("listen: 0.0.0.0:9400", "listen: 127.0.0.1:\(port)"),
            ("file: /var/lib/springtide/journal.jsonl", "file: \(bench.journal)"),
            (
                "kubernetes: {metrics_port: metrics}",
                "kubernetes: {metrics_port: metrics, server: \"\(cluster.fake.url)\", namespace: trading}"
            ),
        ] {
            #expect(text.components(separatedBy: shipped).count == 2, "\(shipped)")
            text = text.replacing(shipped, with: here)
        }
        return "period: 200ms\n" + text
    }

    @Test("The configuration shipped for Kubernetes leads, scales and tells; as KEDA's, with --dry-run, it only tells")
    func shippedConfiguration() async throws {
        try await with { cluster, bench in
            let port = try Loopback.freePort()
            try bench.write(shipped(cluster, bench, listen: port))
            for name in PodCluster.deployments { cluster.fake.setReplicas(name, 3) }
            // A replica of risk serves 1,000 a second, one of match 2,000.
            cluster.setRate(4_000)
            func desired() -> Int? {
                Loopback.httpGet(port: port, path: "/v1/desired-replicas/risk").flatMap { answer in
                    answer.components(separatedBy: "\"value\":").dropFirst().first.flatMap { text in
                        Int(text.prefix { $0.isNumber })
                    }
                }
            }
            let keda = try bench.start("keda.log", "--dry-run")
            let isTold = try await bench.until { desired() ?? 0 >= 5 }
            #expect(isTold, "\(bench.log("keda.log").suffix(2_000))")
            #expect(cluster.fake.replicas("risk") == 3 && cluster.fake.events.isEmpty)
            #expect(!cluster.fake.takeRequests().contains { $0.hasPrefix("PATCH") })
            keda.signal(SIGTERM)
            #expect(await keda.wait() == 0)

            let sidecar = try bench.start("run.log")
            let hasGrown = try await bench.until { cluster.fake.readyPods("risk").count >= 5 }
            #expect(hasGrown, "\(bench.log("run.log").suffix(2_000))")
            #expect(Loopback.httpGet(port: port, path: "/healthz") != nil)
            #expect(try await bench.until { desired() == cluster.fake.replicas("risk") })
            #expect(try await bench.until { cluster.fake.events.contains { $0.hasPrefix("SuccessfulRescale 3 -> ") } })
            #expect(try bench.decisions().contains { $0.epoch != nil && $0.isActing })
            sidecar.signal(SIGTERM)
            #expect(await sidecar.wait() == 0)
        }
    }

    @Test("A service whose replicas were never seen is given no orders and KEDA no number, whatever is decided for it")
    func unseen() async throws {
        try await with(isAnnotated: true) { cluster, bench in
            let port = try Loopback.freePort()
            try bench.write(cluster.text(folder: bench.folder, "listen: 127.0.0.1:\(port)\n"))
            for name in PodCluster.deployments { cluster.fake.setReplicas(name, 10) }
            cluster.setRate(50)
            _ = cluster.fake.takeRequests()
            cluster.fake.intercept { request in
                request.path.hasSuffix("/risk/scale") ? FakeKubernetes.failure(500, "Failure", "no scale") : nil
            }
            let sidecar = try bench.start("run.log")
            // The other service is seen, has little to do, and becomes smaller.
            let isSmaller = try await bench.until { cluster.replicas["match"] ?? 10 < 9 }
            #expect(isSmaller, "\(bench.log("run.log").suffix(2_000))")
            #expect(cluster.replicas["risk"] == 10)
            #expect(Loopback.httpGet(port: port, path: "/v1/desired-replicas/match") != nil)
            #expect(Loopback.httpGet(port: port, path: "/v1/desired-replicas/risk") == nil, "503")
            #expect(!cluster.fake.takeRequests().contains { $0.hasPrefix("PATCH") && $0.contains("/risk/") })
            let warned = bench.log("run.log").components(separatedBy: "risk: its replicas were never seen").count - 1
            #expect(warned == 1, "\(bench.log("run.log").suffix(2_000))")
            cluster.fake.intercept(nil)
            let isSeen = try await bench.until { cluster.replicas["risk"] ?? 10 < 9 }
            #expect(Loopback.httpGet(port: port, path: "/v1/desired-replicas/risk") != nil)
            #expect(isSeen, "\(bench.log("run.log").suffix(2_000))")
            sidecar.signal(SIGTERM)
            #expect(await sidecar.wait() == 0)
        }
    }

    @Test("Of two sidecars with a Lease one orders, both read the pods; when it is killed the other goes on")
    func twoSidecars() async throws {
        try await with(isAnnotated: true) { cluster, first in
            let second = try SidecarBench("")
            defer { second.remove() }
            let leading = """
                leadership: {kind: kubernetes, lease_duration: 3s, renew_deadline: 2s, retry_period: 200ms}

                """
            for bench in [first, second] { try bench.write(cluster.text(folder: bench.folder, leading)) }
            let leader = try first.start("run.log")
            #expect(try await first.until { try first.decisions().last?.epoch != nil })
            let other = try second.start("run.log")
            let hasSeen = try await second.until {
                // Only what was read has a utilisation: both services in two observations and more.
                second.log("journal.jsonl").components(separatedBy: "\"utilisation\"").count > 4
            }
            #expect(hasSeen, "\(second.log("run.log").suffix(2_000))")
            #expect(try second.decisions().allSatisfy { $0.epoch == nil && !$0.isActing })
            leader.signal(SIGKILL)
            _ = await leader.wait()
            cluster.setRate(600)
            try await scaled(cluster, second)
            let epoch = try #require(try second.decisions().last?.epoch)
            #expect(try first.decisions().allSatisfy { $0.epoch.map { $0 < epoch } ?? true })
            other.signal(SIGTERM)
            #expect(await other.wait() == 0)
        }
    }
}
