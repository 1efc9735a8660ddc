import Market
import Testing

@Suite struct MarketRulesTests {
    private let rules = MarketRules.rules(on: day(20_230_711))

    @Test(
        "Bands of the Shanghai sample day, rounded half up to the tick",
        arguments: [
            (51_200, 46_080, 56_320), (5460, 4910, 6010), (14_920, 13_430, 16_410),
        ] as [(Int64, Int64, Int64)])
    func sampleBands(close: Int64, down: Int64, up: Int64) {
        let band = MarketRules.dailyBand(previousClose: Price(milli: close), percent: 10, tick: Price(milli: 10))
        #expect(band == PriceBand(down: Price(milli: down), up: Price(milli: up)))
    }

    @Test("Half a tick rounds up on both sides")
    func halfTicks() {
        // 0.05 x 0.9 = 0.045 -> 0.05, but at least a tick below: 0.04. 0.05 x 1.1 = 0.055 -> 0.06.
        let low = MarketRules.dailyBand(previousClose: Price(milli: 50), percent: 10, tick: Price(milli: 10))
        #expect(low == PriceBand(down: Price(milli: 40), up: Price(milli: 60)))
        // 10.10 x 0.95 = 9.595 -> 9.60; x 1.05 = 10.605 -> 10.61.
        let warned = MarketRules.dailyBand(previousClose: Price(milli: 10_100), percent: 5, tick: Price(milli: 10))
        #expect(warned == PriceBand(down: Price(milli: 9600), up: Price(milli: 10_610)))
    }

    @Test("A band always reaches a tick to either side and never below one tick")
    func narrowBands() {
        let band = MarketRules.dailyBand(previousClose: Price(milli: 10), percent: 10, tick: Price(milli: 10))
        #expect(band == PriceBand(down: Price(milli: 10), up: Price(milli: 20)))
    }

    @Test("Bands of all closes agree with the rounded quotient")
    func everyClose() throws {
        for ticks in Int64(3)...20_000 {
            for percent in [5, 10, 20] {
                let close = Price(milli: ticks * 10)
                let band = try #require(
                    MarketRules.dailyBand(previousClose: close, percent: percent, tick: Price(milli: 10)))
                // In hundredths of a tick: down = ticks x (100 - percent); half up means adding 50 before the division.
                let down = (ticks * Int64(100 - percent) + 50) / 100
                let up = (ticks * Int64(100 + percent) + 50) / 100
                #expect(band.down.milli == min(down, ticks - 1) * 10 && band.up.milli == max(up, ticks + 1) * 10)
                #expect(band.contains(close))
            }
        }
    }

    @Test("Closes, ticks and percentages without sense give no band")
    func badBands() {
        func band(_ close: Int64, _ percent: Int, _ tick: Int64) -> PriceBand? {
            MarketRules.dailyBand(previousClose: Price(milli: close), percent: percent, tick: Price(milli: tick))
        }
        #expect(band(Price.milliMax, 10, 10) != nil)
        #expect(band(Price.milliMax + 1, 10, 10) == nil)
        #expect(band(.max, 10, 10) == nil)
        #expect(band(0, 10, 10) == nil)
        #expect(band(-10, 10, 10) == nil)
        #expect(band(1000, 0, 10) == nil)
        #expect(band(1000, 99, 10) != nil)
        #expect(band(1000, 100, 10) == nil)
        #expect(band(1000, 10, 0) == nil)
        #expect(band(1000, 10, -10) == nil)
    }

    @Test("Boards carry their own numbers on 2023-07-11")
    func boards() throws {
        #expect(MarketRules.shares.count == 9)  // a row with an impossible date would be missing
        let main = try #require(rules[.main])
        #expect((main.lot, main.quantityMax, main.bandPercent) == (Quantity(100), Quantity(1_000_000), 10))
        let star = try #require(rules[.star])
        #expect((star.lot, star.quantityMin, star.bandPercent) == (Quantity(1), Quantity(200), 20))
        #expect((star.quantityMax, star.marketQuantityMax) == (Quantity(100_000), Quantity(50_000)))
        let chiNext = try #require(rules[.chiNext])
        #expect((chiNext.quantityMax, chiNext.marketQuantityMax) == (Quantity(300_000), Quantity(150_000)))
        #expect(rules[.riskWarning]?.bandPercent == 5)
    }

    @Test("The newest row that is not in the future holds")
    func dates() {
        #expect(MarketRules.rules(on: day(20_200_821))[.chiNext]?.bandPercent == 10)
        #expect(MarketRules.rules(on: day(20_200_824))[.chiNext]?.bandPercent == 20)
        #expect(MarketRules.rules(on: day(20_190_721))[.star] == nil)
        #expect(MarketRules.rules(on: day(20_190_722))[.star] != nil)
        #expect(MarketRules.rules(on: day(20_230_407))[.main]?.rangePercent == 0)
        #expect(MarketRules.rules(on: day(20_230_410))[.main]?.rangePercent == 2)
        #expect(MarketRules.rules(on: day(19_000_101))[.main] == nil)
    }

    @Test("An instrument takes its numbers from its board and its band from the close")
    func instrument() throws {
        let made = rules.instrument(
            id: InstrumentID(3), symbol: 600_536, board: .main, previousClose: Price(milli: 51_200))
        let instrument = try #require(made)
        #expect(instrument.limitDown == Price(milli: 46_080) && instrument.limitUp == Price(milli: 56_320))
        #expect(instrument.id == InstrumentID(3) && instrument.symbol == 600_536 && instrument.hasBand)
        #expect(instrument.tick == Price(milli: 10) && instrument.quantityMax == Quantity(1_000_000))
        let close = Price(milli: 51_200)
        let fifth = rules.instrument(id: InstrumentID(3), symbol: 1, board: .main, previousClose: close, daysListed: 5)
        let sixth = rules.instrument(id: InstrumentID(3), symbol: 1, board: .main, previousClose: close, daysListed: 6)
        #expect(fifth?.hasBand == false && sixth?.hasBand == true)
        #expect(rules.instrument(id: InstrumentID(3), symbol: 1, board: .main, previousClose: .zero) == nil)
        let early = MarketRules.rules(on: day(20_180_102))
        #expect(early.instrument(id: InstrumentID(3), symbol: 1, board: .star, previousClose: close) == nil)
    }

    @Test("Buys come in lots between the least and the greatest quantity")
    func buyQuantities() throws {
        let main = try #require(rules[.main])
        let star = try #require(rules[.star])
        func buysMain(_ shares: Int64) -> Bool { main.acceptsBuy(Quantity(shares), type: .limit) }
        func buysStar(_ shares: Int64, _ type: OrderType) -> Bool { star.acceptsBuy(Quantity(shares), type: type) }
        #expect(buysMain(100) && buysMain(1_000_000))
        #expect(!buysMain(0) && !buysMain(-100) && !buysMain(99) && !buysMain(150) && !buysMain(1_000_100))
        #expect(
            buysStar(200, .limit) && buysStar(201, .limit) && buysStar(100_000, .limit) && buysStar(50_000, .market))
        #expect(!buysStar(199, .limit) && !buysStar(100_001, .limit) && !buysStar(50_001, .market))
    }

    @Test("Sales come in lots, or carry the whole odd remainder")
    func sellQuantities() throws {
        let main = try #require(rules[.main])
        let star = try #require(rules[.star])
        func sells(_ rules: BoardRules, _ shares: Int64, of sellable: Int64) -> Bool {
            rules.acceptsSell(Quantity(shares), sellable: Quantity(sellable), type: .limit)
        }
        #expect(sells(main, 200, of: 250) && sells(main, 50, of: 250) && sells(main, 150, of: 250))
        #expect(sells(main, 250, of: 250))
        #expect(!sells(main, 40, of: 250) && !sells(main, 10, of: 250) && !sells(main, 300, of: 250))
        #expect(!sells(main, 0, of: 250) && !sells(main, -50, of: 250))
        #expect(sells(star, 200, of: 399) && sells(star, 199, of: 199) && sells(star, 399, of: 399))
        #expect(!sells(star, 199, of: 399) && !sells(star, 100, of: 199))
    }

    @Test("The effective price range is the wider of 2 % and ten ticks")
    func effectiveRange() throws {
        let main = try #require(rules[.main])
        // 102 % of 50.00 is 51.00, ten ticks more 50.10; 102 % of 2.00 is 2.04, ten ticks more 2.10.
        #expect(main.buyCeiling(bestOffer: Price(milli: 50_000)) == Price(milli: 51_000))
        #expect(main.buyCeiling(bestOffer: Price(milli: 2000)) == Price(milli: 2100))
        #expect(main.sellFloor(bestBid: Price(milli: 50_000)) == Price(milli: 49_000))
        #expect(main.sellFloor(bestBid: Price(milli: 2000)) == Price(milli: 1900))
        #expect(main.sellFloor(bestBid: Price(milli: 50)) == Price(milli: 10))
        #expect(main.buyCeiling(bestOffer: .zero) == nil)
        #expect(MarketRules.rules(on: day(20_230_407))[.main]?.buyCeiling(bestOffer: Price(milli: 50_000)) == nil)
    }

    @Test("Rows that contradict themselves are told")
    func rowValidity() throws {
        var row = try #require(rules[.main])
        #expect(row.isValid)
        row.quantityMax = Quantity(99)
        #expect(!row.isValid)
        row = try #require(rules[.main])
        row.bandPercent = 100
        #expect(!row.isValid)
        row = try #require(rules[.main])
        row.lot = .zero
        #expect(!row.isValid)
    }
}
