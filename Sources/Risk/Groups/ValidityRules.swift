import Market

extension Evidence {
    /// Rules 1-21.
    func checkValidity(_ context: RiskContext, _ limits: RiskLimits, _ checks: inout RuleChecks) {
        let request = context.request
        let target = context.target
        let isOwn = target.isFound && target.account == request.account
        checks.require(.requiredFields, hasRequiredFields(request))
        checks.require(.sideAllowed, limits[.sideAllowed].threshold >> Int64(request.side.rawValue) & 1 == 1)
        checks.require(.orderTypeAllowed, allows(limits[.orderTypeAllowed], request.type.rawValue))
        checks.require(.timeInForceAllowed, allows(limits[.timeInForceAllowed], request.timeInForce.rawValue))
        checks.require(.quantityPositive, request.quantity.shares > 0)
        checks.require(.pricePositive, isMarket || request.price.milli > 0)
        checks.require(.tickSize, isMarket || request.price.milli % tick == 0)
        checkLots(context, &checks)
        checks.require(.clientOrderIDUnique, !flags.contains(.duplicateID))
        checks.require(
            .clientOrderIDWellFormed, Int64(request.clientOrderID.count) <= limits[.clientOrderIDWellFormed].threshold)
        checks.require(.sendingTimeSkew, distance(time, request.sendingTime) <= limits[.sendingTimeSkew].threshold)
        checks.require(
            .staleOrder,
            request.transactTime >= time || distance(time, request.transactTime) <= limits[.staleOrder].threshold)
        checks.require(.notionalOverflow, valueFits)
        // Another owner's order is unknown to this client, so that the answer does not tell that it exists.
        checks.require(.targetOpen, isOwn && target.isOpen)
        checks.require(.targetOwned, !target.isFound || isOwn)
        checks.require(.replaceConsistent, keeps(target, request))
        checks.require(.stopTriggerSide, triggersAhead(context.stopPrice.milli))
        checks.require(.icebergDisplay, shows(context.displayQuantity.shares, limits[.icebergDisplay]))
    }

    private func hasRequiredFields(_ request: OrderRequest) -> Bool {
        let names = request.session != 0 && request.account.rawValue != 0
        let times = request.transactTime > 0 && request.sendingTime > 0
        return names && times && (isNew || request.originalClientOrderID != nil)
    }

    /// Whether the bit is in the mask of the phase; phases that take no orders are rule 41's.
    private func allows(_ limit: RiskLimit, _ bit: UInt8) -> Bool {
        let mask = isContinuous ? limit.threshold : isCall ? limit.second : -1
        return mask >> Int64(bit) & 1 == 1
    }

    /// Rules 8-11.
    ///
    /// An odd lot is what does not fill the instrument's lot; on a sale it must take the whole odd remainder along
    /// (9), and only then may it be below the minimum (10).
    private func checkLots(_ context: RiskContext, _ checks: inout RuleChecks) {
        let lot = max(1, instrument.lot.shares)
        let sellable = Self.bounded(context.sellableShares.shares)
        let odd = working % lot
        checks.require(.buyLot, !isBuy || quantity % lot == 0)
        checks.require(.oddLotSale, isBuy || odd == 0 || odd == sellable % lot)
        checks.require(
            .quantityMin,
            quantity >= instrument.quantityMin.shares || (!isBuy && (odd != 0 || working == sellable)))
        checks.require(
            .quantityMax, quantity <= (isMarket ? instrument.marketQuantityMax : instrument.quantityMax).shares)
    }

    private func keeps(_ target: RiskTarget, _ request: OrderRequest) -> Bool {
        !target.isFound
            || (target.instrument == request.instrument && target.side == request.side
                && request.quantity.shares > target.cumulative.shares)
    }

    private func triggersAhead(_ stop: Int64) -> Bool {
        stop == 0 || market.last == 0 || (isBuy ? stop > market.last : stop < market.last)
    }

    private func shows(_ display: Int64, _ limit: RiskLimit) -> Bool {
        let shown = Self.bounded(display)
        return display == 0
            || (display >= limit.threshold && display <= quantity && shown * 10_000 >= quantity * limit.second)
    }

    private func distance(_ a: Int64, _ b: Int64) -> Int64 {
        let (difference, overflow) = a.subtractingReportingOverflow(b)
        return overflow || difference == .min ? .max : abs(difference)
    }
}
