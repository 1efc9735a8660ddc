import Ledger
import Market

/// Commission 2.5 bp, transfer fee 0.1 bp, stamp duty 5 bp: the rates of the golden vector.
func goldenFees() -> FeeSchedule { schedule(250, 10, 500) }

/// A schedule of rates known to be legal, in hundredths of a basis point.
func schedule(_ commission: Int32, _ transferFee: Int32, _ stampDuty: Int32) -> FeeSchedule {
    guard let fees = FeeSchedule(commission: commission, transferFee: transferFee, stampDuty: stampDuty) else {
        preconditionFailure("illegal rates")
    }
    return fees
}

/// A day known to exist.
func day(_ yyyymmdd: Int) -> TradingDate {
    guard let date = TradingDate(yyyymmdd) else { preconditionFailure("\(yyyymmdd) is no day") }
    return date
}

let alice = AccountID(16)
let bob = AccountID(17)
let carol = AccountID(18)
let stock = InstrumentID(0)

func milli(_ amount: Int64) -> Money { Money(milli: amount) }
func price(_ amount: Int64) -> Price { Price(milli: amount) }
func shares(_ amount: Int64) -> Quantity { Quantity(amount) }

extension Result {
    /// Why it was refused; nil for success.
    var refusal: Failure? {
        if case .failure(let failure) = self { return failure }
        return nil
    }
}

/// A ledger of ten clients in which Alice has money and Bob has shares.
func ledgerOfTwo(
    cash: Int64 = 20_000_000, stock quantity: Int64 = 1000, fees: FeeSchedule = goldenFees()
) throws -> Ledger {
    var ledger = Ledger(accountsMax: 10, fees: fees)
    if cash > 0 { _ = try ledger.deposit(alice, milli(cash)).get() }
    if quantity > 0 { _ = try ledger.depositShares(bob, stock, shares(quantity)).get() }
    return ledger
}
