/// The house's own accounts: the counterparties of fees and taxes in the double entry.
public enum HouseAccount {
    /// Receives commissions.
    public static let commission = AccountID(1)
    /// Receives transfer fees for the depository.
    public static let transferFee = AccountID(2)
    /// Receives stamp duty.
    public static let stampDuty = AccountID(3)
    /// Where deposits come from and withdrawals go to: its balance is minus the sum of all others.
    public static let external = AccountID(4)
}

/// The slow-changing side of an account: who it is and what it may do; the ledger keeps its money.
public struct AccountProfile: Hashable, Sendable {
    public var id: AccountID
    public var isActive: Bool
    public var isBlocked: Bool
    /// Kill switch of this account (risk rule 35).
    public var isKilled: Bool
    /// Only orders that reduce the position (rule 39).
    public var isReducing: Bool
    /// Sessions are allowed by group: the account's group must be in the session's mask (rule 25).
    public var group: UInt8
    /// Bit `Board.rawValue` is set where the board is permitted (rule 27).
    public var boards: UInt8
    /// Suitability class, 1 ... 5 (rule 28).
    public var riskLevel: UInt8
    public var orderValueMax: Money
    public var orderQuantityMax: Quantity
    public var dailyBuyQuantityMax: Quantity
    public var dailySellQuantityMax: Quantity
    public var grossValueMax: Money
    public var openOrderValueMax: Money
    public var openOrdersMax: UInt32
    /// Version of this row in L3, 0 where no row exists (rules 33 and 34).
    public var version: UInt64

    public init(
        id: AccountID, isActive: Bool = true, isBlocked: Bool = false, isKilled: Bool = false,
        isReducing: Bool = false, group: UInt8 = 0, boards: UInt8 = 0xFF, riskLevel: UInt8 = 5,
        orderValueMax: Money = Money(milli: 100_000_000_000), orderQuantityMax: Quantity = Quantity(1_000_000),
        dailyBuyQuantityMax: Quantity = Quantity(100_000_000), dailySellQuantityMax: Quantity = Quantity(100_000_000),
        grossValueMax: Money = Money(milli: 100_000_000_000_000),
        openOrderValueMax: Money = Money(milli: 10_000_000_000_000), openOrdersMax: UInt32 = 10_000,
        version: UInt64 = 0
    ) {
        self.id = id
        self.isActive = isActive
        self.isBlocked = isBlocked
        self.isKilled = isKilled
        self.isReducing = isReducing
        self.group = group
        self.boards = boards
        self.riskLevel = riskLevel
        self.orderValueMax = orderValueMax
        self.orderQuantityMax = orderQuantityMax
        self.dailyBuyQuantityMax = dailyBuyQuantityMax
        self.dailySellQuantityMax = dailySellQuantityMax
        self.grossValueMax = grossValueMax
        self.openOrderValueMax = openOrderValueMax
        self.openOrdersMax = openOrdersMax
        self.version = version
    }
}
