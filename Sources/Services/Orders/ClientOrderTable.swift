package import Market

/// What a client's id stands for today.
package struct ClientOrderEntry: Equatable {
    /// The order it entered, or for a cancel the order it named.
    package var order: OrderID
    /// Hash of the request's body: the same id with another body is refused.
    package var bodyHash: UInt64
    /// Where the order's record is while it is open, -1 afterwards.
    package var slot: Int32
    /// Who sent it: nobody else is told about the order.
    package var account: AccountID
    package var kind: RequestKind
    /// How the order ended; of use only where `slot` is -1.
    package var status: OrderStatus

    /// An entry of those facts.
    package init(
        order: OrderID, bodyHash: UInt64, slot: Int32, account: AccountID, kind: RequestKind,
        status: OrderStatus = .new
    ) {
        self.order = order
        self.bodyHash = bodyHash
        self.slot = slot
        self.account = account
        self.kind = kind
        self.status = status
    }
}

/// All client order ids of the day: (session, ClOrdID) -> order. Exact: whole ids are compared, not hashes.
///
/// Open addressing with linear probing in 256 segments, each growing by itself, so that no growth stops the sequencer
/// for more than about a millisecond. Ids are never removed within the day: a reuse is refused even when the first
/// order is dead.
package struct ClientOrderTable {
    private struct Slot {
        var id: ClientOrderID
        var entry: ClientOrderEntry
        // Last, where it fills the entry's padding: 56 bytes in all.
        var session: SessionID
    }

    /// One segment; its capacity is a power of two and at most three quarters used.
    private struct Segment {
        var slots: [Slot?] = Array(repeating: nil, count: 16)
        var count = 0
    }

    /// Most ids it takes.
    let limit: Int
    package private(set) var count = 0
    private var segments = Array(repeating: Segment(), count: 256)

    package init(limit: Int) { self.limit = limit }

    /// Whether another id fits.
    package var isFull: Bool { count >= limit }

    /// Whether another id fits and `reserve` more after it: every open order keeps room for its cancel.
    package func hasRoom(reserve: Int) -> Bool { count + reserve < limit }

    /// The entry of an id, or nil where it was not seen today.
    package func find(_ session: SessionID, _ id: ClientOrderID) -> ClientOrderEntry? {
        let hash = Self.hash(session, id)
        let slots = segments[Int(hash & 255)].slots
        var index = Int(hash >> 8) & (slots.count - 1)
        while let slot = slots[index] {
            if slot.session == session, slot.id == id { return slot.entry }
            index = (index + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Adds or replaces an entry; false where the table is full.
    package mutating func set(_ session: SessionID, _ id: ClientOrderID, _ entry: ClientOrderEntry) -> Bool {
        let hash = Self.hash(session, id)
        let segment = Int(hash & 255)
        if segments[segment].count * 4 >= segments[segment].slots.count * 3 { grow(segment) }
        let mask = segments[segment].slots.count - 1
        var index = Int(hash >> 8) & mask
        while let slot = segments[segment].slots[index] {
            if slot.session == session, slot.id == id {
                segments[segment].slots[index]?.entry = entry
                return true
            }
            index = (index + 1) & mask
        }
        guard !isFull else { return false }
        segments[segment].slots[index] = Slot(id: id, entry: entry, session: session)
        segments[segment].count += 1
        count += 1
        return true
    }

    private mutating func grow(_ segment: Int) {
        var slots = [Slot?](repeating: nil, count: segments[segment].slots.count * 2)
        for case let slot? in segments[segment].slots {
            var index = Int(Self.hash(slot.session, slot.id) >> 8) & (slots.count - 1)
            while slots[index] != nil { index = (index + 1) & (slots.count - 1) }
            slots[index] = slot
        }
        segments[segment].slots = slots
    }

    private static func hash(_ session: SessionID, _ id: ClientOrderID) -> UInt64 {
        var hash = (UInt64(session) &+ 0x9E37_79B9_7F4A_7C15) ^ id.head
        for word in [id.middle, id.tail] {
            hash = (hash ^ (hash >> 32)) &* 0xD6E8_FEB8_6659_FD93
            hash ^= word
        }
        hash = (hash ^ (hash >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return hash ^ (hash >> 29)
    }
}
