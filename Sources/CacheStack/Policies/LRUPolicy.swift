/// Exact least recently used: a hit moves the slot to the newest end, the oldest leaves.
public struct LRUPolicy: EvictionPolicy {
    public static let hitsAreMarks = false
    public static let marksMax: UInt8 = 0

    private var links: SlotLinks
    private var queue = SlotQueue()

    public init(capacity: Int, marks: UseMarks) { links = SlotLinks(capacity: capacity) }

    @inline(__always)
    public mutating func insert(_ slot: Int32, hash: UInt64) { links.append(slot, to: &queue) }

    @inline(__always)
    public mutating func hit(_ slot: Int32) { links.moveToNewest(slot, in: &queue) }

    @inline(__always)
    public mutating func remove(_ slot: Int32) { links.remove(slot, from: &queue) }

    @inline(__always)
    public mutating func evict() -> Int32 { links.popOldest(&queue) }

    public func checkInvariants(count: Int) { precondition(links.slots(of: queue).count == count, "held slots") }
}
