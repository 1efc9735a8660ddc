import Market

extension Evidence {
    /// Rules 49-66.
    ///
    /// Prices of market orders are judged by 61 alone; in calls the book gives no reference.
    func checkPrice(_ context: RiskContext, _ limits: RiskLimits, _ checks: inout RuleChecks) {
        let hasBand = instrument.hasBand
        checks.require(.upperPriceLimit, isMarket || !hasBand || price <= instrument.limitUp.milli)
        checks.require(.lowerPriceLimit, isMarket || !hasBand || price >= instrument.limitDown.milli)
        checkRanges(limits, &checks)
        let collar = limits[.staticCollar]
        checks.require(
            .staticCollar,
            isMarket || Self.isWithin(price, of: previousClose, hasBand ? collar.threshold : collar.second))
        checks.require(
            .dynamicCollar,
            isMarket || Self.isWithin(price, of: market.meanPrice >> 8, limits[.dynamicCollar].threshold)
        )
        checks.require(
            .periodCollar, fillMean == 0 || Self.isWithin(fillMean, of: tradeMean, limits[.periodCollar].threshold))
        checkFatFingers(limits, &checks)
        checkSweep(context.book, limits, &checks)
        checks.require(.referencePriceAvailable, market.last > 0 || previousClose > 0)
        checks.require(
            .quoteAge, context.book.quoteTime == 0 || time &- context.book.quoteTime <= limits[.quoteAge].threshold)
        checks.require(
            .tradeReasonability,
            market.lastMove <= expectedMove(market.meanMoveBefore, limits[.tradeReasonability]))
        checks.require(.crossedBook, !isContinuous || doubleMid == 0 || bid < offer)
        checks.require(.pegOffset, context.pegOffsetTicks.magnitude <= limits[.pegOffset].threshold.magnitude)
    }

    /// Rules 51-53: the exchange's own ranges.
    private func checkRanges(_ limits: RiskLimits, _ checks: inout RuleChecks) {
        let buy = limits[.effectiveBuyRange]
        let sell = limits[.effectiveSellRange]
        let auction = limits[.auctionRange]
        let isRanged = isContinuous && !isMarket
        checks.require(
            .effectiveBuyRange,
            !isRanged || !isBuy || offer == 0 || price * 10_000 <= offer * (10_000 + buy.threshold)
                || price <= offer + buy.second * tick)
        checks.require(
            .effectiveSellRange,
            !isRanged || isBuy || bid == 0 || price * 10_000 >= bid * (10_000 - sell.threshold)
                || price >= bid - sell.second * tick)
        checks.require(
            .auctionRange,
            !isCall || isMarket || instrument.hasBand || previousClose == 0
                || (price * 10_000 >= previousClose * auction.threshold
                    && price * 10_000 <= previousClose * auction.second)
        )
    }

    /// Rules 57 and 58.
    private func checkFatFingers(_ limits: RiskLimits, _ checks: inout RuleChecks) {
        let hasMove = market.last > 0 && market.meanMove > 0
        checks.require(
            .fatFingerLast,
            isMarket || !hasMove || abs(price - market.last) <= expectedMove(market.meanMove, limits[.fatFingerLast]))
        let beyond = isBuy ? 2 * price - doubleMid : doubleMid - 2 * price
        checks.require(
            .fatFingerMid,
            isMarket || !isContinuous || doubleMid == 0
                || beyond * 10_000 <= doubleMid * limits[.fatFingerMid].threshold)
    }

    /// Rules 59-61: what the order would do to the opposite side.
    private func checkSweep(_ book: RiskBook, _ limits: RiskLimits, _ checks: inout RuleChecks) {
        let swept = Self.bounded(book.sweptQuantity.shares)
        let average = swept == 0 ? 0 : Self.bounded(book.sweptValue.milli / swept)
        let slippage = isBuy ? 2 * average - doubleMid : doubleMid - 2 * average
        checks.require(.levelsSwept, Int64(book.sweptLevels) <= limits[.levelsSwept].threshold)
        checks.require(
            .estimatedSlippage,
            swept == 0 || doubleMid == 0 || slippage * 10_000 <= doubleMid * limits[.estimatedSlippage].threshold)
        let worst = Self.bounded(book.sweptWorstPrice.milli)
        let beyond = isBuy ? worst - opposite : opposite - worst
        checks.require(
            .marketOrderProtection,
            !isMarket || worst == 0 || opposite == 0
                || beyond * 10_000 <= opposite * limits[.marketOrderProtection].threshold)
    }

    /// A multiple of a mean move in 1/256 milli-yuan, at least a number of ticks.
    private func expectedMove(_ mean: Int64, _ limit: RiskLimit) -> Int64 {
        max((min(mean, Self.boundMax) * limit.threshold) >> 8, limit.second * tick)
    }
}
