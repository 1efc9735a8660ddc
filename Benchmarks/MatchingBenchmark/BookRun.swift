import Glibc
import Market
import Matching

/// Processor time of this single-threaded process: what one core can do, whoever else uses the machine.
func processorTime() -> Duration {
    var time = timespec()
    let status = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    precondition(status == 0, "no processor clock")
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// Counts that the engine and its sanity peer must share.
struct Tally: Equatable {
    var fills = 0
    var shares: Int64 = 0
    var turnover: Int64 = 0
    var rejects = 0
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(maker: UInt64, taker: UInt64, price: Int64, quantity: Int64) {
        fills += 1
        shares += quantity
        turnover += price * quantity
        for word in [maker, taker, UInt64(price), UInt64(quantity)] {
            hash = (hash ^ word) &* 0x0000_0100_0000_01B3
            hash ^= hash >> 29
        }
    }
}

/// Fresh books fed by a stream as their owner would: it keeps each order's reference by the order's dense number.
struct BookRun {
    let books: [OrderBook]
    private var references: [OrderReference]
    private var fills: [Fill] = []
    private var rejects = 0

    /// `count` books in one arena, over a band of 20 % around the stream's first price.
    init(_ stream: MessageStream, books count: Int) {
        let arena = OrderArena(capacity: 1 << 20)
        let start = Int64(MessageStream.startTicks) * MessageStream.tickMilli
        books = (0..<count).map { _ in
            OrderBook(
                arena: arena, tick: Price(milli: MessageStream.tickMilli), lowest: Price(milli: start * 8 / 10),
                highest: Price(milli: start * 12 / 10))
        }
        references = [OrderReference](repeating: .none, count: stream.orders)
        fills.reserveCapacity(4_096)
    }

    /// Handles one message; its fills are in `fills` until the next.
    @inline(__always)
    private mutating func handle(_ message: Message) {
        let index = Int(message.order)
        let id = UInt64(message.order) + 1
        let book = books[books.count == 1 ? 0 : index % books.count]
        fills.removeAll(keepingCapacity: true)
        if message.kind == .cancel {
            if case .refused = book.cancel(references[index], order: id) { rejects += 1 }
            return
        }
        let order = IncomingOrder(
            id: id, handle: message.order, side: message.side,
            timeInForce: message.isImmediate ? .immediateOrCancel : .day,
            price: Price(milli: Int64(message.ticks) &* MessageStream.tickMilli),
            quantity: Quantity(Int64(message.quantity)))
        let placement =
            message.kind == .new
            ? book.add(order, fills: &fills)
            : book.replace(references[index], order: id, with: order, fills: &fills)
        if case .refused = placement.outcome { rejects += 1 } else { references[index] = placement.reference }
    }

    /// What the stream does to the books, not timed.
    struct Facts {
        var tally = Tally()
        var standingSum = 0
        var standingPeak = 0
        var levelsPeak = 0
        var messages = 0
    }

    /// Runs `messages` and records every fill and the shape of the book.
    mutating func record(_ messages: ArraySlice<Message>) -> Facts {
        var facts = Facts()
        for message in messages {
            handle(message)
            for fill in fills {
                facts.tally.add(
                    maker: fill.maker, taker: fill.taker, price: fill.price.milli, quantity: fill.quantity.shares)
            }
            facts.messages += 1
            facts.standingSum += books[0].count
            facts.standingPeak = max(facts.standingPeak, books[0].count)
            if facts.messages % 10_000 == 0 {
                let levels = books[0].depth(.buy).count + books[0].depth(.sell).count
                facts.levelsPeak = max(facts.levelsPeak, levels)
            }
        }
        facts.tally.rejects = rejects
        return facts
    }

    /// Runs `messages` and returns the processor time that took and the shares that traded.
    mutating func time(_ messages: ArraySlice<Message>) -> (Duration, Int64) {
        var shares: Int64 = 0
        let began = processorTime()
        for message in messages {
            handle(message)
            for fill in fills { shares &+= fill.quantity.shares }
        }
        return (processorTime() - began, shares)
    }
}
