/// What a trade costs one side, in milli-yuan; always whole cents.
@frozen
public struct Fees: Hashable, Sendable {
    /// The broker's commission.
    public var commission: Money
    /// The depository's transfer fee.
    public var transferFee: Money
    /// The state's stamp duty; sellers only.
    public var stampDuty: Money

    /// These three amounts.
    @inlinable
    public init(commission: Money = .zero, transferFee: Money = .zero, stampDuty: Money = .zero) {
        self.commission = commission
        self.transferFee = transferFee
        self.stampDuty = stampDuty
    }

    /// The three together.
    @inlinable
    public var total: Money { commission + transferFee + stampDuty }

    /// The difference item by item.
    @inlinable
    public static func - (a: Fees, b: Fees) -> Fees {
        Fees(
            commission: a.commission - b.commission, transferFee: a.transferFee - b.transferFee,
            stampDuty: a.stampDuty - b.stampDuty)
    }
}
