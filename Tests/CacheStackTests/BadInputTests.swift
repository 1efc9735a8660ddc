import CacheStack
import Synchronization
import Telemetry
import Testing

/// What L2 and L3 may put before the stack, as a whole: refused and counted, a right value for the reader, L2 in order.
@Suite("Bad input")
struct BadInputTests {
    typealias F = Fixture
    private static let poison = "cache_poison_total{tier=\"l2\"}"

    @Test("A poisoned, cut or foreign entry of L2 is refused, counted, and replaced by what L3 has", arguments: 0...3)
    func poisoned(kind: Int) async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 2])
        try await f.stack.pollChanges()
        let peer = f.peer()
        try await peer.pollChanges()
        _ = try await peer.read([F.key(1), F.key(2)])
        var bytes = try #require(f.shared.bytes(of: F.key(1)))
        switch kind {
        case 0: bytes[70] ^= 0x80
        case 1: bytes.removeLast(3)
        case 2: bytes = try #require(f.shared.bytes(of: F.key(2)))
        default: bytes += [0]
        }
        f.shared.overwrite(F.key(1), with: bytes)
        let value = try await f.value(1)
        #expect(value.payload == [1, 0] && value.level == .l3)
        #expect(f.metric(Self.poison) ?? 0 >= 1)
        let third = f.peer()
        try await third.pollChanges()
        let again = try await third.read(F.key(1))
        #expect(again.payload == [1, 0] && again.level == .l2)
    }

    @Test(
        "A version that L3 never issued is refused for as long as L2 keeps it",
        arguments: [3, 1_000_000_000] as [UInt64])
    func future(version: UInt64) async throws {
        let f = F { $0.ticketSlack = 1 }
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        let certificate = Certificate(
            version: Ticket(version), asOf: Ticket(version), asOfTime: f.time.microseconds, epoch: 1)
        let entry = CertifiedEntry(key: F.key(1), certificate: certificate, payload: [9, 9])
        f.shared.overwrite(F.key(1), with: EntryFormat.encode(entry, keyHash: F.key(1).l2Hash(epoch: 1)))
        for _ in 0..<4 {
            let value = try await f.value(1)
            #expect(value.payload == [1, 0] && value.version == Ticket(1))
            f.time.advance(by: .milliseconds(10_001))
            try await f.stack.pollChanges()
        }
        #expect(f.metric(Self.poison) ?? 0 >= 1)
    }

    @Test("An entry that claims another epoch under this epoch's name is poison")
    func otherEpoch() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        let certificate = Certificate(
            version: Ticket(1), asOf: Ticket(1), asOfTime: f.time.microseconds, epoch: 7)
        let entry = CertifiedEntry(key: F.key(1), certificate: certificate, payload: [9, 9])
        f.shared.overwrite(F.key(1), with: EntryFormat.encode(entry, keyHash: F.key(1).l2Hash(epoch: 1)))
        #expect(try await f.value(1).payload == [1, 0])
        #expect(f.metric(Self.poison) ?? 0 >= 1)
    }

    @Test("What was queued for L2 under an epoch that has passed is dropped and counted")
    func queuedBeforeRestore() async throws {
        let f = F()
        try await f.stack.pollChanges()
        _ = await f.stack.commit(F.write([1: 1]))
        f.durable.restoreBackup(at: .zero)
        try await f.stack.pollChanges()
        await f.stack.publishPending()
        #expect(f.metric("cache_publishes_total{result=\"dropped\"}") == 1)
        #expect(f.metric("cache_publishes_total{result=\"sent\"}") == 0)
    }

    @Test("Steps of L3's clock, either way, never make a certificate look younger than it is", arguments: [-30, 30])
    func clockStep(seconds: Int64) async throws {
        let time = ManualTime()
        let offset = Atomic<Int64>(0)
        let durable = MemoryDurableTier(schemas: F.schemas) { time.microseconds + offset.load(ordering: .relaxed) }
        let shared = MemorySharedTier(time: time.source)
        let registry = MetricsRegistry()
        let writer = F.stack(durable, shared, time)
        let reader = F.stack(durable, shared, time, registry)
        _ = await durable.commit([F.write([1: 1])], until: .now)
        for stack in [writer, reader] { try await stack.pollChanges() }
        _ = try await writer.read(F.key(1))
        let stamped = time.now
        // Superseded at once, never announced, and the reader's stream stands still.
        _ = await durable.commit([F.write([1: 2])], until: .now)
        time.advance(by: .seconds(1))
        offset.store(seconds * 1_000_000, ordering: .relaxed)
        // The reader meets the step by a load of another row.
        _ = try await reader.read(F.key(50))
        for _ in 0..<30 {
            time.advance(by: .seconds(1))
            let value = try await reader.read(F.key(1), .bounded(maxAge: .seconds(10)))
            if value.payload == [1, 0] {
                #expect(time.now - stamped <= .seconds(10) && value.ageBound >= time.now - stamped)
            } else {
                #expect(value.payload == [2, 0])
            }
        }
        #expect(try await reader.read(F.key(1)).payload == [2, 0])
    }

    @Test("A database restored to an older state serves that state, and nothing of what came after it")
    func restored() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 1])
        let backup = f.durable.backup()
        try await f.stack.pollChanges()
        for value in 2...9 as ClosedRange<UInt8> { _ = await f.stack.commit(F.write([1: value])) }
        await f.stack.publishPending()
        _ = try await f.stack.read([F.key(1), F.key(2)])
        f.durable.restore(backup)
        let peer = f.peer()
        for stack in [f.stack, peer] {
            try await stack.pollChanges()
            let values = try await stack.read([F.key(1), F.key(2)])
            #expect(values.map(\.payload) == [[1, 0], [1, 0]] && values.allSatisfy { $0.epoch == 2 })
            await stack.publishPending()
            await stack.repairPending()
            await stack.refillPending()
        }
        // Old tickets are issued again, for other rows.
        _ = await f.commitElsewhere([2: 77])
        for stack in [f.stack, peer] {
            try await stack.pollChanges()
            #expect(try await stack.read(F.key(1)).payload == [1, 0])
            #expect(try await stack.read(F.key(2)).payload == [77, 0])
        }
    }
}
