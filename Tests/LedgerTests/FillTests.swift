import Ledger
import Market
import Testing

@Suite struct FillTests {
    @Test("Fills that fit no hold are refused by their first reason and change nothing")
    func badFills() throws {
        var ledger = try ledgerOfTwo()
        _ = try ledger.depositShares(bob, InstrumentID(1), shares(100)).get()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(100))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(200)).get()
        var other = try ledger.holdForSell(account: bob, instrument: InstrumentID(1), quantity: shares(100)).get()
        let (buyBefore, saleBefore) = (buy, sale)
        func fill(_ at: Int64, _ quantity: Int64) -> LedgerRefusal? {
            ledger.fill(buyer: &buy, seller: &sale, price: price(at), quantity: shares(quantity)).refusal
        }
        #expect(fill(10_000, 0) == .invalidQuantity)
        #expect(fill(10_000, -100) == .invalidQuantity)
        #expect(fill(0, 100) == .invalidPrice)
        #expect(fill(.min, 100) == .invalidPrice)
        #expect(fill(10_000, 101) == .quantityBeyondOpen)
        #expect(fill(10_000, .max) == .quantityBeyondOpen)
        #expect(fill(10_001, 100) == .priceBeyondHold)
        let mixed = ledger.fill(buyer: &buy, seller: &other, price: price(10_000), quantity: shares(100))
        #expect(mixed.refusal == .holdMismatch)
        let swapped = ledger.fill(buyer: &sale, seller: &buy, price: price(10_000), quantity: shares(100))
        #expect(swapped.refusal == .holdMismatch)
        #expect(buy == buyBefore && sale == saleBefore)
        #expect(ledger.cashBalance(of: bob) == .zero)
        #expect(fill(10_000, 100) == nil)
        #expect(fill(10_000, 1) == .quantityBeyondOpen)
        #expect(ledger.checkInvariants() == [])
        #expect(ledger.checkHolds([buy, sale, other]) == [])
    }

    @Test("An account that trades with itself pays fees and keeps its shares, bought ones unsettled")
    func selfTrade() throws {
        var ledger = try ledgerOfTwo(cash: 0, stock: 0)
        _ = try ledger.deposit(alice, milli(2_000_000)).get()
        _ = try ledger.depositShares(alice, stock, shares(100)).get()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(100))
            .get()
        var sale = try ledger.holdForSell(account: alice, instrument: stock, quantity: shares(100)).get()
        let fill = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_000), quantity: shares(100)).get()
        #expect(fill.buyer == fill.seller)
        // 1,000.00: commission 0.25 and transfer fee 0.01 twice, stamp duty 0.50.
        #expect(ledger.cashBalance(of: alice).total == milli(2_000_000 - 2 * 260 - 500))
        #expect(ledger.position(of: alice, in: stock) == Position(unsettled: shares(100)))
        #expect(ledger.checkInvariants() == [])
    }

    @Test("A sale never costs its seller cash: what a fill of a cent cannot bear is waived")
    func feesAreCapped() throws {
        // Each fee is 10 %: after 0.01 the cumulative fee of 0.05 becomes 0.01 (half up), three times.
        var ledger = try ledgerOfTwo(fees: schedule(100_000, 100_000, 100_000))
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(50), quantity: shares(5)).get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(5)).get()
        var proceeds: [Int64] = []
        for _ in 0..<5 {
            let fill = try ledger.fill(buyer: &buy, seller: &sale, price: price(10), quantity: shares(1)).get()
            proceeds.append(fill.sellerProceeds.milli)
            #expect(ledger.cashBalance(of: bob).available == milli(proceeds.reduce(0, +)))
            if proceeds.count == 5 { #expect(fill.sellerFees == Fees(stampDuty: milli(10))) }
        }
        #expect(proceeds == [10, 10, 10, 10, 0])
        #expect(ledger.checkInvariants() == [])
    }

    @Test("The fill that needs one position too many is refused and changes nothing")
    func positionsFull() throws {
        var ledger = Ledger(accountsMax: 10, positionsMax: 2, fees: goldenFees())
        _ = try ledger.deposit(alice, milli(20_000_000)).get()
        _ = try ledger.depositShares(bob, stock, shares(100)).get()
        #expect(ledger.positionCount == 2)  // Bob's and the external side
        #expect(ledger.depositShares(carol, stock, shares(1)).refusal == .positionsFull)
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(100))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(100)).get()
        let before = ledger.cashBalance(of: alice)
        let refused = ledger.fill(buyer: &buy, seller: &sale, price: price(10_000), quantity: shares(100))
        #expect(refused.refusal == .positionsFull)
        #expect(ledger.cashBalance(of: alice) == before)
        #expect(buy.open == shares(100) && sale.open == shares(100))
        #expect(ledger.checkInvariants() == [])
    }

    @Test("Values that pass the greatest value over a sale's life are refused")
    func cumulativeLimit() throws {
        let most = FeeSchedule.valueMax.milli
        var ledger = try ledgerOfTwo(cash: Ledger.cashMax.milli, stock: 10, fees: schedule(0, 0, 0))
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(3)).get()
        func fill(_ at: Int64) throws -> LedgerRefusal? {
            var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(at), quantity: shares(1))
                .get()
            return ledger.fill(buyer: &buy, seller: &sale, price: price(at), quantity: shares(1)).refusal
        }
        #expect(try fill(most - 1) == nil)
        #expect(try fill(2) == .valueTooLarge)
        #expect(try fill(1) == nil)
        #expect(sale.cumulativeValue == FeeSchedule.valueMax)
    }
}
