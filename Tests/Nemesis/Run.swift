import CacheStack
import Foundation
import Glibc
import LocalStack
import PostgresTier
import Synchronization

/// One run: servers, workload, faults, a quiet end, and the verdict.
struct Run {
    private let options: Options
    private let only: [Fault]

    init(_ options: Options) throws {
        self.options = options
        only = try options.only.map { name in
            guard let fault = Fault(rawValue: name) else {
                throw Options.Mistake(message: "there is no fault \(name); try --list")
            }
            return fault
        }
    }

    /// The faults in their order.
    var plan: FaultPlan { FaultPlan(seed: options.seed, only: only) }

    /// The exit code: 0, or 99 where anything is wrong.
    func run() async throws -> Int32 {
        let missing = LocalStack.missingPrograms
        guard missing.isEmpty else {
            throw BenchError("not installed: \(missing.joined(separator: ", "))")
        }
        Self.say(
            "nemesis: seed \(options.seed), \(options.duration.components.seconds) s of faults, "
                + "\(options.processes) processes of workload")
        let servers = try await Servers(seed: options.seed)
        defer { servers.stop() }
        Self.say(
            "servers: 3 Redis masters and 3 replicas, PostgreSQL with full durability, a relay before each"
        )
        try await open(servers)
        let directory = try self.directory(servers)
        let workers = try Workers(options, servers, directory: directory)
        try await Servers.wait("first calls", seconds: 30) {
            (try? await servers.sql("SELECT ts > 20 FROM mc_clock")) == [["t"]]
        }
        guard let recorder = Recorder("\(directory)/calls-injector.txt", process: 0) else {
            throw BenchError("no file for the injected calls in \(directory)")
        }
        var nemesis = Nemesis(servers, workers, recorder, plan: plan)
        let start = ContinuousClock.now
        await nemesis.run(until: start + options.duration) { what in
            let seconds = (ContinuousClock.now - start).components.seconds
            Self.say("  \(seconds) s: \(what)")
        }
        Self.say("faults over; 6 s of peace")
        try await Task.sleep(for: .seconds(1))
        SlotMove.mend(servers)
        let healed = Clock.now
        try await Task.sleep(for: .seconds(5))
        let states = servers.masterIndices.map {
            RedisCommand.send(servers.ports[$0], "CLUSTER", "INFO") ?? ""
        }
        let whole = states.count { $0.contains("cluster_state:ok") }
        Self.say("\(whole) of \(Servers.masters) Redis masters serve all slots")
        let ended = await workers.ended()
        let codes = await workers.stop()
        recorder.flush()
        var evidence = Evidence()
        try evidence.readCalls(directory)
        let final = try await Dump.read(servers)
        evidence.readEpochs(servers.ended.withLock { $0 }, final: final)
        let verdict = Verdict(
            evidence, nemesis, healed: healed, metrics: try Self.metrics(directory),
            strangeEnds: ended + codes.filter { $0 != 0 })
        let code: Int32 = verdict.isClean ? 0 : 99
        Self.say(verdict.text(isCanary: options.isCanary))
        Self.say("exit code \(code); the same faults again: nemesis --seed \(options.seed) \(again)")
        return code
    }

    private var again: String {
        "--duration \(options.duration.components.seconds)s --processes \(options.processes)"
            + (options.only.isEmpty ? "" : " --only \(options.only.joined(separator: ","))")
    }

    /// The sums of the metrics that the processes wrote at their end.
    private static func metrics(_ directory: String) throws -> [String: Double] {
        var sums: [String: Double] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory)
        where name.hasPrefix("metrics-") {
            let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                guard let blank = line.lastIndex(of: " "),
                    let value = Double(line[line.index(after: blank)...])
                else {
                    continue
                }
                sums[String(line[..<blank]), default: 0] += value
            }
        }
        return sums
    }

    /// Where the processes write: beside the servers, or where the caller wants to keep it.
    private func directory(_ servers: Servers) throws -> String {
        let directory = options.keep ?? "\(servers.stack.directory)/run"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let old = try FileManager.default.contentsOfDirectory(atPath: directory)
        guard !old.contains(where: { $0.hasPrefix("calls-") }) else {
            throw BenchError("\(directory) holds the history of another run")
        }
        return directory
    }

    /// Prints a line at once, also into a pipe.
    private static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// Opens every account with the same balance.
    private func open(_ servers: Servers) async throws {
        let tier = try PostgresTier(
            PostgresTier.Configuration(conninfo: servers.directConninfo), schemas: Bank.schemas)
        var writes = WriteSet()
        for key in Bank.allAccounts {
            writes.append(key, payload: Bank.payload(key, balance: Bank.opening, attempt: 0))
        }
        let outcome = await tier.commit([Transaction(writes: writes)], until: .now + .seconds(20))
        guard case .decided(let outcomes) = outcome, case .committed? = outcomes.first else {
            throw BenchError("the accounts could not be opened: \(outcome)")
        }
        await tier.close()
    }
}
