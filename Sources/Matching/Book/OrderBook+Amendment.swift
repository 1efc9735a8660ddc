public import Market

/// Cancel, reduce and replace: by reference, in O(1), checked against the order's id.
extension OrderBook {
    /// Whether `order` rests in this book under `reference`.
    @inline(__always)
    func holds(_ reference: OrderReference, _ order: OrderID) -> Bool {
        guard arena.isWritten(reference.rawValue) else { return false }
        return nodes[reference.rawValue].place.book == tag && nodes[reference.rawValue].id == order
    }

    /// Takes a resting order out of the book.
    public func cancel(_ reference: OrderReference, order: OrderID) -> Amendment {
        guard holds(reference, order) else { return .refused(.unknownOrder) }
        let open = Int64(nodes[reference.rawValue].quantity)
        unlink(reference.rawValue)
        return .done(removed: Quantity(open), open: .zero)
    }

    /// Lowers the open quantity of a resting order to `quantity`, which must be positive and not above it.
    ///
    /// The order keeps its place in the queue.
    public func reduce(_ reference: OrderReference, order: OrderID, to quantity: Quantity) -> Amendment {
        guard holds(reference, order) else { return .refused(.unknownOrder) }
        let open = Int64(nodes[reference.rawValue].quantity)
        guard quantity.shares > 0, quantity.shares <= open else { return .refused(.quantity) }
        take(open - quantity.shares, from: reference.rawValue)
        return .done(removed: Quantity(open - quantity.shares), open: quantity)
    }

    /// Replaces a resting order by `replacement`, which may carry a new id, handle and owner.
    ///
    /// `replacement.quantity` is the new open quantity. A day limit order at the old price whose quantity does not
    /// grow keeps its place and its reference; anything else is a cancel and an `add`, so it may trade at once. A
    /// refused replacement leaves the old order as it was.
    public func replace(
        _ reference: OrderReference, order: OrderID, with replacement: IncomingOrder, fills: inout [Fill]
    ) -> Placement {
        if let refusal = refusal(reference, order, replacement) { return Placement(.refused(refusal)) }
        let ticket = admit(replacement, needsRoom: false)
        if let refusal = ticket.refusal { return Placement(.refused(refusal)) }
        if let kept = amendInPlace(reference, replacement, tick: ticket.tick) { return kept }
        unlink(reference.rawValue)
        return execute(replacement, tick: ticket.tick, fills: &fills)
    }

    /// `replace` during a call: nothing matches, and the book may be crossed.
    public func collectReplacement(
        _ reference: OrderReference, order: OrderID, with replacement: IncomingOrder
    ) -> Placement {
        if let refusal = refusal(reference, order, replacement) { return Placement(.refused(refusal)) }
        guard replacement.type == .limit, replacement.timeInForce == .day else {
            return Placement(.refused(.notInCall))
        }
        let ticket = admit(replacement, needsRoom: false, mayCross: true)
        if let refusal = ticket.refusal { return Placement(.refused(refusal)) }
        if let kept = amendInPlace(reference, replacement, tick: ticket.tick) { return kept }
        unlink(reference.rawValue)
        let shares = replacement.quantity.shares
        return Placement(.rested, reference: rest(replacement, shares: shares, tick: ticket.tick), resting: shares)
    }

    private func refusal(_ reference: OrderReference, _ order: OrderID, _ new: IncomingOrder) -> Refusal? {
        guard holds(reference, order) else { return .unknownOrder }
        return nodes[reference.rawValue].place.side == new.side.index ? nil : .side
    }

    /// The replacement that keeps its place: same price, day limit, quantity not above the open one.
    private func amendInPlace(_ reference: OrderReference, _ new: IncomingOrder, tick: Int) -> Placement? {
        let node = reference.rawValue
        let place = nodes[node].place
        let shares = new.quantity.shares
        guard new.type == .limit, new.timeInForce == .day, shares <= Int64(nodes[node].quantity),
            frames[0].tick(place.side, place.slot) == tick
        else { return nil }
        take(Int64(nodes[node].quantity) - shares, from: node)
        nodes[node].id = new.id
        nodes[node].handle = new.handle
        nodes[node].owner = new.owner.rawValue
        return Placement(.rested, reference: reference, resting: shares)
    }
}
