import Market
import Matching
import TestData
import Testing

@Suite("Whole days")
struct ReplayTests {
    @Test(
        "A recorded Shanghai day gives the exchange's own trades in their order",
        .enabled(
            if: RecordedData.orderFlow != nil,
            "SPRINGTIDE_DATA does not name a data folder with recorded order flow in it"),
        arguments: ShanghaiDay.all)
    func shanghai(day: ShanghaiDay) throws {
        let events = try day.events()
        #expect(events.count { !$0.isCancel } == day.adds)
        #expect(events.count { $0.isCancel } == day.cancels)
        var book = BookDay(band: day.band)
        let result = runDay(events, through: &book)
        #expect(result.differences == 0)

        let expected = try day.trades()
        #expect(expected.continuous.count == day.continuousTrades)
        #expect(expected.opening.count == day.openingFills)
        #expect(expected.closing.count == day.closingFills)
        #expect(result.continuous == expected.continuous)
        #expect(counted(result.opening) == counted(expected.opening))
        #expect(counted(result.closing) == counted(expected.closing))
        #expect(result.opening == expected.opening)
        #expect(result.closing == expected.closing)

        #expect(numbers(result.openingPrice) == day.opening)
        #expect(numbers(result.closingPrice) == day.closing)
        let all = result.opening + result.continuous + result.closing
        #expect(all.reduce(0) { $0 + $1.price * $1.quantity } == day.turnover)
        #expect(book.book.checkInvariants() == nil)

        var naive = NaiveBook(band: day.band)
        #expect(runDay(events, through: &naive) == result)
        #expect(naive.bids.count + naive.asks.count == book.book.count)
    }

    @Test("A generated day gives the naive matcher's trades in their order", arguments: UInt64(1)...8)
    func generated(seed: UInt64) {
        let day = GeneratedDay(seed: seed, entries: 3_000)
        var book = BookDay(band: GeneratedDay.band)
        var naive = NaiveBook(band: GeneratedDay.band)
        let result = runDay(day.events, through: &book)
        #expect(result == runDay(day.events, through: &naive), "seed \(seed)")
        #expect(result.differences == 0, "seed \(seed)")
        #expect(book.book.checkInvariants() == nil, "seed \(seed)")
        // Each part of the day must have traded, or the comparison shows little.
        #expect(result.opening.count > 20 && result.continuous.count > 500 && result.closing.count > 20)
        #expect(day.events.contains { $0.isCancel })
    }

    private func counted(_ trades: [DayTrade]) -> [DayTrade: Int] {
        trades.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    private func numbers(_ price: AuctionPrice?) -> [Int64]? {
        price.map { [$0.price.milli, $0.quantity.shares, $0.imbalance] }
    }
}
