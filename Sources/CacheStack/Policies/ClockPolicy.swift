/// CLOCK, or second chance: a hit marks the slot; the oldest marked one is unmarked and goes to the newest end, the
/// oldest unmarked one leaves (Corbato, 1968).
public struct ClockPolicy: EvictionPolicy {
    public static let hitsAreMarks = true
    public static let marksMax: UInt8 = 1

    private let marks: UseMarks
    private var links: SlotLinks
    private var queue = SlotQueue()

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

    @inline(__always)
    public mutating func remove(_ slot: Int32) { links.remove(slot, from: &queue) }

    /// Readers may mark while the hand turns: after one turn the oldest leaves whatever its mark.
    public mutating func evict() -> Int32 {
        var passes = queue.count
        while passes > 0, marks.read(queue.oldest) > 0 {
            marks.clear(queue.oldest)
            links.moveToNewest(queue.oldest, in: &queue)
            passes -= 1
        }
        return links.popOldest(&queue)
    }

    public func checkInvariants(count: Int) { precondition(links.slots(of: queue).count == count, "held slots") }
}
