import CacheStack
import Synchronization
import Testing

/// In one process a key never goes back: found by the nemesis (seed 3), one test for each cause.
@Suite("A key never goes back in a process")
struct MonotonicTests {
    typealias F = Fixture

    @Test("A snapshot that takes a row of L2 ahead of the stream raises its floor")
    func snapshotAhead() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 1])
        try await f.stack.pollChanges()
        let peer = f.peer()
        try await peer.pollChanges()
        _ = try await peer.read([F.key(1), F.key(2)])
        _ = try await f.value(2)
        // Ticket 2 is in L2, and not in f's stream yet. f has row 2 of ticket 1 and row 1 of ticket 2 in L1.
        _ = await peer.commit(F.write([1: 2, 2: 2]))
        await peer.publishPending()
        #expect(try await f.value(1).version == Ticket(2))
        let snapshot = try await f.stack.snapshot([F.key(1), F.key(2)])
        #expect(snapshot.values[1].version == Ticket(2))
        #expect(try await f.value(2).version == Ticket(2))
    }

    @Test("A load that was cancelled by a change, and whose row is returned all the same, raises its floor")
    func cancelledLoad() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = await f.commitElsewhere([1: 2])
        let gate = Gate()
        let loads = Atomic<Int>(0)
        f.durable.setHook { moment, _ in
            guard moment == .beforeSnapshot else { return }
            if loads.wrappingAdd(1, ordering: .relaxed).newValue == 1 { await gate.wait() }
        }
        async let early = f.value(1)
        await Gate.until { gate.arrived == 1 }
        // The stream reaches ticket 2 and cancels the load; another one installs that version.
        try await f.stack.pollChanges()
        #expect(try await f.value(1).version == Ticket(2))
        _ = await f.commitElsewhere([1: 3])
        gate.open()
        // The first load's snapshot has ticket 3, which the stream has not.
        #expect(try await early.version == Ticket(3))
        #expect(try await f.value(1).version == Ticket(3))
    }
}
