internal import Foundation
internal import LocalStack
internal import Market
internal import Synchronization

/// A trading day of minutes in which the sidecar decides how many replicas screen the orders.
///
/// 1. servers, market and node as in the plain demo, but requests pass the replicas of `risk` on Redis Streams;
/// 2. `springtide supervise` with a small processor quota a replica; a warm-up measures what one serves and how long it
///    takes to start;
/// 3. `loadgen run` drives the day, `autoscaler run` observes and orders, and where asked for is killed and comes back;
/// 4. all end, PostgreSQL is asked, and `autoscaler report` makes the page of what the journal, the load generator and
///    the supervisor say.
actor AutoscaleRun {
    nonisolated let plan: AutoscalePlan
    private nonisolated let base: DemoRun
    private nonisolated let supervisor: ChildProcess
    private nonisolated let supervisorPort: UInt16
    private nonisolated let watch: ReplicaWatch
    private nonisolated let disk: DiskWitness
    private var sidecar: ChildProcess?
    private(set) var supervisorExit: Int32 = -1
    private(set) var sidecarExit: Int32 = -1
    private var loadExit: Int32 = -1
    /// When the sidecar was killed and when it was started again, seconds since 1970 UTC.
    private(set) var away: (from: Double, until: Double)?

    /// Orders of replicas that the warm-up gave.
    private var orders = 0

    private static let supervisorStart = 60
    /// Requests a second of one replica in the first step of the warm-up.
    private static let firstRate = 60.0
    /// Seconds that a killed sidecar is away.
    private static let absence = 10

    /// Starts servers, node and supervisor; returns when the first replicas serve.
    static func start(_ plan: AutoscalePlan) async throws -> AutoscaleRun {
        try DemoRun.require("autoscaler")
        let base = try await DemoRun.start(plan.base)
        do {
            step("starting the supervisor with \(AutoscalePlan.replicasAtStart) replicas of \(plan.quota) processors")
            let ready = "\(base.directory)/supervisor.json"
            let supervisor = try ChildProcess.start(
                [
                    DemoRun.sibling("springtide"), "supervise", "--config", base.configurationFile, "--logs",
                    "\(base.directory)/replicas", "--ready-file", ready,
                ], log: "\(base.directory)/supervisor.log")
            let port = try await port(ready, supervisor, base.directory)
            let run = AutoscaleRun(plan, base, supervisor, port)
            try await run.requireQuotas()
            try await run.waitForReplicas(AutoscalePlan.replicasAtStart)
            return run
        } catch {
            await base.stop()
            throw error
        }
    }

    private init(_ plan: AutoscalePlan, _ base: DemoRun, _ supervisor: ChildProcess, _ port: UInt16) {
        self.plan = plan
        self.base = base
        self.supervisor = supervisor
        supervisorPort = port
        watch = ReplicaWatch(port: port)
        disk = DiskWitness(directory: base.directory)
    }

    private static func port(_ file: String, _ process: ChildProcess, _ directory: String) async throws -> UInt16 {
        for _ in 0..<(supervisorStart * 50) {
            if let data = FileManager.default.contents(atPath: file),
                let object = try? JSONSerialization.jsonObject(with: data) as? [String: Int],
                let port = object["http"].flatMap({ UInt16(exactly: $0) })
            {
                return port
            }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw LocalFailure("the supervisor did not start:\n\(tail("\(directory)/supervisor.log"))")
    }

    private static func tail(_ file: String) -> String {
        String(((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").suffix(2_000))
    }

    private func requireQuotas() async throws {
        let body = await Task.detached { [supervisorPort] in
            Loopback.httpGet(port: supervisorPort, path: "/v1/replicas")
        }.value
        guard body?.contains(#""quotas":true"#) == true else {
            throw LocalFailure("this machine gives replicas no processor quotas, without which one is as good as ten")
        }
    }

    private func waitForReplicas(_ count: Int) async throws {
        for _ in 0..<(Self.supervisorStart * 10) {
            await watch.look()
            if let last = watch.last("risk"), last.ready == count, last.draining == 0 { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw LocalFailure("\(count) replicas are not ready:\n\(Self.tail("\(base.directory)/replicas/risk-1.log"))")
    }

    /// Has the supervisor run so many replicas, before the sidecar gives orders.
    private func order(_ count: Int) async throws {
        orders += 1
        let body = #"{"replicas":\#(count),"epoch":0,"decision":"warm-up-\#(orders)"}"#
        let answer = await Task.detached { [supervisorPort] in
            Loopback.httpPut(port: supervisorPort, path: "/v1/replicas/risk", body: body)
        }.value
        guard answer != nil else { throw LocalFailure("the supervisor takes no order of \(count) replicas") }
        try await waitForReplicas(count)
    }

    // MARK: Warm-up

    /// Measures what a replica and the machine serve, with as many replicas as the peak needs: steps of load until one of
    /// them is busy. The replicas of the start are left.
    func warmUp() async throws -> ReplicaCapacity {
        let replicas = AutoscalePlan.replicasAtPeak
        step("warm-up: what \(replicas) replicas serve on their quotas")
        try await order(replicas)
        var steps = [try await measure(rate: Self.firstRate * Double(replicas), seconds: 4)]
        while steps.count < ReplicaCapacity.stepsMax,
            let rate = ReplicaCapacity.next(after: steps[steps.count - 1], quota: plan.quota)
        {
            let whole = min(AutoscalePlan.peakMax, rate * Double(replicas)).rounded()
            steps.append(try await measure(rate: whole, seconds: 4))
        }
        try await order(AutoscalePlan.replicasAtStart)
        guard let capacity = ReplicaCapacity(steps, quota: plan.quota) else { throw Self.unfit(steps) }
        return capacity
    }

    private static func unfit(_ steps: [ReplicaCapacity.Step]) -> LocalFailure {
        let text = steps.map { String(format: "%.0f/s took %.4f processors", $0.rate, $0.processors) }
        return LocalFailure("the warm-up tells no capacity: \(text.joined(separator: ", "))")
    }

    /// Load of a rate for some seconds, and what the replicas used meanwhile, on average.
    private func measure(rate: Double, seconds: Int) async throws -> ReplicaCapacity.Step {
        let pages = try await ports()
        let before = await Self.totals(pages)
        let start = ContinuousClock.now
        let program = try ChildProcess.start(
            try loadArguments(json: "\(base.directory)/warm-up.json") + [
                "--rate", "\(rate)", "--duration", "\(seconds)s", "--mix", "new=70,cancel=20,replace=10",
                "--marketable", "0.2", "--coalesce", "300us", "--account-exponent", "0",
                "--seed", "\(plan.seed &+ 500 &+ UInt64(rate))",
            ], log: "\(base.directory)/warm-up.log")
        let code = await program.wait()
        // A generator that was held up itself (120) has sent its requests all the same.
        guard code == 0 || code == 120 else {
            throw LocalFailure("the warm-up failed (exit \(code)):\n\(Self.tail("\(base.directory)/warm-up.log"))")
        }
        let after = await Self.totals(pages)
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let each = elapsed * Double(max(1, pages.count))
        return ReplicaCapacity.Step(
            rate: (after.requests - before.requests) / each, processors: (after.processors - before.processors) / each,
            offered: rate, machine: try Self.machineUse("\(base.directory)/warm-up.json"))
    }

    /// Share of the machine's processors in use, the median of the generator's samples (`Schemas/loadgen-summary.md`).
    private static func machineUse(_ summary: String) throws -> Double {
        struct Summary: Decodable {
            struct Watch: Decodable { var samples: [Sample] }
            struct Sample: Decodable { var machine_cpu: Double? }
            var watch: Watch
        }
        let text = try JSONDecoder().decode(Summary.self, from: Data(contentsOf: URL(fileURLWithPath: summary)))
        let shares = text.watch.samples.compactMap(\.machine_cpu).sorted()
        guard !shares.isEmpty else { throw LocalFailure("\(summary) does not say what the machine did") }
        return shares[shares.count / 2]
    }

    /// Ports of the replicas' own metrics.
    private func ports() async throws -> [UInt16] {
        let body = await Task.detached { [supervisorPort] in
            Loopback.httpGet(port: supervisorPort, path: "/v1/targets")
        }.value
        let list = try JSONSerialization.jsonObject(with: Data((body ?? "[]").utf8)) as? [[String: Any]] ?? []
        return list.compactMap {
            ($0["targets"] as? [String])?.first?.split(separator: ":").last.flatMap { UInt16($0) }
        }
    }

    private static func totals(_ ports: [UInt16]) async -> (requests: Double, processors: Double) {
        var totals = (requests: 0.0, processors: 0.0)
        for port in ports {
            let page = await MetricsPage.fetch(port: Int(port))
            totals.requests += page.sum("replica_requests_total")
            totals.processors += page.sum("process_cpu_seconds_total")
        }
        return totals
    }

    private nonisolated func loadArguments(json: String) throws -> [String] {
        let seed = SeedPlan(
            accounts: plan.base.accounts, instruments: plan.base.instruments, sessions: plan.base.sessions)
        return [
            DemoRun.sibling("loadgen"), "run", "--target", "127.0.0.1:\(base.fixPort)", "--sessions",
            "\(seed.sessions)",
            "--accounts", "\(seed.accounts)", "--account-first", "\(AccountID.firstClient.rawValue)", "--instruments",
            base.instrumentFile, "--holdings-stride", "\(seed.stride)", "--holdings-per-account", "\(seed.holdings)",
            "--json", json, "--ack-log", base.acknowledgementFile,
        ]
    }

    // MARK: The day

    /// Drives the day with load generator and sidecar, then ends everything and asks PostgreSQL.
    func run(_ files: SidecarFiles) async throws {
        try files.chain.write(toFile: "\(plan.report)/chain.yaml", atomically: true, encoding: .utf8)
        step("drawing \(AutoscalePlan.pastDays) past days for the forecast")
        let history = try await PastDays(plan: plan, peak: files.peak).write(to: plan.report)
        let seed = SeedPlan(
            accounts: plan.base.accounts, instruments: plan.base.instruments, sessions: plan.base.sessions)
        let scenario = "\(plan.report)/day.yaml"
        try files.scenario(target: base.fixPort, instruments: base.instrumentFile, accounts: seed).write(
            toFile: scenario, atomically: true, encoding: .utf8)
        for name in ["summary.json", "journal.jsonl", "decisions.jsonl"] {
            try? FileManager.default.removeItem(atPath: "\(plan.report)/\(name)")
        }
        step("the day: \(plan.preOpen) s of quiet, the open, \(plan.session) s of trading, the close")
        watch.start()
        disk.start()
        let known = Self.size(base.acknowledgementFile)
        let load = try ChildProcess.start(
            [
                DemoRun.sibling("loadgen"), "run", "--scenario", scenario, "--realtime", "--json",
                "\(plan.report)/summary.json", "--ack-log", base.acknowledgementFile, "--html",
                "\(plan.report)/load.html",
            ], log: "\(plan.report)/load.log")
        // The log is written ten times a second; the sidecar's calendar is as exact as that.
        while load.isRunning, Self.size(base.acknowledgementFile) == known {
            try await Task.sleep(for: .milliseconds(5))
        }
        let opensAt = Date().timeIntervalSince1970 + Double(plan.preOpen)
        try files.sidecar(opensAt: opensAt, history: history, node: base.httpPort, supervisor: supervisorPort)
            .write(toFile: "\(plan.report)/autoscaler.yaml", atomically: true, encoding: .utf8)
        sidecar = try startSidecar()
        if plan.killsSidecar { try await killSidecar(after: Double(plan.preOpen + plan.session / 8), load) }
        loadExit = await load.wait()
        try await end()
    }

    private func startSidecar() throws -> ChildProcess {
        try ChildProcess.start(
            [DemoRun.sibling("autoscaler"), "run", "--config", "\(plan.report)/autoscaler.yaml"],
            log: "\(plan.report)/decisions.jsonl")
    }

    private func killSidecar(after seconds: Double, _ load: ChildProcess) async throws {
        let due = ContinuousClock.now + .seconds(seconds)
        while load.isRunning, ContinuousClock.now < due { try await Task.sleep(for: .milliseconds(20)) }
        sidecar?.signal(SIGKILL)
        _ = await sidecar?.wait()
        let at = Date().timeIntervalSince1970
        step("kill -9 of the sidecar; the replicas stay as they are")
        let back = ContinuousClock.now + .seconds(Self.absence)
        while load.isRunning, ContinuousClock.now < back { try await Task.sleep(for: .milliseconds(20)) }
        sidecar = try startSidecar()
        away = (at, Date().timeIntervalSince1970)
        step("the sidecar is back and takes up its journal")
    }

    private static func size(_ file: String) -> UInt64 {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        return (attributes?[.size] as? NSNumber)?.uint64Value ?? 0
    }

    /// Ends sidecar and watch, asks the database, ends the supervisor.
    private func end() async throws {
        step("ending the sidecar and the replicas")
        sidecar?.signal(SIGTERM)
        sidecarExit = await sidecar?.wait() ?? -1
        await watch.stop()
        try watch.replicaTable.write(toFile: "\(plan.report)/replicas.csv", atomically: true, encoding: .utf8)
        try watch.processorTable.write(toFile: "\(plan.report)/processors.csv", atomically: true, encoding: .utf8)
        supervisor.signal(SIGTERM)
        supervisorExit = await supervisor.wait()
        try await base.examine(loadExit: loadExit, disk: await disk.stop())
    }

    /// Seconds that a replica takes to start: what was seen, and half as much again for a busy machine.
    nonisolated var startup: ClosedRange<Double> {
        let seen = watch.startups
        let longest = max(1, seen.last ?? 1)
        return min(longest, seen.first ?? 1)...(1.5 * longest)
    }

    /// What the supervisor said, moment by moment.
    nonisolated var samples: [ReplicaWatch.Sample] { watch.samples }

    /// What PostgreSQL says, as in the plain demo.
    var result: DemoResult { get async { await base.result } }

    /// Stops all that still runs and removes the scratch directory.
    func stop() async {
        sidecar?.signal(SIGKILL)
        supervisor.signal(SIGKILL)
        await base.stop()
    }
}
