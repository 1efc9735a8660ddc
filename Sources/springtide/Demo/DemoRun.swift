internal import Foundation
internal import LocalStack
internal import Market
internal import PostgresTier
internal import Services

/// A demo from an empty machine to the verdict.
///
/// 1. a private Redis Cluster and PostgreSQL (full durability), migrated and seeded;
/// 2. `springtide serve` as a process of its own, `loadgen run` as another;
/// 3. load, and where asked for: the node is killed (SIGKILL) and started again, or Redis stands still;
/// 4. the load ends, the node stops, and PostgreSQL alone is asked: acknowledged = durable, and the invariants.
actor DemoRun {
    nonisolated let plan: DemoPlan
    private nonisolated let stack: LocalStack
    /// Scratch directory, which goes with the servers.
    nonisolated let directory: String
    nonisolated let fixPort: UInt16
    nonisolated let httpPort: UInt16
    private var node: ChildProcess
    private(set) var result = DemoResult()

    /// Starts the servers and the node; returns when orders are accepted.
    static func start(_ plan: DemoPlan) async throws -> DemoRun {
        step("starting Redis Cluster (3 nodes) and PostgreSQL in a scratch directory")
        let stack = try await Task.detached { try LocalStack() }.value
        do {
            return try await start(plan, on: stack)
        } catch {
            await Task.detached { stack.stop() }.value
            throw error
        }
    }

    private static func start(_ plan: DemoPlan, on stack: LocalStack) async throws -> DemoRun {
        // Inside the database's directory, which its supervisor removes however this process ends.
        let directory = "\(stack.postgres.directory)/demo"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: plan.report, withIntermediateDirectories: true)
        _ = try await MigrateCommand.migrate(stack.postgres.connection)
        let seed = SeedPlan(accounts: plan.accounts, instruments: plan.instruments, sessions: plan.sessions)
        step("seeding \(plan.accounts) accounts and \(plan.instruments) instruments")
        let tier = try tier(stack)
        try await seed.write(to: tier, on: plan.day)
        await tier.close()
        try seed.instrumentFile(on: plan.day).write(
            toFile: "\(directory)/instruments.csv", atomically: true, encoding: .utf8)
        let ports = (fix: try Loopback.freePort(), http: try Loopback.freePort())
        try configuration(plan, stack, ports, directory).write(
            toFile: "\(directory)/node.yaml", atomically: true, encoding: .utf8)
        step("starting the trading node")
        let node = try await startNode(directory)
        return DemoRun(plan, stack, directory, ports, node)
    }

    private init(
        _ plan: DemoPlan, _ stack: LocalStack, _ directory: String, _ ports: (fix: UInt16, http: UInt16),
        _ node: ChildProcess
    ) {
        self.plan = plan
        self.stack = stack
        self.directory = directory
        fixPort = ports.fix
        httpPort = ports.http
        self.node = node
    }

    /// For those who want to look themselves.
    nonisolated var connection: String { stack.postgres.connection }
    nonisolated var redisAddresses: [String] { stack.redis.addresses }
    nonisolated var instrumentFile: String { "\(directory)/instruments.csv" }
    /// What the node was started with.
    nonisolated var configurationFile: String { "\(directory)/node.yaml" }
    /// Where the load generator tells what it was told.
    nonisolated var acknowledgementFile: String { "\(directory)/acks.csv" }

    /// Runs the load and the audit.
    func run() async throws {
        try? FileManager.default.removeItem(atPath: summaryFile)
        let disk = DiskWitness(directory: directory)
        disk.start()
        let before = ProcessorShare.sample()
        let start = ContinuousClock.now
        try watched.write(toFile: loadFile, atomically: true, encoding: .utf8)
        let program = try ChildProcess.start(loadgenArguments, log: nil)
        let disturbing = Task(name: "disturb") {
            // The load of a drill ends when the drill has ended, however slow the machine.
            defer { if plan.kills > 0 { program.signal(SIGINT) } }
            try await self.disturb()
        }
        // The summary is written when the load has ended; the page waits for what follows here.
        while program.isRunning, !FileManager.default.fileExists(atPath: summaryFile) {
            try await Task.sleep(for: .milliseconds(20))
        }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        result.processors = ProcessorShare.sample().since(before, elapsed: elapsed)
        result.watch = LoadWatch(summary: summaryFile)
        result.disk = await disk.stop()
        disturbing.cancel()
        if case .failure(let error) = await disturbing.result, !(error is CancellationError) { throw error }
        try await examine()
        let sections = try JSONSerialization.data(withJSONObject: ["sections": result.sections(plan)])
        try sections.write(to: URL(fileURLWithPath: "\(directory)/server.json"), options: .atomic)
        result.loadExit = await program.wait()
    }

    /// Stops the node and asks PostgreSQL alone.
    ///
    /// - Parameters:
    ///   - loadExit: exit code of a load generator that `run` did not start.
    ///   - disk: what the disk did meanwhile.
    func examine(loadExit: Int32? = nil, disk: DiskWitness.Finding? = nil) async throws {
        if let loadExit { result.loadExit = loadExit }
        if let disk { result.disk = disk }
        step("stopping the node")
        result.metrics = await MetricsPage.fetch(port: Int(httpPort))
        try result.metrics.text.write(toFile: "\(plan.report)/metrics.txt", atomically: true, encoding: .utf8)
        node.signal(SIGTERM)
        result.nodeExit = await node.wait()
        step("auditing PostgreSQL")
        let tier = try Self.tier(stack)
        let seed = SeedPlan(accounts: plan.accounts, instruments: plan.instruments, sessions: plan.sessions)
        result.audit = try await TradingAudit(durable: tier, fees: try plan.fees, opening: seed.opening).run()
        result.acknowledgements = try await AckCheck.run(log: acknowledgementFile, durable: tier)
        await tier.close()
    }

    private nonisolated var summaryFile: String { "\(plan.report)/summary.json" }

    /// Stops the servers and removes the scratch directory.
    func stop() async {
        node.signal(SIGKILL)
        let stack = stack
        await Task.detached { stack.stop() }.value
    }

    /// Kills the node, or stops Redis, in mid-load, as the plan says.
    private func disturb() async throws {
        if plan.redisStop > 0 {
            try await Task.sleep(for: .seconds(max(1, plan.seconds / 4)))
            step("Redis stands still for \(plan.redisStop) s")
            for server in stack.redis.nodes { server.process.suspend() }
            try? await Task.sleep(for: .seconds(plan.redisStop))
            for server in stack.redis.nodes { server.process.resume() }
            step("Redis goes on")
        }
        let pause = Double(plan.seconds) / Double(plan.kills + 1)
        for round in 0..<plan.kills {
            try await Task.sleep(for: .seconds(pause))
            node.signal(SIGKILL)
            _ = await node.wait()
            node = try await Self.startNode(directory)
            result.kills = round + 1
            step("kill -9 of the node, round \(round + 1) of \(plan.kills): it is back")
        }
        if plan.kills > 0 { try await Task.sleep(for: .seconds(pause)) }
    }

    private nonisolated var loadFile: String { "\(directory)/load.yaml" }

    /// What the load generator watches beside its own process; all else of the load are its arguments.
    private var watched: String {
        let redis = stack.redis.nodes.map { "  - {pid_file: \"\($0.process.directory)/pid\", component: Redis}" }
        return """
            version: 1
            name: "\(plan.rate) requests a second"
            server_metrics:
              - {pid_file: "\(directory)/node.pid", component: trading node}
              - {pid_file: "\(stack.postgres.process.directory)/pid", component: PostgreSQL}
            \(redis.joined(separator: "\n"))
              - {scrape: "http://127.0.0.1:\(httpPort)/metrics"}
            """
    }

    private var loadgenArguments: [String] {
        let seed = SeedPlan(accounts: plan.accounts, instruments: plan.instruments, sessions: plan.sessions)
        var arguments = [
            Self.sibling("loadgen"), "run", "--scenario", loadFile, "--rate", "\(plan.rate)", "--duration",
            "\(plan.longestLoad)s",
            "--seed", "\(plan.seed)", "--target", "127.0.0.1:\(fixPort)", "--sessions", "\(plan.sessions)",
            "--accounts", "\(plan.accounts)", "--account-first", "\(AccountID.firstClient.rawValue)",
            "--instruments", "\(directory)/instruments.csv", "--holdings-stride", "\(seed.stride)",
            "--holdings-per-account", "\(seed.holdings)", "--mix", "new=70,cancel=20,replace=10",
            "--json", summaryFile, "--ack-log", acknowledgementFile, "--realtime", "--coalesce", "300us",
            "--marketable", "0.2",
            "--html", "\(plan.report)/index.html", "--server-json", "\(directory)/server.json",
            "--server-json-wait", "600",
        ]
        if plan.kills > 0 { arguments.append("--reconnect") }
        for threshold in plan.thresholds { arguments += ["--threshold", threshold] }
        return arguments
    }

    private static func startNode(_ directory: String) async throws -> ChildProcess {
        let ready = "\(directory)/ready.json"
        try? FileManager.default.removeItem(atPath: ready)
        let node = try ChildProcess.start(
            [sibling("springtide"), "serve", "--config", "\(directory)/node.yaml", "--ready-file", ready],
            log: "\(directory)/node.log")
        try "\(node.processID.map(String.init) ?? "")\n".write(
            toFile: "\(directory)/node.pid", atomically: true, encoding: .utf8)
        for _ in 0..<(DemoPlan.longestRestart * 100) {
            if FileManager.default.fileExists(atPath: ready) { return node }
            guard node.isRunning else { break }
            try? await Task.sleep(for: .milliseconds(10))
        }
        let log = (try? String(contentsOfFile: "\(directory)/node.log", encoding: .utf8)) ?? ""
        throw LocalFailure("the node did not start:\n\(log.suffix(2_000))")
    }

    private static func tier(_ stack: LocalStack) throws -> PostgresTier {
        var settings = PostgresTier.Configuration(conninfo: stack.postgres.connection)
        settings.statementTimeout = .seconds(600)
        return try PostgresTier(settings, schemas: TradingSpaces.all)
    }

    private static func configuration(
        _ plan: DemoPlan, _ stack: LocalStack, _ ports: (fix: UInt16, http: UInt16), _ directory: String
    ) -> String {
        """
        postgres: {connection: "\(stack.postgres.connection)"}
        redis: {mode: cluster, addresses: [\(stack.redis.addresses.joined(separator: ", "))]}
        gateway: {fix: "127.0.0.1:\(ports.fix)", http: "127.0.0.1:\(ports.http)", store: "\(directory)/fix-store"}
        market: {day: "\(plan.day.rawValue)", schedule: continuous}
        risk: {preset: load}
        limits: {accounts: \(max(plan.accounts, 1_000))}
        trace: {file: "\(plan.trace)", sample_every: \(plan.traceSampleEvery)}
        \(plan.replicas)
        """
    }

    /// A program of ours in the folder of this one.
    static func sibling(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Throws where a program of ours that is going to be needed has not been built.
    static func require(_ names: String...) throws(LocalFailure) {
        for name in names where !FileManager.default.isExecutableFile(atPath: sibling(name)) {
            throw LocalFailure("\(sibling(name)) is missing; build it: swift build -c release --product \(name)")
        }
    }
}

/// One line of progress.
func step(_ text: String) { say("-- \(text)") }
