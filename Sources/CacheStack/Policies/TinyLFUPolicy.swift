/// W-TinyLFU: new entries pass through an LRU window; on their way into the main space the estimated frequency decides
/// between them and what would leave (Einziger, Friedman and Manes, ACM Transactions on Storage 13, 2017).
///
/// The window begins at a hundredth of the capacity (one at least). Main is a segmented LRU: a hit in probation moves
/// to protected, at most four fifths of main, whose oldest then falls back to probation.
///
/// | step | rule |
/// |---|---|
/// | evict | the oldest of the window competes with the oldest of probation: it goes to probation, and that one leaves, only where its frequency is strictly higher; else it leaves itself |
/// | insert | to the newest end of the window; what the window holds above its size goes to probation |
/// | every use | a hit or an insertion counts once in the sketch, before anything moves |
///
/// The window's size climbs towards more hits (Einziger, Eytan, Friedman and Manes, Middleware 2018): after each ten
/// uses for each entry it moves a step on if hits did not fall against the sample before, a step back if they did. A
/// step is 1/16 of the capacity, and shrinks by 2 % each time unless hits changed by a twentieth of the sample.
public struct TinyLFUPolicy: EvictionPolicy {
    public static let hitsAreMarks = false
    public static let marksMax: UInt8 = 0

    private enum Segment: UInt8 {
        case window, probation, protected
    }

    private let capacity: Int
    private let isAdaptive: Bool
    private var sketch: FrequencySketch
    private var hashes: [UInt64]
    private var segments: [Segment]
    private var links: SlotLinks
    private var window = SlotQueue()
    private var probation = SlotQueue()
    private var protected = SlotQueue()
    /// Most entries of the window and of the protected segment.
    package private(set) var windowMax: Int
    private var protectedMax: Int
    private var uses = 0
    private var hits = 0
    private var hitsBefore = 0
    /// Signed size of the next step, in 1/1024 entries.
    private var step: Int

    /// With a climbing window.
    public init(capacity: Int, marks: UseMarks) { self.init(capacity: capacity, isAdaptive: true) }

    /// With a climbing window, or one that stays.
    public init(capacity: Int, isAdaptive: Bool) {
        self.capacity = capacity
        self.isAdaptive = isAdaptive
        sketch = FrequencySketch(capacity: capacity)
        hashes = Array(repeating: 0, count: capacity)
        segments = Array(repeating: .window, count: capacity)
        links = SlotLinks(capacity: capacity)
        windowMax = max(1, capacity / 100)
        protectedMax = (capacity - windowMax) * 4 / 5
        step = -(capacity * 1024 / 16)
    }

    public mutating func insert(_ slot: Int32, hash: UInt64) {
        sketch.increment(hash)
        hashes[Int(slot)] = hash
        append(slot, to: .window)
        drainWindow()
        use(isHit: false)
    }

    public mutating func hit(_ slot: Int32) {
        sketch.increment(hashes[Int(slot)])
        switch segments[Int(slot)] {
        case .window: links.moveToNewest(slot, in: &window)
        case .probation:
            links.remove(slot, from: &probation)
            append(slot, to: .protected)
            drainProtected()
        case .protected: links.moveToNewest(slot, in: &protected)
        }
        use(isHit: true)
    }

    public mutating func remove(_ slot: Int32) {
        switch segments[Int(slot)] {
        case .window: links.remove(slot, from: &window)
        case .probation: links.remove(slot, from: &probation)
        case .protected: links.remove(slot, from: &protected)
        }
    }

    public mutating func evict() -> Int32 {
        guard probation.count + protected.count > 0 else { return links.popOldest(&window) }
        let victim = probation.count > 0 ? probation.oldest : protected.oldest
        if window.count >= windowMax {
            let candidate = links.popOldest(&window)
            guard sketch.frequency(hashes[Int(candidate)]) > sketch.frequency(hashes[Int(victim)]) else {
                return candidate
            }
            append(candidate, to: .probation)
        }
        remove(victim)
        return victim
    }

    @inline(__always)
    private mutating func append(_ slot: Int32, to segment: Segment) {
        segments[Int(slot)] = segment
        switch segment {
        case .window: links.append(slot, to: &window)
        case .probation: links.append(slot, to: &probation)
        case .protected: links.append(slot, to: &protected)
        }
    }

    private mutating func drainWindow() {
        while window.count > windowMax { append(links.popOldest(&window), to: .probation) }
    }

    private mutating func drainProtected() {
        while protected.count > protectedMax { append(links.popOldest(&protected), to: .probation) }
    }

    // MARK: The window's size

    @inline(__always)
    private mutating func use(isHit: Bool) {
        guard isAdaptive else { return }
        uses += 1
        if isHit { hits += 1 }
        if uses == sketch.sampleSize { climb() }
    }

    private mutating func climb() {
        let change = hits - hitsBefore
        let amount = change >= 0 ? step : -step
        let isLarge = abs(change) * 20 >= uses
        step = isLarge ? (amount >= 0 ? capacity : -capacity) * 1024 / 16 : amount * 98 / 100
        (hitsBefore, hits, uses) = (hits, 0, 0)
        if amount > 0 {
            grow(by: min(amount / 1024, protectedMax))
        } else {
            shrink(by: min(-amount / 1024, windowMax - 1))
        }
    }

    /// Takes from the protected share; entries come from the oldest of probation, then of protected.
    private mutating func grow(by entries: Int) {
        windowMax += entries
        protectedMax -= entries
        drainProtected()
        for _ in 0..<entries where window.count < windowMax {
            if probation.count > 0 {
                append(links.popOldest(&probation), to: .window)
            } else if protected.count > 0 {
                append(links.popOldest(&protected), to: .window)
            }
        }
    }

    private mutating func shrink(by entries: Int) {
        windowMax -= entries
        protectedMax += entries
        drainWindow()
    }

    public func checkInvariants(count: Int) {
        let parts = [(window, Segment.window), (probation, .probation), (protected, .protected)]
        var held = 0
        for (queue, segment) in parts {
            let slots = links.slots(of: queue)
            precondition(slots.allSatisfy { segments[Int($0)] == segment }, "a slot is in its segment")
            held += slots.count
        }
        precondition(held == count && count <= capacity, "held slots")
        precondition(window.count <= windowMax && protected.count <= protectedMax, "segments within their sizes")
        precondition(windowMax >= 1 && protectedMax >= 0 && windowMax + protectedMax <= capacity, "shares of a whole")
    }
}
