import Ledger
import Market
import TestData
import Testing

/// The ledger and the naive one side by side under one stream of random operations.
private struct Comparison: ~Copyable {
    typealias Pair = ReferenceLedger.Pair
    static let clients: ClosedRange<UInt32> = 16...47
    static let instruments = 6

    let seed: UInt64
    let fees: FeeSchedule
    var random: SplitMix64
    var ledger: Ledger
    var reference = ReferenceLedger(clients: clients)
    var holds: [Int: OrderHold] = [:]
    /// Ids of `holds`, in an order that does not depend on hashing.
    var ids: [Int] = []
    var nextID = 0
    var date = day(20_230_828)
    var accepted = 0
    var refused: [LedgerRefusal: Int] = [:]
    /// What a database would hold: only what drains wrote.
    var storedCash: [AccountID: CashBalance] = [:]
    var storedShares: [Pair: Position] = [:]
    var netting = Netting()

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        // Every other seed charges 10 % and more an item, so that small sales meet the cap of the seller's fees.
        fees = seed % 2 == 0 ? schedule(110_000, 120_000, 130_000) : goldenFees()
        ledger = Ledger(accountsMax: Self.clients.count, fees: fees)
        reference.rates = (Int64(fees.commission), Int64(fees.transferFee), Int64(fees.stampDuty))
    }

    mutating func run(operations: Int) {
        for operation in 1...operations {
            step()
            if operation % 64 == 0 { drain() }
            if operation % 5000 == 0 { compareEverything() }
        }
        drain()
        compareEverything()
    }

    private mutating func step() {
        switch random.below(100) {
        case 0..<4: deposit()
        case 4..<6: withdraw()
        case 6..<10: depositShares()
        case 10..<32: enter(.buy)
        case 32..<52: enter(.sell)
        case 52..<82: fill()
        case 82..<90: cancel()
        case 90..<99: replace()
        default: if random.below(20) == 0 { rollDay() } else { fill() }
        }
    }

    // MARK: Random input, some of it absurd

    private mutating func account() -> AccountID {
        random.below(200) == 0
            ? AccountID([0, 4, 15, 48, .max][random.below(5)]) : AccountID(16 + UInt32(random.below(32)))
    }

    private mutating func instrument() -> InstrumentID { InstrumentID(UInt32(random.below(Self.instruments))) }

    private mutating func amount(below bound: Int) -> Int64 {
        random.below(100) == 0 ? -Int64(random.below(3)) : Int64(1 + random.below(bound))
    }

    /// Now and then prices and quantities of a cent or less, where fees round to more than the value.
    private mutating func limit() -> Int64 { amount(below: random.below(4) == 0 ? 30 : 20_000) }
    private mutating func quantity() -> Int64 { amount(below: random.below(4) == 0 ? 5 : 2000) }
    private mutating func anyOrder() -> Int? { ids.isEmpty ? nil : ids[random.below(ids.count)] }

    // MARK: One operation on both

    private mutating func deposit() {
        let (account, amount) = (account(), amount(below: 20_000_000))
        let outcome = ledger.deposit(account, Money(milli: amount)).refusal
        check(outcome, reference.deposit(account, amount), "deposit", [account])
    }

    private mutating func withdraw() {
        let (account, amount) = (account(), amount(below: 10_000_000))
        let outcome = ledger.withdraw(account, Money(milli: amount)).refusal
        check(outcome, reference.withdraw(account, amount), "withdraw", [account])
    }

    private mutating func depositShares() {
        let (pair, quantity) = (Pair(account: account(), instrument: instrument()), quantity())
        let outcome = ledger.depositShares(pair.account, pair.instrument, Quantity(quantity)).refusal
        check(outcome, reference.depositShares(pair, quantity), "deposit shares", [pair.account])
    }

    private mutating func enter(_ side: Side) {
        let order = ReferenceLedger.Order(
            side: side, account: account(), instrument: instrument(), price: limit(), open: quantity())
        let result =
            side == .buy
            ? ledger.holdForBuy(
                account: order.account, instrument: order.instrument, price: Price(milli: order.price),
                quantity: Quantity(order.open))
            : ledger.holdForSell(
                account: order.account, instrument: order.instrument, quantity: Quantity(order.open))
        check(result.refusal, reference.enter(nextID, order), "enter", [order.account])
        if case .success(let hold) = result {
            holds[nextID] = hold
            ids.append(nextID)
        }
        nextID += 1
    }

    private mutating func fill() {
        guard let first = anyOrder(), let second = counterpart(of: first) else { return }
        guard var buyer = holds[first], var seller = holds[second] else { return }
        let price = random.below(20) == 0 ? limit() : Int64(1 + random.below(Int(max(buyer.price.milli, 1))))
        let most = Int(min(buyer.open, seller.open).shares)
        let quantity = random.below(20) == 0 ? quantity() : Int64(1 + random.below(most))
        let expected = reference.fill(buy: first, sell: second, price: price, quantity: quantity)
        let result = ledger.fill(
            buyer: &buyer, seller: &seller, price: Price(milli: price), quantity: Quantity(quantity))
        check(result.refusal, expected.refusal, "fill", [buyer.account, seller.account])
        if case .success(let posting) = result, case .success(let (cost, proceeds)) = expected {
            expect(posting.buyerCost.milli == cost && posting.sellerProceeds.milli == proceeds, "legs of \(posting)")
            netting.add(posting)
        }
        for (id, hold) in [(first, buyer), (second, seller)] { keep(id, hold) }
    }

    /// Mostly a sale of the same instrument; now and then whatever order comes, the same one included.
    private mutating func counterpart(of first: Int) -> Int? {
        guard random.below(30) > 0 else { return anyOrder() }
        let start = random.below(ids.count)
        for offset in 0..<min(ids.count, 40) {
            let id = ids[(start + offset) % ids.count]
            if holds[id]?.side == .sell, holds[id]?.instrument == holds[first]?.instrument { return id }
        }
        return nil
    }

    private mutating func cancel() {
        guard let id = anyOrder(), var hold = holds[id] else { return }
        expect(ledger.release(&hold), "an open order holds something")
        expect(!ledger.release(&hold), "released already")
        reference.cancel(id)
        check(nil, nil, "cancel", [hold.account])
        keep(id, hold)
    }

    private mutating func replace() {
        guard let id = anyOrder(), var hold = holds[id] else { return }
        let (price, open) = (limit(), quantity())
        let expected = reference.replace(id, price: price, open: open)
        let outcome = ledger.replaceHold(&hold, price: Price(milli: price), open: Quantity(open))
        check(outcome, expected, "replace", [hold.account])
        keep(id, hold)
    }

    private mutating func rollDay() {
        if !ids.isEmpty { expect(ledger.rollDay(date).refusal == .holdsOpen, "a day with open orders does not roll") }
        for id in ids {
            if var hold = holds[id] { ledger.release(&hold) }
            reference.cancel(id)
        }
        holds = [:]
        ids = []
        expect(ledger.rollDay(date).refusal == nil, "a day without open orders rolls")
        reference.rollDay()
        date = date.adding(days: 1) ?? date
        compareEverything()
    }

    private mutating func keep(_ id: Int, _ hold: OrderHold) {
        holds[id] = hold.isOpen ? hold : nil
        if !hold.isOpen { ids.removeAll { $0 == id } }
    }

    // MARK: Comparing

    private func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { Issue.record("seed \(seed), order \(nextID): \(what())") }
    }

    private mutating func check(
        _ outcome: LedgerRefusal?, _ expected: LedgerRefusal?, _ what: String, _ accounts: [AccountID]
    ) {
        if let outcome { refused[outcome, default: 0] += 1 } else { accepted += 1 }
        let outcomes = [outcome, expected]
        expect(outcome == expected, "\(what), done and wanted: \(outcomes)")
        for account in accounts where Self.clients.contains(account.rawValue) {
            let (balance, wanted) = (ledger.cashBalance(of: account), reference.balance(account))
            expect(balance == wanted, "\(what): \(balance) instead of \(wanted)")
        }
        expect(ledger.runningSums.areSound, "\(what): \(ledger.runningSums)")
    }

    private mutating func drain() {
        var seen: Set<AccountID> = []
        var (cash, shares) = (storedCash, storedShares)
        let (accounts, positions) = (ledger.dirtyAccountCount, ledger.dirtyPositionCount)
        var visited = 0
        var repeats = false
        ledger.drainDirty(
            accounts: { account, balance in
                repeats = !seen.insert(account).inserted || repeats
                cash[account] = balance
            },
            positions: { account, instrument, position in
                visited += 1
                shares[Pair(account: account, instrument: instrument)] = position
            })
        (storedCash, storedShares) = (cash, shares)
        expect(!repeats && seen.count == accounts && visited == positions, "each changed row once")
        expect(ledger.dirtyAccountCount == 0 && ledger.dirtyPositionCount == 0, "nothing dirty after a drain")
    }

    private func compareEverything() {
        expect(ledger.checkInvariants().isEmpty, "\(ledger.checkInvariants())")
        expect(ledger.checkHolds(holds.values).isEmpty, "\(ledger.checkHolds(holds.values))")
        for number in 0..<Self.clients.upperBound {
            let account = AccountID(number)
            expect(ledger.cashBalance(of: account) == reference.balance(account), "cash of \(account)")
            for instrument in 0..<UInt32(Self.instruments) {
                let pair = Pair(account: account, instrument: InstrumentID(instrument))
                let position = ledger.position(of: account, in: pair.instrument)
                expect(position == reference.position(pair), "\(pair)")
                expect(ledger.sellable(account, pair.instrument).shares == reference.sellable(pair), "\(pair)")
            }
        }
    }

    /// A second ledger from what the drains wrote and what the order rows say equals the first.
    func compareRecovered() {
        var recovered = Ledger(accountsMax: Self.clients.count, fees: fees)
        // A hold does not mark a row as changed: what orders freeze is in their own rows.
        for (account, stored) in storedCash {
            let held = holds.values.filter { $0.account == account }.reduce(Money.zero) { $0 + $1.frozenCash }
            let balance = CashBalance(
                available: stored.total - held, frozen: held, unsettled: stored.unsettled)
            expect(recovered.restoreCash(account, balance) == nil, "restore \(account)")
        }
        for (pair, stored) in storedShares {
            let held = holds.values.filter { $0.account == pair.account && $0.instrument == pair.instrument }
                .reduce(Quantity.zero) { $0 + $1.frozenShares }
            let position = Position(settled: stored.settled, unsettled: stored.unsettled, frozen: held)
            expect(recovered.restorePosition(pair.account, pair.instrument, position) == nil, "restore \(pair)")
        }
        expect(recovered.checkInvariants().isEmpty, "\(recovered.checkInvariants())")
        expect(recovered.dirtyAccountCount + recovered.dirtyPositionCount == 0, "restoring changes nothing")
        var rebuilt: [OrderHold] = []
        for id in ids {
            guard let hold = holds[id] else { continue }
            let result = recovered.restoredHold(
                account: hold.account, instrument: hold.instrument, side: hold.side, price: hold.price,
                open: hold.open, cumulativeQuantity: hold.cumulativeQuantity, cumulativeValue: hold.cumulativeValue)
            guard case .success(let copy) = result else { return expect(false, "\(result)") }
            expect(copy.frozenCash == hold.frozenCash && copy.frozenShares == hold.frozenShares, "\(copy)")
            rebuilt.append(copy)
        }
        expect(recovered.checkHolds(rebuilt).isEmpty, "\(recovered.checkHolds(rebuilt))")
        for number in 0..<Self.clients.upperBound {
            let account = AccountID(number)
            expect(recovered.cashBalance(of: account) == ledger.cashBalance(of: account), "recovered \(account)")
        }
    }
}

@Suite struct RandomComparisonTests {
    @Test("300,000 random operations agree with the naive ledger, outcome by outcome", arguments: [1, 2, 3, 4, 5, 6])
    func agreement(seed: UInt64) {
        var comparison = Comparison(seed: seed)
        comparison.run(operations: 50_000)
        comparison.compareRecovered()
        #expect(comparison.accepted > 20_000)
        // The stream is worth something only if it meets the refusals that input can cause.
        for refusal in [
            LedgerRefusal.invalidQuantity, .invalidPrice, .invalidAmount, .unknownAccount, .holdMismatch,
            .quantityBeyondOpen, .priceBeyondHold, .insufficientFunds, .insufficientShares,
        ] {
            #expect(comparison.refused[refusal, default: 0] > 0, "\(refusal) never happened, seed \(seed)")
        }
        for total in Dictionary(grouping: comparison.netting.obligations(), by: \.asset).values {
            #expect(total.reduce(0) { $0 + $1.amount } == 0)
        }
    }

    @Test("The same seed gives the same ledger, row by row in the same order")
    func determinism() {
        func digest() -> [String] {
            var comparison = Comparison(seed: 99)
            comparison.run(operations: 5000)
            var rows: [String] = []
            comparison.ledger.forEachCash { rows.append("\($0) \($1)") }
            comparison.ledger.forEachPosition { rows.append("\($0) \($1) \($2)") }
            return rows
        }
        let first = digest()
        #expect(first.count > 100)
        #expect(first == digest())
    }
}
