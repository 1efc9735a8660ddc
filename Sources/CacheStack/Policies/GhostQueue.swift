/// The hashes of keys that left lately, at most `capacity`, the oldest forgotten first.
struct GhostQueue {
    private let capacity: Int
    private var index: HashIndex
    private var links: SlotLinks
    private var queue = SlotQueue()
    /// Places that were never used begin here; the others that are free are in `free`.
    private var used: Int32 = 0
    private var free = SlotQueue()

    init(capacity: Int) {
        self.capacity = capacity
        index = HashIndex(capacity: max(1, capacity))
        links = SlotLinks(capacity: max(1, capacity))
    }

    var count: Int { queue.count }

    /// Remembers a hash as the newest; one that is remembered already keeps its place.
    mutating func append(_ hash: UInt64) {
        guard capacity > 0, index.find(hash) < 0 else { return }
        let place: Int32
        if queue.count == capacity {
            place = links.popOldest(&queue)
            index.remove(place)
        } else if free.count > 0 {
            place = links.popOldest(&free)
        } else {
            place = used
            used += 1
        }
        index.insert(place, hash)
        links.append(place, to: &queue)
    }

    /// Forgets a hash; returns whether it was remembered.
    mutating func take(_ hash: UInt64) -> Bool {
        let place = index.find(hash)
        guard place >= 0 else { return false }
        index.remove(place)
        links.remove(place, from: &queue)
        links.append(place, to: &free)
        return true
    }

    /// Traps unless queue and index agree.
    func checkInvariants() {
        index.checkInvariants()
        precondition(index.count == links.slots(of: queue).count && queue.count <= capacity, "ghosts within the limit")
        precondition(queue.count + links.slots(of: free).count == Int(used), "each place is held or free")
    }
}
