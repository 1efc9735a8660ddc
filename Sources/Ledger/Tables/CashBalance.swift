public import Market

/// The cash of one account; 24 bytes.
@frozen
public struct CashBalance: Hashable, Sendable {
    /// Free to be frozen or spent.
    public var available: Money
    /// Held for open buys.
    public var frozen: Money
    /// Proceeds of today's sales: part of what the account owns, may buy, may not leave before T+1.
    public var unsettled: Money

    /// A balance of these parts.
    @inlinable
    public init(available: Money = .zero, frozen: Money = .zero, unsettled: Money = .zero) {
        self.available = available
        self.frozen = frozen
        self.unsettled = unsettled
    }

    /// Nothing.
    public static let zero = CashBalance()

    /// Available and frozen.
    @inlinable
    public var total: Money { available + frozen }

    /// What may leave today: available less today's proceeds, at least nothing.
    ///
    /// Purchases count against settled cash first, so no unsettled yuan ever leaves.
    @inlinable
    public var withdrawable: Money { max(.zero, available - unsettled) }
}
