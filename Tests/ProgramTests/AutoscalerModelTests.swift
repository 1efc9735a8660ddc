import Autoscaling
import Foundation
import LocalStack
import Testing

/// `autoscaler run` with a learned policy, and its journal replayed.
@Suite struct AutoscalerModelTests {
    private static let chain = """
        latency_target: 50ms
        classes: {order: 1}
        services:
          - {name: risk, replicas: {min: 1, max: 20}, service_time: 10ms, visits: {order: 1}}
          - {name: match, replicas: {min: 1, max: 20}, service_time: 10ms, visits: {order: 1}}

        """

    /// Runs until so many more decisions are written, with SIGHUP in the middle.
    private func life(_ bench: SidecarBench, _ arguments: String...) async throws {
        let before = bench.log("journal.jsonl").isEmpty ? 0 : try bench.decisions().count
        let sidecar = try ChildProcess.start(
            [SidecarBench.program, "run", "--config", bench.config] + arguments, log: "\(bench.folder)/run.log")
        #expect(try await bench.until { try bench.decisions().count >= before + 15 })
        let loaded = try bench.events().count { $0.code == "ModelLoaded" }
        sidecar.signal(SIGHUP)
        #expect(try await bench.until { try bench.events().count { $0.code == "ModelLoaded" } > loaded })
        #expect(try await bench.until { try bench.decisions().count >= before + 40 })
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0, "\(bench.log("run.log").suffix(2_000))")
    }

    @Test("A model loaded again at SIGHUP, and one that only proposes by --shadow, are replayed as they were")
    func replayed() async throws {
        let services = try FakeServices()
        let bench = try SidecarBench("")
        defer { bench.remove() }
        let (profile, model) = ("\(bench.folder)/chain.yaml", "\(bench.folder)/policy.safetensors")
        try Self.chain.write(toFile: profile, atomically: true, encoding: .utf8)
        let training = try await bench.run(
            "train", "--profile", profile, "--peak", "400", "--steps", "256", "--form", "single", "--out", model)
        #expect(training.code == 0, "\(training.output)")
        try bench.write(
            SidecarBench.text(services, folder: bench.folder, "model: {file: \(model)}\n")
                .replacing("{name: risk, replicas: {min: 1, max: 20}, service_time: 10ms}", with: Self.service("risk"))
                .replacing(
                    "{name: match, replicas: {min: 1, max: 20}, service_time: 10ms}", with: Self.service("match")))
        services.setRate(300)
        try await life(bench)
        let acted = try bench.decisions().contains { $0.round.acting == .learned }
        #expect(acted, "\(bench.log("run.log").suffix(2_000))")
        let count = try bench.decisions().count
        try await life(bench, "--shadow")
        let later = try bench.decisions().dropFirst(count)
        #expect(later.allSatisfy { $0.round.acting != .learned } && later.contains { $0.round.proposal("ppo") != nil })
        let replay = try await bench.run(
            "replay", bench.journal, "--strict", "--model", model, "--policy", "ladder", "--policy", "ppo")
        #expect(replay.code == 0, "\(replay.output.prefix(3_000))")
    }

    private static func service(_ name: String) -> String {
        "{name: \(name), replicas: {min: 1, max: 20}, service_time: 10ms, visits: {order: 1}}"
    }
}
