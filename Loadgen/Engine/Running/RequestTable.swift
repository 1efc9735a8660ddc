/// A request that waits for its answer.
struct PendingRequest {
    var generation: UInt32 = 0
    var isLive = false
    /// Nanoseconds after the start; `sent` when its connection was flushed.
    var intended: UInt64 = 0
    var sent: UInt64 = 0
    /// Its running iteration.
    var iteration: Int32 = -1
    /// The transport's name for it.
    var handle: Int32 = -1
    var connection: Int32 = -1
    var bytesOut: Int32 = 0
    /// Row of the result.
    var row: Int32 = 0
    /// Judged step it belongs to, -1 for none.
    var judged: Int32 = -1
    var nextFree: Int32 = -1
    /// Its number in `TraceContext.root`; 0 for one that is not traced.
    var trace: UInt64 = 0
}

/// All requests in flight, in a fixed number of slots: as many as may be in flight.
final class RequestTable {
    private var slots: [PendingRequest]
    private var firstFree: Int32 = 0
    /// Requests in flight.
    private(set) var used = 0

    init(capacity: Int) {
        slots = (0..<capacity).map { index in
            var slot = PendingRequest()
            slot.nextFree = index + 1 < capacity ? Int32(index + 1) : -1
            return slot
        }
    }

    subscript(slot: Int32) -> PendingRequest {
        get { slots[Int(slot)] }
        _modify { yield &slots[Int(slot)] }
    }

    /// A free slot, or nil when all are in use.
    func take() -> RequestToken? {
        guard firstFree >= 0 else { return nil }
        let slot = firstFree
        firstFree = slots[Int(slot)].nextFree
        slots[Int(slot)].isLive = true
        used += 1
        return RequestToken(slot: slot, generation: slots[Int(slot)].generation)
    }

    /// Forgets a request; tokens of it are not known any more.
    func release(_ slot: Int32) {
        assert(slots[Int(slot)].isLive, "released once")
        let generation = slots[Int(slot)].generation &+ 1
        slots[Int(slot)] = PendingRequest(generation: generation, nextFree: firstFree)
        firstFree = slot
        used -= 1
    }

    /// Whether the slot still holds that request.
    func holds(_ token: RequestToken) -> Bool {
        token.slot >= 0 && Int(token.slot) < slots.count && slots[Int(token.slot)].isLive
            && slots[Int(token.slot)].generation == token.generation
    }
}

/// First in, first out, without moving what waits.
struct FIFO<Element> {
    private var entries: [Element] = []
    private var head = 0

    var isEmpty: Bool { head == entries.count }
    var count: Int { entries.count - head }
    var first: Element? { head < entries.count ? entries[head] : nil }
    /// What waits, oldest first.
    var all: ArraySlice<Element> { entries[head...] }

    mutating func append(_ element: Element) { entries.append(element) }

    mutating func removeFirst() {
        head += 1
        guard head == entries.count || (head > 8_192 && head > entries.count / 2) else { return }
        entries.removeFirst(head)
        head = 0
    }

    mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        head = 0
    }
}
