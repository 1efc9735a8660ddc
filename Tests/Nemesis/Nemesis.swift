import CacheStack
import Glibc
import LocalStack
import RedisTier

/// Injects faults one after another, at times two at once, and counts them.
///
/// Every fault heals what it broke before it returns, so that the end of a schedule is a whole system.
struct Nemesis {
    let servers: Servers
    let workers: Workers
    private var random: SplitMix
    private let choices: [Fault]
    /// How often each fault was injected.
    private(set) var counts: [Fault: Int] = [:]
    /// Injections that failed, with the reason: they count as none.
    private(set) var failures: [String] = []

    init(_ servers: Servers, _ workers: Workers, seed: UInt64, only: [Fault]) {
        self.servers = servers
        self.workers = workers
        random = SplitMix(seed: seed)
        choices = (only.isEmpty ? Fault.allCases : only).flatMap { Array(repeating: $0, count: $0.weight) }
    }

    /// Injects faults until `end`; calls `progress` before each.
    mutating func run(until end: ContinuousClock.Instant, _ progress: (String) -> Void) async {
        // Every kind has its turn first, in random order, if there is time; then by weight.
        var queue = Set(choices).sorted { $0.rawValue < $1.rawValue }.shuffled(using: &random)
        while ContinuousClock.now < end {
            let fault = queue.popLast() ?? choices.randomElement(using: &random) ?? .redisFlush
            let second = Int.random(in: 0..<4, using: &random) == 0 ? queue.popLast() : nil
            let seeds = (random.next(), random.next())
            progress([fault, second].compactMap { $0?.rawValue }.joined(separator: " and "))
            async let failure = Injection(servers: servers, workers: workers, seed: seeds.0).run(fault)
            if let second {
                let other = await Injection(servers: servers, workers: workers, seed: seeds.1).run(second)
                note(second, other)
            }
            note(fault, await failure)
            try? await Task.sleep(for: .milliseconds(Int.random(in: 50...600, using: &random)))
        }
    }

    private mutating func note(_ fault: Fault, _ failure: String?) {
        if let failure {
            failures.append("\(fault.rawValue): \(failure)")
        } else {
            counts[fault, default: 0] += 1
        }
    }
}

/// One injection of one fault.
struct Injection {
    let servers: Servers
    let workers: Workers
    var random: SplitMix

    init(servers: Servers, workers: Workers, seed: UInt64) {
        self.servers = servers
        self.workers = workers
        random = SplitMix(seed: seed)
    }

    /// Injects and heals; the reason where it could not.
    func run(_ fault: Fault) async -> String? {
        var copy = self
        do {
            try await copy.inject(fault)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private mutating func inject(_ fault: Fault) async throws {
        switch fault {
        case .redisKill, .redisPause, .redisZombie, .redisFailover: try await breakNode(fault)
        case .redisFlush, .redisOutOfMemory, .redisEviction, .redisScriptFlush, .redisSlotMove, .redisPoison:
            try await breakContents(fault)
        case .redisLinkHold, .redisLinkReset, .redisLinkRefuse, .redisLinkHalfOpen, .redisLinkDelay,
            .redisLinkGarbage, .postgresLinkHold, .postgresLinkReset, .postgresLinkHalfOpen, .postgresLinkDelay:
            await breakLink(fault)
        case .postgresRestart, .postgresBackendKill, .postgresBackendTerminate, .postgresBackendPause,
            .postgresClockLock, .postgresRowLock:
            try await breakDatabase(fault)
        case .workerPause:
            let index = Int.random(in: 0..<workers.count, using: &random)
            workers.signal(index, SIGSTOP)
            await hold(100...4_000)
            workers.signal(index, SIGCONT)
        case .workerKill: try await workers.replace(Int.random(in: 0..<workers.count, using: &random))
        }
    }

    mutating func hold(_ milliseconds: ClosedRange<Int>) async {
        // Not cut short by cancellation: what was broken must be healed.
        let duration = Duration.milliseconds(Int.random(in: milliseconds, using: &random))
        await Task.detached { try? await Task.sleep(for: duration) }.value
    }

    // MARK: Redis nodes

    private mutating func breakNode(_ fault: Fault) async throws {
        let masters = servers.masterIndices
        guard let master = masters.randomElement(using: &random) else { throw BenchError("no master answers") }
        switch fault {
        case .redisKill:
            servers.signal(redis: master, SIGKILL)
            await hold(500...4_000)
            try servers.restart(redis: master)
        case .redisPause:
            servers.signal(redis: master, SIGSTOP)
            await hold(100...1_500)
            servers.signal(redis: master, SIGCONT)
        case .redisZombie:
            servers.signal(redis: master, SIGSTOP)
            let end = ContinuousClock.now + .seconds(8)
            // One who asks a stopped node waits a second for nothing: ask the others.
            var others: [Int] = []
            repeat {
                await hold(100...200)
                others = servers.ports.indices.filter { index in
                    index != master
                        && RedisCommand.send(servers.ports[index], "ROLE")?.contains("\r\nmaster\r\n") == true
                }
            } while others.count < Servers.masters && ContinuousClock.now < end
            await hold(100...500)
            servers.signal(redis: master, SIGCONT)
            guard others.count == Servers.masters else { throw BenchError("no replica took over in 8 s") }
        default:
            let replicas = servers.ports.indices.filter { !masters.contains($0) }
            guard let replica = replicas.randomElement(using: &random) else { throw BenchError("no replica") }
            let reply = RedisCommand.send(servers.ports[replica], "CLUSTER", "FAILOVER", "FORCE")
            guard reply?.hasPrefix("+OK") == true else { throw BenchError(reply ?? "no answer") }
            await hold(300...1_000)
        }
    }

    // MARK: What Redis holds

    private mutating func breakContents(_ fault: Fault) async throws {
        let masters = servers.masterIndices
        guard let one = masters.randomElement(using: &random) else { throw BenchError("no master answers") }
        func send(_ words: String...) throws {
            let reply = RedisCommand.send(servers.ports[one], words.map { Array($0.utf8) })
            guard reply?.hasPrefix("+") == true else { throw BenchError("\(words): \(reply ?? "no answer")") }
        }
        switch fault {
        case .redisFlush:
            let victims = Bool.random(using: &random) ? masters : [one]
            for victim in victims { RedisCommand.send(servers.ports[victim], "FLUSHALL") }
        case .redisOutOfMemory, .redisEviction:
            let policy = fault == .redisEviction ? "allkeys-lru" : "noeviction"
            try send("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", "1")
            await hold(fault == .redisEviction ? 300...1_000 : 300...1_500)
            try send("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "536870912")
        case .redisScriptFlush: for port in servers.ports { RedisCommand.send(port, "SCRIPT", "FLUSH") }
        case .redisSlotMove: try await SlotMove(servers, masters).run(&random)
        default: Poison(servers).run(&random)
        }
    }

    // MARK: Links

    private mutating func breakLink(_ fault: Fault) async {
        let isDatabase = fault.rawValue.hasPrefix("postgres")
        let link = isDatabase ? Servers.postgresLink : Int.random(in: 0..<Servers.postgresLink, using: &random)
        // The masters are what the cache talks to.
        let target = isDatabase ? link : servers.masterIndices.randomElement(using: &random) ?? link
        let proxy = servers.proxy
        var mode: FaultProxy.Mode?
        var range = 0...0
        switch fault {
        case .redisLinkHold, .postgresLinkHold: (mode, range) = (.hold, isDatabase ? 100...3_000 : 100...2_000)
        case .redisLinkReset, .postgresLinkReset: proxy.reset(target)
        case .redisLinkRefuse:
            (mode, range) = (.refuse, 200...1_500)
            proxy.reset(target)
        case .redisLinkHalfOpen, .postgresLinkHalfOpen: proxy.halfOpen(target)
        case .redisLinkDelay:
            (mode, range) = (.delay(milliseconds: Int64.random(in: 5...60, using: &random)), 300...2_000)
        case .postgresLinkDelay:
            (mode, range) = (.delay(milliseconds: Int64.random(in: 5...40, using: &random)), 300...2_000)
        default: (mode, range) = (.garbage(oneIn: Int.random(in: 3...20, using: &random)), 500...2_000)
        }
        if let mode {
            proxy.set(target, mode)
            await hold(range)
            proxy.set(target, .pass)
        }
    }

    // MARK: PostgreSQL

    private static let backends = "FROM pg_stat_activity WHERE application_name LIKE 'nemesis-%'"

    private mutating func breakDatabase(_ fault: Fault) async throws {
        switch fault {
        case .postgresRestart: try await servers.restartPostgres()
        case .postgresBackendTerminate:
            let sql = "SELECT count(pg_terminate_backend(pid)) \(Self.backends) AND random() < 0.5"
            try await servers.sql(sql)
        case .postgresBackendKill: kill(try await backend(), SIGKILL)
        case .postgresBackendPause:
            let pid = try await backend()
            kill(pid, SIGSTOP)
            await hold(200...3_000)
            kill(pid, SIGCONT)
        default:
            let isClock = fault == .postgresClockLock
            let seconds = Double(Int.random(in: 200...(isClock ? 1_500 : 1_000), using: &random)) / 1_000
            let table = isClock ? "mc_clock" : "account"
            try await servers.sql("BEGIN; SELECT FROM \(table) FOR UPDATE; SELECT pg_sleep(\(seconds)); COMMIT")
        }
    }

    private func backend() async throws -> pid_t {
        let rows = try await servers.sql("SELECT pid \(Self.backends) ORDER BY random() LIMIT 1")
        guard let pid = rows.first?.first.flatMap({ $0 }).flatMap({ pid_t($0) }) else {
            throw BenchError("no backend")
        }
        return pid
    }
}
