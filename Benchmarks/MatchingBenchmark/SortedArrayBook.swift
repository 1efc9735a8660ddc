import Market

/// A book of two sorted arrays, best first, searched from the front.
struct SortedArrayBook {
    private struct Order {
        var id: UInt64
        var ticks: Int32
        var quantity: Int32
    }

    /// Buys at 0, sells at 1.
    private var sides: [[Order]] = [[], []]

    mutating func handle(_ message: Message, _ tally: inout Tally) {
        let side = message.side == .buy ? 0 : 1
        let id = UInt64(message.order) + 1
        guard message.kind != .new else { return add(message, id, side, &tally) }
        guard let index = sides[side].firstIndex(where: { $0.id == id }) else {
            tally.rejects += 1
            return
        }
        let old = sides[side][index]
        if message.kind == .modify, old.ticks == message.ticks, message.quantity <= old.quantity {
            sides[side][index].quantity = message.quantity
            return
        }
        sides[side].remove(at: index)
        if message.kind == .modify { add(message, id, side, &tally) }
    }

    private mutating func add(_ message: Message, _ id: UInt64, _ side: Int, _ tally: inout Tally) {
        var left = message.quantity
        let sign: Int32 = side == 0 ? 1 : -1
        var filled = 0
        for maker in sides[1 - side].indices where left > 0 {
            guard sign * sides[1 - side][maker].ticks <= sign * message.ticks else { break }
            let traded = min(left, sides[1 - side][maker].quantity)
            left -= traded
            sides[1 - side][maker].quantity -= traded
            if sides[1 - side][maker].quantity == 0 { filled += 1 }
            tally.add(
                maker: sides[1 - side][maker].id, taker: id,
                price: Int64(sides[1 - side][maker].ticks) * MessageStream.tickMilli, quantity: Int64(traded))
        }
        sides[1 - side].removeFirst(filled)
        guard left > 0, !message.isImmediate else { return }
        let place = sides[side].firstIndex { sign * $0.ticks < sign * message.ticks } ?? sides[side].count
        sides[side].insert(Order(id: id, ticks: message.ticks, quantity: left), at: place)
    }
}
