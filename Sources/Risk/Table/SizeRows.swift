/// Group E, rules 67-80: is it too big, alone or together with what the account has done and has open.
///
/// The limits of 67, 69, 73-75, 77 and 78 are the account's own (`AccountProfile`). Warnings by default: 71 and 72
/// compare with a thin book or a short history, which proves nothing by itself.
extension RiskRule {
    static let sizeRows: [RiskRule] = [
        RiskRule(.orderValueMax, .account, reason: 3, "order value above the account's maximum"),
        RiskRule(.orderValueMin, .instrument, .milliYuan, 0, reason: 3, "order value below the minimum"),
        RiskRule(.clientQuantityMax, .account, reason: 3, "quantity above the account's maximum"),
        RiskRule(
            .shareOfDailyVolume, .instrument, .basisPoints, 2_500, reason: 3,
            "quantity too great for the daily volume"),
        RiskRule(
            .shareOfDepth, .instrument, .basisPoints, 100_000, second: 0, .flag, .warn, reason: 3,
            "quantity too great for the visible depth"),
        // Multiple of the account's mean order, once it has entered so many.
        RiskRule(
            .multipleOfOwnAverage, .account, .multiple, 20, second: 10, .count, .warn, reason: 3,
            "quantity out of line with the account's orders"),
        RiskRule(.dailyBuyQuantity, .accountInstrument, reason: 3, "daily buy quantity reached"),
        RiskRule(.dailySellQuantity, .accountInstrument, reason: 3, "daily sell quantity reached"),
        RiskRule(.grossValueAccount, .account, reason: 3, "account's gross value of the day reached"),
        RiskRule(
            .grossValueFirm, .firm, .milliYuan, 100_000_000_000_000_000, reason: 3,
            "firm's gross value of the day reached"),
        RiskRule(.openOrderValue, .account, reason: 3, "account's open order value reached"),
        RiskRule(.openOrdersAccount, .account, reason: 3, "account's open orders reached their maximum"),
        RiskRule(
            .openOrdersInstrument, .accountInstrument, .count, 10_000, reason: 3,
            "open orders in this instrument reached their maximum"),
        RiskRule(
            .openOrdersAtPrice, .accountInstrument, .count, 10_000, reason: 3,
            "open orders at this price reached their maximum"),
    ]
}
