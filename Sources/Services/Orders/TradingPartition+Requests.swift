internal import Ledger
internal import Market
internal import Matching
internal import Risk

/// Execution of requests: idempotency, risk, hold, match.
extension TradingPartition {
    /// Executes one request at event time `now` (microseconds since 1970 UTC, never going back).
    package func execute(_ prepared: PreparedRequest, now: Int64) {
        let request = prepared.request
        lastSequence += 1
        if let known = clients.find(request.session, request.clientOrderID) {
            return answerRepeat(prepared, known, now: now)
        }
        switch request.kind {
        case .new: enter(prepared, now: now)
        case .cancel: cancel(prepared, now: now)
        case .replace: replace(prepared, now: now)
        }
    }

    /// The same id again: the same body gets the first answer again, another body is refused.
    private func answerRepeat(_ prepared: PreparedRequest, _ known: ClientOrderEntry, now: Int64) {
        let request = prepared.request
        statistics.duplicates += 1
        guard known.bodyHash == request.bodyHash else {
            var facts = context(prepared, now: now)
            facts.flags.insert(.duplicateID)
            return refuseWithoutRow(request, risk.evaluate(facts), now: now)
        }
        guard known.slot >= 0 else {
            return lookups.append(OrderLookup(request: request, order: known.order))
        }
        reports.append(OrderReports.repeated(slots[known.slot].row, request, now: now))
    }

    /// A refusal that leaves no trace: its id belongs to another request.
    private func refuseWithoutRow(_ request: OrderRequest, _ verdict: RiskVerdict, now: Int64) {
        let type: ExecutionType = request.kind == .new ? .rejected : .cancelRejected
        var report = ExecutionReport(
            type: type, status: .rejected, order: 0, execution: 0, request: request, time: now)
        report.rule = verdict.rule
        report.rejectReason = verdict.reason
        reports.append(report)
    }

    private func enter(_ prepared: PreparedRequest, now: Int64) {
        let request = prepared.request
        let facts = context(prepared, now: now)
        let verdict = risk.evaluate(facts)
        guard !slots.isFull, clients.hasRoom(reserve: slots.count + 1), arena.hasRoom else {
            return refuseForLack(request, now: now)
        }
        guard verdict.isAccepted, let book = book(request.instrument) else {
            return reject(request, verdict, rule: verdict.rule, reason: verdict.reason, now: now)
        }
        let hold: OrderHold
        switch placeHold(request, valuation: verdict.valuation) {
        case .success(let placed): hold = placed
        case .failure:
            let rule: RiskIndicator = request.side == .buy ? .cashSufficient : .sellableShares
            return reject(request, verdict, rule: rule.number, reason: 0, now: now)
        }
        var record = record(for: request, verdict, hold: hold, now: now)
        record.row.priority = lastSequence
        record.row.firstExecution = nextExecution()
        record.row.reports = 1
        let slot = slots.insert(record)
        remember(request, order: lastSequence, slot: slot)
        markDirty(slot)
        statistics.accepted += 1
        risk.state.accepted(riskOrder(slot), quantity: request.quantity)
        var report = OrderReports.report(.new, slots[slot].row, execution: record.row.firstExecution, now: now)
        report.origin = request.origin
        reports.append(report)
        place(slot, in: book, quantity: request.quantity, now: now)
    }

    /// Enters an accepted order into its book and works off what follows.
    private func place(_ slot: Int32, in book: OrderBook, quantity: Quantity, now: Int64) {
        let row = slots[slot].row
        let incoming = IncomingOrder(
            id: row.order, handle: UInt32(slot), owner: row.account, side: row.side, type: row.type,
            timeInForce: row.timeInForce, price: row.price, quantity: quantity)
        fills.removeAll(keepingCapacity: true)
        let placement = phase.isCall ? book.collect(incoming) : book.add(incoming, fills: &fills)
        settle(placement, slot, now: now)
        touch(row.instrument, at: now)
    }

    /// Books the fills of a placement, then what became of the rest of its order.
    func settle(_ placement: Placement, _ slot: Int32, now: Int64) {
        for fill in fills { post(fill, now: now) }
        switch placement.outcome {
        case .rested: slots[slot].reference = placement.reference
        case .filled: break
        case .cancelled, .killed, .refused: end(slot, as: .canceled, type: .canceled, by: lastSequence, now: now)
        }
    }

    private func cancel(_ prepared: PreparedRequest, now: Int64) {
        let request = prepared.request
        let target = target(of: request)
        let facts = context(prepared, now: now)
        let verdict = risk.evaluate(facts)
        guard verdict.isAccepted, let slot = target, !clients.isFull else {
            return refuseCancel(request, verdict, target, now: now)
        }
        let row = slots[slot].row
        if let book = book(row.instrument), slots[slot].reference != .none {
            _ = book.cancel(slots[slot].reference, order: row.order)
        }
        slots[slot].row.endedByID = request.clientOrderID
        slots[slot].row.endedByHash = request.bodyHash
        remember(request, order: row.order, slot: slot)
        statistics.canceled += 1
        end(slot, as: .canceled, type: .canceled, by: lastSequence, request: request, now: now)
        touch(row.instrument, at: now)
    }

    private func replace(_ prepared: PreparedRequest, now: Int64) {
        let request = prepared.request
        let target = target(of: request)
        let facts = context(prepared, now: now)
        let verdict = risk.evaluate(facts)
        guard verdict.isAccepted, let old = target, !slots.isFull, clients.hasRoom(reserve: slots.count),
            let book = book(slots[old].row.instrument)
        else { return refuseCancel(request, verdict, target, now: now) }
        let open = request.quantity - slots[old].row.cumulative
        guard var hold = slots[old].hold, ledger.replaceHold(&hold, price: verdict.valuation, open: open) == nil else {
            var refusal = verdict
            refusal.rule = (request.side == .buy ? RiskIndicator.cashSufficient : .sellableShares).number
            refusal.reason = 2
            return refuseCancel(request, refusal, target, now: now)
        }
        let keepsPlace = keepsPlace(old, request, open: open)
        let slot = succeed(old, by: request, verdict, hold: hold, now: now)
        let row = slots[slot].row
        let incoming = IncomingOrder(
            id: row.order, handle: UInt32(slot), owner: row.account, side: row.side, type: row.type,
            timeInForce: row.timeInForce, price: row.price, quantity: open)
        fills.removeAll(keepingCapacity: true)
        let reference = slots[old].reference
        let placement =
            phase.isCall
            ? book.collectReplacement(reference, order: slots[old].row.order, with: incoming)
            : book.replace(reference, order: slots[old].row.order, with: incoming, fills: &fills)
        // The reference says nothing: a book puts the successor into the place in memory that the old order left.
        if keepsPlace, placement.outcome == .rested { slots[slot].row.priority = slots[old].row.priority }
        if case .refused = placement.outcome { _ = book.cancel(reference, order: slots[old].row.order) }
        slots[old].reference = .none
        slots[old].hold = nil
        settle(placement, slot, now: now)
        touch(row.instrument, at: now)
    }

    /// Whether a replace leaves the order where it stands in the queue: same price, no more shares open than before.
    private func keepsPlace(_ old: Int32, _ request: OrderRequest, open: Quantity) -> Bool {
        let row = slots[old].row
        return request.type == .limit && request.timeInForce == .day && request.price == row.price && open <= row.leaves
    }

    /// Ends `old` as replaced and makes the order that takes its place, fills and hold included.
    private func succeed(
        _ old: Int32, by request: OrderRequest, _ verdict: RiskVerdict, hold: OrderHold, now: Int64
    ) -> Int32 {
        var record = record(for: request, verdict, hold: hold, now: now)
        let before = slots[old].row
        risk.state.closed(riskOrder(old), leaves: before.leaves)
        record.row.cumulative = before.cumulative
        record.row.carried = before.cumulative
        record.row.turnover = before.turnover
        record.row.fees = before.fees
        record.row.replaces = before.order
        record.row.priority = lastSequence
        record.row.status = before.cumulative > .zero ? .partiallyFilled : .new
        record.row.firstExecution = nextExecution()
        record.row.reports = 1
        slots[old].row.status = .replaced
        slots[old].row.frozen = 0
        slots[old].row.endedBy = lastSequence
        slots[old].row.endedByID = request.clientOrderID
        markDirty(old)
        let slot = slots.insert(record)
        remember(request, order: lastSequence, slot: slot)
        markDirty(slot)
        statistics.replaced += 1
        risk.state.accepted(riskOrder(slot), quantity: record.row.leaves)
        var report = OrderReports.report(
            .replaced, slots[slot].row, execution: slots[slot].row.firstExecution, now: now)
        report.originalClientOrderID = request.originalClientOrderID
        report.origin = request.origin
        reports.append(report)
        return slot
    }
}
