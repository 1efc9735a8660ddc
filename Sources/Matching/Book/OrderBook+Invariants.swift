public import Market

/// A broken invariant of a book: a defect of this module or damaged memory, never an effect of orders.
public enum BookFault: Error, Equatable, Sendable {
    /// A layer of a bitmap disagrees with the one below.
    case bitmap(Side)
    /// The cached best level is not the first of the bitmap.
    case best(Side)
    /// A queue's links, tail or an order's own place are wrong.
    case queue(Side, Price)
    /// A level's quantity is not the sum of its orders, or an order has none.
    case quantity(Side, Price)
    /// The number of orders differs from the count.
    case count(Side)
    /// Best bid at or above best ask outside a call.
    case crossed
}

/// Whole-structure checks, for tests and for recovery.
extension OrderBook {
    /// The first broken invariant, or nil.
    ///
    /// O(open orders + levels / 64). A book may be crossed only `inCall`.
    public func checkInvariants(inCall: Bool = false) -> BookFault? {
        for side in Side.allCases {
            if let fault = check(side) { return fault }
        }
        return isCrossed && !inCall ? .crossed : nil
    }

    private func check(_ side: Side) -> BookFault? {
        let book = sides[side.index]
        guard book.occupied.isConsistent else { return .bitmap(side) }
        guard book.best == book.occupied.next(after: -1) else { return .best(side) }
        var orders = 0
        var slot = book.best
        while slot != LevelBitmap.none {
            switch checkLevel(side, slot) {
            case .success(let count): orders += count
            case .failure(let fault): return fault
            }
            slot = book.occupied.next(after: slot)
        }
        return orders == book.orders ? nil : .count(side)
    }

    /// The number of orders of a sound level.
    private func checkLevel(_ side: Side, _ slot: Int) -> Result<Int, BookFault> {
        let level = sides[side.index].levels[slot]
        let price = price(ticks: frames[0].tick(side.index, slot))
        var node = level.head
        var previous: Int32 = -1
        var sum: Int64 = 0
        var count = 0
        while node >= 0 {
            guard arena.isWritten(node), count < arena.capacity, nodes[node].previous == previous,
                nodes[node].place == NodePlace(book: tag, side: side.index, slot: slot)
            else { return .failure(.queue(side, price)) }
            guard nodes[node].quantity > 0 else { return .failure(.quantity(side, price)) }
            sum += Int64(nodes[node].quantity)
            count += 1
            previous = node
            node = nodes[node].next
        }
        guard count > 0, previous == level.tail else { return .failure(.queue(side, price)) }
        return sum == level.quantity ? .success(count) : .failure(.quantity(side, price))
    }
}
