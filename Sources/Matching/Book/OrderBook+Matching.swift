import Market

/// The kernel: consuming the queues of one side from its best level on.
extension OrderBook {
    /// Trades `order` against `side` down to slot `reach` over at most `levels` levels; returns what is left of it.
    @inline(__always)
    func sweep(_ order: IncomingOrder, side: Int, reach: Int, levels: Int, fills: inout [Fill]) -> Int64 {
        var remaining = order.quantity.shares
        var levelsLeft = levels
        while remaining > 0, levelsLeft > 0, sides[side].best <= reach {
            let slot = sides[side].best
            remaining = consume(order, side: side, slot: slot, shares: remaining, fills: &fills)
            levelsLeft -= 1
        }
        return remaining
    }

    /// Trades up to `shares` of `order` with the queue of one level; returns what is left.
    @inline(__always)
    private func consume(
        _ order: IncomingOrder, side: Int, slot: Int, shares: Int64, fills: inout [Fill]
    ) -> Int64 {
        let price = price(ticks: frames[0].tick(side, slot))
        var remaining = shares
        var node = sides[side].levels[slot].head
        while node >= 0, remaining > 0 {
            let maker = nodes[node]
            let traded = min(remaining, Int64(maker.quantity))
            let open = Int64(maker.quantity) - traded
            remaining -= traded
            fills.append(
                Fill(
                    maker: maker.id, makerHandle: maker.handle, makerRemaining: Quantity(open), taker: order.id,
                    takerHandle: order.handle, takerRemaining: Quantity(remaining), takerSide: order.side,
                    price: price, quantity: Quantity(traded), isAuction: false))
            if open > 0 {
                nodes[node].quantity = Int32(truncatingIfNeeded: open)
            } else {
                arena.give(node)
                sides[side].orders -= 1
                node = maker.next
            }
        }
        settle(side: side, slot: slot, head: node, traded: shares - remaining)
        return remaining
    }

    /// Makes `head` the head of a level of which `traded` shares are gone; -1 removes the level.
    @inline(__always)
    func settle(side: Int, slot: Int, head: Int32, traded: Int64) {
        guard head >= 0 else { return sides[side].removeLevel(slot) }
        nodes[head].previous = -1
        sides[side].levels[slot].head = head
        sides[side].levels[slot].quantity -= traded
    }

    /// Shares that `side` offers down to slot `reach` over at most `levels` levels; stops at `needed`.
    func available(_ side: Int, reach: Int, levels: Int, upTo needed: Int64) -> Int64 {
        var sum: Int64 = 0
        var levelsLeft = levels
        var slot = sides[side].best
        while slot <= reach, levelsLeft > 0, sum < needed {
            sum += sides[side].levels[slot].quantity
            slot = sides[side].occupied.next(after: slot)
            levelsLeft -= 1
        }
        return sum
    }

    /// Trades `shares` shares of an uncross at one price: best buy against best sell, each by price and then time.
    func uncross(at tick: Int, shares: Int64, fills: inout [Fill]) {
        let price = price(ticks: tick)
        var left = shares
        while left > 0 {
            let buyNode = sides[0].levels[sides[0].best].head
            let sellNode = sides[1].levels[sides[1].best].head
            let buy = nodes[buyNode]
            let sell = nodes[sellNode]
            let traded = min(left, Int64(buy.quantity), Int64(sell.quantity))
            left -= traded
            fills.append(
                Fill(
                    maker: buy.id, makerHandle: buy.handle, makerRemaining: Quantity(Int64(buy.quantity) - traded),
                    taker: sell.id, takerHandle: sell.handle,
                    takerRemaining: Quantity(Int64(sell.quantity) - traded), takerSide: .sell, price: price,
                    quantity: Quantity(traded), isAuction: true))
            take(traded, from: buyNode)
            take(traded, from: sellNode)
        }
    }

    /// Takes `shares` from an order in place and removes it when nothing is left.
    @inline(__always)
    func take(_ shares: Int64, from node: Int32) {
        let place = nodes[node].place
        guard Int64(nodes[node].quantity) > shares else { return unlink(node) }
        nodes[node].quantity -= Int32(shares)
        sides[place.side].levels[place.slot].quantity -= shares
    }

    /// Removes an order from its queue, its level when it was the last, and the arena.
    @inline(__always)
    func unlink(_ node: Int32) {
        let order = nodes[node]
        let side = order.place.side
        let slot = order.place.slot
        sides[side].orders -= 1
        arena.give(node)
        if order.previous < 0, order.next < 0 { return sides[side].removeLevel(slot) }
        sides[side].levels[slot].quantity -= Int64(order.quantity)
        if order.previous < 0 {
            sides[side].levels[slot].head = order.next
        } else {
            nodes[order.previous].next = order.next
        }
        if order.next < 0 {
            sides[side].levels[slot].tail = order.previous
        } else {
            nodes[order.next].previous = order.previous
        }
    }
}
