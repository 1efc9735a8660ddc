/// Why the ledger refused an operation; nothing has changed then.
///
/// Where several apply, the one that stands first here is reported.
public enum LedgerRefusal: UInt8, Error, Hashable, Sendable, CaseIterable {
    /// The quantity is not positive, or beyond `Ledger.sharesMax`.
    case invalidQuantity = 1
    /// The price is not positive.
    case invalidPrice = 2
    /// The amount is not positive, or beyond `Ledger.cashMax`.
    case invalidAmount = 3
    /// The account is not a client's, or beyond the ledger's range.
    case unknownAccount = 4
    /// The instrument's number stands for none.
    case unknownInstrument = 5
    /// A hold of the other side was given, or two holds of different instruments.
    case holdMismatch = 6
    /// The fill or replace is larger than what the hold has open.
    case quantityBeyondOpen = 7
    /// The buyer would pay more than the price it holds for.
    case priceBeyondHold = 8
    /// Price x quantity, cumulative value included, passes `FeeSchedule.valueMax`.
    case valueTooLarge = 9
    /// Less cash is available (or, to withdraw, settled) than needed.
    case insufficientFunds = 10
    /// Fewer settled, unfrozen shares than needed.
    case insufficientShares = 11
    /// A restored row has a negative balance, or more frozen than settled.
    case negativeBalance = 12
    /// The total of all cash, or of an instrument's shares, would pass what 64 bits or the limits hold.
    case totalTooLarge = 13
    /// The position table has `positionsMax` rows.
    case positionsFull = 14
    /// The day cannot roll while holds are open.
    case holdsOpen = 15
    /// A settlement for this day, account and asset is posted with another amount, or belongs to another day.
    case settlementConflict = 16
}
