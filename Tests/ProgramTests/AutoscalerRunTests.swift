import Autoscaling
import Foundation
import LocalStack
import Synchronization
import Testing

/// `autoscaler run` against a fake supervisor and fake pages of metrics.
@Suite struct AutoscalerRunTests {
    private func bench(_ services: FakeServices, _ more: String = "") throws -> SidecarBench {
        let bench = try SidecarBench("")
        try bench.write(SidecarBench.text(services, folder: bench.folder, more))
        return bench
    }

    /// Starts a sidecar and waits until the load of 600 a second has its replicas: 600 / (100 * 0.7) = 9 at least.
    private func scaled(_ bench: SidecarBench, _ services: FakeServices) async throws -> ChildProcess {
        services.setRate(600)
        let sidecar = try bench.start("run.log")
        let hasGrown = try await bench.until {
            services.state.withLock { $0.replicas.values.allSatisfy { $0 >= 9 } }
        }
        #expect(hasGrown, "\(bench.log("run.log").suffix(2_000))")
        return sidecar
    }

    @Test("The load's replicas are ordered under the decision's id, told over HTTP, and held after SIGTERM, exit 0")
    func wholeLife() async throws {
        let services = try FakeServices()
        let port = try Loopback.freePort()
        let bench = try bench(services, "listen: 127.0.0.1:\(port)\n")
        defer { bench.remove() }
        let sidecar = try await scaled(bench, services)
        let metrics = Loopback.httpGet(port: port, path: "/metrics") ?? ""
        for name in [
            "autoscaler_desired_replicas{policy=\"applied\",service=\"risk\"}",
            "autoscaler_desired_replicas{policy=\"hpa_shadow\",service=\"match\"}", "autoscaler_ladder_level",
            "autoscaler_decision_seconds_count", "autoscaler_leader 1", "autoscaler_metric_age_seconds",
            "autoscaler_predicted_requests_per_second{horizon=\"10\",service=\"risk\"}",
        ] {
            #expect(metrics.contains(name), "\(name) in \(metrics)")
        }
        #expect(Loopback.httpGet(port: port, path: "/healthz")?.contains("ok") == true)
        #expect(Loopback.httpGet(port: port, path: "/readyz")?.contains("ok") == true)
        let desired = Loopback.httpGet(port: port, path: "/v1/desired-replicas/risk") ?? ""
        #expect(desired.contains("\"service\":\"risk\""))
        let hasOutcome = try await bench.until {
            try bench.lines().contains { if case .outcome = $0 { true } else { false } }
        }
        #expect(hasOutcome)
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
        #expect(try bench.events().last?.code == "RunEnded")
        let ids = Set(try bench.decisions().map(\.id))
        let (orders, replicas) = services.state.withLock { ($0.orders, $0.replicas) }
        #expect(!orders.isEmpty && orders.allSatisfy { ids.contains($0.decision) && $0.epoch == 1 })
        let last = try bench.decisions().last
        #expect(last?.round.decision.replicas == [replicas["risk"] ?? 0, replicas["match"] ?? 0])
        let line = bench.log("run.log").split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
        let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(json?["policy"] != nil && (json?["services"] as? [Any])?.count == 2)
    }

    @Test("One dry decision is written, told and not carried out") func once() async throws {
        let services = try FakeServices()
        let bench = try bench(services)
        defer { bench.remove() }
        let outcome = try await bench.run("run", "--config", bench.config, "--dry-run", "--once")
        #expect(outcome.code == 0, "\(outcome.output)")
        #expect(try bench.decisions().count == 1 && bench.decisions().first?.isActing == false)
        #expect(services.state.withLock { $0.orders.isEmpty })
        #expect(outcome.output.split(separator: "\n").count { $0.hasPrefix("{\"at\":") } == 1)
    }

    @Test("A killed sidecar changes nothing; the next one cuts the torn line and goes on from its last decision")
    func killed() async throws {
        let services = try FakeServices()
        let bench = try bench(services)
        defer { bench.remove() }
        let sidecar = try await scaled(bench, services)
        sidecar.signal(SIGKILL)
        #expect(await sidecar.wait() == 128 + SIGKILL)
        let before = services.state.withLock { $0.replicas }
        let last = try bench.decisions().last
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: bench.journal))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"v\":1,\"kind\":\"deci".utf8))
        try file.close()
        services.state.withLock { $0.page = { _, _ in nil } }
        let again = try bench.start("again.log")
        let count = try bench.decisions().count
        #expect(try await bench.until { try bench.decisions().count >= count + 5 })
        again.signal(SIGTERM)
        #expect(await again.wait() == 0)
        #expect(bench.log("again.log").contains("a torn line of 19 bytes was cut off"))
        let resumed = try bench.lines().compactMap { if case .run(let run) = $0 { run.resumed } else { nil } }
        #expect(resumed == [last?.id])
        let next = try bench.decisions().suffix(5)
        #expect(
            next.allSatisfy { $0.round.acting == .hold && $0.round.decision.replicas == last?.round.decision.replicas })
        let after = services.state.withLock { $0.replicas }
        #expect(after.allSatisfy { $0.value >= before[$0.key] ?? 0 }, "nothing is taken away without data")
    }

    /// What can be wrong with pages of metrics.
    enum Damage: String, CaseIterable {
        case notNumbers, html, silence, stale, status, halfPage, backwards, partial

        func reply(_ path: String, _ good: String) -> FakeEndpoint.Reply? {
            switch self {
            case .notNumbers:
                let lines = good.split(separator: "\n").map { line in
                    line.hasPrefix("#") ? String(line) : line.prefix { $0 != " " } + " NaN"
                }
                return FakeEndpoint.Reply(body: lines.joined(separator: "\n") + "\n")
            case .html: return FakeEndpoint.Reply(type: "text/html", body: "<!doctype html><p>Sign in</p>")
            case .silence: return nil
            case .stale:
                // The samples' times stand still, as those of a page that something on the way has kept.
                let lines = good.split(separator: "\n").map { line in
                    line.hasPrefix("#") ? String(line) : line + " 1700000000000"
                }
                return FakeEndpoint.Reply(body: lines.joined(separator: "\n") + "\n")
            case .status: return FakeEndpoint.Reply(status: 503, body: good)
            case .halfPage: return FakeEndpoint.Reply(body: String(good.prefix(good.utf8.count / 3)))
            case .backwards:
                // Counters below those of the pages before, and falling from page to page; one process all the while.
                let fall = Int(Date().timeIntervalSince1970 * 1_000) % 1_000_000_000
                let lines = good.split(separator: "\n").map { line in
                    line.hasPrefix("#") || line.hasPrefix("process_start_time")
                        ? String(line) : line.prefix { $0 != " " } + " \(1 - Double(fall) / 1e9)"
                }
                return FakeEndpoint.Reply(body: lines.joined(separator: "\n") + "\n")
            case .partial: return path.hasSuffix("/0/metrics") ? FakeEndpoint.Reply(body: good) : nil
            }
        }
    }

    @Test(
        "Metrics that are NaN, HTML, silent, stale, refused, cut, negative or of few replicas never lead to fewer replicas",
        arguments: Damage.allCases)
    func damaged(damage: Damage) async throws {
        let services = try FakeServices()
        let bench = try bench(services)
        defer { bench.remove() }
        let sidecar = try await scaled(bench, services)
        // With the load gone a sidecar that believed a missing number to be 0 would take replicas away.
        services.state.withLock { $0.page = { path, good in damage.reply(path, good) } }
        let isHeld = try await bench.until { try bench.decisions().last?.round.acting == .hold }
        #expect(isHeld, "\(damage): \(bench.log("run.log").suffix(2_000))")
        let before = services.state.withLock { $0.replicas }
        let count = try bench.decisions().count
        #expect(try await bench.until { try bench.decisions().count >= count + 10 })
        let after = services.state.withLock { $0.replicas }
        #expect(after.allSatisfy { $0.value >= before[$0.key] ?? 0 }, "\(damage): \(before) to \(after)")
        for decision in try bench.decisions() where !decision.round.acting.needsData {
            let seen = decision.round.observation.services.map(\.ordered)
            #expect(zip(decision.round.decision.replicas, seen).allSatisfy { $0 >= $1 }, "\(damage): \(decision.id)")
        }
        let warned = bench.log("run.log").components(separatedBy: "autoscaler: MetricsStale").count - 1
        let found = try bench.decisions().count { $0.round.events.contains { $0.code == "MetricsStale" } }
        #expect(warned >= 1 && warned <= found, "one warning each time it begins")
        // Good pages again: fresh data end the hold, and the load that is gone takes replicas away.
        services.setRate(50)
        services.state.withLock { $0.page = nil }
        let isBack = try await bench.until {
            services.state.withLock { $0.replicas.values.allSatisfy { $0 < 9 } }
        }
        #expect(isBack, "\(damage): \(bench.log("run.log").suffix(2_000))")
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
    }

    @Test("A model that cannot be used is refused with one warning, at the start and at SIGHUP, and the rules decide")
    func corruptModel() async throws {
        let services = try FakeServices()
        let bench = try bench(services)
        defer { bench.remove() }
        let model = "\(bench.folder)/model.safetensors"
        try Data((0..<500).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(to: URL(fileURLWithPath: model))
        try bench.write(SidecarBench.text(services, folder: bench.folder, "model: {file: \(model)}\n"))
        let sidecar = try await scaled(bench, services)
        #expect(try bench.events().first?.code == "ModelRefused")
        sidecar.signal(SIGHUP)
        let isRefused = try await bench.until { try bench.events().count { $0.code == "ModelRefused" } == 2 }
        #expect(isRefused && sidecar.isRunning)
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
        #expect(bench.log("run.log").contains("the rules decide"))
        #expect(try bench.decisions().allSatisfy { $0.modelHash == nil && $0.round.acting != .learned })
    }

    @Test("Of two sidecars one acts; when it is killed the other takes over in a higher epoch") func twoSidecars()
        async throws
    {
        let services = try FakeServices()
        services.setRate(600)
        let benches = [try bench(services), try bench(services)]
        let shared = try Programs.scratch()
        defer {
            for bench in benches { bench.remove() }
            try? FileManager.default.removeItem(atPath: shared)
        }
        for bench in benches {
            let leading = """
                leadership: {kind: file, file: \(shared)/lease, lease_duration: 3s, renew_deadline: 2s, retry_period: 200ms}

                """
            try bench.write(SidecarBench.text(services, folder: bench.folder, leading))
        }
        let first = try benches[0].start("run.log")
        #expect(try await benches[0].until { try benches[0].decisions().last?.epoch != nil })
        let second = try benches[1].start("run.log")
        #expect(try await benches[1].until { try benches[1].decisions().count >= 10 })
        #expect(try benches[1].decisions().allSatisfy { $0.epoch == nil && !$0.isActing })
        let epochs = Set(services.state.withLock { $0.orders.map(\.epoch) })
        #expect(epochs.count == 1)
        first.signal(SIGKILL)
        _ = await first.wait()
        services.setRate(1_200)
        #expect(try await benches[1].until { try benches[1].decisions().last?.epoch != nil })
        let isHigher = try await benches[1].until {
            services.state.withLock { state in state.orders.contains { $0.epoch > epochs.max() ?? 0 } }
        }
        #expect(isHigher, "\(benches[1].log("run.log").suffix(2_000))")
        second.signal(SIGTERM)
        #expect(await second.wait() == 0)
        let orders = services.state.withLock { $0.orders.map(\.epoch) }
        #expect(orders == orders.sorted(), "no order of an older epoch after one of a newer")
        // The lease was given back: a third one leads at once.
        let third = try benches[0].start("third.log", "--once")
        #expect(await third.wait() == 0)
        #expect(try benches[0].decisions().last?.epoch ?? 0 > UInt64(orders.last ?? 0))
    }

    @Test("A service that the supervisor does not have keeps the others from nothing") func unknownService()
        async throws
    {
        let services = try FakeServices()
        services.state.withLock { state in
            state.replicas["match"] = nil
            state.replicas["stranger"] = 3
        }
        services.setRate(600)
        let bench = try bench(services)
        defer { bench.remove() }
        let sidecar = try bench.start("run.log")
        let hasGrown = try await bench.until { services.state.withLock { $0.replicas["risk"] ?? 0 >= 9 } }
        #expect(hasGrown, "\(bench.log("run.log").suffix(2_000))")
        #expect(services.state.withLock { $0.replicas["stranger"] } == 3)
        #expect(sidecar.isRunning)
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
    }
}
