/// The resting orders of all books of one partition: fixed 32-byte nodes addressed by Int32.
///
/// The arena reserves address space for its whole capacity at once and lets the system commit pages as the high-water
/// mark rises, so growing never copies, never moves an order and never pauses; freed nodes are reused last in, first
/// out. 2,000 empty books therefore cost nothing here. Confined to the thread that owns its books.
public final class OrderArena {
    /// Books that may share one arena: the book's tag has 13 bits, one value marks free nodes.
    public static let booksMax = 8_191
    /// Greatest capacity: references are non-negative Int32.
    public static let capacityMax = 1 << 30

    private struct Counters: BitwiseCopyable {
        /// Nodes below this index have been written.
        var written: Int32 = 0
        var freeHead: Int32 = -1
        var live: Int32 = 0
    }

    /// Resting orders that fit; 32 bytes of address space each.
    public let capacity: Int
    let nodes: HeapBlock<OrderNode>
    private let counters = HeapBlock(repeating: Counters(), count: 1)
    private var freeTags: [UInt32] = []
    private var tagsIssued: UInt32 = 0

    /// An arena for `capacity` resting orders.
    ///
    /// 1...`capacityMax`; the default of 4,194,304 orders takes 128 MiB of address space.
    public init(capacity: Int = 4_194_304) {
        precondition(capacity > 0 && capacity <= Self.capacityMax, "capacity must be 1...\(Self.capacityMax)")
        self.capacity = capacity
        nodes = HeapBlock(reserving: capacity)
    }

    deinit {
        nodes.deallocate()
        counters.deallocate()
    }

    /// Resting orders in all books.
    public var count: Int { Int(counters[0].live) }

    /// Whether another order can rest.
    public var hasRoom: Bool {
        @inline(__always) get { Int(counters[0].live) < capacity }
    }

    /// An unused node.
    ///
    /// Its content is undefined. The arena must have room.
    @inline(__always)
    func take() -> Int32 {
        counters[0].live += 1
        let free = counters[0].freeHead
        if free >= 0 {
            counters[0].freeHead = nodes[free].next
            return free
        }
        let fresh = counters[0].written
        counters[0].written = fresh + 1
        return fresh
    }

    /// Marks `node` unused.
    @inline(__always)
    func give(_ node: Int32) {
        nodes[node].place = .free
        nodes[node].next = counters[0].freeHead
        counters[0].freeHead = node
        counters[0].live -= 1
    }

    /// Whether `reference` is a node that has ever been used, so that it may be read.
    @inline(__always)
    func isWritten(_ reference: Int32) -> Bool { reference >= 0 && reference < counters[0].written }

    func issueTag() -> UInt32 {
        if let tag = freeTags.popLast() { return tag }
        precondition(tagsIssued < UInt32(Self.booksMax), "more than \(Self.booksMax) books in one arena")
        tagsIssued += 1
        return tagsIssued - 1
    }

    func returnTag(_ tag: UInt32) { freeTags.append(tag) }
}

/// A resting order: half a cache line.
struct OrderNode: BitwiseCopyable {
    var id: UInt64
    /// Open shares.
    var quantity: Int32
    var handle: UInt32
    var owner: UInt32
    var place: NodePlace
    /// Neighbours in the level's queue, -1 at its ends.
    var previous: Int32
    var next: Int32
}

/// Where a resting order stands: its book's tag, its side and its level's slot in one word.
struct NodePlace: BitwiseCopyable, Equatable {
    private let word: UInt32

    /// Stands in nodes that hold no order; no book has that tag.
    static let free = NodePlace(book: 0x1FFF, side: 0, slot: 0)

    @inline(__always)
    init(book: UInt32, side: Int, slot: Int) {
        word = book << 19 | UInt32(truncatingIfNeeded: side) << 18 | UInt32(truncatingIfNeeded: slot)
    }

    @inline(__always) var book: UInt32 { word >> 19 }
    @inline(__always) var side: Int { Int(word >> 18 & 1) }
    @inline(__always) var slot: Int { Int(word & 0x3_FFFF) }
}
