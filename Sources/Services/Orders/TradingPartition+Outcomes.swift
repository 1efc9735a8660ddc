internal import Ledger
internal import Market
internal import Matching
internal import Risk

/// What happens to orders: fills, ends, refusals.
extension TradingPartition {
    /// Moves the money and shares of one fill and reports it to both sides.
    func post(_ fill: Fill, now: Int64) {
        let buy = Int32(fill.takerSide == .buy ? fill.takerHandle : fill.makerHandle)
        let sell = Int32(fill.takerSide == .buy ? fill.makerHandle : fill.takerHandle)
        guard var buyHold = slots[buy].hold, var sellHold = slots[sell].hold,
            case .success(let posting) = ledger.fill(
                buyer: &buyHold, seller: &sellHold, price: fill.price, quantity: fill.quantity)
        else { preconditionFailure("a fill within both holds is always posted") }
        slots[buy].hold = buyHold
        slots[sell].hold = sellHold
        slots[buy].row.fees += posting.buyerFees.total
        slots[sell].row.fees += posting.sellerFees.total
        lastTrade += 1
        statistics.trades += 1
        let buyer = slots[buy].row
        let seller = slots[sell].row
        trades.append(
            TradeRow(
                trade: lastTrade, day: configuration.day.rawValue, instrument: buyer.instrument, price: fill.price,
                quantity: fill.quantity, buyOrder: buyer.order, sellOrder: seller.order, buyAccount: buyer.account,
                sellAccount: seller.account, aggressor: fill.isAuction ? nil : fill.takerSide,
                buyCommission: posting.buyerFees.commission, buyTransferFee: posting.buyerFees.transferFee,
                sellCommission: posting.sellerFees.commission, sellTransferFee: posting.sellerFees.transferFee,
                stampDuty: posting.sellerFees.stampDuty, time: now, sequence: lastSequence))
        risk.state.traded(buyer.instrument, price: fill.price, quantity: fill.quantity, time: now)
        let takerIsBuy = fill.takerSide == .buy
        apply(fill, to: takerIsBuy ? sell : buy, isTaker: fill.isAuction, now: now)
        apply(fill, to: takerIsBuy ? buy : sell, isTaker: true, now: now)
    }

    private func apply(_ fill: Fill, to slot: Int32, isTaker: Bool, now: Int64) {
        let execution = nextExecution()
        let value = Money.value(fill.price, fill.quantity) ?? .zero
        slots[slot].row.cumulative += fill.quantity
        slots[slot].row.turnover += value
        slots[slot].row.frozen = slots[slot].frozen
        slots[slot].row.reports += 1
        let isFilled = slots[slot].row.cumulative == slots[slot].row.quantity
        slots[slot].row.status = isFilled ? .filled : .partiallyFilled
        if isFilled { slots[slot].reference = .none }
        risk.state.filled(
            riskOrder(slot), price: fill.price, quantity: fill.quantity, leaves: slots[slot].row.leaves, time: now)
        markDirty(slot)
        var report = OrderReports.report(.trade, slots[slot].row, execution: execution, now: now)
        report.lastPrice = fill.price
        report.lastQuantity = fill.quantity
        report.trade = lastTrade
        report.isTaker = isTaker
        reports.append(report)
    }

    /// Ends an order that still has open quantity: releases its hold and reports it.
    func end(
        _ slot: Int32, as status: OrderStatus, type: ExecutionType, by sequence: SequenceNumber,
        request: OrderRequest? = nil, now: Int64
    ) {
        let leaves = slots[slot].row.leaves
        risk.state.closed(riskOrder(slot), leaves: leaves)
        if var hold = slots[slot].hold {
            ledger.release(&hold)
            slots[slot].hold = hold
        }
        slots[slot].reference = .none
        slots[slot].row.frozen = 0
        slots[slot].row.status = status
        slots[slot].row.endedBy = sequence
        slots[slot].row.reports += 1
        markDirty(slot)
        var report = OrderReports.report(type, slots[slot].row, execution: nextExecution(), now: now)
        if let request {
            report.originalClientOrderID = report.clientOrderID
            report.clientOrderID = request.clientOrderID
            report.origin = request.origin
        }
        reports.append(report)
    }

    /// Refuses a new order and keeps the refusal: a rejected order is a row like any other.
    func reject(_ request: OrderRequest, _ verdict: RiskVerdict, rule: UInt8, reason: UInt8, now: Int64) {
        statistics.rejected += 1
        var record = record(for: request, verdict, hold: nil, now: now)
        record.row.status = .rejected
        record.row.rule = rule
        record.row.reason = reason
        record.row.firstExecution = nextExecution()
        record.row.reports = 1
        let slot = slots.insert(record)
        remember(request, order: lastSequence, slot: slot)
        markDirty(slot)
        var report = OrderReports.report(
            .rejected, slots[slot].row, execution: slots[slot].row.firstExecution, now: now)
        report.origin = request.origin
        reports.append(report)
    }

    /// A limit of the partition is reached: refused without a row, because there is no room for one.
    func refuseForLack(_ request: OrderRequest, now: Int64) {
        statistics.rejected += 1
        var report = ExecutionReport(
            type: .rejected, status: .rejected, order: 0, execution: 0, request: request, time: now)
        report.rule = OrderReports.capacityRule
        report.rejectReason = 99
        reports.append(report)
    }

    /// Refuses a cancel or a replace: OrderCancelReject with the target's status as it is.
    func refuseCancel(_ request: OrderRequest, _ verdict: RiskVerdict, _ target: Int32?, now: Int64) {
        statistics.cancelRejects += 1
        var report = ExecutionReport(
            type: .cancelRejected, status: .rejected, order: 0, execution: 0, request: request, time: now)
        if let target, slots[target].row.account == request.account {
            report.order = slots[target].row.order
            report.status = slots[target].row.status
        } else if let original = request.originalClientOrderID,
            let known = clients.find(request.session, original), known.slot < 0, known.kind != .cancel,
            known.account == request.account
        {
            report.order = known.order
            report.status = known.status
        }
        // Accepted by risk and refused all the same: there is no room.
        report.rule = verdict.isAccepted ? OrderReports.capacityRule : verdict.rule
        report.rejectReason = verdict.isAccepted ? 99 : verdict.reason
        reports.append(report)
    }

    /// The slot of the order that a cancel or replace names, nil where it is unknown or no longer in memory.
    func target(of request: OrderRequest) -> Int32? {
        guard let original = request.originalClientOrderID,
            let entry = clients.find(request.session, original), entry.kind != .cancel, entry.slot >= 0
        else { return nil }
        return entry.slot
    }

    func remember(_ request: OrderRequest, order: OrderID, slot: Int32) {
        let entry = ClientOrderEntry(
            order: order, bodyHash: request.bodyHash, slot: slot, account: request.account, kind: request.kind)
        let isStored = clients.set(request.session, request.clientOrderID, entry)
        precondition(isStored, "room was checked before")
    }

    func riskOrder(_ slot: Int32) -> RiskOrder {
        let row = slots[slot].row
        return RiskOrder(
            account: row.account, instrument: row.instrument, side: row.side, price: slots[slot].valuation)
    }

    func placeHold(_ request: OrderRequest, valuation: Price) -> Result<OrderHold, LedgerRefusal> {
        switch request.side {
        case .buy:
            ledger.holdForBuy(
                account: request.account, instrument: request.instrument, price: valuation, quantity: request.quantity)
        case .sell:
            ledger.holdForSell(account: request.account, instrument: request.instrument, quantity: request.quantity)
        }
    }

    /// A fresh record of the request that has the current sequence number.
    func record(for request: OrderRequest, _ verdict: RiskVerdict, hold: OrderHold?, now: Int64) -> OrderRecord {
        var row = OrderRow(order: lastSequence)
        row.day = configuration.day.rawValue
        row.session = request.session
        row.clientOrderID = request.clientOrderID
        row.account = request.account
        row.instrument = request.instrument
        row.side = request.side
        row.type = request.type
        row.timeInForce = request.timeInForce
        row.price = request.price
        row.quantity = request.quantity
        row.evaluatedLow = verdict.evaluated.low
        row.evaluatedHigh = verdict.evaluated.middle
        row.entered = now
        row.bodyHash = request.bodyHash
        var record = OrderRecord(row: row, hold: hold, valuation: verdict.valuation)
        record.row.frozen = record.frozen
        return record
    }
}
