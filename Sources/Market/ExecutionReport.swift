/// State of an order (FIX tag 39).
@frozen
public enum OrderStatus: UInt8, Sendable, CaseIterable {
    case new = 0
    case partiallyFilled = 1
    case filled = 2
    case canceled = 4
    /// Replaced by a later order of its chain; FIX 4.4 has no code for it, the wire never shows it.
    case replaced = 5
    case rejected = 8
    case expired = 12

    /// Whether the order can still trade.
    @inlinable
    public var isOpen: Bool { self == .new || self == .partiallyFilled }
}

/// Why a report is sent (FIX tag 150).
@frozen
public enum ExecutionType: UInt8, Sendable, CaseIterable {
    case new = 0
    case canceled = 4
    case replaced = 5
    case rejected = 8
    case expired = 12
    case trade = 15
    case status = 18
    /// A refused cancel or replace: goes out as OrderCancelReject (35=9), not as an execution report.
    case cancelRejected = 255
}

/// One answer of a partition to one request, or news of an order: fixed size, no references.
///
/// Reports leave the partition only after the batch that caused them is durable.
public struct ExecutionReport: Sendable {
    public var type: ExecutionType
    public var status: OrderStatus
    public var side: Side
    public var orderType: OrderType
    public var timeInForce: TimeInForce
    /// Whether a cancelReject answers a replace (tag 434 = 2) rather than a cancel (1).
    public var answersReplace: Bool
    /// The order took liquidity in this trade (tag 851 = 2), else added (1).
    public var isTaker: Bool
    public var session: SessionID
    public var account: AccountID
    public var instrument: InstrumentID
    public var order: OrderID
    public var execution: ExecutionID
    public var clientOrderID: ClientOrderID
    public var originalClientOrderID: ClientOrderID?
    public var price: Price
    public var quantity: Quantity
    public var cumulative: Quantity
    public var leaves: Quantity
    /// Sum of price x quantity over the order's fills so far: AvgPx = turnover / cumulative.
    public var turnover: Money
    public var lastPrice: Price
    public var lastQuantity: Quantity
    public var trade: TradeID
    /// Number of the risk rule that refused it, 0 for none (tag 58 names it).
    public var rule: UInt8
    /// FIX tag 103 or 102, by `type`.
    public var rejectReason: UInt8
    /// Event time, microseconds since 1970 UTC.
    public var time: Int64
    /// The request's `origin`, or 0 for news about an order that others caused.
    public var origin: UInt64

    /// A report of `order`'s state with no fill in it.
    public init(
        type: ExecutionType, status: OrderStatus, order: OrderID, execution: ExecutionID, request: OrderRequest,
        time: Int64
    ) {
        self.type = type
        self.status = status
        self.side = request.side
        self.orderType = request.type
        self.timeInForce = request.timeInForce
        self.answersReplace = request.kind == .replace
        self.isTaker = false
        self.session = request.session
        self.account = request.account
        self.instrument = request.instrument
        self.order = order
        self.execution = execution
        self.clientOrderID = request.clientOrderID
        self.originalClientOrderID = request.originalClientOrderID
        self.price = request.price
        self.quantity = request.quantity
        self.cumulative = .zero
        self.leaves = .zero
        self.turnover = .zero
        self.lastPrice = .zero
        self.lastQuantity = .zero
        self.trade = 0
        self.rule = 0
        self.rejectReason = 0
        self.time = time
        self.origin = request.origin
    }
}
