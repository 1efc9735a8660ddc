internal import Arrivals
internal import FIX

/// From the sockets to the figures.
extension LoadEngine {
    /// Waits, then handles whatever is ready.
    func serve(until deadline: UInt64, now: UInt64) {
        let count = poller.wait(until: deadline, now: now)
        guard count > 0 else { return }
        var turn = MonotonicClock.now()
        for index in 0..<count {
            turn = sendDue(since: turn)
            let event = poller.event(index)
            let connection = connections[event.key]
            if case .connecting = connection.state {
                if event.isWritable || event.isBroken { connected(connection) }
                continue
            }
            if event.isReadable || event.isBroken { read(connection) }
            if event.isWritable, connection.socket != nil { markDirty(connection) }
        }
        flushDirty()
    }

    /// Reads what is there, at most four buffers, and handles its frames; the time of a frame is that of its read.
    private func read(_ connection: Connection) {
        for _ in 0..<4 {
            guard connection.socket != nil else { return }
            switch connection.receive() {
            case .wouldBlock: return
            case .closed: return lose(connection)
            case .bytes(let count):
                let now = MonotonicClock.now()
                let wall = MonotonicClock.wallMicroseconds()
                guard takeFrames(connection, now, wall) else { return lose(connection) }
                if count < Connection.inputCapacity / 4 { return }
            }
        }
    }

    /// False when the connection has to be closed.
    private func takeFrames(_ connection: Connection, _ now: UInt64, _ wall: Int64) -> Bool {
        while true {
            switch connection.nextFrame(into: &fields) {
            case .none: return true
            case .broken: return false
            case .parsed:
                guard take(connection, now, wall) else { return false }
                while connection.machine.takeQueued(into: &fields) {
                    guard take(connection, now, wall) else { return false }
                }
            }
        }
    }

    /// One message through the session machine.
    private func take(_ connection: Connection, _ now: UInt64, _ wall: Int64) -> Bool {
        let verdict = connection.machine.received(fields, now: wall, into: &connection.writer)
        if connection.writer.count > 0 { markDirty(connection) }
        switch verdict {
        case .handled: if fields.messageType == .reject { rejectedBySession(connection, now) }
        case .deliver: deliver(connection, now)
        case .established: established(connection)
        case .resend(let range):
            // Orders are never sent again, so everything asked for is filled with nothing.
            Resender.gapFill(
                range.lowerBound, next: range.upperBound + 1, header: connection.header, now: wall,
                into: &connection.writer)
            markDirty(connection)
        case .close:
            _ = connection.flush()
            return false
        }
        return true
    }

    private func deliver(_ connection: Connection, _ now: UInt64) {
        switch fields.messageType {
        case .executionReport: executionReport(connection, now - base)
        case .orderCancelReject: orderCancelReject(connection, now - base)
        case .businessMessageReject:
            guard let slot = slot(ofSequence: fields.int(Tag.refSeqNum), on: connection) else { return }
            fail(slot, "380=\(fields.int(Tag.businessRejectReason) ?? -1)", now - base)
        default: break
        }
    }

    private func slotOfMessage() -> Int32? {
        guard let index = fields.find(Tag.clOrdID) else { return nil }
        let parsed = fields.withValue(at: index) { ids.parse($0) }
        guard let parsed, table.holds(parsed.slot, parsed.id) else { return nil }
        return parsed.slot
    }

    private func slot(ofSequence sequence: Int64?, on connection: Connection) -> Int32? {
        guard let sequence else { return nil }
        let slot = connection.slot(ofSequence: sequence)
        guard slot >= 0, table[slot].state == .inFlight, table[slot].session == connection.index else { return nil }
        return slot
    }

    // MARK: Execution reports

    private func executionReport(_ connection: Connection, _ at: UInt64) {
        guard let slot = slotOfMessage(), let type = fields.char(Tag.execType) else { return }
        let isWaiting = table[slot].state == .inFlight
        switch type {
        case UInt8(ascii: "0"): if table[slot].operation == .new { accepted(slot, type, connection, at) }
        case UInt8(ascii: "8"): refused(slot, type, .rejected, "103=\(reason(Tag.ordRejReason))", connection, at)
        case UInt8(ascii: "F"): traded(slot, connection, at)
        case UInt8(ascii: "4"):
            if table[slot].operation == .cancel { canceled(slot, type, connection, at) } else { closed(slot) }
        case UInt8(ascii: "5"): if table[slot].operation == .replace { accepted(slot, type, connection, at) }
        case UInt8(ascii: "C"), UInt8(ascii: "3"): if !isWaiting { closed(slot) }
        default: break
        }
    }

    /// A new order or a replaced one now works (or, for a replace that left nothing, is filled).
    private func accepted(_ slot: Int32, _ type: UInt8, _ connection: Connection, _ at: UInt64) {
        guard answer(slot, .ok, type, connection, at) else { return }
        releaseTarget(of: slot)
        guard table[slot].state == .inFlight, isOpenStatus(fields.char(Tag.ordStatus)) else {
            return table.release(slot)
        }
        addOpenOrder(slot, connection)
    }

    private func isOpenStatus(_ status: UInt8?) -> Bool {
        status == UInt8(ascii: "0") || status == UInt8(ascii: "1")
    }

    private func canceled(_ slot: Int32, _ type: UInt8, _ connection: Connection, _ at: UInt64) {
        guard answer(slot, .ok, type, connection, at) else { return }
        releaseTarget(of: slot)
        table.release(slot)
    }

    /// A fill; for a new order it is also an answer, should it come before the acknowledgement.
    private func traded(_ slot: Int32, _ connection: Connection, _ at: UInt64) {
        result.fills += 1
        if !table[slot].hasTraded {
            table[slot].hasTraded = true
            result.ordersTraded += 1
        }
        if table[slot].operation == .new, table[slot].state == .inFlight || table[slot].state == .abandoned {
            accepted(slot, UInt8(ascii: "F"), connection, at)
        } else if fields.char(Tag.ordStatus) == UInt8(ascii: "2") {
            closed(slot)
        }
    }

    /// An order that ended by itself.
    private func closed(_ slot: Int32) {
        guard table[slot].state == .open || table[slot].state == .named else { return }
        removeOpenOrder(slot)
        table.release(slot)
    }

    // MARK: Refusals

    private func orderCancelReject(_ connection: Connection, _ at: UInt64) {
        guard let slot = slotOfMessage() else { return }
        let code = fields.int(Tag.cxlRejReason)
        let isTooLate = code == 0 || code == 1
        let text = "102=\(reason(Tag.cxlRejReason))"
        refused(slot, UInt8(ascii: "9"), isTooLate ? .tooLate : .rejected, text, connection, at)
    }

    /// `code text`, the text up to its first digit, so that prices and quantities in it do not split the reason.
    private func reason(_ tag: Int) -> String {
        let code = fields.int(tag).map { "\($0)" } ?? "?"
        let text = (fields.string(Tag.text) ?? "").prefix(60)
        return text.isEmpty ? code : "\(code) \(text)"
    }

    private func refused(
        _ slot: Int32, _ type: UInt8, _ outcome: Outcome, _ text: String, _ connection: Connection, _ at: UInt64
    ) {
        let (operation, isWaiting) = (table[slot].operation, table[slot].state == .inFlight)
        guard answer(slot, outcome, type, connection, at) else { return }
        if isWaiting {
            recorder.noteReason(operation, outcome, text)
            if outcome == .rejected { reopenTarget(of: slot) } else { releaseTarget(of: slot) }
        }
        table.release(slot)
    }

    /// Session Reject (35=3): 45 names the frame.
    private func rejectedBySession(_ connection: Connection, _ now: UInt64) {
        guard let slot = slot(ofSequence: fields.int(Tag.refSeqNum), on: connection) else { return }
        fail(slot, "373=\(reason(Tag.sessionRejectReason))", now - base)
    }

    private func fail(_ slot: Int32, _ text: String, _ at: UInt64) {
        recorder.noteReason(table[slot].operation, .error, text)
        complete(slot, .error, at: at)
        reopenTarget(of: slot)
        table.release(slot)
    }

    // MARK: Answers

    /// Counts and logs a final answer; false where the request had its answer before.
    private func answer(
        _ slot: Int32, _ outcome: Outcome, _ type: UInt8, _ connection: Connection, _ at: UInt64
    ) -> Bool {
        switch table[slot].state {
        case .inFlight: complete(slot, outcome, at: at)
        case .abandoned: result.lateAnswers += 1
        case .free, .open, .named: return false
        }
        ackLog?.append(
            session: connection.compID, operation: table[slot].operation, execType: type, fields: fields)
        return true
    }

    /// Records the times of a request that is no longer in flight.
    func complete(_ slot: Int32, _ outcome: Outcome, at: UInt64) {
        let request = table[slot]
        let sent = max(request.sent, request.intended)
        recorder.noteDone(
            request.operation, outcome, response: at > request.intended ? at - request.intended : 0,
            service: at > sent ? at - sent : 0)
        inFlight -= 1
    }

    // MARK: Open orders

    private func addOpenOrder(_ slot: Int32, _ connection: Connection) {
        if connection.openOrders.count >= configuration.openOrdersPerSession {
            let forgotten = connection.openOrders[evictions.below(connection.openOrders.count)]
            removeOpenOrder(forgotten)
            table.release(forgotten)
        }
        table[slot].state = .open
        table[slot].target = -1
        table[slot].position = Int32(connection.openOrders.count)
        connection.openOrders.append(slot)
    }

    /// Takes an order out of its session's list; the last one moves into its place.
    func removeOpenOrder(_ slot: Int32) {
        let position = Int(table[slot].position)
        guard position >= 0 else { return }
        let connection = connections[Int(table[slot].session)]
        let last = connection.openOrders.removeLast()
        if last != slot {
            connection.openOrders[position] = last
            table[last].position = Int32(position)
        }
        table[slot].position = -1
    }

    /// Forgets the order that a cancel or replace named.
    func releaseTarget(of slot: Int32) {
        let (target, id) = (table[slot].target, table[slot].targetID)
        table[slot].target = -1
        if target >= 0, table.holds(target, id), table[target].state == .named { table.release(target) }
    }

    /// The cancel or replace was refused: its order still works.
    private func reopenTarget(of slot: Int32) {
        let (target, id) = (table[slot].target, table[slot].targetID)
        table[slot].target = -1
        guard target >= 0, table.holds(target, id), table[target].state == .named else { return }
        addOpenOrder(target, connections[Int(table[target].session)])
    }
}
