import Market
import Matching
import Testing

@Suite("Golden sequences of continuous matching")
struct GoldenSequenceTests {
    private func expect(_ sequence: GoldenSequence, lowest: Int64, highest: Int64) {
        let book = OrderBook(
            arena: OrderArena(capacity: 16), tick: Price(milli: 10), lowest: Price(milli: lowest * 10),
            highest: Price(milli: highest * 10))
        var runner = GoldenRunner(book: book)
        #expect(runner.run(sequence.input) == sequence.output, "\(sequence)")
        #expect(runner.left(.buy) == sequence.bids, "\(sequence)")
        #expect(runner.left(.sell) == sequence.asks, "\(sequence)")
        #expect(book.checkInvariants() == nil, "\(sequence)")
    }

    @Test("Each sequence gives its output in a banded book", arguments: GoldenSequence.all)
    func banded(sequence: GoldenSequence) { expect(sequence, lowest: 1, highest: 262_144) }

    @Test("Each sequence gives its output without a band", arguments: GoldenSequence.all)
    func unbanded(sequence: GoldenSequence) { expect(sequence, lowest: 0, highest: 0) }

    // The twin of 1000 is 299,000: its band is the mirror image, 300,000 - 262,144 up to 299,999.
    @Test("Each opposite-side twin gives the mirrored output", arguments: GoldenSequence.all.map(\.twin))
    func twins(sequence: GoldenSequence) {
        expect(sequence, lowest: 37_856, highest: 299_999)
        expect(sequence, lowest: 0, highest: 0)
    }

    @Test("A twin swaps sides, maps prices and leaves the rest")
    func twinText() {
        let twin = GoldenSequence("x", "N1 B 300@1000; M1 2@1001", "T1<2 5@1000; X1 2", bids: "-", asks: "1@1").twin
        #expect(twin.input == "N1 S 300@299000; M1 2@298999")
        #expect(twin.output == "T1<2 5@299000; X1 2")
        #expect(twin.bids == "1@299999")
        #expect(twin.asks == "-")
    }

    @Test("A buy of 500,000 takes 5,000 asks of one price in arrival order", arguments: [Side.buy, .sell])
    func deepSweep(side: Side) {
        let book = OrderBook(arena: OrderArena(capacity: 5_000), tick: Price(milli: 10))
        var fills: [Fill] = []
        for id in 1...5_000 {
            let maker = IncomingOrder(
                id: UInt64(id), side: side.opposite, price: Price(milli: 10_000), quantity: Quantity(100))
            #expect(book.add(maker, fills: &fills).outcome == .rested)
        }
        let taker = IncomingOrder(id: 9_999, side: side, price: Price(milli: 10_000), quantity: Quantity(500_000))
        #expect(book.add(taker, fills: &fills).outcome == .filled)
        #expect(fills.map(\.maker) == Array(1...5_000))
        #expect(fills.allSatisfy { $0.quantity.shares == 100 && $0.makerRemaining == .zero })
        #expect(fills.last?.takerRemaining == .zero)
        #expect(book.count == 0)
        #expect(book.bestAsk == nil && book.bestBid == nil)
    }
}
