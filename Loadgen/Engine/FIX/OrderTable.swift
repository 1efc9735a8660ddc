/// The three requests for orders; the raw value is their name in the acknowledgement log.
enum OrderKind: String {
    case new, cancel, replace
}

/// What is known of one request for an order, and later of the open order it made.
struct Order {
    enum State: UInt8 {
        case free
        /// Sent, not answered.
        case inFlight
        /// Given up (timeout, connection lost); a late answer is still logged.
        case abandoned
        /// An acknowledged order that any cancel or replace of its session may pick.
        case open
        /// An acknowledged order that a flow keeps in a variable: only that flow may name it.
        case held
        /// An order that a cancel or replace in flight names.
        case named
        /// A held order that was replaced: `target` is what took its place.
        case moved
    }

    /// Counts the requests of the run.
    var id: UInt64 = 0
    var token = RequestToken(slot: -1, generation: 0)
    var price: Int64 = 0
    var quantity: Int64 = 0
    var instrument: Int32 = 0
    var account: Int32 = 0
    var session: Int32 = 0
    /// Index of the operation, and its site in the plan.
    var operation: Int32 = 0
    var site: Int32 = 0
    /// Slot and id of the order that a cancel or replace names, or of the one that took a moved order's place.
    var target: Int32 = -1
    var targetID: UInt64 = 0
    /// Position in the session's list of open orders, -1 while not in it.
    var position: Int32 = -1
    /// Neighbours in the session's list of requests in flight; `next` also links free slots.
    var next: Int32 = -1
    var previous: Int32 = -1
    var kind = OrderKind.new
    var isBuy = false
    /// The order has had a fill.
    var hasTraded = false
    /// A flow's variable names it.
    var isHeld = false
    var state: State = .free
}

/// All requests in flight and all orders known to be open, in a fixed number of slots.
///
/// A slot's number and its request's id are part of the ClOrdID, so an answer finds its request without a search,
/// and an answer to something forgotten is told by the id.
final class OrderTable {
    private var slots: [Order]
    private var firstFree: Int32
    /// Slots in use.
    private(set) var used = 0

    init(capacity: Int) {
        precondition(capacity > 0 && capacity <= ClientOrderID.slotMax + 1, "too many slots")
        slots = (0..<capacity).map { index in
            var slot = Order()
            slot.next = index + 1 < capacity ? Int32(index + 1) : -1
            return slot
        }
        firstFree = 0
    }

    var capacity: Int { slots.count }

    subscript(slot: Int32) -> Order {
        get { slots[Int(slot)] }
        _modify { yield &slots[Int(slot)] }
    }

    /// A free slot, or nil when all are in use.
    func take() -> Int32? {
        guard firstFree >= 0 else { return nil }
        let slot = firstFree
        firstFree = slots[Int(slot)].next
        used += 1
        return slot
    }

    /// Forgets a request.
    func release(_ slot: Int32) {
        assert(slots[Int(slot)].state != .free, "released once")
        slots[Int(slot)] = Order()
        slots[Int(slot)].next = firstFree
        firstFree = slot
        used -= 1
    }

    /// Whether the slot still holds that request.
    func holds(_ slot: Int32, _ id: UInt64) -> Bool {
        slot >= 0 && Int(slot) < slots.count && slots[Int(slot)].state != .free && slots[Int(slot)].id == id
    }
}

/// The value of a variable that names an order: slot and id, 12 bytes.
enum OrderReference {
    static func bytes(_ slot: Int32, _ id: UInt64) -> InlineArray<12, UInt8> {
        var bytes = InlineArray<12, UInt8>(repeating: 0)
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: slot >> Int32(8 * index)) }
        for index in 0..<8 { bytes[4 + index] = UInt8(truncatingIfNeeded: id >> UInt64(8 * index)) }
        return bytes
    }

    static func parse(_ value: Span<UInt8>) -> (slot: Int32, id: UInt64)? {
        guard value.count == 12 else { return nil }
        var (slot, id): (Int32, UInt64) = (0, 0)
        for index in 0..<4 { slot |= Int32(value[index]) << Int32(8 * index) }
        for index in 0..<8 { id |= UInt64(value[4 + index]) << UInt64(8 * index) }
        return (slot, id)
    }
}
