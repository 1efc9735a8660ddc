import Foundation
import LocalStack
import RedisTier
import Services
import TestServers
import Testing

/// Replicas as processes on real servers: killed, drained, fed with poison.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "redis-server or postgresql is not installed"),
    .timeLimit(.minutes(10)))
struct ReplicaProcessTests {
    /// Longest time from a replica's death to the end of what it held: membership runs out (2 s), the batch is idle
    /// for as long (2 s, at the same time), the next look comes (0.5 s); the rest is for a loaded machine.
    private static let claimTime = Duration.seconds(30)

    @Test("kill -9 of a replica of risk: every batch is answered once, by others, and verdicts are the table's")
    func riskKilled() async throws {
        let bench = try await ReplicaBench()
        let doomed = try bench.replica("risk", 1)
        let heir = try bench.replica("risk", 2)
        #expect(await eventually { try await bench.members("risk") == ["risk-1", "risk-2"] }, "\(bench.log("risk-1"))")
        let producer = UInt64.random(in: 1...UInt64(Int64.max))
        let batches = try (1...2_000).map { try ReplicaBench.orders($0, producer: producer, count: 20) }
        let sending = Task { try await bench.send("risk", batches) }
        try await Task.sleep(for: .milliseconds(150))
        doomed.signal(SIGKILL)
        let killed = ContinuousClock.now
        #expect(await doomed.wait() == 128 + SIGKILL)
        try await sending.value
        #expect(await eventually { try await bench.waiting("risk") == 0 })
        #expect(ContinuousClock.now - killed < Self.claimTime)
        let answers = try await bench.streams.follow(
            "\(bench.prefix("risk")):answers:\(producer)", after: "0-0", limit: 10_000, wait: .zero)
        var numbers: [UInt64] = []
        for answer in answers {
            let (header, verdicts) = try BatchFormat.verdicts(answer.payload)
            numbers.append(header.number)
            let account = ReplicaBench.accounts.lowerBound + UInt32(header.number) % UInt32(ReplicaBench.accounts.count)
            // Every tenth account is blocked: rule 24.
            let expected: UInt8 = account % 10 == 0 ? 24 : 0
            #expect(verdicts.count == 20 && verdicts.allSatisfy { $0.rule == expected }, "account \(account)")
        }
        #expect(numbers.count == 2_000, "each batch once")
        #expect(Set(numbers) == Set(1...2_000))
        #expect(await eventually { try await bench.members("risk") == ["risk-2"] })
        heir.signal(SIGTERM)
        #expect(await heir.wait() == 0, "\(bench.log("risk-2"))")
        #expect(try await bench.members("risk").isEmpty, "a drained replica has left")
    }

    @Test("kill -9 of a replica of notifications: every notice is one row, every batch one transaction")
    func noticesKilled() async throws {
        let bench = try await ReplicaBench()
        var replicas = [try bench.replica("notifications", 1), try bench.replica("notifications", 2)]
        #expect(await eventually { try await bench.members("notifications").count == 2 })
        let batches = try (1...1_500).map { try ReplicaBench.news($0, producer: 77) }
        let sending = Task { try await bench.send("notifications", batches) }
        for round in 0..<3 {
            try await Task.sleep(for: .milliseconds(200))
            replicas[round % 2].signal(SIGKILL)
            _ = await replicas[round % 2].wait()
            replicas[round % 2] = try bench.replica("notifications", 1 + round % 2)
        }
        try await sending.value
        // The same batches again, as a producer sends them that has heard nothing.
        try await bench.send("notifications", Array(batches.prefix(300)))
        #expect(await eventually { try await bench.waiting("notifications") == 0 })
        #expect(try await bench.rows("SELECT count(*), count(DISTINCT order_id) FROM notice") == [["1500", "1500"]])
        #expect(
            try await bench.rows("SELECT count(*) FROM mc_idem WHERE idem LIKE 'notices/%'") == [["1500"]],
            "a batch that came again left no transaction")
        for replica in replicas {
            replica.signal(SIGTERM)
            #expect(await replica.wait() == 0)
        }
    }

    @Test("A drain under load ends with 0 and leaves nothing in hand; the other replica ends the rest")
    func drain() async throws {
        let bench = try await ReplicaBench()
        let (one, two) = (try bench.replica("risk", 1), try bench.replica("risk", 2))
        #expect(await eventually { try await bench.members("risk").count == 2 })
        let batches = try (1...1_000).map { try ReplicaBench.orders($0, producer: 5, count: 20) }
        let sending = Task { try await bench.send("risk", batches) }
        try await Task.sleep(for: .milliseconds(100))
        one.signal(SIGTERM)
        #expect(await one.wait() == 0, "\(bench.log("risk-1"))")
        #expect(try await !bench.members("risk").contains("risk-1"))
        try await sending.value
        #expect(await eventually { try await bench.waiting("risk") == 0 })
        let port = try #require(bench.port("risk", 2))
        let metrics = Loopback.httpGet(port: port, path: "/metrics") ?? ""
        #expect(
            metrics.contains(#"replica_batches_total{result="claimed",service="risk"} 0"#), "nothing was left to claim")
        #expect(metrics.contains(#"replica_ready{service="risk"} 1"#))
        #expect(
            metrics.contains(
                #"rpc_server_call_duration_seconds_bucket{code="ok",method="screen",service="risk",le="0.05"}"#))
        for name in [
            "replica_requests_total", "replica_offered_requests_total", "replica_queue_batches",
            "replica_busy_seconds_total", "replica_utilisation_ratio", "process_start_time_seconds",
        ] { #expect(metrics.contains("\n\(name)"), "\(name)") }
        two.signal(SIGTERM)
        #expect(await two.wait() == 0)
    }

    @Test("Poison is put aside with its reason, and what is behind it is done")
    func poison() async throws {
        let bench = try await ReplicaBench()
        let replica = try bench.replica("risk", 1)
        #expect(await eventually { try await bench.members("risk").count == 1 })
        var damaged = try ReplicaBench.orders(1, producer: 6).bytes
        damaged[60] ^= 1
        let good = try ReplicaBench.orders(2, producer: 6)
        try await bench.send("risk", [(good.account, damaged), (good.account, []), good])
        #expect(await eventually { try await bench.waiting("risk") == 0 })
        let letters = try await bench.streams.follow(
            "\(bench.prefix("risk")):dead", after: "0-0", limit: 10, wait: .zero)
        #expect(letters.map(\.payload) == [damaged, []])
        let answers = try await bench.streams.follow(
            "\(bench.prefix("risk")):answers:6", after: "0-0", limit: 10, wait: .zero)
        #expect(answers.count == 1)
        replica.signal(SIGTERM)
        #expect(await replica.wait() == 0)
    }

    @Test("Wrong services, numbers and addresses end with 2 and a reason")
    func arguments() async throws {
        let bench = try await ReplicaBench()
        for (arguments, message) in [
            (["matching", "--replica", "1"], "matching cannot run as replicas; one of risk, notifications"),
            (["--replica", "2"], "--replica needs a service, such as: springtide serve risk --replica 1"),
            (["risk"], "--replica must be 1 to 64"), (["risk", "--replica", "65"], "--replica must be 1 to 64"),
            (["risk", "--replica", "1", "--http", "nowhere"], "--http must be host:port"),
        ] {
            let outcome = try await Programs.run(
                words: ["springtide", "serve"] + arguments + ["--config", bench.config])
            #expect(outcome.code == 2, "\(arguments)")
            #expect(outcome.output.contains(message), "\(outcome.output)")
        }
    }
}

extension Programs {
    /// Runs a program of ours with arguments in a list.
    static func run(words: [String]) async throws -> Outcome {
        let log = NSTemporaryDirectory() + "/springtide-program-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let child = try ChildProcess.start(["\(directory)/\(words[0])"] + words.dropFirst(), log: log)
        let code = await child.wait()
        return Outcome(code: code, output: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }
}
