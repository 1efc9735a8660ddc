import Market
import Risk

extension RuleCase {
    static let size: [RuleCase] = [
        // 1,000 x 10.00 = 10,000 yuan.
        RuleCase(.orderValueMax, holds: { $0.context.account?.orderValueMax = Money(milli: 10_000_000) }) {
            $0.context.account?.orderValueMax = Money(milli: 9_999_999)
        },
        RuleCase(.orderValueMin, holds: { $0.limit(.orderValueMin, 10_000_000) }) {
            $0.limit(.orderValueMin, 10_000_001)
        },
        RuleCase(.clientQuantityMax, holds: { $0.context.account?.orderQuantityMax = Quantity(1_000) }) {
            $0.context.account?.orderQuantityMax = Quantity(999)
        },
        // A quarter of 4,000 a day.
        RuleCase(.shareOfDailyVolume, holds: { $0.context.instrument?.averageDailyVolume = Quantity(4_000) }) {
            $0.context.instrument?.averageDailyVolume = Quantity(3_999)
        },
        RuleCase(.shareOfDepth, holds: { $0.context.book.oppositeDepth = Quantity(100) }) {
            $0.context.book.oppositeDepth = Quantity(99)
        },
        // Ten orders of 1,000 before: 20,000 is twenty times their mean.
        RuleCase(
            .multipleOfOwnAverage,
            holds: {
                $0.evaluated(10)
                $0.context.request.quantity = Quantity(20_000)
            }
        ) {
            $0.evaluated(10)
            $0.context.request.quantity = Quantity(20_100)
        },
        RuleCase(
            .multipleOfOwnAverage,
            holds: {
                $0.evaluated(9)
                $0.context.request.quantity = Quantity(20_100)
            }
        ) {
            $0.evaluated(10)
            $0.context.request.quantity = Quantity(20_100)
        },
        RuleCase(
            .dailyBuyQuantity,
            holds: {
                $0.accepted(2)
                $0.context.account?.dailyBuyQuantityMax = Quantity(3_000)
            }
        ) {
            $0.accepted(2)
            $0.context.account?.dailyBuyQuantityMax = Quantity(2_999)
        },
        // A replace gives its 400 open shares back first: 400 + 1,000 - 400.
        RuleCase(
            .dailyBuyQuantity,
            holds: {
                $0.accepted(1, quantity: 400)
                $0.replace()
                $0.context.account?.dailyBuyQuantityMax = Quantity(1_000)
            }
        ) {
            $0.accepted(1, quantity: 400)
            $0.replace()
            $0.context.account?.dailyBuyQuantityMax = Quantity(999)
        },
        RuleCase(
            .dailySellQuantity,
            holds: {
                $0.accepted(2, RiskScenario.order(.sell))
                $0.sell()
                $0.context.account?.dailySellQuantityMax = Quantity(3_000)
            }
        ) {
            $0.accepted(2, RiskScenario.order(.sell))
            $0.sell()
            $0.context.account?.dailySellQuantityMax = Quantity(2_999)
        },
        // Both sides count: 2 x 10,000 yuan open, 10,000 more.
        RuleCase(
            .grossValueAccount,
            holds: {
                $0.accepted(1)
                $0.accepted(1, RiskScenario.order(.sell))
                $0.context.account?.grossValueMax = Money(milli: 30_000_000)
            }
        ) {
            $0.accepted(1)
            $0.accepted(1, RiskScenario.order(.sell))
            $0.context.account?.grossValueMax = Money(milli: 29_999_999)
        },
        RuleCase(
            .grossValueFirm,
            holds: {
                $0.otherAccountTraded(); $0.limit(.grossValueFirm, 15_000_000)
            }
        ) {
            $0.otherAccountTraded()
            $0.limit(.grossValueFirm, 14_999_999)
        },
        RuleCase(
            .openOrderValue,
            holds: {
                $0.accepted(2)
                $0.accepted(5, RiskScenario.order(.sell))
                $0.context.account?.openOrderValueMax = Money(milli: 30_000_000)
            }
        ) {
            $0.accepted(2)
            $0.context.account?.openOrderValueMax = Money(milli: 29_999_999)
        },
        RuleCase(
            .openOrdersAccount,
            holds: {
                $0.accepted(49); $0.context.account?.openOrdersMax = 50
            }
        ) {
            $0.accepted(50)
            $0.context.account?.openOrdersMax = 50
        },
        // A replace at the cap changes no count.
        RuleCase(
            .openOrdersAccount,
            holds: {
                $0.accepted(50)
                $0.replace()
                $0.context.account?.openOrdersMax = 50
            }
        ) {
            $0.accepted(51)
            $0.replace()
            $0.context.account?.openOrdersMax = 50
        },
        RuleCase(
            .openOrdersInstrument,
            holds: {
                $0.accepted(9); $0.limit(.openOrdersInstrument, 10)
            }
        ) {
            $0.accepted(10)
            $0.limit(.openOrdersInstrument, 10)
        },
        // Orders at another price or on the other side are not at this price.
        RuleCase(
            .openOrdersAtPrice,
            holds: {
                $0.accepted(9)
                $0.accepted(5, RiskScenario.order(.buy, 9_990))
                $0.accepted(5, RiskScenario.order(.sell))
                $0.limit(.openOrdersAtPrice, 10)
            }
        ) {
            $0.accepted(10)
            $0.limit(.openOrdersAtPrice, 10)
        },
        RuleCase(
            .openOrdersAtPrice,
            holds: {
                $0.accepted(10); $0.replace(); $0.limit(.openOrdersAtPrice, 10)
            }
        ) {
            $0.accepted(10)
            $0.replace()
            $0.context.target.price = Price(milli: 9_990)
            $0.limit(.openOrdersAtPrice, 10)
        },
    ]

    static let funds: [RuleCase] = [
        // 10,000 yuan and at most 5 of fees.
        RuleCase(
            .cashSufficient,
            holds: {
                $0.context.feeBound = Money(milli: 5_000); $0.cash(10_005_000)
            }
        ) {
            $0.context.feeBound = Money(milli: 5_000)
            $0.cash(10_004_999)
        },
        // A market buy is reckoned at the upper limit, 11.00.
        RuleCase(
            .cashSufficient,
            holds: {
                $0.market(); $0.cash(11_000_000)
            }
        ) {
            $0.market()
            $0.cash(10_999_999)
        },
        RuleCase(
            .cashSufficient,
            holds: {
                $0.replace(); $0.cash(10_000_000)
            }
        ) {
            $0.replace()
            $0.cash(9_999_999)
        },
        RuleCase(
            .sellableShares,
            holds: {
                $0.sell(); $0.context.sellableShares = Quantity(1_000)
            }
        ) {
            $0.sell()
            $0.context.sellableShares = Quantity(999)
        },
        RuleCase(
            .shortSaleBan,
            holds: {
                $0.sell(); $0.context.position = Quantity(1_000)
            }
        ) {
            $0.sell()
            $0.context.position = Quantity(999)
        },
        RuleCase(
            .shortSaleBan,
            holds: {
                $0.sell()
                $0.context.position = .zero
                $0.context.flags = .marginAccount
            }
        ) {
            $0.sell()
            $0.context.position = .zero
        },
    ]

    static let rate: [RuleCase] = [
        RuleCase(
            .sessionMessageRate,
            holds: {
                $0.limit(.sessionMessageRate, 10, second: 5); $0.evaluated(4)
            }
        ) {
            $0.limit(.sessionMessageRate, 10, second: 5)
            $0.evaluated(5)
        },
        RuleCase(.sessionMessageRate, holds: { $0.capacity.sessionsMax = 2 }) { $0.capacity.sessionsMax = 1 },
        RuleCase(.accountMessageRate, holds: { $0.evaluated(298) }) { $0.evaluated(299) },
        RuleCase(.accountDailyMessages, holds: { $0.restoredMessages(19_998) }) { $0.restoredMessages(19_999) },
        RuleCase(
            .firmMessageRate,
            holds: {
                $0.limit(.firmMessageRate, 10, second: 5); $0.evaluated(4)
            }
        ) {
            $0.limit(.firmMessageRate, 10, second: 5)
            $0.evaluated(5)
        },
        RuleCase(
            .instrumentMessageRate,
            holds: {
                $0.limit(.instrumentMessageRate, 10, second: 5); $0.evaluated(4)
            }
        ) {
            $0.limit(.instrumentMessageRate, 10, second: 5)
            $0.evaluated(5)
        },
        RuleCase(.duplicateOrder, holds: { $0.evaluated(9, samePrice: true) }) { $0.evaluated(10, samePrice: true) },
        RuleCase(.duplicateOrder, holds: { $0.evaluated(20) }) { $0.evaluated(20, samePrice: true) },
    ]
}

extension RiskScenario {
    fileprivate mutating func cash(_ milli: Int64) { context.availableCash = Money(milli: milli) }

    /// Another account bought for 5,000 yuan.
    fileprivate mutating func otherAccountTraded() {
        before.append {
            $0.state.restored(
                account: AccountID(101), instrument: Self.instrument, side: .buy, quantity: Quantity(500),
                value: Money(milli: 5_000_000))
        }
    }

    fileprivate mutating func restoredMessages(_ count: UInt32) {
        before.append { $0.state.restored(account: Self.account, messages: count) }
    }
}
