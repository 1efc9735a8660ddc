import CacheStack
import Testing

@Suite("Repair")
struct RepairerTests {
    typealias F = Fixture

    /// Rows 1...3 at version 1 in L2, then versions 2...4 committed and their announcements lost, the stream applied.
    private func bench(
        _ configure: (inout CacheStack.Configuration) -> Void = { _ in }
    ) async throws -> Fixture {
        let f = F(configure)
        _ = await f.commitElsewhere([1: 1, 2: 1, 3: 1])
        try await f.stack.pollChanges()
        _ = try await f.stack.read([1, 2, 3].map { F.key($0) })
        for id in 1...3 as ClosedRange<UInt64> { _ = await f.commitElsewhere([id: 50]) }
        try await f.stack.pollChanges()
        return f
    }

    private func drain(_ stack: CacheStack) async -> Int {
        for round in 1...1_000 where await stack.repairPending() == (isSent: true, isEmpty: true) { return round }
        return 0
    }

    private func head(_ f: Fixture, _ id: UInt64) -> String {
        String(decoding: (f.shared.bytes(of: F.key(id)) ?? []).prefix(17), as: UTF8.self)
    }

    @Test("After a fault L2's old values give way to tombstones at the versions of the stream")
    func afterFault() async throws {
        let f = try await bench()
        #expect(head(f, 1) == "V0000000000000001")
        f.stack.requestRepair()
        #expect(await drain(f.stack) > 0)
        #expect([1, 2, 3].map { head(f, $0) } == ["T0000000000000002", "T0000000000000003", "T0000000000000004"])
        #expect(f.metric("cache_repairs_total{result=\"sent\"}") == 3)
        // What is loaded now is right, and a second repair refuses to touch it.
        let peer = f.peer()
        try await peer.pollChanges()
        #expect(try await peer.read(F.key(1)).payload == [50, 0])
        f.stack.requestRepair()
        _ = await drain(f.stack)
        #expect(head(f, 1) == "V0000000000000002")
    }

    @Test("Only the rows of the region are repaired, several processes do no harm")
    func region() async throws {
        let f = try await bench()
        let peer = f.peer()
        try await peer.pollChanges()
        f.stack.requestRepair(KeyRegion { $0.id == 2 })
        peer.requestRepair(KeyRegion { $0.id == 2 })
        _ = await drain(f.stack)
        _ = await drain(peer)
        #expect([1, 2, 3].map { head(f, $0).prefix(1) } == ["V", "T", "V"])
    }

    @Test("What the stream named longer than the window ago is not repaired: L2 has dropped it by itself")
    func window() async throws {
        let f = try await bench()
        f.time.advance(by: .seconds(63))
        f.stack.requestRepair()
        _ = await drain(f.stack)
        #expect(f.metric("cache_repairs_total{result=\"sent\"}") == 0)
    }

    @Test("Switched off, nothing is remembered and nothing announced")
    func off() async throws {
        let f = try await bench { $0.repair = .off }
        f.stack.requestRepair()
        _ = await drain(f.stack)
        #expect(head(f, 1) == "V0000000000000001" && f.metric("cache_repair_requests_total") == 0)
        #expect(f.metric("cache_repair_memory_versions") == 0)
    }

    @Test("In the steady mode each version is announced once, a second after the stream named it")
    func always() async throws {
        let f = try await bench { $0.repair = .always }
        #expect(head(f, 1) == "V0000000000000001")
        _ = await drain(f.stack)
        #expect(f.metric("cache_repairs_total{result=\"sent\"}") == 0, "the committer has a second for it")
        f.time.advance(by: .seconds(1))
        _ = await f.commitElsewhere([9: 9])
        try await f.stack.pollChanges()
        _ = await drain(f.stack)
        #expect(head(f, 1) == "T0000000000000002")
        #expect(f.metric("cache_repairs_total{result=\"sent\"}") == 3)
    }

    @Test("A failed repair is counted and tried again")
    func failed() async throws {
        let f = try await bench()
        f.shared.setFaults { $0.all = TierError(.unavailable, "down") }
        f.stack.requestRepair()
        #expect(await f.stack.repairPending() == (isSent: false, isEmpty: false))
        f.shared.setFaults { $0.all = nil }
        #expect(await drain(f.stack) > 0)
        #expect(head(f, 3) == "T0000000000000004")
        #expect(f.metric("cache_repairs_total{result=\"failed\"}") == 3)
    }

    @Test("The memory holds its limit and gives up the oldest versions first")
    func limit() async throws {
        for (limit, isRepaired) in [(3, true), (2, false)] {
            let f = try await bench { $0.repairKeysMax = limit }
            f.stack.requestRepair()
            _ = await drain(f.stack)
            #expect((head(f, 1) == "T0000000000000002") == isRepaired, "limit \(limit)")
            #expect(head(f, 3) == "T0000000000000004")
        }
    }

    @Test("Another epoch forgets what was to be repaired")
    func epoch() async throws {
        let f = try await bench()
        f.stack.requestRepair()
        f.durable.restoreBackup(at: Ticket(1))
        try await f.stack.pollChanges()
        _ = await drain(f.stack)
        #expect(f.metric("cache_repairs_total{result=\"sent\"}") == 0)
    }

    @Test("run repairs what a link that was down has missed")
    func run() async throws {
        let f = F()
        let source = MemoryInvalidations(f.shared)
        var configuration = CacheStack.Configuration()
        configuration.time = f.time.source
        configuration.restWithoutTime()
        let stack = CacheStack(
            configuration, schemas: F.schemas, shared: f.shared, durable: f.durable, invalidations: source,
            metrics: f.registry)
        _ = await f.commitElsewhere([1: 1])
        let running = Task { try await stack.run() }
        await Gate.until { source.isFollowed && stack.watermark == Ticket(1) }
        _ = try await stack.read(F.key(1))
        _ = await f.commitElsewhere([1: 2])
        await Gate.until { stack.watermark == Ticket(2) }
        source.tell(.region(.everything, .linkMade))
        await Gate.until { f.metric("cache_repairs_total{result=\"sent\"}") == 1 }
        running.cancel()
        try await running.value
        #expect(!source.isFollowed)
    }
}
