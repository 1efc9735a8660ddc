import Ledger
import Market
import Testing

@Suite struct RecoveryTests {
    private func empty() -> Ledger { Ledger(accountsMax: 10, positionsMax: 3, fees: goldenFees()) }

    private func cash(_ available: Int64, _ frozen: Int64 = 0, _ unsettled: Int64 = 0) -> CashBalance {
        CashBalance(available: milli(available), frozen: milli(frozen), unsettled: milli(unsettled))
    }

    private func held(_ settled: Int64, _ unsettled: Int64 = 0, _ frozen: Int64 = 0) -> Position {
        Position(settled: shares(settled), unsettled: shares(unsettled), frozen: shares(frozen))
    }

    @Test("Restored rows that cannot be are refused")
    func badRows() {
        var ledger = empty()
        #expect(ledger.restoreCash(AccountID(0), cash(1)) == .unknownAccount)
        #expect(ledger.restoreCash(AccountID(26), cash(1)) == .unknownAccount)
        #expect(ledger.restoreCash(alice, cash(-1)) == .negativeBalance)
        #expect(ledger.restoreCash(alice, cash(1, -1)) == .negativeBalance)
        #expect(ledger.restoreCash(alice, cash(1, 1, -1)) == .negativeBalance)
        #expect(ledger.restoreCash(alice, cash(.max)) == .totalTooLarge)
        #expect(ledger.restoreCash(HouseAccount.external, cash(.min)) == .totalTooLarge)
        #expect(ledger.restoreCash(HouseAccount.external, cash(-1)) == nil)
        #expect(ledger.restorePosition(AccountID(26), stock, held(1)) == .unknownAccount)
        #expect(ledger.restorePosition(alice, OrderRequest.unknownInstrument, held(1)) == .unknownInstrument)
        #expect(ledger.restorePosition(alice, stock, held(-1)) == .negativeBalance)
        #expect(ledger.restorePosition(alice, stock, held(1, -1)) == .negativeBalance)
        #expect(ledger.restorePosition(alice, stock, held(1, 5, 2)) == .negativeBalance)
        #expect(ledger.restorePosition(alice, stock, held(.max)) == .totalTooLarge)
        #expect(ledger.restorePosition(HouseAccount.external, stock, held(-1)) == nil)
        #expect(ledger.restorePosition(alice, stock, held(1)) == nil)
        #expect(ledger.restorePosition(bob, stock, held(1)) == nil)
        #expect(ledger.restorePosition(carol, stock, held(1)) == .positionsFull)
    }

    @Test("A row lost or doubled in the store is found by the invariants")
    func lostRows() {
        var ledger = empty()
        #expect(ledger.restoreCash(HouseAccount.external, cash(-100)) == nil)
        #expect(ledger.restoreCash(alice, cash(60)) == nil)
        #expect(ledger.checkInvariants() == [.cashNotConserved(milli(-40))])
        #expect(ledger.runningSums.areSound == false)
        #expect(ledger.restoreCash(bob, cash(30, 10)) == nil)
        #expect(ledger.checkInvariants() == [])
        #expect(ledger.runningSums.areSound == true)
        #expect(ledger.restorePosition(alice, InstrumentID(1), held(5)) == nil)
        #expect(ledger.restorePosition(bob, InstrumentID(2), held(0, 7)) == nil)
        #expect(
            ledger.checkInvariants() == [
                .sharesNotConserved(InstrumentID(1), shares(5)), .sharesNotConserved(InstrumentID(2), shares(7)),
            ])
    }

    @Test("Frozen amounts without their orders are found, and orders without their amounts")
    func lostHolds() throws {
        var ledger = try ledgerOfTwo()
        let buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_050), quantity: shares(1000))
            .get()
        let sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(600)).get()
        #expect(ledger.checkHolds([buy, sale]) == [])
        #expect(
            ledger.checkHolds([sale]) == [.cashHoldsDiffer(alice, frozen: milli(10_052_610), held: .zero)])
        #expect(
            ledger.checkHolds([buy]) == [.shareHoldsDiffer(bob, stock, frozen: shares(600), held: .zero)])
        #expect(
            ledger.checkHolds([buy, sale, buy])
                == [.cashHoldsDiffer(alice, frozen: milli(10_052_610), held: milli(20_105_220))])
    }

    @Test("At most a hundred violations are reported")
    func violationLimit() {
        var ledger = Ledger(accountsMax: 10, fees: goldenFees())
        for number in 0..<150 {
            #expect(ledger.restorePosition(alice, InstrumentID(UInt32(number)), held(1)) == nil)
        }
        #expect(ledger.checkInvariants().count == Ledger.violationsMax)
    }

    @Test("Order rows that cannot be give no hold")
    func badHolds() throws {
        let ledger = try ledgerOfTwo()
        func restore(
            _ side: Side, _ at: Int64, open: Int64, filled: Int64 = 0, value: Int64 = 0, account: AccountID = bob
        ) -> LedgerRefusal? {
            ledger.restoredHold(
                account: account, instrument: stock, side: side, price: price(at), open: shares(open),
                cumulativeQuantity: shares(filled), cumulativeValue: milli(value)
            ).refusal
        }
        #expect(restore(.buy, 10, open: 1) == nil)
        #expect(restore(.sell, 0, open: 1) == nil)
        #expect(restore(.buy, 10, open: 0) == nil)
        #expect(restore(.buy, 10, open: -1) == .invalidQuantity)
        #expect(restore(.buy, 10, open: 1, filled: -1) == .invalidQuantity)
        #expect(restore(.buy, 0, open: 1) == .invalidPrice)
        #expect(restore(.buy, 10, open: 1, value: -1) == .invalidAmount)
        #expect(restore(.buy, 10, open: 1, value: .max) == .valueTooLarge)
        #expect(restore(.buy, .max, open: 1) == .valueTooLarge)
        #expect(restore(.sell, 0, open: 1, account: carol) == .insufficientShares)
        #expect(restore(.buy, 10, open: 1, account: HouseAccount.external) == .unknownAccount)
    }
}
