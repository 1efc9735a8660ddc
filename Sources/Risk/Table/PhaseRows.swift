/// Group C, rules 40-48: is the market open for this. Rules 17, 41 and 44 refine their reason, see `RiskVerdict`.
extension RiskRule {
    static let phaseRows: [RiskRule] = [
        RiskRule(.tradingDay, .market, reason: 2, kinds: .all, "not a trading day"),
        RiskRule(.phaseAcceptsEntry, .instrument, reason: 2, "phase takes no orders"),
        RiskRule(.phaseAcceptsCancel, .instrument, reason: 2, kinds: .change, "phase takes no cancels"),
        RiskRule(.marketOrderPhase, .instrument, reason: 11, "market orders only in continuous trading"),
        RiskRule(
            .instrumentTradable, .instrument, mandatory: true, reason: 2, "instrument unknown or not tradable"),
        RiskRule(.volatilityHalt, .instrument, reason: 2, "instrument is halted"),
        RiskRule(.marketOrderReference, .instrument, mandatory: true, reason: 11, "market orders need a price band"),
        RiskRule(.priceBaseAdjusted, .instrument, reason: 99, "price base is not adjusted for a corporate action"),
        RiskRule(
            .riskWarningDailyBuy, .accountInstrument, .shares, 500_000, reason: 3,
            "daily buy cap of risk-warning stocks"),
    ]
}
