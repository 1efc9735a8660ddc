public import Market

/// A copy of one open order.
@frozen
public struct RestingOrder: Equatable, Sendable {
    /// Where it rests.
    public var reference: OrderReference
    /// Its id.
    public var id: OrderID
    /// The caller's slot number.
    public var handle: UInt32
    /// The account it trades for.
    public var owner: AccountID
    /// Buy or sell.
    public var side: Side
    /// Limit price.
    public var price: Price
    /// Open shares.
    public var quantity: Quantity
}

/// The open orders themselves: for recovery checks, the end of the day, and hashes.
extension OrderBook {
    /// The order that rests under `reference`, or nil where `order` does not.
    public func restingOrder(_ reference: OrderReference, order: OrderID) -> RestingOrder? {
        holds(reference, order) ? snapshot(reference.rawValue) : nil
    }

    /// Calls `body` with every open order of `side`: best price first, oldest first.
    ///
    /// `body` must not change the book.
    public func forEachOrder(_ side: Side, _ body: (RestingOrder) throws -> Void) rethrows {
        let index = side.index
        var slot = sides[index].best
        while slot != LevelBitmap.none {
            var node = sides[index].levels[slot].head
            while node >= 0 {
                try body(snapshot(node))
                node = nodes[node].next
            }
            slot = sides[index].occupied.next(after: slot)
        }
    }

    /// Removes every open order, buys first, and tells `body` of each after it is gone: the expiry at the close.
    public func removeAll(_ body: (RestingOrder) throws -> Void) rethrows {
        for index in 0...1 {
            while sides[index].best != LevelBitmap.none {
                let node = sides[index].levels[sides[index].best].head
                let order = snapshot(node)
                unlink(node)
                try body(order)
            }
        }
    }

    /// FNV-1a over every open order in priority order: equal books on any machine have equal hashes.
    ///
    /// Id, side, price and open quantity go in; references and handles do not, they differ between runs.
    public var stateHash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for side in Side.allCases {
            forEachOrder(side) { order in
                let words = [
                    order.id, UInt64(side.rawValue), UInt64(order.price.milli), UInt64(order.quantity.shares),
                ]
                for word in words {
                    for shift in stride(from: UInt64(0), to: 64, by: 8) {
                        hash = (hash ^ (word >> shift & 0xFF)) &* 0x0000_0100_0000_01B3
                    }
                }
            }
        }
        return hash
    }

    private func snapshot(_ node: Int32) -> RestingOrder {
        let order = nodes[node]
        let side: Side = order.place.side == 0 ? .buy : .sell
        return RestingOrder(
            reference: OrderReference(rawValue: node), id: order.id, handle: order.handle,
            owner: AccountID(order.owner), side: side,
            price: price(ticks: frames[0].tick(order.place.side, order.place.slot)),
            quantity: Quantity(Int64(order.quantity)))
    }
}
