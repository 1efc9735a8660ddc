/// What is due when: a binary heap, earliest first, in order of insertion among equals.
///
/// 16 bytes an entry; push and pop take O(log n) comparisons and no allocation once it has grown.
package struct TimerHeap {
    private struct Entry {
        var time: UInt64
        var order: UInt32
        var item: Int32

        func precedes(_ other: Entry) -> Bool {
            // Orders wrap after four billion; among equal times they are close to each other.
            time != other.time ? time < other.time : Int32(truncatingIfNeeded: order &- other.order) < 0
        }
    }

    private var entries: [Entry] = []
    private var order: UInt32

    /// An empty heap.
    ///
    /// - Parameter order: where counting insertions begins; it wraps.
    package init(order: UInt32 = 0) { self.order = order }

    /// Bytes of an entry.
    static var stride: Int { MemoryLayout<Entry>.stride }
    package var count: Int { entries.count }
    /// The earliest time; `UInt64.max` when empty.
    package var first: UInt64 { entries.first?.time ?? .max }

    package mutating func push(_ item: Int32, at time: UInt64) {
        entries.append(Entry(time: time, order: order, item: item))
        order &+= 1
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].precedes(entries[parent]) else { break }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest item.
    package mutating func pop() -> (item: Int32, time: UInt64)? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return (first.item, first.time)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }
}
