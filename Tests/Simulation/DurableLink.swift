internal import CacheStack

/// One process's way to L3: delays, losses and doubt between it and `DurableServer`.
final class DurableLink: DurableTier, @unchecked Sendable {  // used by the scheduler's thread only
    private unowned let world: World
    private unowned let host: Host
    private var server: DurableServer { world.server }
    /// What a load would have said when the miss was noticed: for the mutant that reads before it has the lease.
    var early: [CacheKey: LoadedRows] = [:]

    private static let loadTimeout: Int64 = 2_000_000_000
    private static let commitTimeout: Int64 = 5_000_000_000
    private static let lockTimeout: Int64 = 500_000_000

    init(_ world: World, _ host: Host) {
        self.world = world
        self.host = host
    }

    private func sleep(_ nanoseconds: Int64) async { await world.scheduler.sleep(nanoseconds) }

    private var isCut: Bool { host.isDead || host.isCutFromL3 || server.isDown }

    /// One round trip: `body` runs at the server; throws where a message is lost or late.
    private func call<R>(_ body: () async throws(TierError) -> R) async throws(TierError) -> R {
        let (request, reply) = (world.latency(), world.latency())
        let isLost = world.isLost()
        guard !isCut else {
            await sleep(request)
            throw TierError(.unavailable, "no connection")
        }
        guard !isLost, request + reply < Self.loadTimeout else {
            await sleep(Self.loadTimeout)
            throw TierError(.deadline, "no answer")
        }
        await sleep(request)
        guard !isCut else { throw TierError(.unavailable, "the connection broke") }
        let answer = try await body()
        await sleep(reply)
        guard !isCut else { throw TierError(.unavailable, "the connection broke") }
        return answer
    }

    func load(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> LoadedRows {
        var rows = try await call { () async throws(TierError) -> LoadedRows in
            try await self.server.tier.load(keys, until: deadline)
        }
        if world.plan.mutant == .lateTimestamp {
            rows.asOfTime = server.microseconds
            for index in rows.entries.indices { rows.entries[index].certificate.asOfTime = rows.asOfTime }
        }
        if world.plan.mutant == .snapshotBeforeLease, keys.count == 1, let old = early.removeValue(forKey: keys[0]) {
            return old
        }
        return corrected(rows)
    }

    private func corrected(_ rows: LoadedRows) -> LoadedRows {
        guard world.plan.mutant == .epochNotRaised else { return rows }
        var rows = rows
        rows.epoch = World.firstEpoch
        for index in rows.entries.indices { rows.entries[index].certificate.epoch = World.firstEpoch }
        return rows
    }

    // MARK: Commits

    private enum Ending: Sendable {
        case answered([CommitOutcome])
        case lost([CommitOutcome])
    }

    func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome {
        guard !isCut else {
            await sleep(world.latency())
            return failed(batch, .unavailable)
        }
        await sleep(world.latency())
        if isCut || world.happens(.serializationFailure) { return failed(batch, .unavailable) }
        if server.isReadOnly { return failed(batch, .cannotWrite) }
        if world.plan.mutant == .acknowledgedEarly { return early(batch) }
        guard await server.acquire(timeout: Self.lockTimeout) else { return failed(batch, .deadline) }
        let nonce = server.makeNonce()
        let ticket = server.tier.newest.next
        let ending = FirstAnswer<Ending>()
        run(batch, nonce: nonce, ending)
        world.scheduler.after(Self.commitTimeout) { ending.give(.lost([])) }
        switch await ending.wait() {
        case .answered(let outcomes) where !host.isCutFromL3:
            return .decided(outcomes)
        case .answered(let outcomes), .lost(let outcomes):
            return .inDoubt(BatchMark(ticket: ticket, nonce: nonce, outcomes: outcomes))
        }
    }

    /// The transaction at the server, which goes on when nobody waits for it any more.
    private func run(_ batch: [Transaction], nonce: UInt64, _ ending: FirstAnswer<Ending>) {
        let (world, server, generation) = (world, server, server.generation)
        let (request, reply) = (world.latency(), world.latency())
        let service = world.commitTime()
        let isAnswerLost = world.happens(.lostCommitAnswer)
        let namesOutcomes = world.faults.chance(5_000)
        server.lane.start {
            await world.scheduler.sleep(request + service)
            guard generation == server.generation else {
                ending.give(.lost([]))
                return
            }
            let outcomes = world.mapEpoch(await server.apply(batch, nonce: nonce))
            server.release(generation)
            await world.scheduler.sleep(reply)
            if isAnswerLost || generation != server.generation {
                ending.give(.lost(namesOutcomes ? outcomes : []))
            } else {
                ending.give(.answered(outcomes))
            }
        }
    }

    private func failed(_ batch: [Transaction], _ code: TierError.Code) -> BatchOutcome {
        let error = TierError(code, "not committed")
        return .decided(batch.map { _ in .failed(error) })
    }

    /// The mutant that answers before it has committed.
    private func early(_ batch: [Transaction]) -> BatchOutcome {
        let (world, server) = (world, server)
        server.lane.start {
            await world.scheduler.sleep(world.commitTime())
            guard await server.acquire(timeout: Self.lockTimeout) else { return }
            let generation = server.generation
            _ = await server.apply(batch, nonce: server.makeNonce())
            server.release(generation)
        }
        let ticket = server.tier.newest.next
        return .decided(
            batch.map { _ in .committed(ticket, time: server.microseconds, epoch: world.truth.epoch) })
    }

    func resolve(_ mark: BatchMark, until deadline: ContinuousClock.Instant) async throws(TierError) -> Bool {
        try await call { () async throws(TierError) -> Bool in
            guard await self.server.acquire(timeout: Self.lockTimeout) else {
                throw TierError(.deadline, "the old transaction is still open")
            }
            defer { self.server.release(self.server.generation) }
            return self.server.isCommitted(nonce: mark.nonce)
        }
    }

    // MARK: The stream

    func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> ChangePage {
        guard !host.isStreamStalled else {
            await sleep(Self.loadTimeout)
            throw TierError(.deadline, "no answer")
        }
        var page = try await call { () async throws(TierError) -> ChangePage in
            try await self.server.tier.changes(after: ticket, limit: limit, until: deadline)
        }
        if world.plan.mutant == .epochNotRaised { page.epoch = World.firstEpoch }
        return page
    }

    func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable (ScanChunk) -> Void
    ) async throws(TierError) -> Ticket {
        throw TierError(.overloaded, "no scans in this run")
    }
}

extension Ticket {
    /// The ticket after this one.
    var next: Ticket { Ticket(rawValue + 1) }
}
