/// SIEVE: a hit marks the slot and nothing moves; a hand goes from the oldest to the newest and round again, unmarks
/// what it passes, takes the first unmarked slot and waits at the next one (Zhang and others, NSDI 2024).
///
/// Falls far behind LRU where popularity shifts, and suits traffic whose favourites last.
public struct SievePolicy: EvictionPolicy {
    public static let hitsAreMarks = true
    public static let marksMax: UInt8 = 1

    private let marks: UseMarks
    private var links: SlotLinks
    private var queue = SlotQueue()
    /// Where the next search begins; -1: at the oldest.
    private var hand: Int32 = -1

    public init(capacity: Int, marks: UseMarks) {
        precondition(marks.capacity >= capacity, "a mark for each slot")
        self.marks = marks
        links = SlotLinks(capacity: capacity)
    }

    @inline(__always)
    public mutating func insert(_ slot: Int32, hash: UInt64) {
        marks.clear(slot)
        links.append(slot, to: &queue)
    }

    @inline(__always)
    public mutating func hit(_ slot: Int32) { marks.mark(slot, upTo: Self.marksMax) }

    public mutating func remove(_ slot: Int32) {
        if hand == slot { hand = links.newer(slot) }
        links.remove(slot, from: &queue)
    }

    /// Readers may mark while the hand goes round: after one round it takes what it is at.
    public mutating func evict() -> Int32 {
        var slot = hand >= 0 ? hand : queue.oldest
        precondition(slot >= 0, "the queue holds a slot")
        var passes = queue.count
        while passes > 0, marks.read(slot) > 0 {
            marks.clear(slot)
            slot = links.newer(slot)
            if slot < 0 { slot = queue.oldest }
            passes -= 1
        }
        hand = links.newer(slot)
        links.remove(slot, from: &queue)
        return slot
    }

    public func checkInvariants(count: Int) {
        let held = links.slots(of: queue)
        precondition(held.count == count, "held slots")
        precondition(hand < 0 || held.contains(hand), "the hand is at a held slot")
    }
}
