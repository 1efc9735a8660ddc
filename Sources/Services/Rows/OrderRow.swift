public import CacheStack
public import Market

/// An order's whole state: the row of space `orders`, and the record the sequencer owns while the order is open.
///
/// A replace makes a new order (new row) that takes over the old one's fills (`carried`) and, where priority is kept,
/// its place in the queue (`priority`). A rejected request is an order that died at once: so every answer that was
/// ever given can be given again.
public struct OrderRow: Sendable, Row, Equatable {
    public var order: OrderID
    public var day: Int32 = 0
    public var session: SessionID = 0
    public var clientOrderID: ClientOrderID?
    public var account = AccountID(0)
    public var instrument = OrderRequest.unknownInstrument
    public var side = Side.buy
    public var type = OrderType.limit
    public var timeInForce = TimeInForce.day
    public var status = OrderStatus.new
    public var price = Price.zero
    public var quantity = Quantity.zero
    /// Filled so far, fills of the orders it replaced included.
    public var cumulative = Quantity.zero
    /// Filled before this order took over from the one it replaces.
    public var carried = Quantity.zero
    /// Sum of price x quantity of the cumulative fills.
    public var turnover = Money.zero
    /// Fees charged for the cumulative fills.
    public var fees = Money.zero
    /// What it still holds: milli-yuan for a buy, shares for a sell.
    public var frozen: Int64 = 0
    /// The order id whose place in the queue it has.
    public var priority: OrderID = 0
    /// The order it replaces, 0 for none.
    public var replaces: OrderID = 0
    /// Sequence number of the event that ended it otherwise than by a fill, 0 for none.
    public var endedBy: SequenceNumber = 0
    /// Client's id of the cancel or replace that ended it.
    public var endedByID: ClientOrderID?
    /// Number of the risk rule that rejected it.
    public var rule: UInt8 = 0
    public var reason: UInt8 = 0
    /// The mask of evaluated risk rules: bit n of low is rule n, of high rule 64 + n.
    public var evaluatedLow: UInt64 = 0
    public var evaluatedHigh: UInt64 = 0
    /// Execution id of its first report.
    public var firstExecution: ExecutionID = 0
    /// Number of execution reports sent for it.
    public var reports: UInt32 = 0
    /// Event time of its entry, microseconds since 1970 UTC.
    public var entered: Int64 = 0
    /// Hash of the body of the request that entered it, and of the cancel that ended it.
    public var bodyHash: UInt64 = 0
    public var endedByHash: UInt64 = 0

    /// The order of that number, all else neutral.
    public init(order: OrderID) { self.order = order }

    /// Open quantity; 0 once it ended.
    public var leaves: Quantity { status.isOpen ? quantity - cumulative : .zero }

    /// Key of an order's row.
    public static func key(_ order: OrderID) -> CacheKey { CacheKey(TradingSpaces.orders.space, order) }

    /// The row in a payload of space `orders`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        order = id
        day = row.next()
        session = row.next()
        clientOrderID = row.nextClientOrderID()
        account = AccountID(row.next())
        instrument = InstrumentID(row.next())
        side = Side(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .buy
        type = OrderType(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .limit
        timeInForce = TimeInForce(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .day
        status = OrderStatus(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .rejected
        price = Price(milli: row.next())
        quantity = Quantity(row.next())
        cumulative = Quantity(row.next())
        carried = Quantity(row.next())
        turnover = Money(milli: row.next())
        fees = Money(milli: row.next())
        frozen = row.next()
        priority = row.next()
        replaces = row.next()
        endedBy = row.next()
        endedByID = row.nextClientOrderID()
        rule = UInt8(truncatingIfNeeded: row.next(Int16.self))
        reason = UInt8(truncatingIfNeeded: row.next(Int16.self))
        evaluatedLow = row.next()
        evaluatedHigh = row.next()
        firstExecution = row.next()
        reports = row.next()
        entered = row.next()
        bodyHash = row.next()
        endedByHash = row.next()
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(day)
            row.put(session)
            row.put(clientOrderID)
            row.put(account.rawValue)
            row.put(instrument.rawValue)
            row.put(Int16(side.rawValue))
            row.put(Int16(type.rawValue))
            row.put(Int16(timeInForce.rawValue))
            row.put(Int16(status.rawValue))
            row.put(price.milli)
            row.put(quantity.shares)
            row.put(cumulative.shares)
            row.put(carried.shares)
            row.put(turnover.milli)
            row.put(fees.milli)
            row.put(frozen)
            row.put(priority)
            row.put(replaces)
            row.put(endedBy)
            row.put(endedByID)
            row.put(Int16(rule))
            row.put(Int16(reason))
            row.put(evaluatedLow)
            row.put(evaluatedHigh)
            row.put(firstExecution)
            row.put(reports)
            row.put(entered)
            row.put(bodyHash)
            row.put(endedByHash)
        }
    }
}
