/// Group D, rules 49-66: is the price sane.
///
/// Warnings by default, and why: 51 and 52 rest on a rule text that is not verified; 56-60, 63, 64 judge by the state
/// of the book or of recent trades, which an honest order in a thin or fast book may contradict. Recorded exchange flow
/// does all of that: it prices anywhere in the band and sweeps. The thresholds of 54 and 55 are wide enough for
/// every price inside a 20 % band, so they refuse only what no band would let pass.
extension RiskRule {
    static let priceRows: [RiskRule] = [
        RiskRule(.upperPriceLimit, .instrument, reason: 3, "price above the daily limit"),
        RiskRule(.lowerPriceLimit, .instrument, reason: 3, "price below the daily limit"),
        RiskRule(
            .effectiveBuyRange, .instrument, .basisPoints, 200, second: 10, .ticks, .warn, reason: 3,
            "buy price above the effective range"),
        RiskRule(
            .effectiveSellRange, .instrument, .basisPoints, 200, second: 10, .ticks, .warn, reason: 3,
            "sell price below the effective range"),
        // Least and greatest share of the previous close.
        RiskRule(
            .auctionRange, .instrument, .basisPoints, 5_000, second: 90_000, .basisPoints, reason: 3,
            "price outside the auction range"),
        // Threshold: with a band; second: on days without one.
        RiskRule(
            .staticCollar, .instrument, .basisPoints, 2_500, second: 90_000, .basisPoints, reason: 3,
            "price too far from the previous close"),
        // (1 + 20 %) / (1 - 20 %) = 1.5: any two prices of one band are at most 50 % apart, before rounding.
        RiskRule(.dynamicCollar, .instrument, .basisPoints, 6_000, reason: 3, "price too far from recent trades"),
        RiskRule(
            .periodCollar, .accountInstrument, .basisPoints, 500, second: 60_000_000, .microseconds, .warn, reason: 3,
            "account's fills are too far from the market's average"),
        // Multiple of the mean absolute price move, but at least so many ticks.
        RiskRule(
            .fatFingerLast, .instrument, .multiple, 20, second: 50, .ticks, .warn, reason: 3,
            "price too far from the last trade"),
        RiskRule(
            .fatFingerMid, .instrument, .basisPoints, 500, second: 0, .flag, .warn, reason: 3,
            "price too aggressive against the mid"),
        RiskRule(.levelsSwept, .instrument, .count, 20, second: 0, .flag, .warn, reason: 3, "sweeps too many levels"),
        RiskRule(
            .estimatedSlippage, .instrument, .basisPoints, 200, second: 0, .flag, .warn, reason: 3,
            "estimated slippage too great"),
        RiskRule(
            .marketOrderProtection, .instrument, .basisPoints, 500, reason: 3,
            "market order would trade beyond its protection price"),
        RiskRule(.referencePriceAvailable, .instrument, reason: 99, "no reference price"),
        RiskRule(
            .quoteAge, .instrument, .microseconds, 7_200_000_000, second: 0, .flag, .warn, reason: 99,
            "market data are too old"),
        // Multiple of the mean absolute price move, but at least so many ticks.
        RiskRule(
            .tradeReasonability, .instrument, .multiple, 10, second: 10, .ticks, .warn, reason: 99,
            "last trade is out of line"),
        RiskRule(.crossedBook, .instrument, reason: 99, "book is crossed or locked"),
        RiskRule(.pegOffset, .order, .ticks, 100, reason: 3, "peg offset too great"),
    ]
}
