import Market
import Matching
import Services
import TestData

/// A seeded day of one instrument as an exchange would record it: both calls, continuous trading, cancels where they
/// are allowed (some of them too late), expiry of the rest.
struct GeneratedFlow {
    let csv: String

    /// Beginnings and ends in milliseconds of the day, share of cancels in percent, number of messages.
    private static let parts: [(from: Int, to: Int, cancels: Int, count: Int)] = [
        (33_300_000, 33_600_000, 20, 120), (33_600_000, 33_900_000, 0, 80), (34_200_000, 41_400_000, 25, 500),
        (46_800_000, 53_820_000, 25, 400), (53_820_000, 54_000_000, 0, 150),
    ]

    init(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var lines = ["seq,time_ms,action,order_id,side,price_milli,qty,price_inferred"]
        var adds: [(order: Int, side: String, price: Int, quantity: Int)] = []
        for part in Self.parts {
            let times = (0..<part.count).map { _ in part.from + random.below(part.to - part.from) }.sorted()
            for time in times {
                if random.percent(part.cancels), !adds.isEmpty {
                    // Each order at most once, as an exchange's feed has it.
                    let add = adds.remove(at: random.below(adds.count))
                    lines.append("\(lines.count),\(time),D,\(add.order),\(add.side),\(add.price),\(add.quantity),0")
                } else {
                    // Around 10.00 with a spread that lets about half of the orders trade.
                    let add = (
                        order: 1_000 + lines.count, side: random.percent(50) ? "B" : "S",
                        price: 9_900 + random.below(21) * 10, quantity: (1 + random.below(9)) * 100
                    )
                    adds.append(add)
                    lines.append("\(lines.count),\(time),A,\(add.order),\(add.side),\(add.price),\(add.quantity),0")
                }
            }
        }
        csv = lines.joined(separator: "\n") + "\n"
    }
}

/// The same flow put through books and auctions alone: no risk, no money, no commits.
struct BareMatching {
    struct Trade: Hashable {
        var flow: Int
        var buy: UInt64
        var sell: UInt64
        var aggressor: Side?
        var price: Int64
        var quantity: Int64
    }

    private(set) var trades: [Trade] = []
    private(set) var canceled = 0
    private(set) var refused = 0
    /// Orders that are open at the end.
    private(set) var expired = 0
    private let books: [OrderBook]
    private var auction = CallAuction(policy: .shanghai)
    private var references: [[UInt64: OrderReference]]
    private var hasOpened = false

    init(_ flows: [RecordedFlow], _ instruments: [Instrument]) {
        let arena = OrderArena(capacity: 100_000)
        books = instruments.map { OrderBook(arena: arena, instrument: $0) }
        references = Array(repeating: [:], count: flows.count)
        for (flow, event) in RecordedFlow.merge(flows) {
            if !hasOpened, event.time >= 33_900_000 { uncross() }
            switch event.action {
            case .add: add(event, flow)
            case .delete: delete(event, flow)
            }
        }
        uncross()
        expired = books.reduce(0) { $0 + $1.count }
    }

    private mutating func add(_ event: RecordedEvent, _ flow: Int) {
        let order = IncomingOrder(id: event.order, side: event.side, price: event.price, quantity: event.quantity)
        let isCall = event.time < 33_900_000 || event.time >= 53_820_000
        var fills: [Fill] = []
        let placement = isCall ? books[flow].collect(order) : books[flow].add(order, fills: &fills)
        references[flow][event.order] = placement.reference
        append(fills, flow)
    }

    private mutating func delete(_ event: RecordedEvent, _ flow: Int) {
        let reference = references[flow][event.order] ?? .none
        if case .done = books[flow].cancel(reference, order: event.order) { canceled += 1 } else { refused += 1 }
    }

    private mutating func uncross() {
        hasOpened = true
        for flow in books.indices {
            var fills: [Fill] = []
            _ = auction.uncross(books[flow], reference: SampleMarket.previousClose, fills: &fills)
            append(fills, flow)
        }
    }

    private mutating func append(_ fills: [Fill], _ flow: Int) {
        trades += fills.map {
            Trade(
                flow: flow, buy: $0.buyer, sell: $0.seller, aggressor: $0.isAuction ? nil : $0.takerSide,
                price: $0.price.milli, quantity: $0.quantity.shares)
        }
    }
}

extension BareMatching.Trade {
    init(_ trade: ReplayedTrade) {
        self.init(
            flow: trade.flow, buy: trade.buyOrder, sell: trade.sellOrder, aggressor: trade.aggressor,
            price: trade.price.milli, quantity: trade.quantity.shares)
    }
}
