import Ledger
import Market
import TestData
import Testing

@Suite struct SettlementTests {
    @Test("Shares bought today are sold from tomorrow, proceeds leave from tomorrow and buy today")
    func nextDay() throws {
        var ledger = try ledgerOfTwo(cash: 10_000_000, fees: schedule(0, 0, 0))
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(600))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(600)).get()
        _ = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_000), quantity: shares(600)).get()

        #expect(ledger.sellable(alice, stock) == .zero)
        let early = ledger.holdForSell(account: alice, instrument: stock, quantity: shares(1))
        #expect(early.refusal == .insufficientShares)
        #expect(ledger.withdrawable(bob) == .zero)
        #expect(ledger.withdraw(bob, milli(1)).refusal == .insufficientFunds)
        var spend = try ledger.holdForBuy(account: bob, instrument: stock, price: price(10_000), quantity: shares(600))
            .get()
        #expect(ledger.rollDay(day(20_230_711)).refusal == .holdsOpen)
        ledger.release(&spend)

        #expect(try ledger.rollDay(day(20_230_711)).get() == 2)  // Bob's cash, Alice's shares
        #expect(ledger.position(of: alice, in: stock) == Position(settled: shares(600)))
        #expect(ledger.sellable(alice, stock) == shares(600))
        #expect(ledger.withdrawable(bob) == milli(6_000_000))
        #expect(ledger.withdraw(bob, milli(6_000_001)).refusal == .insufficientFunds)
        #expect(ledger.withdraw(bob, milli(6_000_000)).refusal == nil)
        #expect(ledger.checkInvariants() == [])
    }

    @Test("Purchases use settled cash first: no unsettled yuan leaves")
    func withdrawable() throws {
        var ledger = try ledgerOfTwo(cash: 10_000_000, fees: schedule(0, 0, 0))
        _ = try ledger.deposit(bob, milli(1_000_000)).get()
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(50))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(50)).get()
        _ = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_000), quantity: shares(50)).get()
        #expect(ledger.withdrawable(bob) == milli(1_000_000))
        _ = try ledger.holdForBuy(account: bob, instrument: stock, price: price(10_000), quantity: shares(30)).get()
        // 1,000 settled + 500 of today - 300 frozen, of which 700 may leave.
        #expect(ledger.withdrawable(bob) == milli(700_000))
    }

    @Test("Rolling a day again, or an earlier one, changes nothing")
    func rollTwice() throws {
        var ledger = try ledgerOfTwo(cash: 10_000_000)
        let cheap = schedule(100, 10, 500)
        #expect(try ledger.rollDay(day(20_230_711), nextFees: cheap).get() == 0)
        #expect(ledger.fees == cheap)
        var buy = try ledger.holdForBuy(account: alice, instrument: stock, price: price(10_000), quantity: shares(100))
            .get()
        var sale = try ledger.holdForSell(account: bob, instrument: stock, quantity: shares(100)).get()
        _ = try ledger.fill(buyer: &buy, seller: &sale, price: price(10_000), quantity: shares(100)).get()
        #expect(try ledger.rollDay(day(20_230_711), nextFees: goldenFees()).get() == 0)
        #expect(try ledger.rollDay(day(20_230_710)).get() == 0)
        #expect(ledger.position(of: alice, in: stock).unsettled == shares(100))
        #expect(ledger.fees == cheap)
        #expect(ledger.settledThrough == day(20_230_711))
        #expect(try ledger.rollDay(day(20_230_712)).get() == 2)
        ledger.restoreSettledThrough(day(20_230_720))
        #expect(try ledger.rollDay(day(20_230_719)).get() == 0)
    }

    /// A day of random trades between 40 accounts in 10 instruments.
    private func trades(seed: UInt64, count: Int) -> [FillPosting] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in
            let (at, quantity) = (Int64(1 + random.below(50_000)), Int64(1 + random.below(10_000)))
            return FillPosting(
                buyer: AccountID(16 + UInt32(random.below(40))), seller: AccountID(16 + UInt32(random.below(40))),
                instrument: InstrumentID(UInt32(random.below(10))), price: price(at), quantity: shares(quantity),
                value: milli(at * quantity), buyerFees: Fees(), sellerFees: Fees())
        }
    }

    @Test("Nets sum to zero, do not depend on order or parts, and equal the sums by hand", arguments: 1...20)
    func nettingProperties(seed: UInt64) {
        let fills = trades(seed: seed, count: 2000)
        var forward = Netting()
        var backward = Netting()
        var (first, second) = (Netting(), Netting())
        var byHand: [AccountID: [Asset: Int64]] = [:]
        for (index, fill) in fills.enumerated() {
            forward.add(fill)
            backward.add(fills[fills.count - 1 - index])
            if index % 3 == 0 { first.add(fill) } else { second.add(fill) }
            byHand[fill.buyer, default: [:]][.cash, default: 0] -= fill.value.milli
            byHand[fill.seller, default: [:]][.cash, default: 0] += fill.value.milli
            byHand[fill.buyer, default: [:]][.shares(fill.instrument), default: 0] += fill.quantity.shares
            byHand[fill.seller, default: [:]][.shares(fill.instrument), default: 0] -= fill.quantity.shares
        }
        first.add(second)
        let obligations = forward.obligations()
        #expect(obligations == backward.obligations() && obligations == first.obligations(), "seed \(seed)")
        var sums: [Asset: Int64] = [:]
        for obligation in obligations {
            sums[obligation.asset, default: 0] += obligation.amount
            #expect(byHand[obligation.account]?[obligation.asset] == obligation.amount)
        }
        let nonzero = byHand.values.reduce(0) { $0 + $1.values.filter { $0 != 0 }.count }
        #expect(obligations.count == nonzero)
        #expect(sums.count == 11 && sums.values.allSatisfy { $0 == 0 })
        #expect(!forward.hasOverflowed)
    }

    @Test("Amounts past 64 bits are told, not wrapped in silence")
    func overflow() {
        var netting = Netting()
        let huge = FillPosting(
            buyer: alice, seller: bob, instrument: stock, price: price(1), quantity: shares(1), value: milli(.max),
            buyerFees: Fees(), sellerFees: Fees())
        netting.add(huge)
        #expect(!netting.hasOverflowed)
        netting.add(huge)
        #expect(netting.hasOverflowed)
        var other = Netting()
        other.add(netting)
        #expect(other.hasOverflowed)
    }

    @Test("A settlement killed at any step and run again posts every transfer once", arguments: [7, 8] as [UInt64])
    func killAnywhere(seed: UInt64) {
        var netting = Netting()
        for fill in trades(seed: seed, count: 200) { netting.add(fill) }
        let transfers = Settlement.transfers(of: netting, date: day(20_230_711))
        #expect(transfers.count > 100)
        var sums: [Asset: Int64] = [:]
        var flat = 0
        for killed in 0...transfers.count {
            if killed > 0 {
                sums[transfers[killed - 1].obligation.asset, default: 0] += transfers[killed - 1].obligation.amount
            }
            var again = Settlement(date: day(20_230_711))
            for stored in transfers.prefix(killed) { #expect(again.post(stored) == .posted) }
            // Between two assets the counterparty is flat, within one only where its sum happens to be zero.
            let isFlat = sums.values.allSatisfy { $0 == 0 }
            flat += isFlat ? 1 : 0
            #expect(again.isFlat == isFlat, "\(killed) transfers of seed \(seed)")
            let outcomes = transfers.map { again.post($0) }
            #expect(outcomes.filter { $0 == .alreadyPosted }.count == killed)
            #expect(outcomes.filter { $0 == .posted }.count == transfers.count - killed)
            #expect(again.isFlat && again.count == transfers.count)
        }
        #expect(flat >= sums.count + 1 && flat < transfers.count / 2)
    }

    @Test("A transfer of another day or with another amount is refused")
    func conflicts() {
        func transfer(_ date: Int, _ amount: Int64) -> SettlementTransfer {
            SettlementTransfer(
                date: day(date), obligation: Obligation(account: alice, asset: .shares(stock), amount: amount))
        }
        var settlement = Settlement(date: day(20_230_711))
        #expect(settlement.post(transfer(20_230_712, 5)) == .refused(.settlementConflict))
        #expect(settlement.post(transfer(20_230_711, 5)) == .posted)
        #expect(settlement.post(transfer(20_230_711, 5)) == .alreadyPosted)
        #expect(settlement.post(transfer(20_230_711, 6)) == .refused(.settlementConflict))
        #expect(settlement.counterpartyBalance(.shares(stock)) == -5)
        #expect(settlement.counterpartyBalance(.cash) == 0)
        let other = Obligation(account: bob, asset: .shares(stock), amount: .max)
        #expect(settlement.post(.init(date: day(20_230_711), obligation: other)) == .refused(.totalTooLarge))
        #expect(settlement.count == 1)
    }

    @Test("What the ledger moved in a day is what netting says, fees aside")
    func ledgerAgreesWithNetting() throws {
        var ledger = Ledger(accountsMax: 3, fees: goldenFees())
        let members = [alice, bob, carol]
        for member in members {
            _ = try ledger.deposit(member, milli(1_000_000_000)).get()
            _ = try ledger.depositShares(member, stock, shares(100_000)).get()
        }
        var random = SplitMix64(seed: 5)
        var netting = Netting()
        var fees: [AccountID: Int64] = [:]
        for _ in 0..<300 {
            let (buyer, seller) = (members[random.below(3)], members[random.below(3)])
            let (at, quantity) = (price(Int64(1 + random.below(20_000))), shares(Int64(1 + random.below(100))))
            var buy = try ledger.holdForBuy(account: buyer, instrument: stock, price: at, quantity: quantity).get()
            var sale = try ledger.holdForSell(account: seller, instrument: stock, quantity: quantity).get()
            let fill = try ledger.fill(buyer: &buy, seller: &sale, price: at, quantity: quantity).get()
            netting.add(fill)
            fees[buyer, default: 0] += fill.buyerFees.total.milli
            fees[seller, default: 0] += fill.sellerFees.total.milli
        }
        for obligation in netting.obligations() {
            let account = obligation.account
            switch obligation.asset {
            case .cash:
                let gained = ledger.cashBalance(of: account).total.milli - 1_000_000_000
                #expect(gained + (fees[account] ?? 0) == obligation.amount)
            case .shares:
                #expect(ledger.position(of: account, in: stock).total.shares - 100_000 == obligation.amount)
            }
        }
        _ = try ledger.rollDay(day(20_230_711)).get()
        for member in members { #expect(ledger.position(of: member, in: stock).unsettled == .zero) }
    }
}
