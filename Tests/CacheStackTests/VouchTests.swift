import CacheStack
import TestData
import Testing

/// Rows of L1 past their time there, served on the word of the stream while L2 is away or has lost them.
@Suite("L1 without L2")
struct VouchTests {
    typealias F = Fixture
    private static let down = TierError(.unavailable, "down")
    private static let away = "cache_local_renewals_total{reason=\"l2_away\"}"
    private static let missing = "cache_local_renewals_total{reason=\"l2_miss\"}"

    /// Rows 1...9 of value 1 in L1 and L2, the stream read to its end.
    private func bench(_ configure: (inout CacheStack.Configuration) -> Void = { _ in }) async throws -> Fixture {
        let f = F(configure)
        _ = await f.commitElsewhere(Dictionary(uniqueKeysWithValues: (1...9).map { ($0, 1) }))
        try await f.stack.pollChanges()
        _ = try await f.stack.read((1...9).map { F.key($0) })
        return f
    }

    /// Lets the time pass in steps of 50 ms, reading the stream at each.
    private func pass(_ f: Fixture, milliseconds: Int) async throws {
        for _ in 0..<milliseconds / 50 {
            f.time.advance(by: .milliseconds(50))
            try await f.stack.pollChanges()
        }
    }

    @Test("While L2 is away, what does not change is served from L1 for minutes, and L3 is not asked")
    func away() async throws {
        let f = try await bench()
        f.shared.setFaults { $0.all = Self.down }
        let loads = f.durable.loadCount
        for round in 1...24 {
            try await pass(f, milliseconds: 5_000)
            for id in 1...9 as ClosedRange<UInt64> {
                let value = try await f.value(id)
                #expect(value.payload == [1, 0] && value.level == .l1 && value.ageBound <= .milliseconds(50))
            }
            // Every second round at the latest finds the rows past their 9 to 10 s.
            #expect(f.metric(Self.away) ?? 0 >= Double(9 * (round / 3)))
        }
        #expect(f.durable.loadCount == loads)
    }

    @Test("What changed meanwhile is loaded, each version once, and served from L1 again")
    func changed() async throws {
        let f = try await bench()
        f.shared.setFaults { $0.all = Self.down }
        for version in 2...20 as ClosedRange<UInt8> {
            try await pass(f, milliseconds: 12_000)
            let rows = f.durable.loadCount.rows
            _ = await f.commitElsewhere([1: version])
            try await f.stack.pollChanges()
            for _ in 0..<3 { #expect(try await f.value(1).payload == [version, 0]) }
            #expect(try await f.value(2).payload == [1, 0])
            #expect(f.durable.loadCount.rows == rows + 1)
        }
    }

    @Test("A stream that stands still proves nothing for longer than a row's time in L1")
    func standingStream() async throws {
        let f = try await bench()
        f.shared.setFaults { $0.all = Self.down }
        let loads = f.durable.loadCount.loads
        // 9 to 10 s: L1's time is over for some, the stream's word is not.
        f.time.advance(by: .milliseconds(9_999))
        _ = try await f.stack.read((1...9).map { F.key($0) }, .bounded(maxAge: .seconds(60)))
        #expect(f.durable.loadCount.loads == loads)
        // The certificates are as old as before, and L1's time counted from them: neither has grown.
        f.time.advance(by: .milliseconds(10))
        let value = try await f.stack.read(F.key(1), .bounded(maxAge: .seconds(60)))
        #expect(value.level == .l3 && f.durable.loadCount.loads == loads + 1)
    }

    @Test("Nothing is served past its time on behalf of a reader who wants a younger certificate or a later ticket")
    func demands() async throws {
        let f = try await bench()
        f.shared.setFaults { $0.all = Self.down }
        try await pass(f, milliseconds: 10_000)
        f.time.advance(by: .milliseconds(40))
        #expect(try await f.stack.read(F.key(1), .bounded(maxAge: .milliseconds(39))).level == .l3)
        let ticket = await f.commitElsewhere([7: 7])
        let token = SessionToken(epoch: 1, ticket: ticket)
        #expect(try await f.value(2, .session(token)).level == .l3)
        #expect(try await f.value(3).level == .l1)
    }

    @Test("Rows that the stream does not list are loaded when their time in L1 is over")
    func unlisted() async throws {
        let f = try await bench()
        let key = F.key(5, F.orders)
        _ = await f.durable.commit([F.write([5: 5], space: F.orders)], until: .now)
        _ = try await f.stack.read(key)
        f.shared.setFaults { $0.all = Self.down }
        try await pass(f, milliseconds: 10_000)
        let loads = f.durable.loadCount.loads
        #expect(try await f.stack.read(key).level == .l3 && f.durable.loadCount.loads == loads + 1)
    }

    @Test("After a flush of L2 readers hit L1, L3 is not asked, and L2 gets every row back with a true certificate")
    func flushed() async throws {
        let f = try await bench()
        f.shared.removeAll()
        let loads = f.durable.loadCount
        try await pass(f, milliseconds: 10_000)
        let values = try await f.stack.read((1...9).map { F.key($0) })
        #expect(values.allSatisfy { $0.level == .l1 && $0.payload == [1, 0] })
        #expect(f.metric(Self.missing) == 9 && f.stack.holdings.refills == (wanted: 9, leased: 0))
        await f.stack.refillPending()
        #expect(f.stack.holdings.refills == (wanted: 0, leased: 9))
        // The stream was last read before the leases were granted: nothing is filled on that.
        #expect(await f.stack.refillPending() == 0)
        let other = await f.commitElsewhere([30: 3])
        try await pass(f, milliseconds: 50)
        #expect(await f.stack.refillPending() == 9)
        #expect(f.durable.loadCount == loads)
        let peer = f.peer()
        try await peer.pollChanges()
        let value = try await peer.read(F.key(4))
        #expect(value.level == .l2 && value.version == Ticket(1) && value.asOf == other && value.payload == [1, 0])
        #expect(f.durable.loadCount == loads)
    }

    @Test("A commit after the lease keeps the old value out of L2, announced or not", arguments: [true, false])
    func refillRace(isAnnounced: Bool) async throws {
        let f = try await bench()
        let peer = f.peer()
        try await peer.pollChanges()
        f.shared.removeAll()
        try await pass(f, milliseconds: 10_000)
        _ = try await f.value(1)
        await f.stack.refillPending()
        // The stream is read after the lease, and before the commit: the fill is on its way when it happens.
        try await pass(f, milliseconds: 50)
        if isAnnounced {
            _ = await peer.commit(F.write([1: 2]))
            await peer.publishPending()
        } else {
            _ = await f.commitElsewhere([1: 2])
            try await f.stack.pollChanges()
        }
        #expect(await f.stack.refillPending() == 0)
        #expect(f.shared.bytes(of: F.key(1))?.first != UInt8(ascii: "V"))
        #expect(f.metric("cache_refills_total{result=\"refused\"}") == (isAnnounced ? 1 : 0))
        // The next reading of the stream does not fill it either.
        try await pass(f, milliseconds: 50)
        #expect(await f.stack.refillPending() == 0)
    }

    @Test("A reader of a changed row takes over the lease that waits for the stream, and fills under it")
    func takeOver() async throws {
        let f = try await bench()
        f.shared.removeAll()
        try await pass(f, milliseconds: 10_000)
        _ = try await f.value(1)
        await f.stack.refillPending()
        _ = await f.commitElsewhere([1: 2])
        try await f.stack.pollChanges()
        let (before, rows) = (f.time.now, f.durable.loadCount.rows)
        #expect(try await f.value(1).payload == [2, 0])
        #expect(f.time.now == before, "nobody waited for the lease")
        #expect(f.durable.loadCount.rows == rows + 1)
        let bytes = try #require(f.shared.bytes(of: F.key(1)))
        #expect(bytes.first == UInt8(ascii: "V") && EntryFormat.ticket(bytes, at: 1) == Ticket(2))
    }

    @Test("A lease that the stream does not catch up with in its life is given up")
    func expiredLease() async throws {
        let f = try await bench()
        f.shared.removeAll()
        try await pass(f, milliseconds: 10_000)
        _ = try await f.value(1)
        await f.stack.refillPending()
        f.time.advance(by: .milliseconds(2_001))
        try await f.stack.pollChanges()
        #expect(await f.stack.refillPending() == 0)
        #expect(f.stack.holdings.refills == (wanted: 0, leased: 0))
    }

    @Test("L2 that fails while it is refilled loses the rows' turn and nothing else")
    func refillFails() async throws {
        let f = try await bench()
        f.shared.removeAll()
        try await pass(f, milliseconds: 10_000)
        _ = try await f.stack.read([1, 2, 3].map { F.key($0) })
        f.shared.setFaults { $0.all = Self.down }
        #expect(await f.stack.refillPending() == 0)
        #expect(f.metric("cache_refills_total{result=\"failed\"}") == 3)
        #expect(f.stack.holdings.refills == (wanted: 0, leased: 0))
    }

    @Test("A row that a message named and L2 lacks is loaded, until the stream has been read again")
    func named() async throws {
        let b = try await SuspectBench()
        b.f.shared.overwrite(F.key(1), with: nil)
        b.f.shared.overwrite(F.key(2), with: nil)
        b.source.tell(.keys([F.key(1), F.key(2)]))
        let loads = b.f.durable.loadCount.loads
        #expect(try await b.stack.read(F.key(1)).level == .l3)
        b.f.time.advance(by: .milliseconds(50))
        try await b.stack.pollChanges()
        #expect(try await b.stack.read(F.key(2)).level == .l1)
        #expect(b.f.durable.loadCount.loads == loads + 1 && b.source.questions.count == 1)
        await b.end()
    }

    @Test("The return of an empty L2 marks everything, and still no row that L1 can prove is loaded")
    func emptyReturn() async throws {
        let b = try await SuspectBench()
        let loads = b.f.durable.loadCount
        b.f.shared.removeAll()
        b.source.tell(.region(.everything, .linkMade))
        let values = try await b.stack.read((1...9).map { F.key($0) })
        #expect(values.allSatisfy { $0.level == .l1 } && b.f.durable.loadCount == loads)
        await b.end()
    }
}

/// A seeded random run of two processes over an L2 that is lost, emptied, rolled back and deaf, judged by all that was
/// ever committed and when.
@Suite("Outages")
struct OutageTests {
    typealias F = Fixture

    private struct Commit {
        var ticket: Ticket
        var value: UInt8
        var at: MonotonicTime
    }

    /// One run's tiers, processes and truth.
    private final class Run {
        let f = F {
            $0.publishQueueMax = 4
            $0.repairKeysMax = 5
            $0.suspectsMax = 3
        }
        lazy var stacks = [f.stack, f.peer()]
        var random: SplitMix64
        var truth: [UInt64: [Commit]] = [:]
        var seen: [[UInt64: Ticket]] = [[:], [:]]
        var saved: [MemorySharedTier.Backup] = []

        init(seed: UInt64) { random = SplitMix64(seed: seed) }

        func commit(_ step: Int) async throws {
            let id = UInt64(random.below(8))
            let value = UInt8(truncatingIfNeeded: step)
            if random.below(2) == 0 {
                let ticket = await f.commitElsewhere([id: value])
                truth[id, default: []].append(Commit(ticket: ticket, value: value, at: f.time.now))
            } else {
                let process = random.below(2)
                let ticket = try #require(await stacks[process].commit(F.write([id: value])).ticket)
                truth[id, default: []].append(Commit(ticket: ticket, value: value, at: f.time.now))
                seen[process][id] = ticket
            }
        }

        func disturb() {
            switch random.below(6) {
            case 0: f.shared.setFaults { $0.all = TierError(.unavailable, "down") }
            case 1, 2:
                f.shared.setFaults {
                    $0.all = nil; $0.losesPublishes = false
                }
            case 3: f.shared.removeAll()
            case 4: f.shared.setFaults { $0.losesPublishes = true }
            default:
                if saved.count > 2, random.below(2) == 0 {
                    f.shared.restore(saved[random.below(saved.count)])
                    for stack in stacks { stack.requestRepair() }
                } else {
                    saved.append(f.shared.backup())
                }
            }
        }

        func read(_ step: Int) async throws {
            let (process, id) = (random.below(2), UInt64(random.below(8)))
            let maxAge = Duration.milliseconds([100, 2_000, 10_000, 60_000][random.below(4)])
            let began = f.time.now
            let value = try await stacks[process].read(F.key(id), .bounded(maxAge: maxAge))
            let commits = truth[id] ?? []
            let index = commits.firstIndex { $0.ticket == value.version }
            #expect(value.payload == index.map { [commits[$0].value, 0] }, "step \(step): bytes of the version")
            if let next = commits.first(where: { $0.ticket > value.version }) {
                #expect(began - next.at <= maxAge, "step \(step): superseded for longer than promised")
            }
            #expect(value.version >= seen[process][id] ?? .zero, "step \(step): the key went back")
            seen[process][id] = value.version
        }
    }

    @Test(
        "Whatever L2 does, no read is older than promised, none goes back, all bytes are their version's",
        arguments: 1...12 as ClosedRange<UInt64>)
    func random(seed: UInt64) async throws {
        let run = Run(seed: seed)
        for stack in run.stacks { try await stack.pollChanges() }
        for step in 0..<3_000 {
            switch run.random.below(20) {
            case 0, 1: try await run.commit(step)
            case 2: run.disturb()
            case 3, 4, 5: try await run.stacks[run.random.below(2)].pollChanges()
            case 6: await run.stacks[run.random.below(2)].publishPending()
            case 7: await run.stacks[run.random.below(2)].repairPending()
            case 8, 9: await run.stacks[run.random.below(2)].refillPending()
            case 10: run.f.time.advance(by: .milliseconds(Int64(run.random.below(4_000))))
            case 11: run.f.time.advance(by: .milliseconds(Int64(run.random.below(100))))
            case 12:
                let key = F.key(UInt64(run.random.below(8)))
                run.stacks[run.random.below(2)].markSuspect([key])
            default: try await run.read(step)
            }
        }
        #expect(run.f.metric("cache_requests_total{result=\"hit\",tier=\"l1\"}") ?? 0 > 0)
    }
}
