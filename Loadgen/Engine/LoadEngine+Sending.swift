internal import Arrivals
internal import FIX

/// From the schedule to the sockets.
extension LoadEngine {
    /// Writes everything that is due, flushes the sessions, and stamps the requests.
    func sendDue(_ now: UInt64) {
        isSaturated = false
        guard let first = nextArrival, base + first <= now else { return }
        let wall = MonotonicClock.wallMicroseconds()
        var reached = 0
        while let due = nextArrival, base + due <= now, reached < Self.batchMax {
            if inFlight >= configuration.maxInFlight, configuration.onSaturation == .queue {
                isSaturated = true
                break
            }
            reached += 1
            recorder.noteOffered()
            take(due, wall)
            nextArrival = schedule.next()
        }
        flushDirty()
        stampBatch()
    }

    /// Sends between two sessions' answers if the turn that began at `turn` has lasted its time: a burst of answers must
    /// not hold back what is due. Returns when the turn of now began.
    func sendDue(since turn: UInt64) -> UInt64 {
        let now = MonotonicClock.now()
        guard now - turn >= configuration.coalescingNanoseconds else { return turn }
        sendDue(now)
        return now
    }

    /// One arrival: drawn, given to a session, written.
    private func take(_ due: UInt64, _ wall: Int64) {
        let draw = workload.next()
        let id = nextID
        nextID += 1
        guard inFlight < configuration.maxInFlight else { return drop(draw, "generator_overload") }
        guard let connection = connection(for: id) else { return drop(draw, "no_session") }
        guard let slot = table.take() else { return drop(draw, "generator_overload") }
        var request = Request()
        request.id = id
        request.intended = due
        request.session = Int32(connection.index)
        request.state = .inFlight
        let target = draw.operation == .new ? nil : takeOpenOrder(of: connection, draw.victim)
        if let target {
            request.operation = draw.operation
            change(&request, target, draw)
        } else {
            if draw.operation != .new { result.converted += 1 }
            fill(&request, draw)
        }
        table[slot] = request
        connection.note(connection.machine.next, slot)
        write(request, slot, on: connection, wall)
        inFlight += 1
        batch.append(slot)
        sentOrder.append(slot, id)
    }

    private func drop(_ draw: RequestDraw, _ reason: String) {
        recorder.noteDropped(draw.operation, timeout: timeout)
        recorder.noteReason(draw.operation, .dropped, reason)
    }

    /// Round robin by the request's number; a session that is down passes its turn on.
    private func connection(for id: UInt64) -> Connection? {
        let start = Int(id % UInt64(connections.count))
        for step in 0..<connections.count {
            let candidate = connections[(start + step) % connections.count]
            if candidate.isUp { return candidate }
        }
        return nil
    }

    private func takeOpenOrder(of connection: Connection, _ victim: UInt64) -> Int32? {
        let count = connection.openOrders.count
        guard count > 0 else { return nil }
        let slot = connection.openOrders[Int(victim.multipliedFullWidth(by: UInt64(count)).high)]
        removeOpenOrder(slot)
        table[slot].state = .named
        return slot
    }

    private func fill(_ request: inout Request, _ draw: RequestDraw) {
        request.operation = .new
        request.account = Int32(draw.account)
        request.instrument = Int32(draw.instrument)
        request.isBuy = draw.isBuy
        request.price = draw.price
        request.quantity = draw.quantity
    }

    /// A cancel or replace repeats its order's fields; a replace moves the price and keeps the quantity.
    private func change(_ request: inout Request, _ target: Int32, _ draw: RequestDraw) {
        let order = table[target]
        request.target = target
        request.targetID = order.id
        request.account = order.account
        request.instrument = order.instrument
        request.isBuy = order.isBuy
        request.quantity = order.quantity
        request.price = order.price
        request.hasTraded = order.hasTraded
        guard request.operation == .replace else { return }
        let behind = draw.ticksFromClose.magnitude
        request.price = workload.price(Int(order.instrument), order.isBuy ? -Int64(behind) : Int64(behind))
    }

    /// The frame, fields in ascending order.
    private func write(_ request: Request, _ slot: Int32, on connection: Connection, _ wall: Int64) {
        let type: MessageType =
            switch request.operation {
            case .new: .newOrderSingle
            case .cancel: .orderCancelRequest
            case .replace: .orderCancelReplaceRequest
            }
        connection.machine.begin(type, now: wall, into: &connection.writer)
        connection.writer.append(Tag.account, Int64(request.account))
        ids.append(Tag.clOrdID, slot: slot, id: request.id, to: &connection.writer)
        connection.writer.append(Tag.orderQty, request.quantity)
        if request.operation != .cancel { connection.writer.append(Tag.ordType, char: UInt8(ascii: "2")) }
        if request.target >= 0 {
            ids.append(Tag.origClOrdID, slot: request.target, id: request.targetID, to: &connection.writer)
        }
        if request.operation != .cancel { connection.writer.append(Tag.price, milli: request.price) }
        connection.writer.append(Tag.side, char: UInt8(ascii: request.isBuy ? "1" : "2"))
        connection.writer.append(Tag.symbol, bytes: symbols[Int(request.instrument)])
        if request.operation != .cancel { connection.writer.append(Tag.timeInForce, char: UInt8(ascii: "0")) }
        connection.writer.append(Tag.transactTime, timestamp: wall)
        connection.writer.finish()
        markDirty(connection)
    }

    func markDirty(_ connection: Connection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    /// One `send` for each touched session.
    func flushDirty() {
        for connection in dirty where connection.isDirty {
            if connection.flush() { watchWriting(connection) } else { lose(connection) }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    func watchWriting(_ connection: Connection) {
        guard let socket = connection.socket, connection.hasUnsentBytes != connection.wantsWrite else { return }
        connection.wantsWrite = connection.hasUnsentBytes
        poller.change(socket.descriptor, key: connection.index, wantsWrite: connection.wantsWrite)
    }

    /// Everything of a batch counts as sent when the last of it was flushed.
    private func stampBatch() {
        guard !batch.isEmpty else { return }
        let sent = MonotonicClock.now() - base
        for slot in batch {
            guard table[slot].state != .free else { continue }
            table[slot].sent = sent
            recorder.noteSent(lag: sent - table[slot].intended)
        }
        batch.removeAll(keepingCapacity: true)
    }

    // MARK: Giving up

    /// Ends requests whose answer is overdue; they were sent in the order of the queue.
    func expire(_ now: UInt64) {
        while let first = sentOrder.first {
            let isWaiting = table.holds(first.slot, first.id) && table[first.slot].state == .inFlight
            if isWaiting {
                guard now - base > table[first.slot].sent + timeout else { return }
                complete(first.slot, .timeout, at: now - base)
                recorder.noteReason(table[first.slot].operation, .timeout, "no answer")
                abandon(first.slot)
            }
            sentOrder.removeFirst()
        }
    }

    /// Requests in flight on a lost session: nobody knows.
    func abandonRequests(of connection: Connection, reason: String) {
        for entry in sentOrder.all where table.holds(entry.slot, entry.id) {
            guard table[entry.slot].state == .inFlight, table[entry.slot].session == connection.index else { continue }
            recorder.count(table[entry.slot].operation, .unknown)
            recorder.noteReason(table[entry.slot].operation, .unknown, reason)
            inFlight -= 1
            abandon(entry.slot)
        }
    }

    /// After an interrupt nobody waits longer.
    func abandonAll(_ now: UInt64) {
        for connection in connections { abandonRequests(of: connection, reason: "interrupted") }
    }

    /// Keeps a given-up request a while, so that a late answer is recognised.
    private func abandon(_ slot: Int32) {
        table[slot].state = .abandoned
        releaseTarget(of: slot)
        abandoned.append(slot, table[slot].id)
        while abandoned.count > Self.abandonedMax, let oldest = abandoned.first {
            abandoned.removeFirst()
            if table.holds(oldest.slot, oldest.id), table[oldest.slot].state == .abandoned {
                table.release(oldest.slot)
            }
        }
    }
}
