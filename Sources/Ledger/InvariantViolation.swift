public import Market

/// A state of the ledger that must not be (`Ledger.checkInvariants`, `Ledger.checkHolds`).
public enum InvariantViolation: Hashable, Sendable {
    /// I1: all cash together is not zero.
    case cashNotConserved(Money)
    /// I2: the shares of an instrument together are not zero.
    case sharesNotConserved(InstrumentID, Quantity)
    /// I3: an account other than the external one has a negative part.
    case negativeCash(AccountID, CashBalance)
    /// I3: a position has a negative part, or more frozen than settled.
    case negativePosition(AccountID, InstrumentID, Position)
    /// I4: an account's frozen cash differs from its open buys.
    case cashHoldsDiffer(AccountID, frozen: Money, held: Money)
    /// I4: a position's frozen shares differ from its open sales.
    case shareHoldsDiffer(AccountID, InstrumentID, frozen: Quantity, held: Quantity)
    /// The running totals are not those of the tables: a change went past them.
    case runningSumsDiffer(RunningSums)
}
