/// A queue of slots from oldest to newest; its links are in a `SlotLinks`.
struct SlotQueue {
    fileprivate(set) var oldest: Int32 = -1
    fileprivate(set) var newest: Int32 = -1
    fileprivate(set) var count = 0
}

/// The links of doubly linked queues over slots 0..<capacity, eight bytes a slot; a slot is in one queue at most.
struct SlotLinks {
    private struct Link {
        var older: Int32
        var newer: Int32
    }

    private var links: [Link]

    init(capacity: Int) {
        precondition((1...1 << 29).contains(capacity), "a cache has 1 to 2^29 slots")
        links = Array(repeating: Link(older: -1, newer: -1), count: capacity)
    }

    /// The next slot towards the newest end; -1 after the newest.
    @inline(__always)
    func newer(_ slot: Int32) -> Int32 { links[Int(slot)].newer }

    @inline(__always)
    mutating func append(_ slot: Int32, to queue: inout SlotQueue) {
        links[Int(slot)] = Link(older: queue.newest, newer: -1)
        if queue.newest >= 0 { links[Int(queue.newest)].newer = slot } else { queue.oldest = slot }
        queue.newest = slot
        queue.count += 1
    }

    @inline(__always)
    mutating func remove(_ slot: Int32, from queue: inout SlotQueue) {
        let link = links[Int(slot)]
        if link.older >= 0 { links[Int(link.older)].newer = link.newer } else { queue.oldest = link.newer }
        if link.newer >= 0 { links[Int(link.newer)].older = link.older } else { queue.newest = link.older }
        queue.count -= 1
    }

    @inline(__always)
    mutating func moveToNewest(_ slot: Int32, in queue: inout SlotQueue) {
        guard slot != queue.newest else { return }
        remove(slot, from: &queue)
        append(slot, to: &queue)
    }

    /// Takes the oldest slot out; traps where the queue is empty.
    @inline(__always)
    mutating func popOldest(_ queue: inout SlotQueue) -> Int32 {
        let slot = queue.oldest
        precondition(slot >= 0, "the queue holds a slot")
        remove(slot, from: &queue)
        return slot
    }

    /// The queue's slots from oldest to newest; traps unless links and count agree.
    func slots(of queue: SlotQueue) -> [Int32] {
        var (found, slot, older): ([Int32], Int32, Int32) = ([], queue.oldest, -1)
        while slot >= 0 {
            precondition(links[Int(slot)].older == older, "links agree in both directions")
            precondition(found.count < queue.count, "the queue ends after its count")
            found.append(slot)
            (older, slot) = (slot, newer(slot))
        }
        precondition(older == queue.newest && found.count == queue.count, "queue and count agree")
        return found
    }
}
