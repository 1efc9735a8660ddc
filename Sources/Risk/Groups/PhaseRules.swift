import Market

extension Evidence {
    /// Rules 40-48.
    func checkPhase(_ context: RiskContext, _ limits: RiskLimits, _ checks: inout RuleChecks) {
        let isCapped = isBuy && instrument.board == .riskWarning
        let boughtToday = saturatingSum(pair.bought, pair.openBuy)
        checks.require(.tradingDay, !flags.contains(.notTradingDay))
        checks.require(.phaseAcceptsEntry, context.phase.acceptsEntry)
        checks.require(.phaseAcceptsCancel, context.phase.acceptsCancel)
        checks.require(.marketOrderPhase, !isMarket || isContinuous)
        checks.require(.instrumentTradable, hasInstrument && instrument.isTradable)
        checks.require(.volatilityHalt, time >= market.haltedUntil)
        checks.require(.marketOrderReference, !isMarket || (instrument.hasBand && previousClose > 0))
        checks.require(.priceBaseAdjusted, !flags.contains(.priceBaseUnadjusted))
        checks.require(
            .riskWarningDailyBuy,
            !isCapped
                || saturatingSum(boughtToday, working - released.quantity) <= limits[.riskWarningDailyBuy].threshold)
    }
}
