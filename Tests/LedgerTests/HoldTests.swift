import Ledger
import Market
import Testing

@Suite struct HoldTests {
    @Test("A buy is held to the last milli-yuan and refused one short of it")
    func exactFunds() throws {
        for (cash, refusal) in [(10_052_610, nil), (10_052_609, .insufficientFunds)] as [(Int64, LedgerRefusal?)] {
            var ledger = try ledgerOfTwo(cash: cash)
            let hold = ledger.holdForBuy(
                account: alice, instrument: stock, price: price(10_050), quantity: shares(1000))
            #expect(hold.refusal == refusal)
            #expect(ledger.cashBalance(of: alice).available == milli(refusal == nil ? 0 : cash))
        }
    }

    @Test("A sale is held to the last share and refused one past it")
    func exactShares() throws {
        var ledger = try ledgerOfTwo()
        #expect(
            ledger.holdForSell(account: bob, instrument: stock, quantity: shares(1001)).refusal == .insufficientShares)
        var first = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(999)).get()
        #expect(
            ledger.holdForSell(account: bob, instrument: stock, quantity: shares(2)).refusal == .insufficientShares)
        let second = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(1)).get()
        #expect(ledger.sellable(bob, stock) == .zero)
        #expect(ledger.release(&first) == true)
        #expect(ledger.sellable(bob, stock) == shares(999))
        #expect(ledger.checkHolds([first, second]) == [])
    }

    @Test("Releasing twice gives back once")
    func releaseTwice() throws {
        var ledger = try ledgerOfTwo()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(100))
            .get()
        #expect(ledger.release(&buy) == true)
        #expect(ledger.release(&buy) == false)
        #expect(ledger.cashBalance(of: alice) == CashBalance(available: milli(20_000_000)))
    }

    @Test("Requests without sense are refused by their first reason and change nothing")
    func badHolds() throws {
        var ledger = try ledgerOfTwo()
        func buy(_ account: AccountID, _ at: Int64, _ quantity: Int64, of id: InstrumentID = stock) -> LedgerRefusal? {
            ledger.holdForBuy(
                account: account, instrument: id, price: price(at), quantity: shares(quantity)
            ).refusal
        }
        #expect(buy(alice, 10, 0) == .invalidQuantity)
        #expect(buy(alice, 10, -5) == .invalidQuantity)
        #expect(buy(alice, 10, Ledger.sharesMax.shares + 1) == .invalidQuantity)
        #expect(buy(alice, 0, 100) == .invalidPrice)
        #expect(buy(alice, -1, 100) == .invalidPrice)
        #expect(buy(AccountID(26), 10, 100) == .unknownAccount)  // clients are 16...25
        #expect(buy(AccountID(25), 10, 100) == .insufficientFunds)
        #expect(buy(AccountID(.max), 10, 100) == .unknownAccount)
        #expect(buy(HouseAccount.external, 10, 100) == .unknownAccount)
        #expect(buy(AccountID(0), 10, 100) == .unknownAccount)
        #expect(buy(alice, 10, 100, of: OrderRequest.unknownInstrument) == .unknownInstrument)
        #expect(buy(alice, .max, 100) == .valueTooLarge)
        #expect(buy(alice, .max, 1) == .valueTooLarge)
        #expect(buy(alice, 1_000_000, 1_000_000_000_000) == .valueTooLarge)
        #expect(buy(alice, 0, 0) == .invalidQuantity)
        func sell(_ account: AccountID, _ quantity: Int64, of instrument: InstrumentID = stock) -> LedgerRefusal? {
            ledger.holdForSell(account: account, instrument: instrument, quantity: shares(quantity)).refusal
        }
        #expect(sell(bob, 0) == .invalidQuantity)
        #expect(sell(bob, .min) == .invalidQuantity)
        #expect(sell(bob, .max) == .invalidQuantity)
        #expect(sell(HouseAccount.external, 1) == .unknownAccount)
        #expect(sell(bob, 1, of: OrderRequest.unknownInstrument) == .unknownInstrument)
        #expect(sell(bob, 1, of: InstrumentID(77)) == .insufficientShares)
        #expect(sell(alice, 1) == .insufficientShares)
        #expect(ledger.cashBalance(of: alice) == CashBalance(available: milli(20_000_000)))
        #expect(ledger.position(of: bob, in: stock) == Position(settled: shares(1000)))
        #expect(ledger.checkInvariants() == [])
    }

    @Test("A replace moves the hold in one step, up while funds last and down at once")
    func replaceBuy() throws {
        var ledger = try ledgerOfTwo(cash: 10_052_610, fees: goldenFees())
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(1000))
            .get()
        // 10,000.00 + 2.50 + 0.10 are held, 50.01 are left: exactly enough for 10.05.
        #expect(ledger.replaceHold(&buy, price: price(10_050), open: shares(1000)) == nil)
        #expect(ledger.cashBalance(of: alice) == CashBalance(frozen: milli(10_052_610)))
        let before = buy
        #expect(ledger.replaceHold(&buy, price: price(10_051), open: shares(1000)) == .insufficientFunds)
        #expect(ledger.replaceHold(&buy, price: price(10_050), open: shares(1001)) == .insufficientFunds)
        #expect(buy == before)
        #expect(ledger.replaceHold(&buy, price: price(10_000), open: shares(500)) == nil)
        // 5,000.00 + 1.25 + 0.05.
        #expect(ledger.cashBalance(of: alice).frozen == milli(5_001_300))
        #expect(ledger.checkHolds([buy]) == [])
    }

    @Test("A replace after a fill holds the rest's worst case with the fees still to come")
    func replaceAfterFill() throws {
        var ledger = try ledgerOfTwo()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_050), quantity: shares(1000))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(600)).get()
        _ = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_030), quantity: shares(600)).get()
        #expect(ledger.replaceHold(&buy, price: price(10_100), open: shares(200)) == nil)
        // 2,020.00; fees of 8,038.00 are 2.01 (2.0095) + 0.08, charged were 1.50 + 0.06: 0.51 + 0.02 to come.
        #expect(buy.frozenCash == milli(2_020_530))
        #expect(ledger.cashBalance(of: alice).total == milli(20_000_000 - 6_019_560))
    }

    @Test("A replaced sale freezes what is sellable and no more")
    func replaceSell() throws {
        var ledger = try ledgerOfTwo()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(400)).get()
        #expect(ledger.replaceHold(&sale, price: .zero, open: shares(1000)) == nil)
        #expect(ledger.replaceHold(&sale, price: .zero, open: shares(1001)) == .insufficientShares)
        #expect(ledger.position(of: bob, in: stock).frozen == shares(1000))
        #expect(ledger.replaceHold(&sale, price: .zero, open: shares(1)) == nil)
        #expect(ledger.position(of: bob, in: stock).frozen == shares(1))
    }

    @Test("Replaces without sense are refused")
    func badReplaces() throws {
        var ledger = try ledgerOfTwo()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(100))
            .get()
        #expect(ledger.replaceHold(&buy, price: price(10_000), open: .zero) == .invalidQuantity)
        #expect(ledger.replaceHold(&buy, price: price(10_000), open: shares(.max)) == .invalidQuantity)
        #expect(ledger.replaceHold(&buy, price: .zero, open: shares(100)) == .invalidPrice)
        #expect(ledger.replaceHold(&buy, price: price(.max), open: shares(100)) == .valueTooLarge)
        ledger.release(&buy)
        #expect(ledger.replaceHold(&buy, price: price(10_000), open: shares(100)) == .quantityBeyondOpen)
        #expect(ledger.checkInvariants() == [])
    }

    @Test("All values are taken at the greatest value and refused one past it")
    func valueLimit() throws {
        let most = FeeSchedule.valueMax.milli
        var ledger = Ledger(accountsMax: 1, fees: schedule(0, 0, 0))
        _ = try ledger.deposit(alice, Ledger.cashMax).get()
        func buy(_ at: Int64) -> LedgerRefusal? {
            ledger.holdForBuy(account: alice, instrument: stock, price: price(at), quantity: shares(1)).refusal
        }
        #expect(buy(most) == nil)
        #expect(buy(most + 1) == .valueTooLarge)
    }
}
