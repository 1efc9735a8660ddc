public import CacheStack
public import Market

/// A row of space `trades`: one fill with all its legs. Cash, shares and fees of both sides follow from it.
public struct TradeRow: Hashable, Sendable, Row {
    public var trade: TradeID
    public var day: Int32
    public var instrument: InstrumentID
    public var price: Price
    public var quantity: Quantity
    public var buyOrder: OrderID
    public var sellOrder: OrderID
    public var buyAccount: AccountID
    public var sellAccount: AccountID
    /// The side that took liquidity; nil for auction trades.
    public var aggressor: Side?
    public var buyCommission: Money
    public var buyTransferFee: Money
    public var sellCommission: Money
    public var sellTransferFee: Money
    public var stampDuty: Money
    /// Event time, microseconds since 1970 UTC.
    public var time: Int64
    /// Sequence number of the request that caused it.
    public var sequence: SequenceNumber

    /// A trade of two orders.
    public init(
        trade: TradeID, day: Int32, instrument: InstrumentID, price: Price, quantity: Quantity, buyOrder: OrderID,
        sellOrder: OrderID, buyAccount: AccountID, sellAccount: AccountID, aggressor: Side?, buyCommission: Money,
        buyTransferFee: Money, sellCommission: Money, sellTransferFee: Money, stampDuty: Money, time: Int64,
        sequence: SequenceNumber
    ) {
        self.trade = trade
        self.day = day
        self.instrument = instrument
        self.price = price
        self.quantity = quantity
        self.buyOrder = buyOrder
        self.sellOrder = sellOrder
        self.buyAccount = buyAccount
        self.sellAccount = sellAccount
        self.aggressor = aggressor
        self.buyCommission = buyCommission
        self.buyTransferFee = buyTransferFee
        self.sellCommission = sellCommission
        self.sellTransferFee = sellTransferFee
        self.stampDuty = stampDuty
        self.time = time
        self.sequence = sequence
    }

    /// Key of a trade's row.
    public static func key(_ trade: TradeID) -> CacheKey { CacheKey(TradingSpaces.trades.space, trade) }

    /// The row in a payload of space `trades`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        trade = id
        day = row.next()
        instrument = InstrumentID(row.next())
        price = Price(milli: row.next())
        quantity = Quantity(row.next())
        buyOrder = row.next()
        sellOrder = row.next()
        buyAccount = AccountID(row.next())
        sellAccount = AccountID(row.next())
        aggressor = Side(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self)))
        buyCommission = Money(milli: row.next())
        buyTransferFee = Money(milli: row.next())
        sellCommission = Money(milli: row.next())
        sellTransferFee = Money(milli: row.next())
        stampDuty = Money(milli: row.next())
        time = row.next()
        sequence = row.next()
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(day)
            row.put(instrument.rawValue)
            row.put(price.milli)
            row.put(quantity.shares)
            row.put(buyOrder)
            row.put(sellOrder)
            row.put(buyAccount.rawValue)
            row.put(sellAccount.rawValue)
            row.put(Int16(aggressor?.rawValue ?? 0))
            row.put(buyCommission.milli)
            row.put(buyTransferFee.milli)
            row.put(sellCommission.milli)
            row.put(sellTransferFee.milli)
            row.put(stampDuty.milli)
            row.put(time)
            row.put(sequence)
        }
    }
}
