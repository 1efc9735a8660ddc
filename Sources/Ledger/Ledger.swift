public import Market

/// The double-entry ledger of one partition: cash and shares of every account, with two-phase holds.
///
/// **Two phases.** An accepted order freezes its worst case: a buy its open quantity at the worst price plus the fees
/// of that, a sale its shares. A fill spends part of the hold at the trade's price; what is frozen afterwards is the
/// worst case of what is still open, computed anew, and the difference returns to available. A cancel releases the
/// rest. The hold's own numbers live in the caller's order record (`OrderHold`), so the ledger keeps nothing per order.
///
/// **Double entry.** Every posting has legs that sum to zero per asset: a fill moves value from buyer to seller and
/// fees from both to the house's accounts; a deposit comes out of `HouseAccount.external`, the one account that may be
/// negative. So all cash sums to zero and the shares of every instrument sum to zero (invariants I1 and I2), and
/// nobody else's available or frozen balance can fall below zero (I3), because every posting checks before it moves.
///
/// **T+1.** Shares bought today are `unsettled` and cannot be sold; cash from today's sales can buy but not leave.
/// `rollDay` turns both into settled ones.
///
/// **Group commit.** Each changed row is noted once per batch; `drainDirty` hands out every changed row, O(changed).
///
/// | cost | |
/// |---|---|
/// | hold, release, fill | O(1), no allocation once the tables have grown |
/// | memory | 24 bytes an account, 32 + about 12 a position, one bit each for change tracking |
/// | growth | tables double; reserve them up front where a pause in mid-session matters |
///
/// Pure and deterministic: no clock, no randomness, no hash-order iteration. One owner at a time: it is not copyable.
/// Every refusal is a `LedgerRefusal` and leaves all state, holds included, as it was.
public struct Ledger: ~Copyable {
    /// The greatest amount one deposit or restored row may carry: 1,000 trillion yuan.
    public static let cashMax = Money(milli: 1_000_000_000_000_000_000)
    /// The most shares of one instrument.
    public static let sharesMax = Quantity(1_000_000_000_000)
    /// The most client accounts a ledger can be made for.
    public static let accountsLimit = 100_000_000

    /// The rates fills are charged at; they change only in `rollDay`, with no hold open.
    public internal(set) var fees: FeeSchedule
    /// The last day whose bought shares and sales proceeds have settled; nil before the first `rollDay`.
    public internal(set) var settledThrough: TradingDate?
    /// Client accounts have numbers below this.
    public let accountEnd: UInt32

    var cash: CashTable
    var positions: PositionTable
    var sums = RunningSums()

    /// An empty ledger.
    ///
    /// - Parameters:
    ///   - accountsMax: Number of client accounts: `AccountID.firstClient` and the next ones, 1...`accountsLimit`.
    ///   - positionsMax: Most (account, instrument) pairs; a fill or deposit that needs one more is refused.
    ///   - accountsReserve: Accounts to allocate memory for now.
    ///   - positionsReserve: Positions to allocate memory for now.
    public init(
        accountsMax: Int, positionsMax: Int = 50_000_000, fees: FeeSchedule, accountsReserve: Int = 0,
        positionsReserve: Int = 0
    ) {
        precondition((1...Self.accountsLimit).contains(accountsMax), "accountsMax must be 1...accountsLimit")
        precondition((1...PositionTable.rowsLimit).contains(positionsMax), "positionsMax is out of range")
        let end = Int(AccountID.firstClient.rawValue) + accountsMax
        self.fees = fees
        accountEnd = UInt32(end)
        cash = CashTable(capacity: end, reserve: min(accountsReserve, accountsMax))
        positions = PositionTable(capacity: positionsMax, reserve: min(positionsReserve, positionsMax))
    }

    /// The cash of an account; zero for one that never had any.
    public func cashBalance(of account: AccountID) -> CashBalance { cash[account] }

    /// The shares of an account in an instrument; zero for a pair that never had any.
    public func position(of account: AccountID, in instrument: InstrumentID) -> Position {
        positions.row(account, instrument).map { positions[$0] } ?? .zero
    }

    /// Shares that can be sold today: settled ones not frozen by open sales (risk rule 82).
    public func sellable(_ account: AccountID, _ instrument: InstrumentID) -> Quantity {
        position(of: account, in: instrument).sellable
    }

    /// Cash that may leave today: available without today's sales proceeds (risk rule 103).
    public func withdrawable(_ account: AccountID) -> Money { cash[account].withdrawable }

    /// What a buy of `quantity` at `price` or better would freeze, or nil where it is too large (risk rule 81).
    public func buyRequirement(price: Price, quantity: Quantity) -> Money? {
        fees.buyRequirement(price: price, quantity: quantity)
    }

    /// Rows of the position table in use, the exchange side of share deposits included.
    public var positionCount: Int { positions.count }

    /// Whether `account` is a client's and inside this ledger's range.
    func isClient(_ account: AccountID) -> Bool {
        account >= AccountID.firstClient && account.rawValue < accountEnd
    }
}
