internal import Glibc

/// The latency classes of `LoadInterval.heat`, found without a logarithm.
struct HeatClasses {
    /// Lowest value of each class, nanoseconds.
    let bounds: [Int64]
    /// The class of each power of two.
    private let start: [UInt8]

    init() {
        let bounds = (0..<LoadInterval.heatClasses).map { index in
            index == 0 ? 0 : Int64((10_000 * pow(10, Double(index) / 8)).rounded())
        }
        self.bounds = bounds
        start = (0..<64).map { bit in
            let value = Int64(1) << Int64(min(bit, 62))
            return UInt8((bounds.lastIndex { $0 <= value }) ?? 0)
        }
    }

    /// The class of a response time; at most three comparisons.
    func index(of nanoseconds: Int64) -> Int {
        guard nanoseconds > 0 else { return 0 }
        var index = Int(start[63 - nanoseconds.leadingZeroBitCount])
        while index + 1 < bounds.count, nanoseconds >= bounds[index + 1] { index += 1 }
        return index
    }
}

/// The slowest requests so far, in a heap whose root is the fastest of them.
struct SlowestRequests {
    struct Entry {
        var response: Int64
        var row: Int32
        var outcome: Outcome
        var intended: UInt64
        var lag: Int64
        var trace: UInt64
    }

    private var heap: [Entry] = []
    private let countMax: Int

    init(countMax: Int) {
        self.countMax = countMax
        heap.reserveCapacity(countMax)
    }

    /// Keeps a request that is among the slowest; nearly always one comparison.
    mutating func note(_ entry: @autoclosure () -> Entry, response: Int64) {
        if heap.count < countMax {
            heap.append(entry())
            rise()
        } else if let root = heap.first, response > root.response {
            heap[0] = entry()
            sink()
        }
    }

    /// Slowest first.
    var sorted: [Entry] { heap.sorted { ($1.response, $0.intended) < ($0.response, $1.intended) } }

    private mutating func rise() {
        var child = heap.count - 1
        while child > 0, heap[child].response < heap[(child - 1) / 2].response {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, heap[child + 1].response < heap[child].response { child += 1 }
            guard heap[child].response < heap[parent].response else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
