public import Market

/// The shares of one account in one instrument; 24 bytes.
@frozen
public struct Position: Hashable, Sendable {
    /// Shares bought before today, frozen ones included.
    public var settled: Quantity
    /// Shares bought today: sellable from T+1.
    public var unsettled: Quantity
    /// The part of `settled` that open sales hold.
    public var frozen: Quantity

    /// A position of these parts.
    @inlinable
    public init(settled: Quantity = .zero, unsettled: Quantity = .zero, frozen: Quantity = .zero) {
        self.settled = settled
        self.unsettled = unsettled
        self.frozen = frozen
    }

    /// Nothing.
    public static let zero = Position()

    /// Settled and unsettled.
    @inlinable
    public var total: Quantity { settled + unsettled }

    /// Settled and not frozen.
    @inlinable
    public var sellable: Quantity { settled - frozen }
}
