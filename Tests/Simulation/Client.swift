internal import CacheStack
internal import HistoryChecker

/// One caller in a process: reads at every level and conditional writes, one after another, each judged by the truth.
final class Client: @unchecked Sendable {  // used by the scheduler's thread only
    let world: World
    let host: Host
    var generator: SeededGenerator
    private var buffer: [UInt8] = []

    static let ages: [Duration] = [
        .milliseconds(20), .milliseconds(200), .seconds(1), .seconds(3), .seconds(10), .seconds(10), .seconds(40),
    ]

    init(_ world: World, _ host: Host, number: UInt64) {
        self.world = world
        self.host = host
        generator = SeededGenerator(seed: world.plan.seed, stream: 16 + number)
    }

    var stack: CacheStack { host.stack }
    var truth: Truth { world.truth }
    var now: Int64 { world.scheduler.now }

    func run() async {
        world.activeClients += 1
        while !world.isStopping && !host.isDead {
            await world.scheduler.sleep(generator.waiting(mean: world.plan.think))
            guard !world.isStopping, !host.isDead else { break }
            await step()
            world.operations += 1
        }
        world.activeClients -= 1
    }

    private func step() async {
        let choice = generator.below(100)
        if choice < 60 {
            sweep()
        } else if choice < 72 {
            await readBounded()
        } else if choice < 80 {
            await readSession()
        } else if choice < 86 {
            await readSnapshot()
        } else if choice < 88 {
            _ = await read(pick(1 + generator.below(3)), .strict, maxAge: nil)
        } else if choice < 95 {
            await transfer()
        } else {
            await writeOther()
        }
    }

    func pick(_ count: Int) -> [Int] { (0..<count).map { _ in generator.below(world.plan.keys) } }

    private func age() -> (duration: Duration, nanoseconds: Int64) {
        let age = Self.ages[generator.below(Self.ages.count)]
        let (seconds, attoseconds) = age.components
        return (age, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    // MARK: Reads

    /// Looks at every row that L1 can prove, as a batch of orders does.
    private func sweep() {
        let (age, nanoseconds) = age()
        var values: [Sighting] = []
        let bound = AgeBound(maxAge: age)
        let time = stack.now
        for row in 0..<world.plan.keys {
            guard let found = stack.peek(world.key(row), bound, at: time, into: &buffer) else { continue }
            let content = found.isAbsent ? Content() : Content(buffer) ?? Content(attempt: .max, balance: 0)
            let value = Sighting(
                row: row, version: found.version.rawValue, asOf: found.asOf.rawValue,
                epoch: world.epoch(found.epoch), ageNanoseconds: found.ageNanoseconds, content: content)
            truth.check(value, began: now, maxAge: nanoseconds)
            host.checkOrder(value, by: .init(call: "peek"))
            host.note(row, epoch: value.epoch, version: value.version, by: .init(call: "peek"))
            world.scheduler.note(value.version)
            if world.recorder != nil { values.append(value) }
        }
        world.recorder?.read(.bounded, values, by: host, began: now, maxAge: nanoseconds)
    }

    private func readBounded() async {
        let (age, nanoseconds) = age()
        let rows = pick(1 + generator.below(4))
        let allowsStale = generator.chance(2_000)
        _ = await read(rows, .bounded(maxAge: age), maxAge: nanoseconds, allowStale: allowsStale)
    }

    private func readSession() async {
        guard let session = checkOut() else { return }
        defer { world.idleSessions.append(session) }
        let (age, nanoseconds) = age()
        let token = world.plan.mutant == .tokenNotCarried ? SessionToken() : session.token
        let values = await read(
            pick(1 + generator.below(3)), .session(token, maxAge: age), maxAge: nanoseconds, session: session)
        for value in values { session.token.observe(value) }
    }

    /// A session that no other operation uses; sessions wander between processes that way.
    private func checkOut() -> World.Session? {
        guard !world.idleSessions.isEmpty else { return nil }
        return world.idleSessions.remove(at: generator.below(world.idleSessions.count))
    }

    /// Reads and judges the answer; empty where the read failed or the process died meanwhile.
    func read(
        _ rows: [Int], _ level: ReadLevel, maxAge: Int64?, session: World.Session? = nil, allowStale: Bool = false
    ) async -> [CachedValue] {
        let (began, newest, epoch) = (now, truth.newest, truth.epoch)
        let before = host.seenBefore(rows)
        let token = session?.token ?? SessionToken()
        do {
            let values = try await stack.read(rows.map(world.key), level, allowStale: allowStale)
            guard !host.isDead else { return [] }
            var (sound, stale): ([Sighting], [Sighting]) = ([], [])
            for (index, value) in values.enumerated() {
                let isBound = !value.isStale
                let seen = observation(value, rows[index])
                if !token.isEmpty, world.epoch(token.epoch) != seen.epoch {
                    truth.fail("a read with token \(token) returned epoch \(value.epoch)")
                }
                truth.check(seen, began: began, maxAge: isBound ? maxAge : nil, token: token.ticket.rawValue)
                guard isBound else {
                    stale.append(seen)
                    continue
                }
                sound.append(seen)
                let kind = Host.Source(call: Self.name(level), level: value.level)
                host.checkOrder(seen, before[index], by: kind)
                host.note(seen.row, epoch: seen.epoch, version: seen.version, by: kind)
                if case .strict = level, seen.epoch == epoch, seen.asOf < newest {
                    truth.fail("a strict read saw ticket \(seen.asOf), \(newest) was committed before it")
                }
            }
            record(level, sound, stale, began: began, maxAge: maxAge, session: session)
            return values
        } catch {
            note(error, session)
            return []
        }
    }

    private static func name(_ level: ReadLevel) -> StaticString {
        switch level {
        case .bounded: "a bounded read"
        case .session: "a session's read"
        case .snapshot: "a snapshot"
        case .strict: "a strict read"
        }
    }

    private func record(
        _ level: ReadLevel, _ sound: [Sighting], _ stale: [Sighting], began: Int64, maxAge: Int64?,
        session: World.Session?
    ) {
        guard let recorder = world.recorder else { return }
        let kind: Operation.Kind =
            switch level {
            case .strict: .strict
            case .session: .session
            default: .bounded
            }
        let (maxAge, number) = (maxAge ?? 0, session?.number ?? -1)
        recorder.read(kind, sound, by: host, session: number, began: began, maxAge: maxAge)
        recorder.read(kind, stale, by: host, began: began, maxAge: maxAge, isStale: true)
    }

    private func observation(_ value: CachedValue, _ row: Int) -> Sighting {
        world.scheduler.note(value.version.rawValue << 8 | UInt64(value.level.rawValue))
        let (seconds, attoseconds) = value.ageBound.components
        return Sighting(
            row: row, version: value.version.rawValue, asOf: value.asOf.rawValue, epoch: world.epoch(value.epoch),
            ageNanoseconds: seconds * 1_000_000_000 + attoseconds / 1_000_000_000,
            content: Content(value.payload) ?? Content(attempt: .max, balance: 0))
    }

    /// A read may fail only where something went wrong; a session that lost its history begins anew.
    private func note(_ error: CacheError, _ session: World.Session?) {
        guard !host.isDead else { return }
        world.errors[error.code, default: 0] += 1
        world.scheduler.note(UInt64(error.code.rawValue.utf8.count))
        switch error.code {
        case .otherEpoch, .behindToken:
            if truth.epoch == World.firstEpoch { truth.fail("\(error) though history never changed") }
            session?.token = SessionToken()
            session?.number = world.makeSessionNumber()
        case .contention: break
        case .stalenessUnprovable, .overloaded:
            if world.plan.rates.isEmpty { truth.fail("\(error) though nothing is at fault") }
        }
    }

    private func readSnapshot() async {
        let (age, nanoseconds) = age()
        let isWhole = generator.chance(5_000)
        let rows = isWhole ? Array(0..<world.plan.accounts) : pick(1 + generator.below(5))
        let session = generator.chance(5_000) ? checkOut() : nil
        defer { if let session { world.idleSessions.append(session) } }
        let token = session?.token ?? SessionToken()
        let began = now
        do {
            let snapshot = try await stack.snapshot(rows.map(world.key), maxAge: age, token: token)
            guard !host.isDead else { return }
            let values = zip(snapshot.values, rows).map { observation($0, $1) }
            let epoch = world.epoch(snapshot.epoch)
            for (value, read) in zip(values, snapshot.values) {
                truth.check(value, began: began, maxAge: nil, token: token.ticket.rawValue)
                host.note(
                    value.row, epoch: value.epoch, version: value.version,
                    by: .init(call: "snapshot", level: read.level, ticket: snapshot.ticket.rawValue))
            }
            truth.checkSnapshot(
                snapshot.ticket.rawValue, epoch: epoch, values: values, began: began, maxAge: nanoseconds)
            if snapshot.ticket < token.ticket { truth.fail("the snapshot at \(snapshot.ticket) is before \(token)") }
            let sum = values.reduce(0) { $0 + $1.content.balance }
            if isWhole, sum != world.total { truth.fail("the balances of a snapshot add up to \(sum)") }
            world.recorder?.read(
                .snapshot, values, by: host, session: session?.number ?? -1, began: began, maxAge: nanoseconds,
                ticket: snapshot.ticket.rawValue)
            session?.token.observe(snapshot.ticket, epoch: snapshot.epoch)
        } catch {
            note(error, session)
        }
    }
}
