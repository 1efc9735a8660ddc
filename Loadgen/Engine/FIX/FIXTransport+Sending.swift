internal import Arrivals
internal import FIX
internal import Telemetry

/// From a request to the session's buffer.
extension FIXTransport {
    /// Positions of the fields that may be bound, see `RequestPlan.orderFields`.
    private enum Field {
        static let account = 0, symbol = 1, side = 2, quantity = 3, price = 4
        static let id = 0, newQuantity = 1, newPrice = 2
    }

    private struct Fault: Error {
        var text: String
    }

    func submit(_ request: OutgoingRequest, _ values: FieldValues) -> Submission {
        let id = nextID
        let order: (kind: OrderKind, session: FIXSession, target: Int32)
        switch place(request, values, id) {
        case .found(let found): order = found
        case .nowhere(let submission): return submission
        }
        guard let slot = orders.take() else {
            reopen(order.target)
            return .failed(.dropped, "generator_overload")
        }
        nextID += 1
        var made = Order()
        made.id = id
        made.token = request.token
        made.session = Int32(order.session.index)
        made.operation = Int32(request.operation)
        made.site = Int32(request.site)
        made.kind = order.kind
        made.state = .inFlight
        do {
            if order.target >= 0 {
                try change(&made, order.target, request, values)
            } else {
                try fill(&made, request, values)
            }
        } catch {
            orders[slot] = made
            orders.release(slot)
            reopen(order.target)
            return .failed(.error, error.text)
        }
        orders[slot] = made
        insertInFlight(slot)
        let before = order.session.writer.count
        order.session.note(order.session.machine.next, slot)
        write(made, slot, on: order.session, request.trace)
        return .taken(
            connection: made.session, handle: slot, bytes: Int32(order.session.writer.count - before),
            operation: order.kind == kind(request.operation) ? -1 : newOrderOperation)
    }

    // MARK: Where it goes

    private enum Place {
        case found((kind: OrderKind, session: FIXSession, target: Int32))
        case nowhere(Submission)
    }

    private func place(_ request: OutgoingRequest, _ values: FieldValues, _ id: UInt64) -> Place {
        let kind = kind(request.operation)
        if kind != .new, values.isBound(Field.id) {
            guard var (slot, orderID) = values.withValue(Field.id, { OrderReference.parse($0) }) else {
                return .nowhere(.failed(.error, "id names no order"))
            }
            while orders.holds(slot, orderID), orders[slot].state == .moved {
                (slot, orderID) = (orders[slot].target, orders[slot].targetID)
            }
            guard orders.holds(slot, orderID), orders[slot].state == .held || orders[slot].state == .open else {
                return .nowhere(.failed(.tooLate, "the order is gone"))
            }
            let session = sessions[Int(orders[slot].session)]
            guard session.isUp else { return .nowhere(.failed(.dropped, "no_session")) }
            guard session.inFlight < plan.window else { return .nowhere(.full) }
            removeOpenOrder(slot)
            orders[slot].state = .named
            return .found((kind, session, slot))
        }
        guard connectionsAreUp else { return .nowhere(.failed(.dropped, "no_session")) }
        guard let session = session(for: id) else { return .nowhere(.full) }
        guard kind != .new else { return .found((.new, session, -1)) }
        let victim = workload.victim(request.key)
        if let target = takeOpenOrder(of: session, victim) { return .found((kind, session, target)) }
        counters.converted += 1
        return .found((.new, session, -1))
    }

    private var connectionsAreUp: Bool { sessions.contains(where: \.isUp) }

    private func kind(_ operation: Int) -> OrderKind {
        switch operations[operation].request {
        case .cancel: .cancel
        case .replace: .replace
        case .newOrder, .http, .call: .new
        }
    }

    /// Round robin by the request's number; a session that is down or full passes its turn on.
    private func session(for id: UInt64) -> FIXSession? {
        let start = Int(id % UInt64(sessions.count))
        for step in 0..<sessions.count {
            let candidate = sessions[(start + step) % sessions.count]
            if candidate.isUp, candidate.inFlight < plan.window { return candidate }
        }
        return nil
    }

    private func takeOpenOrder(of session: FIXSession, _ victim: UInt64) -> Int32? {
        let count = session.openOrders.count
        guard count > 0 else { return nil }
        let slot = session.openOrders[Int(victim.multipliedFullWidth(by: UInt64(count)).high)]
        removeOpenOrder(slot)
        orders[slot].state = .named
        return slot
    }

    // MARK: What it says

    /// A new order: drawn around what is bound.
    private func fill(_ order: inout Order, _ request: OutgoingRequest, _ values: FieldValues) throws(Fault) {
        order.kind = .new
        // A cancel or replace that became a new order has other fields than these: nothing of it is bound.
        let isBound = kind(request.operation) == .new
        let side = isBound ? try boundSide(values) : nil
        var instrument: Int32?
        if isBound, values.isBound(Field.symbol) {
            let word = values.withValue(Field.symbol) { SymbolWord($0) }
            guard let known = instrumentOf[word], values.withValue(Field.symbol, { $0.count }) <= 16 else {
                throw Fault(text: "symbol is not in the instrument list")
            }
            instrument = known
        }
        let draw = workload.draw(request.key, isBuy: side, instrument: instrument.map(Int.init))
        order.account = Int32(draw.account)
        order.instrument = Int32(draw.instrument)
        order.isBuy = draw.isBuy
        order.price = draw.price
        order.quantity = draw.quantity
        guard isBound else { return }
        if let account = try boundInt(values, Field.account, "account") { order.account = account }
        if let quantity = try boundInt(values, Field.quantity, "qty") { order.quantity = Int64(quantity) }
        if let price = try boundPrice(values, Field.price) { order.price = price }
    }

    private func boundSide(_ values: FieldValues) throws(Fault) -> Bool? {
        guard values.isBound(Field.side) else { return nil }
        let initial = values.withValue(Field.side) { $0.count > 0 ? $0[0] | 0x20 : 0 }
        switch initial {
        case UInt8(ascii: "b"), UInt8(ascii: "1"): return true
        case UInt8(ascii: "s"), UInt8(ascii: "2"): return false
        default: throw Fault(text: "side is neither buy nor sell")
        }
    }

    private func boundInt(_ values: FieldValues, _ index: Int, _ name: StaticString) throws(Fault) -> Int32? {
        guard values.isBound(index) else { return nil }
        guard let number = values.withValue(index, { FieldFormat.int($0) }), number > 0, number <= Int32.max else {
            throw Fault(text: "\(name) is not a whole number above 0")
        }
        return Int32(number)
    }

    private func boundPrice(_ values: FieldValues, _ index: Int) throws(Fault) -> Int64? {
        guard values.isBound(index) else { return nil }
        guard let milli = values.withValue(index, { FieldFormat.decimalMilli($0) }), milli > 0 else {
            throw Fault(text: "price is not a number above 0")
        }
        return milli
    }

    /// A cancel or replace repeats its order's fields; a replace moves the price and keeps the quantity unless bound.
    private func change(
        _ request: inout Order, _ target: Int32, _ outgoing: OutgoingRequest, _ values: FieldValues
    ) throws(Fault) {
        let order = orders[target]
        request.target = target
        request.targetID = order.id
        request.account = order.account
        request.instrument = order.instrument
        request.isBuy = order.isBuy
        request.quantity = order.quantity
        request.price = order.price
        request.hasTraded = order.hasTraded
        guard request.kind == .replace else { return }
        let behind = workload.draw(outgoing.key, isBuy: order.isBuy, instrument: Int(order.instrument)).ticksFromClose
        let ticks = Int64(behind.magnitude)
        request.price = workload.price(Int(order.instrument), order.isBuy ? -ticks : ticks)
        if let quantity = try boundInt(values, Field.newQuantity, "qty") { request.quantity = Int64(quantity) }
        if let price = try boundPrice(values, Field.newPrice) { request.price = price }
    }

    /// The frame, fields in ascending order.
    private func write(_ order: Order, _ slot: Int32, on session: FIXSession, _ trace: UInt64?) {
        let type: MessageType =
            switch order.kind {
            case .new: .newOrderSingle
            case .cancel: .orderCancelRequest
            case .replace: .orderCancelReplaceRequest
            }
        if batchWall == 0 { batchWall = MonotonicClock.wallMicroseconds() }
        let wall = batchWall
        session.machine.begin(type, now: wall, into: &session.writer)
        session.writer.append(Tag.account, Int64(order.account))
        ids.append(Tag.clOrdID, slot: slot, id: order.id, to: &session.writer)
        session.writer.append(Tag.orderQty, order.quantity)
        if order.kind != .cancel { session.writer.append(Tag.ordType, char: UInt8(ascii: "2")) }
        if order.target >= 0 {
            ids.append(Tag.origClOrdID, slot: order.target, id: order.targetID, to: &session.writer)
        }
        if order.kind != .cancel { session.writer.append(Tag.price, milli: order.price) }
        session.writer.append(Tag.side, char: UInt8(ascii: order.isBuy ? "1" : "2"))
        session.writer.append(Tag.symbol, bytes: symbols[Int(order.instrument)])
        if order.kind != .cancel { session.writer.append(Tag.timeInForce, char: UInt8(ascii: "0")) }
        session.writer.append(Tag.transactTime, timestamp: wall)
        if let trace {
            let text = TraceContext.root(seed: seed, request: trace).text
            session.writer.append(Tag.traceParent, count: TraceContext.textLength) { text[$0] }
        }
        session.writer.finish()
        markDirty(session)
    }

    // MARK: Requests in flight

    private func insertInFlight(_ slot: Int32) {
        let session = sessions[Int(orders[slot].session)]
        orders[slot].next = session.firstInFlight
        orders[slot].previous = -1
        if session.firstInFlight >= 0 { orders[session.firstInFlight].previous = slot }
        session.firstInFlight = slot
        session.inFlight += 1
    }

    /// Takes an answered or given-up request out of its session's list.
    func removeInFlight(_ slot: Int32) {
        let order = orders[slot]
        let session = sessions[Int(order.session)]
        if order.previous >= 0 { orders[order.previous].next = order.next } else { session.firstInFlight = order.next }
        if order.next >= 0 { orders[order.next].previous = order.previous }
        orders[slot].next = -1
        orders[slot].previous = -1
        session.inFlight -= 1
    }

    // MARK: Open orders

    /// An acknowledged order: kept for its flow, or open to any cancel of its session.
    func addOpenOrder(_ slot: Int32) {
        orders[slot].target = -1
        guard !orders[slot].isHeld else {
            orders[slot].state = .held
            return
        }
        let session = sessions[Int(orders[slot].session)]
        if session.openOrders.count >= openOrdersMax {
            let forgotten = session.openOrders[evictions.below(session.openOrders.count)]
            removeOpenOrder(forgotten)
            orders.release(forgotten)
        }
        orders[slot].state = .open
        orders[slot].position = Int32(session.openOrders.count)
        session.openOrders.append(slot)
    }

    /// Takes an order out of its session's list; the last one moves into its place.
    func removeOpenOrder(_ slot: Int32) {
        let position = Int(orders[slot].position)
        guard position >= 0 else { return }
        let session = sessions[Int(orders[slot].session)]
        let last = session.openOrders.removeLast()
        if last != slot {
            session.openOrders[position] = last
            orders[last].position = Int32(position)
        }
        orders[slot].position = -1
    }

    /// Forgets the order that a cancel or replace named.
    func releaseTarget(of slot: Int32) {
        let (target, id) = (orders[slot].target, orders[slot].targetID)
        orders[slot].target = -1
        if target >= 0, orders.holds(target, id), orders[target].state == .named { orders.release(target) }
    }

    /// The cancel or replace was refused: its order still works.
    func reopenTarget(of slot: Int32) {
        let (target, id) = (orders[slot].target, orders[slot].targetID)
        orders[slot].target = -1
        guard target >= 0, orders.holds(target, id) else { return }
        reopen(target)
    }

    private func reopen(_ target: Int32) {
        guard target >= 0, orders[target].state == .named else { return }
        addOpenOrder(target)
    }
}
