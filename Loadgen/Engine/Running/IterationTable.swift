/// A running iteration: a single request, or a flow somewhere between its first and last step.
struct Iteration {
    /// Its number, see `IterationKey`.
    var number: UInt64 = 0
    /// When the request that is next or in flight is due, nanoseconds after the start.
    var intended: UInt64 = 0
    /// Row number for CSV feeders.
    var row: UInt64 = 0
    /// Index into the user table; -1 for an arrival's.
    var user: Int32 = -1
    /// Block of variables; -1 where the flow has none.
    var variables: Int32 = -1
    /// Which of all mix items.
    var item: Int32 = 0
    var nextFree: Int32 = -1
    var scenario: Int16 = 0
    /// Step of the flow.
    var step: Int16 = 0
    var isLive = false
    /// It waits for the time of its next request, on the heap.
    var isThinking = false
    /// It was ended while it waited there.
    var isCut = false
}

/// Running iterations in slots that grow as needed, up to a limit; O(1) each.
struct IterationTable {
    /// Iterations at a time at most.
    static let countMax = 1 << 20

    private var slots: [Iteration] = []
    private var firstFree: Int32 = -1
    /// Iterations running.
    private(set) var count = 0

    static var stride: Int { MemoryLayout<Iteration>.stride }
    /// Slots, whether in use or not.
    var indices: Range<Int32> { 0..<Int32(slots.count) }

    subscript(index: Int32) -> Iteration {
        get { slots[Int(index)] }
        _modify { yield &slots[Int(index)] }
    }

    /// A slot for an iteration; nil at the limit.
    mutating func insert(_ iteration: Iteration) -> Int32? {
        var kept = iteration
        kept.isLive = true
        if firstFree >= 0 {
            let index = firstFree
            firstFree = slots[Int(index)].nextFree
            slots[Int(index)] = kept
            count += 1
            return index
        }
        guard slots.count < Self.countMax else { return nil }
        slots.append(kept)
        count += 1
        return Int32(slots.count - 1)
    }

    mutating func remove(_ index: Int32) {
        assert(slots[Int(index)].isLive, "ended once")
        slots[Int(index)].isLive = false
        slots[Int(index)].nextFree = firstFree
        firstFree = index
        count -= 1
    }
}

/// Values that flows carry from reply to request: a block of `FlowPlan.variablesMax` values a running flow that has any.
///
/// 520 bytes a block (eight values of at most 64 bytes and their lengths); blocks are used again.
struct VariableTable {
    private static let room = SavedValue.lengthMax + 1
    private static let blockLength = FlowPlan.variablesMax * room

    private var bytes: [UInt8] = []
    private var free: [Int32] = []

    /// An empty block.
    mutating func take() -> Int32 {
        if let block = free.popLast() {
            for variable in 0..<FlowPlan.variablesMax { bytes[Self.start(block, variable)] = 0 }
            return block
        }
        let block = Int32(bytes.count / Self.blockLength)
        bytes.append(contentsOf: repeatElement(0, count: Self.blockLength))
        return block
    }

    mutating func release(_ block: Int32) { free.append(block) }

    private static func start(_ block: Int32, _ variable: Int) -> Int { Int(block) * blockLength + variable * room }

    /// Keeps a value, cut at 64 bytes.
    mutating func set(_ block: Int32, _ variable: Int, _ value: Span<UInt8>) {
        let start = Self.start(block, variable)
        let count = min(value.count, SavedValue.lengthMax)
        bytes[start] = UInt8(count)
        for index in 0..<count { bytes[start + 1 + index] = value[index] }
    }

    /// The value, empty where none was saved.
    func withValue<R>(_ block: Int32, _ variable: Int, _ body: (Span<UInt8>) -> R) -> R {
        let start = Self.start(block, variable)
        return body(bytes.span.extracting((start + 1)..<(start + 1 + Int(bytes[start]))))
    }
}
