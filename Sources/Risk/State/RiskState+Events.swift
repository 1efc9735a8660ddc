public import Market

/// The events of orders, trades, days and switches.
extension RiskState {
    // MARK: Orders

    /// An order entered the book with `quantity` to work, or is open at recovery.
    public mutating func accepted(_ order: RiskOrder, quantity: Quantity) {
        addOpen(order, quantity.shares, orders: 1)
        openOrders += 1
        changeLevel(order, by: 1)
    }

    /// An open order traded; `leaves` is what it still works, and 0 ends it.
    public mutating func filled(
        _ order: RiskOrder, price: Price, quantity: Quantity, leaves: Quantity, time: Int64
    ) {
        addOpen(order, -quantity.shares, orders: leaves.shares == 0 ? -1 : 0)
        let value = saturatingProduct(price.milli, quantity.shares)
        addFilled(order.account, order.instrument, order.side, quantity.shares, value)
        if let slot = pairs.find(PairState.key(order.account, order.instrument)) {
            pairs[slot].fills.add(price: price.milli, quantity: quantity.shares, time: time, half: fillWindowHalf)
        }
        if leaves.shares == 0 { end(order) }
    }

    /// An open order ended with `leaves` untraded: canceled, expired, or replaced.
    public mutating func closed(_ order: RiskOrder, leaves: Quantity) {
        addOpen(order, -leaves.shares, orders: -1)
        end(order)
    }

    /// An open order with `leaves` to work was replaced by one with `quantity` to work.
    public mutating func replaced(_ old: RiskOrder, leaves: Quantity, by new: RiskOrder, quantity: Quantity) {
        closed(old, leaves: leaves)
        accepted(new, quantity: quantity)
    }

    /// What an account traded in an instrument earlier today, as recovery finds it; open orders come by `accepted`.
    public mutating func restored(
        account: AccountID, instrument: InstrumentID, side: Side, quantity: Quantity, value: Money
    ) {
        addFilled(account, instrument, side, quantity.shares, value.milli)
    }

    /// How many messages of an account were accepted earlier today (rule 116), as recovery finds it.
    public mutating func restored(account: AccountID, messages: UInt32) {
        guard let page = page(of: account) else { return }
        pages[page][Int(account.rawValue) % Self.pageSize].messages = messages
    }

    /// A trade in an instrument: once a trade, not once a side.
    public mutating func traded(_ instrument: InstrumentID, price: Price, quantity: Quantity, time: Int64) {
        guard growInstruments(to: instrument) else { return }
        instruments[Int(instrument.rawValue)].observe(
            price: Evidence.bounded(price.milli), quantity: quantity.shares, time: time, half: fillWindowHalf)
    }

    /// A new day begins: what was traded and sent is forgotten; open orders, standing flags, the instruments' statistics
    /// and the rates stay.
    ///
    /// O(everything), between the days.
    public mutating func beginDay() {
        filledValue = 0
        for page in pages.indices {
            for row in pages[page].indices {
                pages[page][row].filledValue = 0
                pages[page][row].messages = 0
            }
        }
        pairs.update { pair in
            pair.bought = 0
            pair.sold = 0
            pair.fills = TurnoverWindow()
            if pair.openOrders == 0, pair.flags.isEmpty { pair = .empty }
        }
    }

    // MARK: Switches

    /// Sets the standing flags of an account.
    ///
    /// Returns false where the account is beyond the capacity.
    @discardableResult
    public mutating func setFlags(_ flags: RiskFlags, account: AccountID) -> Bool {
        guard let page = page(of: account) else { return false }
        pages[page][Int(account.rawValue) % Self.pageSize].flags = flags
        return true
    }

    /// Sets the standing flags of an instrument.
    ///
    /// Returns false where it is beyond the capacity.
    @discardableResult
    public mutating func setFlags(_ flags: RiskFlags, instrument: InstrumentID) -> Bool {
        guard growInstruments(to: instrument) else { return false }
        instruments[Int(instrument.rawValue)].flags = flags
        return true
    }

    /// Sets the standing flags of an account in an instrument.
    ///
    /// Returns false where the table of pairs is full.
    @discardableResult
    public mutating func setFlags(_ flags: RiskFlags, account: AccountID, instrument: InstrumentID) -> Bool {
        guard let slot = pairs.findOrInsert(PairState.key(account, instrument)) else { return false }
        pairs[slot].flags = flags
        return true
    }

    /// Halts an instrument until an event time in microseconds (rule 45).
    ///
    /// Returns false beyond the capacity.
    @discardableResult
    public mutating func halt(_ instrument: InstrumentID, until time: Int64) -> Bool {
        guard growInstruments(to: instrument) else { return false }
        instruments[Int(instrument.rawValue)].haltedUntil = time
        return true
    }
}
