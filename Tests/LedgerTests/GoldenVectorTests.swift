import Ledger
import Market
import Testing

@Suite struct GoldenVectorTests {
    @Test("A buy of 1,000 at 10.05, 600 filled at 10.03, the rest cancelled: every balance to the milli-yuan")
    func partialFillAndCancel() throws {
        var ledger = try ledgerOfTwo()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_050), quantity: shares(1000))
            .get()
        // 20,000.00 - 10,052.61; hold = 10,050.00 + 2.51 + 0.10.
        #expect(ledger.cashBalance(of: alice) == CashBalance(available: milli(9_947_390), frozen: milli(10_052_610)))
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(600)).get()

        let fill = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_030), quantity: shares(600)).get()
        // Spent 6,018.00 + 1.50 + 0.06; frozen 400 x 10.05 + (2.51 - 1.50) + (0.10 - 0.06).
        #expect(fill.buyerCost == milli(6_019_560))
        #expect(ledger.cashBalance(of: alice) == CashBalance(available: milli(9_959_390), frozen: milli(4_021_050)))
        #expect(buy.frozenCash == milli(4_021_050) && buy.open == shares(400))
        // 6,018.00 - 1.50 - 0.06 - 3.01.
        #expect(fill.sellerProceeds == milli(6_013_430))
        #expect(ledger.cashBalance(of: bob).available == milli(6_013_430))
        #expect(ledger.cashBalance(of: HouseAccount.commission).available == milli(3000))
        #expect(ledger.cashBalance(of: HouseAccount.transferFee).available == milli(120))
        #expect(ledger.cashBalance(of: HouseAccount.stampDuty).available == milli(3010))  // together 6.13

        #expect(ledger.release(&buy) == true)
        #expect(ledger.cashBalance(of: alice) == CashBalance(available: milli(13_980_440)))
        #expect(ledger.position(of: alice, in: stock) == Position(unsettled: shares(600)))
        #expect(ledger.position(of: bob, in: stock) == Position(settled: shares(400)))
        #expect(ledger.checkInvariants() == [])
        #expect(ledger.checkHolds([buy, sale]) == [])
        #expect(ledger.runningSums.areSound == true)
    }

    @Test("The transfers of a fill say the same as its totals")
    func transfers() throws {
        var ledger = try ledgerOfTwo()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_050), quantity: shares(1000))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(600)).get()
        let fill = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_030), quantity: shares(600)).get()
        func net(_ account: AccountID) -> Int64 {
            fill.cashTransfers.reduce(0) {
                $0 + ($1.credit == account ? $1.amount.milli : 0) - ($1.debit == account ? $1.amount.milli : 0)
            }
        }
        #expect(net(alice) == -6_019_560 && net(bob) == 6_013_430)
        #expect(net(HouseAccount.commission) == 3000)
        #expect(net(HouseAccount.transferFee) == 120 && net(HouseAccount.stampDuty) == 3010)
        #expect(fill.cashTransfers.count == 6 && fill.cashTransfers.allSatisfy { $0.amount > .zero })
        #expect(
            fill.shareTransfer == ShareTransfer(debit: bob, credit: alice, instrument: stock, quantity: shares(600)))
    }

    @Test("A thousand fills of one share cost what one fill of a thousand costs", arguments: [1, 2, 3, 7, 1000])
    func manySmallFills(pieces: Int64) throws {
        var ledger = try ledgerOfTwo()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_050), quantity: shares(1000))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(1000)).get()
        for piece in 0..<pieces {
            let quantity = 1000 * (piece + 1) / pieces - 1000 * piece / pieces
            _ = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_050), quantity: shares(quantity)).get()
            let frozen = ledger.cashBalance(of: alice).frozen
            #expect(frozen == buy.frozenCash)
        }
        // 10,050.00: commission 2.5125 -> 2.51, transfer fee 0.1005 -> 0.10, stamp duty 5.025 -> 5.03.
        #expect(ledger.cashBalance(of: alice) == CashBalance(available: milli(20_000_000 - 10_052_610)))
        #expect(ledger.cashBalance(of: bob).available == milli(10_050_000 - 2510 - 100 - 5030))
        #expect(!buy.isOpen && !sale.isOpen)
        #expect(ledger.checkInvariants() == [])
    }

    @Test("Netting A-B 300 at 10, B-C 200 at 11, C-A 100 at 12 leaves one number a member and asset")
    func netting() {
        func trade(_ buyer: AccountID, _ seller: AccountID, _ quantity: Int64, _ at: Int64) -> FillPosting {
            FillPosting(
                buyer: buyer, seller: seller, instrument: stock, price: price(at * 1000), quantity: shares(quantity),
                value: milli(quantity * at * 1000), buyerFees: Fees(), sellerFees: Fees())
        }
        let trades = [trade(alice, bob, 300, 10), trade(bob, carol, 200, 11), trade(carol, alice, 100, 12)]
        let expected = [
            Obligation(account: alice, asset: .shares(stock), amount: 200),
            Obligation(account: bob, asset: .shares(stock), amount: -100),
            Obligation(account: carol, asset: .shares(stock), amount: -100),
            Obligation(account: alice, asset: .cash, amount: -1_800_000),
            Obligation(account: bob, asset: .cash, amount: 800_000),
            Obligation(account: carol, asset: .cash, amount: 1_000_000),
        ]
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            var netting = Netting()
            for index in order { netting.add(trades[index]) }
            #expect(netting.obligations() == expected)
        }
    }
}
