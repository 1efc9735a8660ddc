import CacheStack
import Testing

/// Renewal of L2's certificates by the stream. The clock moves by hand; L1 forgets after 10 s, L2 after 54 to 60 s.
@Suite("Renewal")
struct RenewalTests {
    typealias F = Fixture

    /// One read every 8 s, the stream followed and publishes sent in between.
    private func keepReading(_ f: Fixture, seconds: Int) async throws {
        for _ in 0..<seconds / 8 {
            f.time.advance(by: .seconds(8))
            try await f.stack.pollChanges()
            _ = try await f.value(1)
            await f.stack.publishPending()
        }
    }

    @Test("What is read and does not change is loaded from L3 once, for minutes", arguments: [false, true])
    func loadedOnce(othersCommit: Bool) async throws {
        let f = F()
        let version = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        for _ in 0..<25 {
            if othersCommit { _ = await f.commitElsewhere([2: 2]) }
            try await keepReading(f, seconds: 8)
        }
        #expect(f.durable.loadCount.loads == 1)
        #expect((f.metric("cache_renewals_total") ?? 0) >= 5)
        let value = try await f.value(1)
        #expect(value.payload == [1, 0])
        #expect(value.version == version)
    }

    @Test("Without a window, L2's life ends after a minute; L1's row serves on and goes back to L2 without a load")
    func switchedOff() async throws {
        let f = F { $0.renewalWindow = .zero }
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        try await keepReading(f, seconds: 72)
        #expect(f.durable.loadCount.loads == 1)
        #expect(f.metric("cache_renewals_total") == 0)
        #expect(f.metric("cache_local_renewals_total{reason=\"l2_miss\"}") ?? 0 >= 1)
        // A lease, a reading of the stream after it, and the fill.
        await f.stack.refillPending()
        f.time.advance(by: .milliseconds(50))
        try await f.stack.pollChanges()
        #expect(await f.stack.refillPending() == 1)
        #expect(f.shared.bytes(of: F.key(1))?.first == UInt8(ascii: "V"))
    }

    @Test("A version that was superseded without a publish is not renewed: the stream's floor forbids it")
    func supersededIsNotRenewed() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        f.time.advance(by: .seconds(40))
        _ = await f.commitElsewhere([1: 2])
        try await f.stack.pollChanges()
        #expect(try await f.value(1).payload == [2, 0])
        await f.stack.publishPending()
        #expect(f.metric("cache_renewals_total") == 0)
    }

    @Test("While the stream stands still nothing is renewed: certificates say no more than is known")
    func streamStandsStill() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        for _ in 0..<5 {
            f.time.advance(by: .seconds(8))
            _ = try await f.stack.read(F.key(1), .bounded(maxAge: .seconds(60)))
            await f.stack.publishPending()
        }
        #expect(f.metric("cache_renewals_total") == 0)
    }

    @Test("A process that has just started renews nothing of before its stream: it asks L3, and L2 hears of it")
    func coldStart() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        f.time.advance(by: .seconds(40))
        // Superseded and not announced before the peer begins: its stream never names ticket 2.
        _ = await f.commitElsewhere([1: 2])
        let peer = f.peer()
        try await peer.pollChanges()
        _ = await f.commitElsewhere([9: 9])
        try await peer.pollChanges()
        let value = try await peer.read(F.key(1), .bounded(maxAge: .seconds(60)))
        #expect(value.payload == [2, 0] && value.level == .l3)
        await peer.publishPending()
        let bytes = try #require(f.shared.bytes(of: F.key(1)))
        #expect(EntryFormat.ticket(bytes, at: 1) == Ticket(2))
    }

    @Test("A renewed certificate is believed by a process that has no stream yet")
    func othersProfit() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        try await keepReading(f, seconds: 40)
        let loads = f.durable.loadCount.loads
        let peer = f.peer()
        try await peer.pollChanges()
        let value = try await peer.read(F.key(1), .bounded(maxAge: .seconds(20)))
        #expect(value.payload == [1, 0])
        #expect(value.level == .l2)
        #expect(f.durable.loadCount.loads == loads)
    }
}
