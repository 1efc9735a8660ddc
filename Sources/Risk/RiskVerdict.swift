public import Market

/// The answer to one request: two masks for the journal, and the code for the client where it is refused.
///
/// The reason refines the table's for three rules: 17 gives 102=0 (too late) for the client's own order that is
/// closed; 41 gives 103=4 (too late) after the close; 44 gives 103=1 (unknown symbol) for an unknown instrument.
public struct RiskVerdict: Hashable, Sendable {
    /// The rules that were evaluated: all of the table, for every request (invariant I17).
    public var evaluated: RiskMask
    /// The rules that failed and refuse.
    public var failed: RiskMask
    /// The rules that failed and only warn.
    public var warned: RiskMask
    /// The lowest rule of `failed`, 0 where the request is accepted.
    public var rule: UInt8
    /// FIX tag 103 for a new order, 102 for a cancel or replace; meaningless where accepted.
    public var reason: UInt8
    /// What the order is reckoned at: its limit, or for a market order the worst price it can have (a buy: the upper
    /// price limit; a sale: the best bid, else the last price, else the previous close).
    ///
    /// Goes into `RiskOrder.price`.
    public var valuation: Price

    /// Whether the request may go on.
    @inlinable
    public var isAccepted: Bool { rule == 0 }
}
