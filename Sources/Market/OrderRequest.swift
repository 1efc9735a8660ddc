/// Buy or sell (FIX tag 54).
@frozen
public enum Side: UInt8, Sendable, CaseIterable {
    case buy = 1
    case sell = 2

    /// The other side.
    @inlinable
    public var opposite: Side { self == .buy ? .sell : .buy }
}

/// Kind of order (FIX tag 40).
@frozen
public enum OrderType: UInt8, Sendable, CaseIterable {
    case market = 1
    case limit = 2
}

/// How long an order works (FIX tag 59).
@frozen
public enum TimeInForce: UInt8, Sendable, CaseIterable {
    case day = 0
    case immediateOrCancel = 3
    case fillOrKill = 4
}

/// What a request asks for (FIX tag 35: D, F, G).
@frozen
public enum RequestKind: UInt8, Sendable, CaseIterable {
    case new = 1
    case cancel = 2
    case replace = 3
}

/// One command to a partition: fixed size, no references, parsed and checked for form by the gateway.
///
/// A request may still name an unknown account or instrument: `account` is then the number the client sent and
/// `instrument` is `unknownInstrument`; the risk rules reject it with their own code.
public struct OrderRequest: Sendable {
    /// Stands for a symbol nobody knows.
    public static let unknownInstrument = InstrumentID(.max)

    public var kind: RequestKind
    public var side: Side
    public var type: OrderType
    public var timeInForce: TimeInForce
    /// The FIX session it came by.
    public var session: SessionID
    public var account: AccountID
    public var instrument: InstrumentID
    /// This request's own id (tag 11).
    public var clientOrderID: ClientOrderID
    /// The order to cancel or replace (tag 41); nil for a new order.
    public var originalClientOrderID: ClientOrderID?
    /// Limit price; `.zero` for market orders and cancels.
    public var price: Price
    /// Ordered quantity (tag 38): for a replace the new total, filled part included.
    public var quantity: Quantity
    /// Tag 60, microseconds since 1970 UTC.
    public var transactTime: Int64
    /// When the gateway had read the last byte, microseconds since 1970 UTC.
    public var receiveTime: Int64
    /// Tag 52 of the frame, microseconds since 1970 UTC.
    public var sendingTime: Int64
    /// The gateway's own mark, handed back in every report of this request (it names the connection).
    public var origin: UInt64

    /// A request with the fields every kind has; the rest start at neutral values.
    public init(
        kind: RequestKind, session: SessionID, account: AccountID, instrument: InstrumentID,
        clientOrderID: ClientOrderID, originalClientOrderID: ClientOrderID? = nil, side: Side,
        type: OrderType = .limit, timeInForce: TimeInForce = .day, price: Price = .zero, quantity: Quantity,
        transactTime: Int64, receiveTime: Int64, sendingTime: Int64, origin: UInt64 = 0
    ) {
        self.kind = kind
        self.session = session
        self.account = account
        self.instrument = instrument
        self.clientOrderID = clientOrderID
        self.originalClientOrderID = originalClientOrderID
        self.side = side
        self.type = type
        self.timeInForce = timeInForce
        self.price = price
        self.quantity = quantity
        self.transactTime = transactTime
        self.receiveTime = receiveTime
        self.sendingTime = sendingTime
        self.origin = origin
    }

    /// A hash of everything the client decides, so that a repeated id with another body is told from a true repeat.
    ///
    /// FNV-1a over the fields; the receive and sending times are left out, a resent frame has new ones.
    public var bodyHash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0x0000_0100_0000_01B3
            hash ^= hash >> 29
        }
        mix(UInt64(kind.rawValue) | UInt64(side.rawValue) << 8 | UInt64(type.rawValue) << 16)
        mix(UInt64(timeInForce.rawValue) | UInt64(account.rawValue) << 16)
        mix(UInt64(instrument.rawValue))
        mix(UInt64(bitPattern: price.milli))
        mix(UInt64(bitPattern: quantity.shares))
        if let original = originalClientOrderID {
            mix(original.head)
            mix(original.middle)
            mix(original.tail)
        }
        return hash
    }
}
