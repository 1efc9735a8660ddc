import Market

extension Evidence {
    /// Rules 67-80.
    ///
    /// A sum counts what was traded today and what is open; a replace first gives its old order back.
    func checkSize(_ context: RiskContext, _ limits: RiskLimits, _ checks: inout RuleChecks) {
        checks.require(.orderValueMax, value <= profile.orderValueMax.milli)
        checks.require(.orderValueMin, value >= limits[.orderValueMin].threshold)
        checks.require(.clientQuantityMax, quantity <= profile.orderQuantityMax.shares)
        let volume = Self.bounded(instrument.averageDailyVolume.shares)
        let depth = Self.bounded(context.book.oppositeDepth.shares)
        checks.require(
            .shareOfDailyVolume,
            volume == 0 || working * 10_000 <= volume * limits[.shareOfDailyVolume].threshold)
        checks.require(
            .shareOfDepth,
            depth == 0 || !isContinuous || working * 10_000 <= depth * limits[.shareOfDepth].threshold)
        let average = limits[.multipleOfOwnAverage]
        checks.require(
            .multipleOfOwnAverage,
            Int64(account.orders) < average.second
                || min(quantity, 8_388_607) << 8 <= Int64(account.meanQuantity) * average.threshold)
        checkSums(limits, &checks)
        checkCounts(limits, &checks)
    }

    /// Rules 73-77.
    private func checkSums(_ limits: RiskLimits, _ checks: inout RuleChecks) {
        let shares = working - released.quantity
        let value = value - released.value
        let buys = saturatingSum(saturatingSum(pair.bought, pair.openBuy), shares)
        let sells = saturatingSum(saturatingSum(pair.sold, pair.openSell), shares)
        checks.require(.dailyBuyQuantity, pairHasRoom && (!isBuy || buys <= profile.dailyBuyQuantityMax.shares))
        checks.require(.dailySellQuantity, pairHasRoom && (isBuy || sells <= profile.dailySellQuantityMax.shares))
        checks.require(.grossValueAccount, saturatingSum(account.grossValue, value) <= profile.grossValueMax.milli)
        checks.require(.grossValueFirm, saturatingSum(grossValueFirm, value) <= limits[.grossValueFirm].threshold)
        checks.require(
            .openOrderValue,
            !isBuy || saturatingSum(account.openBuyValue, value) <= profile.openOrderValueMax.milli)
    }

    /// Rules 78-80; a full table fails closed, since the count could not be kept.
    private func checkCounts(_ limits: RiskLimits, _ checks: inout RuleChecks) {
        let added = 1 - released.orders
        checks.require(.openOrdersAccount, Int64(account.openOrders) + added <= Int64(profile.openOrdersMax))
        checks.require(
            .openOrdersInstrument,
            pairHasRoom && Int64(pair.openOrders) + added <= limits[.openOrdersInstrument].threshold)
        checks.require(
            .openOrdersAtPrice,
            levelHasRoom && levelOrders + 1 - released.sameLevel <= limits[.openOrdersAtPrice].threshold)
    }
}
