/// One side of a book: its level array, the bitmap of non-empty levels and the best level.
///
/// Slots count from the best possible price of the side: slot 0 of the sell side is the lowest price of the frame,
/// slot 0 of the buy side the highest. So "better" is "lower slot" on both sides, and one code serves both.
struct BookSide: BitwiseCopyable {
    /// Defined only where `occupied` has the slot's bit: a fresh side writes the bitmap alone.
    var levels: HeapBlock<PriceLevel>
    var occupied: LevelBitmap
    /// Lowest non-empty slot, or `LevelBitmap.none`.
    var best: Int
    /// Resting orders.
    var orders: Int

    /// An empty side over `slots` slots, none for a side that was never used.
    init(slots: Int) {
        levels = HeapBlock(reserving: slots)
        occupied = LevelBitmap(slots: slots)
        best = LevelBitmap.none
        orders = 0
    }

    func deallocate() {
        levels.deallocate()
        occupied.deallocate()
    }

    /// Forgets an empty level and finds the next best one.
    @inline(__always)
    mutating func removeLevel(_ slot: Int) {
        occupied.remove(slot)
        if slot == best { best = occupied.next(after: slot) }
    }
}

/// One price of one side: the ends of its queue and its open shares.
struct PriceLevel: BitwiseCopyable {
    var head: Int32
    var tail: Int32
    var quantity: Int64
}

/// The ticks that a book's level arrays cover.
struct PriceFrame: BitwiseCopyable {
    /// Price in ticks of the lowest level.
    var lowest: Int
    /// Number of levels, 0 before the first price of an instrument without a band.
    var count: Int

    @inline(__always) var highest: Int { lowest + count - 1 }
    @inline(__always) func contains(_ tick: Int) -> Bool { tick >= lowest && tick < lowest + count }

    /// The slot of `tick` on `side` (0 buy, 1 sell); outside 0..<count where the frame does not contain it.
    @inline(__always)
    func slot(_ side: Int, _ tick: Int) -> Int { side == 0 ? highest - tick : tick - lowest }

    /// The price in ticks of a slot.
    @inline(__always)
    func tick(_ side: Int, _ slot: Int) -> Int { side == 0 ? highest - slot : lowest + slot }
}
