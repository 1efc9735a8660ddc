import Foundation
import Testing

/// `autoscaler evaluate` and `train` on a chain of a file, with the models they are given.
@Suite struct EvaluateProfileTests {
    private static let chain = """
        latency_target: 100ms
        classes: {order: 1}
        services:
          - {name: risk, replicas: {min: 1, max: 12}, service_time: 10ms, visits: {order: 1}}
          - {name: match, replicas: {min: 1, max: 12}, service_time: 10ms, visits: {order: 1}}

        """

    /// Four days of an hour, a value a minute.
    private static let recording =
        "time,value\n"
        + (0..<240).map { "\($0 * 60),\(3_000 + 1_000 * sin(Double($0 % 60) / 60 * 2 * .pi))\n" }.joined()

    @Test("A model is judged whatever --policies says, on the chain of --profile; another chain's model is refused")
    func modelAndProfile() async throws {
        let bench = try SidecarBench("")
        defer { bench.remove() }
        func path(_ name: String) -> String { "\(bench.folder)/\(name)" }
        try Self.chain.write(toFile: path("chain.yaml"), atomically: true, encoding: .utf8)
        try Self.recording.write(toFile: path("load.csv"), atomically: true, encoding: .utf8)
        let training = try await bench.run(
            "train", "--profile", path("chain.yaml"), "--peak", "400", "--steps", "256", "--form", "single", "--out",
            path("policy.safetensors"))
        #expect(training.code == 0, "\(training.output)")
        let common = [
            "--trace", path("load.csv"), "--seeds", "1", "--threads", "1", "--seconds-of-day", "3600", "--peak", "400",
            "--uncalibrated", "--policies", "static",
        ]
        let judged = try await bench.run(
            ["evaluate", "--model", path("policy.safetensors"), "--profile", path("chain.yaml")] + common)
        #expect(judged.code == 0, "\(judged.output)")
        for policy in ["static", "ppo", "ppo alone"] {
            #expect(judged.output.contains("\n  \(policy) "), "\(policy) in \(judged.output)")
        }
        #expect(!judged.output.contains("\n  keda ") && !judged.output.contains("the forecast rule on"))
        let other = try await bench.run(["evaluate", "--model", path("policy.safetensors")] + common)
        #expect(other.code == 2 && other.output.contains("the model is for 2 services, the chain has 8"))
        for (text, message) in [
            ("services: []\n", "bad.yaml:1:"), ("servises: []\n", "services is missing"), ("- 1\n", "bad.yaml"),
        ] {
            try text.write(toFile: path("bad.yaml"), atomically: true, encoding: .utf8)
            for command in [["evaluate"] + common, ["train", "--steps", "1", "--out", path("x")]] {
                let outcome = try await bench.run(command + ["--profile", path("bad.yaml")])
                #expect(outcome.code == 2 && outcome.output.contains(message), "\(text): \(outcome.output)")
            }
        }
        let missing = try await bench.run(["evaluate"] + common + ["--profile", path("nowhere.yaml")])
        #expect(missing.code == 2 && missing.output.contains("nowhere.yaml"))
    }
}
