import CacheStack
import Testing

/// Every container that grows with the load keeps its limit, and what goes over it costs no promise.
@Suite("Limits")
struct LimitTests {
    typealias F = Fixture
    private static let down = TierError(.unavailable, "down")

    private func put(_ f: Fixture, _ ids: ClosedRange<UInt64>, _ value: UInt8) async {
        _ = await f.commitElsewhere(Dictionary(uniqueKeysWithValues: ids.map { ($0, value) }))
    }

    @Test("Repairs asked for while L2 is down hold their limit, in the queue and in memory", arguments: [false, true])
    func repairs(isSteady: Bool) async throws {
        let limit = 50
        let f = F {
            $0.repairKeysMax = limit
            $0.repair = isSteady ? .always : .afterFaults
        }
        try await f.stack.pollChanges()
        f.shared.setFaults { $0.all = Self.down }
        for round in 0..<400 as Range<UInt64> {
            await put(f, round * 7...round * 7 + 6, 1)
            try await f.stack.pollChanges()
            f.time.advance(by: .milliseconds(100))
            if !isSteady { f.stack.requestRepair() }
            await f.stack.repairPending()
            let held = f.stack.holdings.repairs
            #expect(held.named <= limit && held.pending <= limit)
            // Places are given back once half of them, and some thousands, are not used.
            #expect(held.namedPlaces <= limit + 2 * 4_096 && held.orderPlaces <= limit + 2 * 1_024)
        }
        #expect(f.metric("cache_repairs_total{result=\"dropped\"}") ?? 0 > 0)
        // 63 s later nothing that was asked for matters any more: L2 has dropped such values by itself.
        f.time.advance(by: .seconds(63))
        f.shared.setFaults { $0.all = nil }
        let sent = f.metric("cache_repairs_total{result=\"sent\"}")
        while await f.stack.repairPending().isEmpty == false {}
        #expect(f.metric("cache_repairs_total{result=\"sent\"}") == sent)
        #expect(f.stack.holdings.repairs.pending == 0)
    }

    @Test("What the repairer gives up serves nobody a stale value after L2's return, and its readers repair it")
    func overflow() async throws {
        let f = F {
            $0.repairKeysMax = 10
            $0.publishQueueMax = 10
        }
        await put(f, 1...100, 1)
        try await f.stack.pollChanges()
        let peer = f.peer()
        try await peer.pollChanges()
        let keys = (1...100 as ClosedRange<UInt64>).map { F.key($0) }
        _ = try await f.stack.read(keys)
        // L2 goes away, all rows change, it comes back with every old value and 50 s to live.
        f.shared.setFaults { $0.all = Self.down }
        _ = await f.stack.commit(F.write(Dictionary(uniqueKeysWithValues: (1...100).map { ($0, 2) })))
        for stack in [f.stack, peer] { try await stack.pollChanges() }
        await f.stack.publishPending()
        f.time.advance(by: .seconds(4))
        f.shared.setFaults { $0.all = nil }
        f.stack.requestRepair()
        while await f.stack.repairPending().isEmpty == false {}
        while await f.stack.publishPending().isEmpty == false {}
        #expect(f.stack.holdings.repairs.named == 10)
        #expect(
            f.metric("cache_repairs_total{result=\"dropped\"}") == 90, "of the 100 rows of the second commit")
        let old = keys.count { f.shared.bytes(of: $0)?.first == UInt8(ascii: "V") && version(f, $0) == Ticket(1) }
        #expect(old >= 80, "the limit was in the way: L2 holds old values")
        // Both follow the stream. The peer holds nothing in L1: what it reads is L2's or L3's.
        for stack in [peer, f.stack] {
            try await stack.pollChanges()
            #expect(try await stack.read(keys).allSatisfy { $0.payload == [2, 0] })
        }
        // The peer was refused by the floors, has loaded, and announces what L3 said: ten at a time, so here.
        while await peer.publishPending().isEmpty == false {}
        let left = keys.count { f.shared.bytes(of: $0)?.first == UInt8(ascii: "V") && version(f, $0) == Ticket(1) }
        #expect(left == 0)
    }

    private func version(_ f: Fixture, _ key: CacheKey) -> Ticket? {
        f.shared.bytes(of: key).flatMap { EntryFormat.ticket($0, at: 1) }
    }

    @Test("A failing L2 does not make the publish queue grow, neither its versions nor its places")
    func publishes() async throws {
        let f = F { $0.publishQueueMax = 20 }
        try await f.stack.pollChanges()
        f.shared.setFaults { $0.all = Self.down }
        for round in 0..<500 as Range<UInt64> {
            _ = await f.stack.commit(F.write([round: 1]))
            await f.stack.publishPending()
            let held = f.stack.holdings.publishes
            #expect(held.count <= 20 && held.places <= 20 + 2 * 1_024)
        }
        #expect(f.metric("cache_publishes_total{result=\"dropped\"}") == 480)
    }

    @Test("Marks past their limit put everything in question; marks of regions too")
    func suspects() async throws {
        for isRegion in [false, true] {
            let b = try await SuspectBench { $0.suspectsMax = 3 }
            for _ in 0..<(isRegion ? 100 : 1) {
                if isRegion { b.source.tell(.region(KeyRegion { $0.id == 9 }, .moved)) }
            }
            if !isRegion { b.source.tell(.keys((1...9).map { F.key($0) })) }
            let held = b.stack.holdings.suspects
            #expect(held.keys <= 3 && held.regions <= 64)
            // Every row is asked about, whether its own mark had room or not.
            _ = try await b.stack.read((1...9).map { F.key($0) })
            #expect(b.source.questions.map(\.count) == [9])
            await b.end()
        }
    }

    @Test("Expected messages hold their limit; past it an own message counts as another's")
    func echoes() async throws {
        let b = try await SuspectBench { $0.suspectsMax = 4 }
        b.f.time.advance(by: .seconds(2))
        _ = await b.f.commitElsewhere(Dictionary(uniqueKeysWithValues: (20...39).map { ($0, 1) }))
        try await b.stack.pollChanges()
        _ = try await b.stack.read((20...39).map { F.key($0) })
        #expect(b.stack.holdings.echoes <= 2 * 4)
        b.source.tell(.keys((20...39).map { F.key($0) }))
        #expect(b.count("cache_invalidation_echoes_total") == 4)
        #expect(try await b.stack.read((20...39).map { F.key($0) }).allSatisfy { $0.payload == [1, 0] })
        await b.end()
    }

    @Test("Rows that L2 lacks wait for a refill up to the limit; the others are dropped and counted")
    func refills() async throws {
        let f = F {
            $0.publishQueueMax = 5
            $0.publishBatchMax = 2
        }
        await put(f, 1...9, 1)
        try await f.stack.pollChanges()
        _ = try await f.stack.read((1...9).map { F.key($0) })
        f.shared.removeAll()
        f.time.advance(by: .seconds(10))
        try await f.stack.pollChanges()
        _ = try await f.stack.read((1...9).map { F.key($0) })
        #expect(f.stack.holdings.refills == (wanted: 5, leased: 0))
        #expect(f.metric("cache_refills_total{result=\"dropped\"}") == 4)
        for _ in 0..<5 {
            await f.stack.refillPending()
            #expect(f.stack.holdings.refills.leased <= 2)
            f.time.advance(by: .milliseconds(50))
            try await f.stack.pollChanges()
        }
        await f.stack.refillPending()
        #expect(f.metric("cache_refills_total{result=\"stored\"}") == 5)
    }

    @Test("Rows being loaded hold their limit: the next read is refused at once, as overloaded")
    func flights() async throws {
        let f = F {
            $0.loadsMax = 1
            $0.loadQueueMax = 2
            $0.loadRowsMax = 1
        }
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .beforeSnapshot { await gate.wait() } }
        await withTaskGroup(of: Void.self) { group in
            // Two reads of two rows each: four flights, of which one is inside the bulkhead and one waits for it.
            for id in [0, 2] as [UInt64] {
                group.addTask { _ = try? await f.stack.read([F.key(id), F.key(id + 1)]) }
            }
            await Gate.until { f.stack.holdings.flights == 4 && f.stack.holdings.loadsWaiting == 1 }
            group.addTask { _ = try? await f.stack.read(F.key(99)) }
            await Gate.until { f.metric("cache_overloads_total") == 1 || f.stack.holdings.loadsWaiting == 2 }
            #expect(f.metric("cache_overloads_total") == 1 && f.stack.holdings.flights == 4)
            gate.open()
        }
        #expect(f.stack.holdings.flights == 0)
    }

    @Test("The checker's memory of the stream and its samples hold their limits")
    func checks() async throws {
        let f = F { $0.shadow.everyReads = 1 }
        try await f.stack.pollChanges()
        for round in 0..<9_000 as Range<UInt64> {
            _ = await f.commitElsewhere([round % 8: 1])
            f.time.advance(by: .milliseconds(1))
            try await f.stack.pollChanges()
            if round % 10 == 0 { _ = try await f.value(round % 8) }
        }
        let held = f.stack.holdings.checks
        #expect(held.samples <= 20 && held.readings <= 2 * 4_096)
    }
}
