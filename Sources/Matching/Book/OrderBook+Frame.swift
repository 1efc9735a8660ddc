import Market

/// The moving frame of instruments without a band.
extension OrderBook {
    /// Levels of the first frame.
    private static let frameMin = 1_024

    /// Rebuilds the level arrays so that they cover `tick` and every open order; false where that takes too many.
    ///
    /// The new frame has the occupied range in its middle and twice its width, so a drifting price moves it rarely.
    func moveFrame(toInclude tick: Int) -> Bool {
        guard isMoving else { return false }
        var low = tick
        var high = tick
        for side in 0...1 where sides[side].best != LevelBitmap.none {
            let best = frames[0].tick(side, sides[side].best)
            let worst = frames[0].tick(side, sides[side].occupied.last)
            low = min(low, best, worst)
            high = max(high, best, worst)
        }
        let span = high - low + 1
        guard span <= Self.levelsMax else { return false }
        let width = min(max(2 * span, Self.frameMin), Self.levelsMax)
        let lowest = max(bounds.lowest, low - (width - span) / 2)
        move(to: PriceFrame(lowest: lowest, count: width))
        return true
    }

    private func move(to frame: PriceFrame) {
        let old = frames[0]
        frames[0] = frame
        for side in 0...1 where sides[side].levels.count > 0 {
            let source = sides[side]
            sides[side] = BookSide(slots: frame.count)
            sides[side].orders = source.orders
            var slot = source.best
            while slot != LevelBitmap.none {
                let target = frame.slot(side, old.tick(side, slot))
                relocate(source.levels[slot], side: side, slot: target)
                slot = source.occupied.next(after: slot)
            }
            sides[side].best = sides[side].occupied.next(after: -1)
            source.deallocate()
        }
    }

    /// Puts a level at its new slot and tells its orders.
    private func relocate(_ level: PriceLevel, side: Int, slot: Int) {
        sides[side].levels[slot] = level
        sides[side].occupied.insert(slot)
        var node = level.head
        while node >= 0 {
            nodes[node].place = NodePlace(book: tag, side: side, slot: slot)
            node = nodes[node].next
        }
    }
}
