import Market

/// Entry: continuous matching, collecting for a call, recovery.
extension OrderBook {
    /// Matches `order` and rests or cancels what is left; O(fills + levels swept).
    ///
    /// Fills are appended to `fills`, best price first, oldest first; keep one array with its capacity and no fill
    /// allocates. A refused order changes nothing.
    public func add(_ order: IncomingOrder, fills: inout [Fill]) -> Placement {
        let ticket = admit(order, needsRoom: true)
        if let refusal = ticket.refusal { return Placement(.refused(refusal)) }
        return execute(order, tick: ticket.tick, fills: &fills)
    }

    /// Rests `order` without matching: the entry of a call auction, which may cross the book.
    public func collect(_ order: IncomingOrder) -> Placement {
        guard order.type == .limit, order.timeInForce == .day else { return Placement(.refused(.notInCall)) }
        return insert(order)
    }

    /// Rests an order that was open before a restart; `order.quantity` is its open quantity.
    ///
    /// Never matches. Orders get their time priority in the order of these calls, so restore them by the time they
    /// entered or last lost priority. Check the result with `checkInvariants(inCall:)`.
    public func restore(_ order: IncomingOrder) -> Placement { insert(order) }

    private func insert(_ order: IncomingOrder) -> Placement {
        var resting = order
        resting.type = .limit
        resting.timeInForce = .day
        let ticket = admit(resting, needsRoom: true, mayCross: true)
        if let refusal = ticket.refusal { return Placement(.refused(refusal)) }
        let shares = order.quantity.shares
        return Placement(.rested, reference: rest(resting, shares: shares, tick: ticket.tick), resting: shares)
    }

    /// The price in ticks of an admissible order, or why it is none.
    struct Ticket {
        var tick = 0
        var refusal: Refusal?
    }

    /// Every check that may refuse `order`; makes room in the frame for one that may rest.
    @inline(__always)
    func admit(_ order: IncomingOrder, needsRoom: Bool, mayCross: Bool = false) -> Ticket {
        guard order.quantity.shares > 0, order.quantity <= Self.quantityMax else { return Ticket(refusal: .quantity) }
        guard mayCross || !isCrossed else { return Ticket(refusal: .crossed) }
        guard order.type == .limit else { return Ticket() }
        guard let tick = ticks(order.price) else { return Ticket(refusal: .price) }
        guard bounds.contains(tick) else { return Ticket(refusal: .outsideBand) }
        guard order.timeInForce == .day else { return Ticket(tick: tick) }
        if needsRoom, !arena.hasRoom, mayCross || !crosses(order.side, tick) { return Ticket(refusal: .arenaFull) }
        guard frames[0].contains(tick) || moveFrame(toInclude: tick) else { return Ticket(refusal: .levelSpan) }
        return Ticket(tick: tick)
    }

    /// Whether a limit order would trade at once: then it fills, or uses up a maker whose node it can rest in.
    private func crosses(_ side: Side, _ tick: Int) -> Bool {
        let opposite = 1 - side.index
        return sides[opposite].best <= frames[0].slot(opposite, tick)
    }

    /// Matches an admitted order.
    func execute(_ order: IncomingOrder, tick: Int, fills: inout [Fill]) -> Placement {
        let shares = order.quantity.shares
        let opposite = 1 - order.side.index
        let isLimit = order.type == .limit
        let reach = isLimit ? frames[0].slot(opposite, tick) : LevelBitmap.none - 1
        let levels = isLimit ? Self.levelsMax : marketLevelsMax
        if order.timeInForce == .fillOrKill, available(opposite, reach: reach, levels: levels, upTo: shares) < shares {
            return Placement(.killed, cancelled: shares)
        }
        var remaining = shares
        if sides[opposite].best <= reach {
            remaining = sweep(order, side: opposite, reach: reach, levels: levels, fills: &fills)
        }
        guard remaining > 0 else { return Placement(.filled, filled: shares) }
        guard isLimit, order.timeInForce == .day else {
            return Placement(.cancelled, filled: shares - remaining, cancelled: remaining)
        }
        let reference = rest(order, shares: remaining, tick: tick)
        return Placement(.rested, reference: reference, filled: shares - remaining, resting: remaining)
    }

    /// Appends an order to the queue of its level.
    @inline(__always)
    func rest(_ order: IncomingOrder, shares: Int64, tick: Int) -> OrderReference {
        let side = order.side.index
        let slot = frames[0].slot(side, tick)
        if sides[side].levels.count == 0 { openSide(side) }
        let node = arena.take()
        var tail: Int32 = -1
        if sides[side].occupied.contains(slot) {
            tail = sides[side].levels[slot].tail
            nodes[tail].next = node
            sides[side].levels[slot].tail = node
            sides[side].levels[slot].quantity += shares
        } else {
            sides[side].levels[slot] = PriceLevel(head: node, tail: node, quantity: shares)
            sides[side].occupied.insert(slot)
            if slot < sides[side].best { sides[side].best = slot }
        }
        nodes[node] = OrderNode(
            id: order.id, quantity: Int32(shares), handle: order.handle, owner: order.owner.rawValue,
            place: NodePlace(book: tag, side: side, slot: slot), previous: tail, next: -1)
        sides[side].orders += 1
        return OrderReference(rawValue: node)
    }

    /// Makes the level array of a side that has none yet.
    private func openSide(_ side: Int) {
        sides[side].deallocate()
        sides[side] = BookSide(slots: frames[0].count)
    }
}
