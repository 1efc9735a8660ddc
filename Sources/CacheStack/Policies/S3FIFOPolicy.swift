/// S3-FIFO: a small queue filters what is used once, a main queue keeps the rest, and a list of ghosts remembers what
/// the small queue let go, so that it returns to the main one (Yang and others, SOSP 2023).
///
/// Targets are a tenth of the capacity (one at least) for small, the rest for main, and as many ghosts as main. A hit
/// raises the slot's mark up to 3.
///
/// | step | rule |
/// |---|---|
/// | evict | from small where it is at its target or main is empty, else from main |
/// | from small | the oldest, if its mark is above 1, is unmarked and goes to main, and if main is then above its target one leaves main; on to the next, until one with a lower mark leaves for the ghosts |
/// | from main | the oldest, if marked, loses one mark and is appended again; else it leaves |
/// | insert | a ghost returns to main and is one no more; any other goes to small |
///
/// One eviction from small can cost main an entry too: `evict` returns that one first and then `owesEviction`.
public struct S3FIFOPolicy: EvictionPolicy {
    public static let hitsAreMarks = true
    public static let marksMax: UInt8 = 3

    private let marks: UseMarks
    private let capacity: Int
    private let smallTarget: Int
    private var hashes: [UInt64]
    private var isInMain: [Bool]
    private var links: SlotLinks
    private var small = SlotQueue()
    private var main = SlotQueue()
    private var ghosts: GhostQueue
    /// Main gave up an entry in the middle of an eviction from small.
    private var isPopping = false

    public init(capacity: Int, marks: UseMarks) {
        precondition(marks.capacity >= capacity, "a mark for each slot")
        self.marks = marks
        self.capacity = capacity
        smallTarget = max(1, capacity / 10)
        hashes = Array(repeating: 0, count: capacity)
        isInMain = Array(repeating: false, count: capacity)
        links = SlotLinks(capacity: capacity)
        ghosts = GhostQueue(capacity: capacity - smallTarget)
    }

    private var mainTarget: Int { capacity - smallTarget }

    public var owesEviction: Bool { isPopping && small.count > 0 }

    public mutating func insert(_ slot: Int32, hash: UInt64) {
        isPopping = false
        marks.clear(slot)
        hashes[Int(slot)] = hash
        isInMain[Int(slot)] = ghosts.take(hash)
        if isInMain[Int(slot)] { links.append(slot, to: &main) } else { links.append(slot, to: &small) }
    }

    @inline(__always)
    public mutating func hit(_ slot: Int32) { marks.mark(slot, upTo: Self.marksMax) }

    public mutating func remove(_ slot: Int32) {
        if isInMain[Int(slot)] { links.remove(slot, from: &main) } else { links.remove(slot, from: &small) }
    }

    public mutating func evict() -> Int32 {
        if owesEviction || small.count >= smallTarget || main.count == 0 { return evictFromSmall() }
        return evictFromMain()
    }

    private mutating func evictFromSmall() -> Int32 {
        isPopping = false
        while small.count > 0 {
            let slot = links.popOldest(&small)
            guard marks.read(slot) > 1 else {
                ghosts.append(hashes[Int(slot)])
                return slot
            }
            marks.clear(slot)
            isInMain[Int(slot)] = true
            links.append(slot, to: &main)
            if main.count > mainTarget {
                isPopping = true
                return evictFromMain()
            }
        }
        return evictFromMain()
    }

    /// Readers may mark while the queue turns: after four turns the oldest leaves whatever its mark.
    private mutating func evictFromMain() -> Int32 {
        var passes = main.count * (Int(Self.marksMax) + 1)
        while passes > 0 {
            let mark = marks.read(main.oldest)
            guard mark > 0 else { break }
            marks.set(main.oldest, to: mark - 1)
            links.moveToNewest(main.oldest, in: &main)
            passes -= 1
        }
        return links.popOldest(&main)
    }

    public func checkInvariants(count: Int) {
        let (inSmall, inMain) = (links.slots(of: small), links.slots(of: main))
        precondition(inSmall.count + inMain.count == count && count <= capacity, "held slots")
        precondition(inSmall.allSatisfy { !isInMain[Int($0)] } && inMain.allSatisfy { isInMain[Int($0)] }, "queues")
        ghosts.checkInvariants()
    }
}
