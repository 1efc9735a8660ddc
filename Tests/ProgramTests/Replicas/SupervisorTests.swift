import Foundation
import LocalStack
import TestServers
import Testing

/// The supervisor and its replicas on real servers.
@Suite(
    .serialized, .enabled(if: TestServers.areInstalled, "redis-server or postgresql is not installed"),
    .timeLimit(.minutes(10)))
struct SupervisorTests {
    private struct Run {
        let bench: ReplicaBench
        let process: ChildProcess
        let port: UInt16

        init(_ settings: String) async throws {
            bench = try await ReplicaBench(replicas: settings)
            let ready = "\(bench.folder)/supervisor.json"
            process = try ChildProcess.start(
                [
                    "\(Programs.directory)/springtide", "supervise", "--config", bench.config, "--logs", bench.folder,
                    "--ready-file", ready,
                ], log: "\(bench.folder)/supervisor.log")
            let isReady = await eventually { ReplicaBench.port(of: ready) != nil }
            #expect(isReady, "\(bench.log("supervisor"))")
            port = try #require(ReplicaBench.port(of: ready))
        }

        func put(_ service: String, _ body: String) -> (status: Int, body: String)? {
            http("PUT", port, "/v1/replicas/\(service)", body)
        }

        func order(_ service: String, _ replicas: Int, epoch: Int, _ decision: String) -> Int? {
            put(service, #"{"replicas":\#(replicas),"epoch":\#(epoch),"decision":"\#(decision)"}"#)?.status
        }

        func service(_ name: String) throws -> [String: Any] {
            let answer = try #require(http("GET", port, "/v1/replicas/\(name)"))
            return try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
        }

        func instances(_ name: String) throws -> [[String: Any]] {
            try #require(try service(name)["instances"] as? [[String: Any]])
        }

        func pids(_ name: String) throws -> [Int32] {
            try instances(name).compactMap { ($0["pid"] as? NSNumber)?.int32Value }
        }

        func ready(_ name: String) throws -> Int { try #require(try service(name)["ready"] as? Int) }

        func stop() async {
            process.signal(SIGTERM)
            #expect(await process.wait() == 0, "\(bench.log("supervisor"))")
        }
    }

    private static let small = """
          risk: {initial: 1, minimum: 1, maximum: 3}
          notifications: {initial: 0, minimum: 0, maximum: 1}
        """

    @Test("Replicas come and go as ordered; orders of replaced leaders, out of bounds or malformed change nothing")
    func orders() async throws {
        let run = try await Run(Self.small)
        #expect(await eventually { try run.ready("risk") == 1 }, "\(run.bench.log("risk-1"))")
        #expect(run.order("risk", 2, epoch: 3, "a") == 200)
        #expect(run.order("risk", 3, epoch: 2, "b") == 409)
        #expect(run.order("risk", 3, epoch: 3, "a") == 409)
        #expect(run.order("risk", 4, epoch: 3, "c") == 422)
        #expect(run.order("risk", 0, epoch: 3, "d") == 422)
        #expect(run.order("matching", 1, epoch: 3, "e") == 404)
        for body in [
            "", "[]", #"{"replicas":"2","epoch":3,"decision":"x"}"#, #"{"replicas":2,"epoch":-1,"decision":"x"}"#,
        ] {
            #expect(run.put("risk", body)?.status == 400, "\(body)")
        }
        let repeated = try #require(run.put("risk", #"{"replicas":2,"epoch":3,"decision":"a"}"#))
        #expect(repeated.status == 200 && repeated.body.contains(#""repeated":true"#))
        #expect(await eventually { try run.ready("risk") == 2 })
        #expect(try await run.bench.members("risk") == ["risk-1", "risk-2"])
        let targets = try #require(http("GET", run.port, "/v1/targets"))
        let list = try #require(try JSONSerialization.jsonObject(with: Data(targets.body.utf8)) as? [[String: Any]])
        #expect(list.count == 2)
        for target in list {
            let address = try #require((target["targets"] as? [String])?.first)
            let port = try #require(UInt16(address.split(separator: ":").last ?? ""))
            #expect(Loopback.httpGet(port: port, path: "/metrics")?.contains("replica_ready") == true)
            #expect((target["labels"] as? [String: String])?["service"] == "risk")
        }
        #expect(run.order("notifications", 1, epoch: 3, "f") == 200)
        #expect(run.order("risk", 1, epoch: 4, "g") == 200)
        #expect(await eventually { try run.instances("risk").count == 1 && run.ready("notifications") == 1 })
        #expect(try run.instances("risk")[0]["replica"] as? Int == 1, "the highest number goes")
        #expect(run.bench.log("risk-2").contains("the replica has drained"))
        let metrics = Loopback.httpGet(port: run.port, path: "/metrics") ?? ""
        #expect(metrics.contains(#"supervisor_replicas{service="risk",state="desired"} 1"#))
        #expect(metrics.contains("supervisor_epoch 4"))
        #expect(metrics.contains(#"supervisor_orders_total{result="stale"} 1"#))
        #expect(metrics.contains(#"service_offered_requests_total{service="risk"} 0"#))
        let pids = try run.pids("risk") + run.pids("notifications")
        await run.stop()
        #expect(pids.allSatisfy { kill($0, 0) != 0 }, "replicas have ended before their supervisor")
    }

    @Test("A replica that is killed or stands still is started again; the work goes on")
    func restarts() async throws {
        let run = try await Run(Self.small)
        #expect(await eventually { try run.ready("risk") == 1 })
        let first = try #require(try run.pids("risk").first)
        kill(first, SIGKILL)
        #expect(await eventually { try run.ready("risk") == 1 && run.pids("risk") != [first] })
        #expect(try run.instances("risk")[0]["restarts"] as? Int == 1)
        try await run.bench.send("risk", try (1...50).map { try ReplicaBench.orders($0, producer: 1) })
        #expect(await eventually { try await run.bench.waiting("risk") == 0 })
        let second = try #require(try run.pids("risk").first)
        kill(second, SIGSTOP)
        #expect(await eventually { kill(second, 0) != 0 }, "three health checks without an answer")
        #expect(await eventually { try run.ready("risk") == 1 && run.pids("risk") != [second] })
        await run.stop()
    }

    @Test("Replicas end with a supervisor that is killed, and nothing of it stays")
    func killedSupervisor() async throws {
        let run = try await Run(
            "  risk: {initial: 2, minimum: 1, maximum: 3, quota: 0.5}\n  notifications: {initial: 1}")
        #expect(await eventually { try run.ready("risk") == 2 && run.ready("notifications") == 1 })
        let pids = try run.pids("risk") + run.pids("notifications")
        #expect(pids.count == 3 && pids.allSatisfy { $0 > 0 })
        run.process.signal(SIGKILL)
        _ = await run.process.wait()
        #expect(await eventually { pids.allSatisfy { kill($0, 0) != 0 } })
    }

    @Test("A quota of a tenth of a processor holds a busy replica to about that")
    func quota() async throws {
        let run = try await Run(
            "  risk: {initial: 1, minimum: 1, maximum: 1, quota: 0.1}\n  notifications: {initial: 0, minimum: 0}")
        #expect(await eventually { try run.ready("risk") == 1 })
        let answer = try #require(http("GET", run.port, "/v1/replicas"))
        guard answer.body.contains(#""quotas":true"#) else {
            // No control group may be made here: then that was said once.
            let warnings = run.bench.log("supervisor").split(separator: "\n").count {
                $0.contains("replicas run without processor quotas")
            }
            #expect(warnings == 1)
            return await run.stop()
        }
        let pid = try #require(try run.pids("risk").first)
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let processors = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") })
        let isOne = processors.split(separator: "\t").last?.allSatisfy(\.isNumber) ?? false
        #expect(isOne, "one processor: \(processors)")
        let feeding = Task {
            var number: UInt64 = 0
            while !Task.isCancelled {
                let batches = try (1...100).map {
                    try ReplicaBench.orders(number + UInt64($0), producer: 2, count: 200)
                }
                number += 100
                if try await run.bench.waiting("risk") < 500 { try await run.bench.send("risk", batches) }
            }
        }
        #expect(await eventually { try await run.bench.waiting("risk") > 100 })
        let (before, start) = (try Self.processorSeconds(pid), ContinuousClock.now)
        try await Task.sleep(for: .seconds(4))
        let share = (try Self.processorSeconds(pid) - before) / ((ContinuousClock.now - start) / .seconds(1))
        feeding.cancel()
        _ = await feeding.result
        // Without the quota it would use all it gets; clock ticks of 10 ms and one period of 10 ms are in it.
        #expect(share < 0.13, "it used \(share) of a processor")
        #expect(share > 0.01, "it was not busy")
        await run.stop()
        #expect(!FileManager.default.fileExists(atPath: "/proc/\(pid)"))
    }

    /// User and system time of a process: fields 14 and 15 of its `stat`, in ticks.
    private static func processorSeconds(_ pid: Int32) throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let ticks = try #require(Double(fields[12])) + (try #require(Double(fields[13])))
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    @Test("Contradictory settings are refused with file, line and key")
    func settings() async throws {
        for (text, message) in [
            ("replicas: {risk: {minimum: 5, maximum: 2}}", "replicas.risk.maximum: is below minimum"),
            ("replicas: {risk: {initial: 9}}", "replicas.risk.initial must be a whole number in 1...8"),
            ("replicas: {partitions: 0}", "replicas.partitions must be a whole number in 1...1024"),
            ("replicas: {scope: 'a b'}", "replicas.scope: must be 1 to 32 letters and digits"),
            ("replicas: {matching: {initial: 1}}", "unknown key replicas.matching"),
            ("redis: {mode: none}", "replicas need Redis"),
        ] {
            let folder = try Programs.scratch()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = "\(folder)/node.yaml"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await Programs.run(words: ["springtide", "supervise", "--config", file])
            #expect(outcome.code == 2, "\(text)")
            #expect(outcome.output.contains(message), "\(outcome.output)")
        }
    }
}
