import Ledger
import Market
import Testing

@Suite struct DepositTests {
    @Test("Deposits come out of the external account and withdrawals go back")
    func doubleEntry() throws {
        var ledger = Ledger(accountsMax: 10, fees: goldenFees())
        let transfer = try ledger.deposit(alice, milli(500)).get()
        #expect(transfer == CashTransfer(debit: HouseAccount.external, credit: alice, amount: milli(500)))
        #expect(ledger.cashBalance(of: HouseAccount.external).available == milli(-500))
        let out = try ledger.withdraw(alice, milli(200)).get()
        #expect(out == CashTransfer(debit: alice, credit: HouseAccount.external, amount: milli(200)))
        #expect(ledger.cashBalance(of: HouseAccount.external).available == milli(-300))
        #expect(ledger.withdraw(alice, milli(301)).refusal == .insufficientFunds)
        _ = try ledger.depositShares(bob, stock, shares(7)).get()
        #expect(ledger.position(of: HouseAccount.external, in: stock).settled == shares(-7))
        #expect(ledger.outstanding(stock) == shares(7))
        #expect(ledger.checkInvariants() == [])
    }

    @Test("Amounts without sense, strangers and the house are refused")
    func badDeposits() throws {
        var ledger = Ledger(accountsMax: 10, fees: goldenFees())
        #expect(ledger.deposit(alice, .zero).refusal == .invalidAmount)
        #expect(ledger.deposit(alice, milli(.min)).refusal == .invalidAmount)
        #expect(ledger.deposit(alice, milli(Ledger.cashMax.milli + 1)).refusal == .invalidAmount)
        #expect(ledger.deposit(HouseAccount.commission, milli(1)).refusal == .unknownAccount)
        #expect(ledger.deposit(AccountID(15), milli(1)).refusal == .unknownAccount)
        #expect(ledger.deposit(AccountID(25), milli(1)).refusal == nil)
        #expect(ledger.deposit(AccountID(26), milli(1)).refusal == .unknownAccount)
        #expect(ledger.withdraw(alice, .zero).refusal == .invalidAmount)
        #expect(ledger.withdraw(AccountID(26), milli(1)).refusal == .unknownAccount)
        #expect(ledger.depositShares(alice, stock, .zero).refusal == .invalidQuantity)
        #expect(ledger.depositShares(alice, stock, shares(.max)).refusal == .invalidQuantity)
        #expect(ledger.depositShares(AccountID(0), stock, shares(1)).refusal == .unknownAccount)
        let nowhere = ledger.depositShares(alice, OrderRequest.unknownInstrument, shares(1))
        #expect(nowhere.refusal == .unknownInstrument)
    }

    @Test("All cash together is limited, and so are the shares of an instrument")
    func totals() throws {
        var ledger = Ledger(accountsMax: 10, fees: goldenFees())
        #expect(ledger.deposit(alice, milli(Ledger.cashMax.milli - 1)).refusal == nil)
        #expect(ledger.deposit(bob, milli(2)).refusal == .totalTooLarge)
        #expect(ledger.deposit(bob, milli(1)).refusal == nil)
        #expect(ledger.deposit(bob, milli(1)).refusal == .totalTooLarge)
        #expect(ledger.depositShares(alice, stock, Ledger.sharesMax).refusal == nil)
        #expect(ledger.depositShares(bob, stock, shares(1)).refusal == .totalTooLarge)
        #expect(ledger.depositShares(bob, InstrumentID(1), shares(1)).refusal == nil)
        #expect(ledger.checkInvariants() == [])
    }

    @Test("The last of five million accounts works like the first")
    func manyAccounts() throws {
        var ledger = Ledger(accountsMax: 5_000_000, fees: goldenFees())
        let last = AccountID(AccountID.firstClient.rawValue + 4_999_999)
        #expect(ledger.deposit(last, milli(500)).refusal == nil)
        #expect(ledger.deposit(AccountID(last.rawValue + 1), milli(500)).refusal == .unknownAccount)
        #expect(ledger.cashBalance(of: last).available == milli(500))
        #expect(MemoryLayout<CashBalance>.stride == 24 && MemoryLayout<Position>.stride == 24)
        var drained: [AccountID] = []
        ledger.drainDirty(accounts: { account, _ in drained.append(account) }, positions: { _, _, _ in })
        #expect(drained == [HouseAccount.external, last])
    }
}
