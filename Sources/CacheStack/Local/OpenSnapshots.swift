internal import Synchronization

/// The tickets that open snapshots may still ask for; while there is none, L1 keeps one version of each row.
final class OpenSnapshots: Sendable {
    private struct State {
        var tickets: [UInt64: UInt64] = [:]
        var next: UInt64 = 0
    }

    /// Snapshots open at a time.
    static let countMax = 1_024

    private let state = Mutex(State())
    private let oldestTicket = Atomic<UInt64>(.max)

    /// The oldest ticket an open snapshot may ask for; `UInt64.max` where none is open.
    var oldest: UInt64 { oldestTicket.load(ordering: .relaxed) }

    /// Registers a snapshot; nil where too many are open.
    func open(from ticket: Ticket) -> UInt64? {
        state.withLock { state in
            guard state.tickets.count < Self.countMax else { return nil }
            let number = state.next
            state.next += 1
            state.tickets[number] = ticket.rawValue
            oldestTicket.store(min(oldest, ticket.rawValue), ordering: .relaxed)
            return number
        }
    }

    /// Ends a snapshot; returns the oldest ticket if that moved.
    func close(_ number: UInt64) -> UInt64? {
        state.withLock { state in
            guard state.tickets.removeValue(forKey: number) != nil else { return nil }
            let after = state.tickets.values.min() ?? .max
            guard after != oldest else { return nil }
            oldestTicket.store(after, ordering: .relaxed)
            return after
        }
    }
}
