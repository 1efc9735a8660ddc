import CacheStack
import Glibc
import LocalStack
import RedisTier
import TestData

/// One injection of one fault: breaks, heals, and measures what it has touched.
struct Injection {
    let servers: Servers
    let workers: Workers
    let recorder: Recorder
    var random: SplitMix64

    init(servers: Servers, workers: Workers, recorder: Recorder, seed: UInt64) {
        self.servers = servers
        self.workers = workers
        self.recorder = recorder
        random = SplitMix64(seed: seed)
    }

    /// Injects and heals; how many things noticed (requests, connections, keys, transactions), 0 for none.
    mutating func inject(_ fault: Fault) async throws -> Int {
        switch fault {
        case .redisKill, .redisPause, .redisZombie, .redisFailover: try await breakNode(fault)
        case .redisFlush, .redisOutOfMemory, .redisEviction, .redisScriptFlush, .redisSlotMove,
            .redisPoison:
            try await breakContents(fault)
        case .redisLinkHold, .redisLinkReset, .redisLinkRefuse, .redisLinkHalfOpen, .redisLinkDelay,
            .redisLinkGarbage, .postgresLinkHold, .postgresLinkReset, .postgresLinkHalfOpen,
            .postgresLinkDelay:
            await breakLink(fault)
        case .postgresRestart, .postgresBackendKill, .postgresBackendTerminate, .postgresBackendPause:
            try await breakProcess(fault)
        case .postgresClockLock, .postgresRowLock, .postgresDeadlock, .postgresSerialization:
            try await contend(fault)
        case .postgresRestore, .postgresClockBack, .postgresDiskFull: try await breakDatabase(fault)
        case .workerPause:
            await pauseWorker(Int.random(in: 0..<workers.count, using: &random))
        case .workerKill:
            try await workers.replace(Int.random(in: 0..<workers.count, using: &random)) == 128 + SIGKILL
                ? 1 : 0
        }
    }

    mutating func hold(_ milliseconds: ClosedRange<Int>) async {
        await Self.sleep(milliseconds: Int.random(in: milliseconds, using: &random))
    }

    /// Not cut short by cancellation: what was broken must be healed.
    static func sleep(milliseconds: Int) async {
        await Task.detached { try? await Task.sleep(for: .milliseconds(milliseconds)) }.value
    }

    /// Measures again for up to `milliseconds` until there is something.
    func measured(within milliseconds: Int, _ count: () async throws -> Int) async throws -> Int {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while true {
            let found = try await count()
            guard found <= 0, ContinuousClock.now < end else { return max(0, found) }
            await Self.sleep(milliseconds: 50)
        }
    }

    /// A stopped process notes no call: 1 where its file did not grow.
    private mutating func pauseWorker(_ index: Int) async -> Int {
        workers.signal(index, SIGSTOP)
        await Self.sleep(milliseconds: 50)
        let size = workers.noted(index)
        await hold(100...4_000)
        let isStopped = workers.noted(index) == size
        workers.signal(index, SIGCONT)
        return isStopped ? 1 : 0
    }

    // MARK: Redis nodes

    /// The effect: requests of clients that met the node in that state; for failovers, masters that changed.
    private mutating func breakNode(_ fault: Fault) async throws -> Int {
        let masters = servers.masterIndices
        guard let master = masters.randomElement(using: &random) else {
            throw BenchError("no master answers")
        }
        let asked = servers.proxy.asked(master)
        switch fault {
        case .redisKill:
            let cut = servers.proxy.touched(master)
            servers.signal(redis: master, SIGKILL)
            await hold(500...4_000)
            let isDead = RedisCommand.send(servers.ports[master], "PING") == nil
            let noticed = servers.proxy.asked(master) - asked + servers.proxy.touched(master) - cut
            try servers.restart(redis: master)
            return isDead ? max(1, noticed) : 0
        case .redisPause:
            servers.signal(redis: master, SIGSTOP)
            await hold(100...1_500)
            servers.signal(redis: master, SIGCONT)
            return servers.proxy.asked(master) - asked
        case .redisZombie: return try await zombie(master, masters)
        default:
            let replicas = servers.ports.indices.filter { !masters.contains($0) }
            guard let replica = replicas.randomElement(using: &random) else {
                throw BenchError("no replica")
            }
            let reply = RedisCommand.send(servers.ports[replica], "CLUSTER", "FAILOVER", "FORCE")
            guard reply?.hasPrefix("+OK") == true else { throw BenchError(reply ?? "no answer") }
            await hold(300...1_000)
            return try await measured(within: 2_000) { isMaster(replica) ? 1 : 0 }
        }
    }

    private func isMaster(_ index: Int) -> Bool {
        RedisCommand.send(servers.ports[index], "ROLE")?.contains("\r\nmaster\r\n") == true
    }

    /// Stops a master until another has its slots; the effect is that one and the requests it met meanwhile.
    private mutating func zombie(_ master: Int, _ masters: [Int]) async throws -> Int {
        let asked = servers.proxy.asked(master)
        servers.signal(redis: master, SIGSTOP)
        let end = ContinuousClock.now + .seconds(8)
        // One who asks a stopped node waits a second for nothing: ask the others.
        var others: [Int] = []
        repeat {
            await hold(100...200)
            others = servers.ports.indices.filter { $0 != master && isMaster($0) }
        } while others.count < Servers.masters && ContinuousClock.now < end
        await hold(100...500)
        servers.signal(redis: master, SIGCONT)
        guard others.count == Servers.masters else { throw BenchError("no replica took over in 8 s") }
        return 1 + servers.proxy.asked(master) - asked
    }

    // MARK: What Redis holds

    /// A number of a node's INFO, e.g. `evicted_keys:` of `stats`; all of them summed, 0 where it is not there.
    private func information(_ indices: [Int], _ section: String, _ field: String) -> Int {
        indices.reduce(0) { sum, index in
            let text = RedisCommand.send(servers.ports[index], "INFO", section) ?? ""
            let line = text.split(separator: "\r\n").first { $0.hasPrefix(field) }
            return sum + (line.flatMap { Int($0.dropFirst(field.count)) } ?? 0)
        }
    }

    /// The effect: refused commands, keys gone, redirects, keys moved, entries thrown out.
    private mutating func breakContents(_ fault: Fault) async throws -> Int {
        let masters = servers.masterIndices
        guard let one = masters.randomElement(using: &random) else {
            throw BenchError("no master answers")
        }
        func errors(_ indices: [Int], _ name: String) -> Int {
            information(indices, "errorstats", "errorstat_\(name):count=")
        }
        switch fault {
        case .redisFlush:
            let victims = Bool.random(using: &random) ? masters : [one]
            return victims.reduce(0) { count, victim in
                let size = RedisCommand.send(servers.ports[victim], "DBSIZE") ?? ":0"
                let isFlushed =
                    RedisCommand.send(servers.ports[victim], "FLUSHALL")?.hasPrefix("+OK") == true
                return count + (isFlushed ? Int(size.dropFirst().prefix { $0.isNumber }) ?? 0 : 0)
            }
        case .redisOutOfMemory, .redisEviction:
            let isEviction = fault == .redisEviction
            func count() -> Int {
                isEviction ? information([one], "stats", "evicted_keys:") : errors([one], "OOM")
            }
            let before = count()
            try set(one, "maxmemory-policy", isEviction ? "allkeys-lru" : "noeviction", "maxmemory", "1")
            await hold(isEviction ? 300...1_000 : 300...1_500)
            let effect = count() - before
            try set(one, "maxmemory-policy", "allkeys-lru", "maxmemory", "536870912")
            return max(0, effect)
        case .redisScriptFlush:
            let before = errors(masters, "NOSCRIPT")
            for port in servers.ports { RedisCommand.send(port, "SCRIPT", "FLUSH") }
            return try await measured(within: 2_000) { errors(masters, "NOSCRIPT") - before }
        case .redisSlotMove:
            let before = errors(masters, "MOVED") + errors(masters, "ASK")
            let moved = try await SlotMove(servers, masters).run(&random)
            let redirects = try await measured(within: 1_000) {
                errors(masters, "MOVED") + errors(masters, "ASK") - before
            }
            return moved + redirects
        default: return await Poison(servers).run(&random)
        }
    }

    private func set(_ index: Int, _ words: String...) throws {
        let reply = RedisCommand.send(
            servers.ports[index], (["CONFIG", "SET"] + words).map { Array($0.utf8) })
        guard reply?.hasPrefix("+") == true else {
            throw BenchError("\(words): \(reply ?? "no answer")")
        }
    }

    // MARK: Links

    /// The effect: connections with bytes that were not carried, cut or refused; pieces delayed or changed.
    private mutating func breakLink(_ fault: Fault) async -> Int {
        let isDatabase = fault.rawValue.hasPrefix("postgres")
        let link =
            isDatabase ? Servers.postgresLink : Int.random(in: 0..<Servers.postgresLink, using: &random)
        // The masters are what the cache talks to.
        let target = isDatabase ? link : servers.masterIndices.randomElement(using: &random) ?? link
        let proxy = servers.proxy
        let before = proxy.touched(target)
        var mode: FaultProxy.Mode?
        var range = 0...0
        switch fault {
        case .redisLinkHold, .postgresLinkHold:
            (mode, range) = (.hold, isDatabase ? 100...3_000 : 100...2_000)
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
            return proxy.touched(target) - before
        }
        return (try? await measured(within: 300) { proxy.touched(target) - before }) ?? 0
    }
}
