internal import FIX

/// From the session's bytes to outcomes.
extension FIXTransport {
    /// Handles the frames of a read; false when the connection has to be closed.
    func takeFrames(_ session: FIXSession, _ now: UInt64, _ wall: Int64) -> Bool {
        while true {
            switch session.nextFrame(into: &fields) {
            case .none: return true
            case .broken: return false
            case .parsed:
                guard take(session, now, wall) else { return false }
                while session.machine.takeQueued(into: &fields) {
                    guard take(session, now, wall) else { return false }
                }
            }
        }
    }

    /// One message through the session machine.
    private func take(_ session: FIXSession, _ now: UInt64, _ wall: Int64) -> Bool {
        let verdict = session.machine.received(fields, now: wall, into: &session.writer)
        if session.writer.count > 0 { markDirty(session) }
        switch verdict {
        case .handled: if fields.messageType == .reject { rejectedBySession(session, now) }
        case .deliver: deliver(session, now)
        case .established: established(session)
        case .resend(let range):
            // Orders are never sent again, so everything asked for is filled with nothing.
            Resender.gapFill(
                range.lowerBound, next: range.upperBound + 1, header: session.header, now: wall,
                into: &session.writer)
            markDirty(session)
        case .close:
            _ = session.flush()
            return false
        }
        return true
    }

    private func deliver(_ session: FIXSession, _ now: UInt64) {
        switch fields.messageType {
        case .executionReport: executionReport(session, now)
        case .orderCancelReject: orderCancelReject(session, now)
        case .businessMessageReject:
            guard let slot = slot(ofSequence: fields.int(Tag.refSeqNum), on: session) else { return }
            fail(slot, "380=\(fields.int(Tag.businessRejectReason) ?? -1)", now)
        default: break
        }
    }

    private func slotOfMessage() -> Int32? {
        guard let index = fields.find(Tag.clOrdID) else { return nil }
        let parsed = fields.withValue(at: index) { ids.parse($0) }
        guard let parsed, orders.holds(parsed.slot, parsed.id) else { return nil }
        return parsed.slot
    }

    private func slot(ofSequence sequence: Int64?, on session: FIXSession) -> Int32? {
        guard let sequence else { return nil }
        let slot = session.slot(ofSequence: sequence)
        guard slot >= 0, orders[slot].state == .inFlight, orders[slot].session == session.index else { return nil }
        return slot
    }

    // MARK: Execution reports

    private func executionReport(_ session: FIXSession, _ at: UInt64) {
        guard let slot = slotOfMessage(), let type = fields.char(Tag.execType) else { return }
        let isWaiting = orders[slot].state == .inFlight
        switch type {
        case UInt8(ascii: "0"): if orders[slot].kind == .new { accepted(slot, type, session, at) }
        case UInt8(ascii: "8"): refused(slot, type, .rejected, "103=\(reason(Tag.ordRejReason))", session, at)
        case UInt8(ascii: "F"): traded(slot, session, at)
        case UInt8(ascii: "4"):
            if orders[slot].kind == .cancel { canceled(slot, type, session, at) } else { closed(slot) }
        case UInt8(ascii: "5"): if orders[slot].kind == .replace { accepted(slot, type, session, at) }
        case UInt8(ascii: "C"), UInt8(ascii: "3"): if !isWaiting { closed(slot) }
        default: break
        }
    }

    /// A new order or a replaced one now works (or, for a replace that left nothing, is filled).
    private func accepted(_ slot: Int32, _ type: UInt8, _ session: FIXSession, _ at: UInt64) {
        let wasWaiting = orders[slot].state == .inFlight
        guard answer(slot, .ok, type, session, at) else { return }
        moveHold(to: slot)
        releaseTarget(of: slot)
        guard wasWaiting, isOpenStatus(fields.char(Tag.ordStatus)) else { return orders.release(slot) }
        addOpenOrder(slot)
    }

    /// A flow that names a replaced order now means the order that took its place.
    private func moveHold(to slot: Int32) {
        let (target, id) = (orders[slot].target, orders[slot].targetID)
        guard orders[slot].kind == .replace, target >= 0, orders.holds(target, id), orders[target].isHeld else {
            return
        }
        orders[slot].isHeld = true
        orders[slot].target = -1
        orders[target].state = .moved
        orders[target].target = slot
        orders[target].targetID = orders[slot].id
    }

    private func isOpenStatus(_ status: UInt8?) -> Bool {
        status == UInt8(ascii: "0") || status == UInt8(ascii: "1")
    }

    private func canceled(_ slot: Int32, _ type: UInt8, _ session: FIXSession, _ at: UInt64) {
        guard answer(slot, .ok, type, session, at) else { return }
        releaseTarget(of: slot)
        orders.release(slot)
    }

    /// A fill; for a new order it is also an answer, should it come before the acknowledgement.
    private func traded(_ slot: Int32, _ session: FIXSession, _ at: UInt64) {
        counters.fills += 1
        if !orders[slot].hasTraded {
            orders[slot].hasTraded = true
            counters.ordersTraded += 1
        }
        if orders[slot].kind == .new, orders[slot].state == .inFlight || orders[slot].state == .abandoned {
            accepted(slot, UInt8(ascii: "F"), session, at)
        } else if fields.char(Tag.ordStatus) == UInt8(ascii: "2") {
            closed(slot)
        }
    }

    /// An order that ended by itself.
    private func closed(_ slot: Int32) {
        guard [.open, .named, .held].contains(orders[slot].state) else { return }
        removeOpenOrder(slot)
        orders.release(slot)
    }

    // MARK: Refusals

    private func orderCancelReject(_ session: FIXSession, _ at: UInt64) {
        guard let slot = slotOfMessage() else { return }
        let code = fields.int(Tag.cxlRejReason)
        let isTooLate = code == 0 || code == 1
        let text = "102=\(reason(Tag.cxlRejReason))"
        refused(slot, UInt8(ascii: "9"), isTooLate ? .tooLate : .rejected, text, session, at)
    }

    /// `code text`, the text up to its first digit, so that prices and quantities in it do not split the reason.
    private func reason(_ tag: Int) -> String {
        let code = fields.int(tag).map { "\($0)" } ?? "?"
        let text = (fields.string(Tag.text) ?? "").prefix(60)
        return text.isEmpty ? code : "\(code) \(text)"
    }

    private func refused(
        _ slot: Int32, _ type: UInt8, _ outcome: Outcome, _ text: String, _ session: FIXSession, _ at: UInt64
    ) {
        let isWaiting = orders[slot].state == .inFlight
        guard answer(slot, outcome, type, session, at, text) else { return }
        if isWaiting, outcome == .rejected { reopenTarget(of: slot) } else { releaseTarget(of: slot) }
        orders.release(slot)
    }

    /// Session Reject (35=3): 45 names the frame.
    private func rejectedBySession(_ session: FIXSession, _ now: UInt64) {
        guard let slot = slot(ofSequence: fields.int(Tag.refSeqNum), on: session) else { return }
        fail(slot, "373=\(reason(Tag.sessionRejectReason))", now)
    }

    private func fail(_ slot: Int32, _ text: String, _ at: UInt64) {
        complete(slot, .error, text, at)
        reopenTarget(of: slot)
        orders.release(slot)
    }

    // MARK: Answers

    /// Counts and logs a final answer; false where the request had its answer before.
    private func answer(
        _ slot: Int32, _ outcome: Outcome, _ type: UInt8, _ session: FIXSession, _ at: UInt64, _ text: String = ""
    ) -> Bool {
        switch orders[slot].state {
        case .inFlight: complete(slot, outcome, text, at)
        case .abandoned: counters.lateAnswers += 1
        case .free, .open, .held, .named, .moved: return false
        }
        ackLog?.append(session: session.compID, kind: orders[slot].kind, execType: type, fields: fields)
        return true
    }

    /// Hands over what the request asked for, and its outcome.
    private func complete(_ slot: Int32, _ outcome: Outcome, _ text: String, _ at: UInt64) {
        removeInFlight(slot)
        let token = orders[slot].token
        var completion = Completion(token: token, outcome: outcome, reason: text, at: at)
        completion.bytesIn = unsafe fields.withFrame { $0.count }
        if outcome == .ok {
            for save in saves[Int(orders[slot].site)] where !take(save, slot, token) {
                completion.outcome = .error
                completion.reason = "the answer lacks what the flow saves"
            }
        }
        sink.completed(completion)
    }

    private func take(_ save: SavePlan, _ slot: Int32, _ token: RequestToken) -> Bool {
        switch save.extract {
        case .order:
            orders[slot].isHeld = true
            let reference = OrderReference.bytes(slot, orders[slot].id)
            sink.saved(token, variable: save.variable, reference.span)
            return true
        case .tag(let tag):
            guard let index = fields.find(tag) else { return false }
            fields.withValue(at: index) { sink.saved(token, variable: save.variable, $0) }
            return true
        case .json, .header: return false
        }
    }
}
