import Market
import Risk

extension RuleCase {
    static let price: [RuleCase] = [
        RuleCase(.upperPriceLimit, holds: { $0.context.request.price = Price(milli: 11_000) }) {
            $0.context.request.price = Price(milli: 11_010)
        },
        RuleCase(.lowerPriceLimit, holds: { $0.context.request.price = Price(milli: 9_000) }) {
            $0.context.request.price = Price(milli: 8_990)
        },
        // 102 % of 10.00 is 10.20; ten ticks more would be 10.10.
        RuleCase(
            .effectiveBuyRange,
            holds: {
                $0.offer(10_000); $0.price(10_200)
            }
        ) {
            $0.offer(10_000)
            $0.price(10_210)
        },
        // 102 % of 1.00 is 1.02; ten ticks more are 1.10.
        RuleCase(
            .effectiveBuyRange,
            holds: {
                $0.offer(1_000); $0.price(1_100)
            }
        ) {
            $0.offer(1_000)
            $0.price(1_110)
        },
        RuleCase(
            .effectiveSellRange,
            holds: {
                $0.sell(); $0.bid(10_000); $0.price(9_800)
            }
        ) {
            $0.sell()
            $0.bid(10_000)
            $0.price(9_790)
        },
        RuleCase(
            .effectiveSellRange,
            holds: {
                $0.sell(); $0.bid(1_000); $0.price(900)
            }
        ) {
            $0.sell()
            $0.bid(1_000)
            $0.price(890)
        },
        RuleCase(
            .auctionRange,
            holds: {
                $0.unlimitedCall(); $0.price(5_000)
            }
        ) {
            $0.unlimitedCall()
            $0.price(4_990)
        },
        RuleCase(
            .auctionRange,
            holds: {
                $0.unlimitedCall(); $0.price(90_000)
            }
        ) {
            $0.unlimitedCall()
            $0.price(90_010)
        },
        RuleCase(.staticCollar, holds: { $0.price(12_500) }) { $0.price(12_510) },
        RuleCase(.staticCollar, holds: { $0.price(7_500) }) { $0.price(7_490) },
        // Without a band 900 % either way: up to 100.00.
        RuleCase(
            .staticCollar,
            holds: {
                $0.context.instrument?.limitUp = .zero; $0.price(100_000)
            }
        ) {
            $0.context.instrument?.limitUp = .zero
            $0.price(100_010)
        },
        RuleCase(
            .dynamicCollar,
            holds: {
                $0.traded(10_000); $0.price(16_000)
            }
        ) {
            $0.traded(10_000)
            $0.price(16_010)
        },
        // Mean of 100 at 10.00 and the account's own 100 at 10.00 or worse, against 5 %.
        RuleCase(
            .periodCollar,
            holds: {
                $0.traded(10_000); $0.filled(at: 10_500)
            }
        ) {
            $0.traded(10_000)
            $0.filled(at: 10_510)
        },
        // One move of 1.60 weighs 1/16: mean move 0.10, times 20 is 2.00, from the last price 11.60.
        RuleCase(
            .fatFingerLast,
            holds: {
                $0.traded(10_000, 11_600); $0.price(13_600)
            }
        ) {
            $0.traded(10_000, 11_600)
            $0.price(13_610)
        },
        // A mean move of 0.01 / 16 x 20 is below 50 ticks: 0.50 from 10.01.
        RuleCase(
            .fatFingerLast,
            holds: {
                $0.traded(10_000, 10_010); $0.price(10_510)
            }
        ) {
            $0.traded(10_000, 10_010)
            $0.price(10_520)
        },
        RuleCase(.fatFingerMid, holds: { $0.price(10_500) }) { $0.price(10_510) },
        RuleCase(
            .fatFingerMid,
            holds: {
                $0.sell(); $0.price(9_500)
            }
        ) {
            $0.sell()
            $0.price(9_490)
        },
        RuleCase(.levelsSwept, holds: { $0.context.book.sweptLevels = 20 }) { $0.context.book.sweptLevels = 21 },
        RuleCase(.estimatedSlippage, holds: { $0.sweep(average: 10_200) }) { $0.sweep(average: 10_201) },
        RuleCase(
            .estimatedSlippage,
            holds: {
                $0.sell(); $0.sweep(average: 9_800)
            }
        ) {
            $0.sell()
            $0.sweep(average: 9_799)
        },
        RuleCase(
            .marketOrderProtection,
            holds: {
                $0.market(); $0.offer(10_000); $0.worst(10_500)
            }
        ) {
            $0.market()
            $0.offer(10_000)
            $0.worst(10_510)
        },
        RuleCase(
            .referencePriceAvailable,
            holds: {
                $0.context.instrument?.previousClose = .zero
                $0.traded(10_000)
            }
        ) { $0.context.instrument?.previousClose = .zero },
        RuleCase(.quoteAge, holds: { $0.context.book.quoteTime -= 7_200_000_000 }) {
            $0.context.book.quoteTime -= 7_200_000_001
        },
        // Moves of 1.60 then 1.00 or 1.01: ten times the mean move before (0.10) is 1.00.
        RuleCase(.tradeReasonability, holds: { $0.traded(10_000, 11_600, 10_600) }) {
            $0.traded(10_000, 11_600, 10_590)
        },
        RuleCase(.crossedBook, holds: { $0.bid(10_000) }) { $0.bid(10_010) },
        RuleCase(
            .crossedBook,
            holds: {
                $0.bid(10_020); $0.context.phase = .openingCall
            }
        ) { $0.bid(10_020) },
        RuleCase(.pegOffset, holds: { $0.context.pegOffsetTicks = -100 }) { $0.context.pegOffsetTicks = -101 },
        RuleCase(.pegOffset, holds: { $0.context.pegOffsetTicks = 100 }) { $0.context.pegOffsetTicks = .min },
    ]
}

extension RiskScenario {
    fileprivate mutating func price(_ milli: Int64) { context.request.price = Price(milli: milli) }
    fileprivate mutating func bid(_ milli: Int64) { context.book.bestBid = Price(milli: milli) }
    fileprivate mutating func offer(_ milli: Int64) { context.book.bestOffer = Price(milli: milli) }
    fileprivate mutating func worst(_ milli: Int64) { context.book.sweptWorstPrice = Price(milli: milli) }

    fileprivate mutating func sweep(average: Int64) {
        context.book.sweptQuantity = Quantity(1_000)
        context.book.sweptValue = Money(milli: average * 1_000)
    }

    /// A day without a price band, in the opening call.
    fileprivate mutating func unlimitedCall() {
        context.phase = .openingCall
        context.instrument?.limitUp = .zero
        context.instrument?.limitDown = .zero
    }

    /// The account bought 100 at a price just now.
    fileprivate mutating func filled(at milli: Int64) {
        let time = context.time
        before.append { engine in
            engine.state.accepted(Self.order(), quantity: Quantity(100))
            engine.state.filled(
                Self.order(), price: Price(milli: milli), quantity: Quantity(100), leaves: .zero, time: time)
        }
    }
}
