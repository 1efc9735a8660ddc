public import Market
public import Telemetry

/// What the gateway needs from the order service: closures, so that neither module imports the other.
///
/// Every closure is called on the gateway's event loop and must return at once: hand the work to another thread.
/// Answers come back through `Gateway.deliver(_:)`, from any thread.
public struct OrderEntry: Sendable {
    /// Takes a batch of well-formed requests, in the order they were read, and the traces of those that are sampled;
    /// each trace comes back with the answers (`Gateway.deliver`). When it returns, the requests count as received:
    /// their sequence numbers are made durable next.
    public var submit: @Sendable ([OrderRequest], [TracedRequest]) -> Void
    /// Asks for an order's state; the answer is a report of type `.status`.
    public var status: @Sendable (OrderStatusQuery) -> Void
    /// The instrument of a six-digit symbol, nil for one nobody knows.
    public var resolveInstrument: @Sendable (UInt32) -> InstrumentID?
    /// The six-digit symbol of an instrument; 0 where there is none.
    public var symbol: @Sendable (InstrumentID) -> UInt32
    /// Says whether this counterparty may log on, after CompIDs have been checked.
    public var authenticate: @Sendable (LogonRequest) -> Bool
    /// Field 58 of a refusal by that risk rule; called once per number at start.
    public var ruleText: @Sendable (UInt8) -> String

    /// An order entry that drops traces; by default every configured counterparty may log on.
    public init(
        submit: @escaping @Sendable ([OrderRequest]) -> Void,
        status: @escaping @Sendable (OrderStatusQuery) -> Void,
        resolveInstrument: @escaping @Sendable (UInt32) -> InstrumentID?,
        symbol: @escaping @Sendable (InstrumentID) -> UInt32,
        authenticate: @escaping @Sendable (LogonRequest) -> Bool = { _ in true },
        ruleText: @escaping @Sendable (UInt8) -> String = { "rule \($0)" }
    ) {
        self.init(
            submitTraced: { requests, _ in submit(requests) }, status: status, resolveInstrument: resolveInstrument,
            symbol: symbol, authenticate: authenticate, ruleText: ruleText)
    }

    /// An order entry of those parts; by default every configured counterparty may log on.
    public init(
        submitTraced submit: @escaping @Sendable ([OrderRequest], [TracedRequest]) -> Void,
        status: @escaping @Sendable (OrderStatusQuery) -> Void,
        resolveInstrument: @escaping @Sendable (UInt32) -> InstrumentID?,
        symbol: @escaping @Sendable (InstrumentID) -> UInt32,
        authenticate: @escaping @Sendable (LogonRequest) -> Bool = { _ in true },
        ruleText: @escaping @Sendable (UInt8) -> String = { "rule \($0)" }
    ) {
        self.submit = submit
        self.status = status
        self.resolveInstrument = resolveInstrument
        self.symbol = symbol
        self.authenticate = authenticate
        self.ruleText = ruleText
    }
}

/// A question for one order's state (35=H).
public struct OrderStatusQuery: Sendable {
    /// The session that asks, and gets the answer.
    public var session: SessionID
    /// The order's ClOrdID (11).
    public var clientOrderID: ClientOrderID
    /// OrderID (37), if it was given.
    public var order: OrderID?
    /// Side (54) as stated.
    public var side: Side
    /// The instrument as stated, or `OrderRequest.unknownInstrument`.
    public var instrument: InstrumentID
}

/// What a counterparty shows when it logs on.
public struct LogonRequest: Sendable {
    /// The session its CompID belongs to.
    public var session: SessionID
    /// Its CompID (49).
    public var compID: String
    /// Username (553), empty if absent.
    public var username: String
    /// Password (554), empty if absent. Never log it.
    public var password: String
}
