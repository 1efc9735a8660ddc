/// What is known of one request, and later of the open order it made.
struct Request {
    enum State: UInt8 {
        case free
        /// Sent, not answered.
        case inFlight
        /// Given up (timeout, connection lost); a late answer is still logged.
        case abandoned
        /// An acknowledged order that may be canceled or replaced.
        case open
        /// An open order that a cancel or replace in flight names.
        case named
    }

    var id: UInt64 = 0
    /// Nanoseconds after the start of the run.
    var intended: UInt64 = 0
    var sent: UInt64 = 0
    var price: Int64 = 0
    var quantity: Int64 = 0
    var instrument: Int32 = 0
    var account: Int32 = 0
    var session: Int32 = 0
    /// Slot and id of the order that a cancel or replace names.
    var target: Int32 = -1
    var targetID: UInt64 = 0
    /// Position in the session's list of open orders, -1 while not in it.
    var position: Int32 = -1
    var nextFree: Int32 = -1
    var operation: Operation = .new
    var isBuy = false
    /// The order has had a fill.
    var hasTraded = false
    var state: State = .free
}

/// All requests in flight and all orders known to be open, in a fixed number of slots.
///
/// A slot's number and its request's id are part of the ClOrdID, so an answer finds its request without a search,
/// and an answer to something forgotten is told by the id.
final class RequestTable {
    private var slots: [Request]
    private var firstFree: Int32
    /// Slots in use.
    private(set) var used = 0

    init(capacity: Int) {
        precondition(capacity > 0 && capacity <= ClientOrderID.slotMax + 1, "too many slots")
        slots = (0..<capacity).map { index in
            var slot = Request()
            slot.nextFree = index + 1 < capacity ? Int32(index + 1) : -1
            return slot
        }
        firstFree = 0
    }

    var capacity: Int { slots.count }

    subscript(slot: Int32) -> Request {
        get { slots[Int(slot)] }
        _modify { yield &slots[Int(slot)] }
    }

    /// A free slot, or nil when all are in use.
    func take() -> Int32? {
        guard firstFree >= 0 else { return nil }
        let slot = firstFree
        firstFree = slots[Int(slot)].nextFree
        used += 1
        return slot
    }

    /// Forgets a request.
    func release(_ slot: Int32) {
        assert(slots[Int(slot)].state != .free, "released once")
        slots[Int(slot)] = Request()
        slots[Int(slot)].nextFree = firstFree
        firstFree = slot
        used -= 1
    }

    /// Whether the slot still holds that request.
    func holds(_ slot: Int32, _ id: UInt64) -> Bool {
        slot >= 0 && Int(slot) < slots.count && slots[Int(slot)].state != .free && slots[Int(slot)].id == id
    }
}
