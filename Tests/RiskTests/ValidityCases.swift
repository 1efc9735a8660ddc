import Market
import Risk

extension RuleCase {
    static let validity: [RuleCase] = [
        RuleCase(.requiredFields, holds: { $0.cancel() }) {
            $0.cancel()
            $0.context.request.originalClientOrderID = nil
        },
        RuleCase(.requiredFields) { $0.context.request.transactTime = 0 },
        RuleCase(.sideAllowed, holds: { $0.limit(.sideAllowed, 1 << Side.buy.rawValue) }) {
            $0.limit(.sideAllowed, 1 << Side.sell.rawValue)
        },
        RuleCase(.orderTypeAllowed, holds: { $0.market() }) {
            $0.market()
            $0.context.phase = .openingCall
        },
        RuleCase(.timeInForceAllowed, holds: { $0.context.request.timeInForce = .fillOrKill }) {
            $0.context.request.timeInForce = .immediateOrCancel
            $0.context.phase = .closingCall
        },
        RuleCase(.quantityPositive, holds: { $0.context.request.quantity = Quantity(1) }) {
            $0.context.request.quantity = .zero
        },
        RuleCase(.pricePositive, holds: { $0.context.request.price = Price(milli: 1) }) {
            $0.context.request.price = .zero
        },
        RuleCase(.pricePositive, holds: { $0.market() }) { $0.context.request.price = Price(milli: -10) },
        RuleCase(.tickSize, holds: { $0.context.request.price = Price(milli: 10_010) }) {
            $0.context.request.price = Price(milli: 10_001)
        },
        RuleCase(.buyLot, holds: { $0.context.request.quantity = Quantity(1_100) }) {
            $0.context.request.quantity = Quantity(1_101)
        },
        // 350 sellable: 50 odd. 250 takes the 50 along, 240 would leave 10 of them.
        RuleCase(
            .oddLotSale,
            holds: {
                $0.sell()
                $0.context.sellableShares = Quantity(350)
                $0.context.request.quantity = Quantity(250)
            }
        ) {
            $0.sell()
            $0.context.sellableShares = Quantity(350)
            $0.context.request.quantity = Quantity(240)
        },
        RuleCase(.quantityMin, holds: { $0.context.request.quantity = Quantity(100) }) {
            $0.context.request.quantity = Quantity(99)
        },
        // A board with step 1 and minimum 200: less is sold only as the whole remainder.
        RuleCase(
            .quantityMin,
            holds: {
                $0.sell()
                $0.context.instrument?.lot = Quantity(1)
                $0.context.instrument?.quantityMin = Quantity(200)
                $0.context.sellableShares = Quantity(150)
                $0.context.request.quantity = Quantity(150)
            }
        ) {
            $0.sell()
            $0.context.instrument?.lot = Quantity(1)
            $0.context.instrument?.quantityMin = Quantity(200)
            $0.context.sellableShares = Quantity(151)
            $0.context.request.quantity = Quantity(150)
        },
        RuleCase(.quantityMax, holds: { $0.context.request.quantity = Quantity(1_000_000) }) {
            $0.context.request.quantity = Quantity(1_000_100)
        },
        RuleCase(
            .quantityMax,
            holds: {
                $0.market()
                $0.context.instrument?.marketQuantityMax = Quantity(1_000)
            }
        ) {
            $0.market()
            $0.context.instrument?.marketQuantityMax = Quantity(900)
        },
        RuleCase(.clientOrderIDUnique) { $0.context.flags = .duplicateID },
        RuleCase(.clientOrderIDWellFormed, holds: { $0.limit(.clientOrderIDWellFormed, 6) }) {
            $0.limit(.clientOrderIDWellFormed, 5)
        },
        RuleCase(.sendingTimeSkew, holds: { $0.context.request.sendingTime += 120_000_000 }) {
            $0.context.request.sendingTime += 120_000_001
        },
        RuleCase(.sendingTimeSkew, holds: { $0.context.request.sendingTime -= 120_000_000 }) {
            $0.context.request.sendingTime = 1
        },
        RuleCase(.staleOrder, holds: { $0.context.request.transactTime -= 5_000_000 }) {
            $0.context.request.transactTime -= 5_000_001
        },
        RuleCase(.notionalOverflow, holds: { $0.context.request.quantity = Quantity(1 << 40) }) {
            $0.context.request.quantity = Quantity(.max / 9_999)
        },
        RuleCase(.targetOpen, holds: { $0.cancel() }) {
            $0.cancel()
            $0.context.target = .none
        },
        RuleCase(.targetOpen, holds: { $0.replace() }) {
            $0.replace()
            $0.context.target.isOpen = false
        },
        RuleCase(.targetOwned, holds: { $0.cancel() }) {
            $0.cancel()
            $0.context.target.account = AccountID(101)
        },
        RuleCase(
            .replaceConsistent,
            holds: {
                $0.replace(); $0.context.request.quantity = Quantity(101)
            }
        ) {
            $0.replace()
            $0.context.request.quantity = Quantity(100)
        },
        RuleCase(.replaceConsistent, holds: { $0.replace() }) {
            $0.replace()
            $0.context.target.side = .sell
        },
        RuleCase(.replaceConsistent, holds: { $0.replace() }) {
            $0.replace()
            $0.context.target.instrument = InstrumentID(8)
        },
        RuleCase(
            .stopTriggerSide,
            holds: {
                $0.traded(10_000); $0.context.stopPrice = Price(milli: 10_010)
            }
        ) {
            $0.traded(10_000)
            $0.context.stopPrice = Price(milli: 10_000)
        },
        RuleCase(
            .stopTriggerSide,
            holds: {
                $0.traded(10_000)
                $0.sell()
                $0.context.stopPrice = Price(milli: 9_990)
            }
        ) {
            $0.traded(10_000)
            $0.sell()
            $0.context.stopPrice = Price(milli: 10_000)
        },
        RuleCase(.icebergDisplay, holds: { $0.context.displayQuantity = Quantity(100) }) {
            $0.context.displayQuantity = Quantity(99)
        },
        RuleCase(.icebergDisplay, holds: { $0.context.displayQuantity = Quantity(1_000) }) {
            $0.context.displayQuantity = Quantity(1_001)
        },
        // 10 % of 2,000 is 200.
        RuleCase(
            .icebergDisplay,
            holds: {
                $0.context.request.quantity = Quantity(2_000)
                $0.context.displayQuantity = Quantity(200)
            }
        ) {
            $0.context.request.quantity = Quantity(2_000)
            $0.context.displayQuantity = Quantity(199)
        },
    ]
}
