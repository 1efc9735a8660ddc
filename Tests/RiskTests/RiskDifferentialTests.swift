import Market
import Risk
import TestData
import Testing

@Suite("The state against plain histories")
struct RiskDifferentialTests {
    @Test("Random days judge like the naive state", arguments: 1...24 as ClosedRange<UInt64>)
    func differential(_ seed: UInt64) {
        var day = RandomDay(seed: seed)
        for step in 0..<1_200 {
            day.step()
            guard day.mismatch == nil else { break }
            if step == 700 { day.beginDay() }
        }
        #expect(day.mismatch == nil, "seed \(seed): \(day.mismatch ?? "")")
        #expect(day.accepted > 100, "seed \(seed)")
    }

    @Test("The random days make every stateful rule fail, and hold")
    func coverage() {
        var failed: Set<UInt8> = []
        for seed in 1...24 as ClosedRange<UInt64> {
            var day = RandomDay(seed: seed)
            for _ in 0..<1_200 { day.step() }
            failed.formUnion(day.failedRules)
        }
        #expect(failed == Set(NaiveRiskState.rules))
    }

    @Test("A state rebuilt from open orders and the day's sums judges like the one that lived", arguments: 31...36)
    func recovery(_ seed: UInt64) {
        var day = RandomDay(seed: seed)
        for _ in 0..<800 { day.step() }
        #expect(day.rebuiltMismatch() == nil, "seed \(seed)")
    }
}

/// A fast engine and a naive one under the same random requests and events.
struct RandomDay: ~Copyable {
    private var random: SplitMix64
    private var engine: RiskEngine
    private var naive: NaiveRiskState
    private var time = RiskScenario.start
    private let limits: RiskLimits
    /// Even seeds reach the pairs' limits, odd ones the accounts' and the firm's.
    private let pairMax: Quantity
    private(set) var accepted = 0
    private(set) var mismatch: String?
    private(set) var failedRules: Set<UInt8> = []

    private static let capacity = RiskCapacity(accountsMax: 64, instrumentsMax: 8, sessionsMax: 8)

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        limits = Self.tightLimits()
        pairMax = Quantity(seed % 2 == 0 ? 4_000 : 40_000)
        engine = RiskEngine(limits: limits, capacity: Self.capacity)
        naive = NaiveRiskState(limits: limits)
    }

    /// Limits that a few dozen orders reach.
    private static func tightLimits() -> RiskLimits {
        var scenario = RiskScenario()
        scenario.limit(.riskWarningDailyBuy, 3_000)
        scenario.limit(.dynamicCollar, 120)
        scenario.limit(.periodCollar, 100, second: 2_000_000)
        scenario.limit(.fatFingerLast, 3, second: 5)
        scenario.limit(.tradeReasonability, 3, second: 2)
        scenario.limit(.multipleOfOwnAverage, 3, second: 5)
        scenario.limit(.grossValueFirm, 700_000_000)
        scenario.limit(.openOrdersInstrument, 4)
        scenario.limit(.openOrdersAtPrice, 2)
        scenario.limit(.sessionMessageRate, 4, second: 3)
        scenario.limit(.accountMessageRate, 5)
        scenario.limit(.accountDailyMessages, 120)
        scenario.limit(.firmMessageRate, 11, second: 6)
        scenario.limit(.instrumentMessageRate, 4, second: 4)
        scenario.limit(.duplicateOrder, 1, second: 4_000_000)
        return scenario.limits
    }

    private func profile(_ account: AccountID) -> AccountProfile {
        AccountProfile(
            id: account, dailyBuyQuantityMax: pairMax, dailySellQuantityMax: pairMax,
            grossValueMax: Money(milli: 220_000_000), openOrderValueMax: Money(milli: 25_000_000), openOrdersMax: 9,
            version: 1)
    }

    private func instrument(_ id: InstrumentID) -> Instrument {
        Instrument(
            id: id, symbol: 600_000 + id.rawValue, board: id.rawValue == 0 ? .riskWarning : .main,
            previousClose: Price(milli: 10_000), limitDown: Price(milli: 9_000), limitUp: Price(milli: 11_000))
    }

    mutating func step() {
        time += Int64.random(in: 0...120_000, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: enter()
        case 5: replace()
        case 6: cancel()
        case 7...8: fill()
        default: expire()
        }
    }

    /// Everything but open orders, and what is not of a day (rates, means), starts anew.
    mutating func beginDay() {
        engine.state.beginDay()
        naive.fillsToday = []
        naive.fillsEver = []
        naive.messagesToday = []
    }

    private mutating func context(_ kind: RequestKind) -> RiskContext {
        var context = RiskScenario().context
        context.request.kind = kind
        context.request.session = UInt32.random(in: 1...3, using: &random)
        context.request.account = AccountID(16 + UInt32.random(in: 0..<4, using: &random))
        context.request.instrument = InstrumentID(UInt32.random(in: 0..<3, using: &random))
        context.request.side = Bool.random(using: &random) ? .buy : .sell
        context.request.price = Price(milli: 9_900 + 50 * Int64.random(in: 0...4, using: &random))
        context.request.quantity = Quantity(100 * Int64.random(in: 1...4, using: &random) * largeFactor())
        context.time = time
        context.request.transactTime = time
        context.request.sendingTime = time
        context.book.quoteTime = time
        context.position = Quantity(1 << 40)
        return context
    }

    private mutating func largeFactor() -> Int64 { Int.random(in: 0..<12, using: &random) == 0 ? 10 : 1 }

    /// Makes the request one about the open order at `index`.
    private func target(_ index: Int, _ context: inout RiskContext) {
        let item = naive.open[index]
        context.request.account = item.order.account
        context.request.instrument = item.order.instrument
        context.request.side = item.order.side
        context.request.originalClientOrderID = RiskScenario.id("first")
        context.target = RiskTarget(
            isOpen: true, account: item.order.account, instrument: item.order.instrument, side: item.order.side,
            price: item.order.price, cumulative: Quantity(item.cumulative), leaves: Quantity(item.leaves))
    }

    /// Evaluates both, compares; true where the request is accepted.
    private mutating func judge(_ context: inout RiskContext) -> Bool {
        let profile = profile(context.request.account)
        let instrument = instrument(context.request.instrument)
        context.account = profile
        context.instrument = instrument
        context.sellableShares = Quantity(1 << 40)
        let expected = naive.failures(context, profile: profile, instrument: instrument)
        let verdict = engine.evaluate(context)
        let found = Set((verdict.failed | verdict.warned).numbers).intersection(NaiveRiskState.rules)
        failedRules.formUnion(expected)
        if found != expected {
            mismatch = "\(context.request.kind): found \(found.sorted()), expected \(expected.sorted())"
        }
        guard verdict.isAccepted else { return false }
        accepted += 1
        let message = NaiveRiskState.Message(
            account: context.request.account, time: time, request: context.request, price: verdict.valuation.milli)
        naive.messagesToday.append(message)
        naive.messagesEver.append(message)
        return true
    }

    private func order(_ request: OrderRequest) -> RiskOrder {
        RiskOrder(
            account: request.account, instrument: request.instrument, side: request.side, price: request.price)
    }

    private mutating func enter() {
        var context = context(.new)
        guard judge(&context) else { return }
        let order = order(context.request)
        engine.state.accepted(order, quantity: context.request.quantity)
        naive.open.append(.init(order: order, cumulative: 0, leaves: context.request.quantity.shares))
    }

    private mutating func replace() {
        guard let index = naive.open.indices.randomElement(using: &random) else { return }
        let old = naive.open[index]
        // The reference finds the target by its terms: an order with a twin would be taken out twice.
        guard naive.open.filter({ $0.order == old.order && $0.leaves == old.leaves }).count == 1 else { return }
        var context = context(.replace)
        target(index, &context)
        context.request.quantity = context.request.quantity + Quantity(old.cumulative)
        guard judge(&context) else { return }
        let order = order(context.request)
        let working = context.request.quantity.shares - old.cumulative
        engine.state.replaced(old.order, leaves: Quantity(old.leaves), by: order, quantity: Quantity(working))
        naive.open.remove(at: index)
        naive.open.append(.init(order: order, cumulative: old.cumulative, leaves: working))
    }

    private mutating func cancel() {
        guard let index = naive.open.indices.randomElement(using: &random) else { return }
        var context = context(.cancel)
        target(index, &context)
        guard judge(&context) else { return }
        close(index)
    }

    private mutating func expire() {
        guard let index = naive.open.indices.randomElement(using: &random) else { return }
        close(index)
    }

    private mutating func close(_ index: Int) {
        let item = naive.open.remove(at: index)
        engine.state.closed(item.order, leaves: Quantity(item.leaves))
    }

    private mutating func fill() {
        guard let index = naive.open.indices.randomElement(using: &random) else { return }
        let item = naive.open[index]
        let quantity = Bool.random(using: &random) ? item.leaves : Int64.random(in: 1...item.leaves, using: &random)
        let price = item.order.price.milli + 10 * Int64.random(in: -3...3, using: &random)
        let fill = NaiveRiskState.Fill(
            account: item.order.account, instrument: item.order.instrument, side: item.order.side, price: price,
            quantity: quantity, time: time)
        engine.state.filled(
            item.order, price: Price(milli: price), quantity: Quantity(quantity),
            leaves: Quantity(item.leaves - quantity), time: time)
        engine.state.traded(fill.instrument, price: Price(milli: price), quantity: Quantity(quantity), time: time)
        naive.fillsToday.append(fill)
        naive.fillsEver.append(fill)
        naive.trades.append(fill)
        naive.open[index].leaves -= quantity
        naive.open[index].cumulative += quantity
        if naive.open[index].leaves == 0 { naive.open.remove(at: index) }
    }

    /// Rebuilds the state as recovery would and asks both for all sums; what differs, if anything.
    mutating func rebuiltMismatch() -> String? {
        var rebuilt = RiskEngine(limits: limits, capacity: Self.capacity)
        for item in naive.open { rebuilt.state.accepted(item.order, quantity: Quantity(item.leaves)) }
        for fill in naive.fillsToday {
            rebuilt.state.restored(
                account: fill.account, instrument: fill.instrument, side: fill.side, quantity: Quantity(fill.quantity),
                value: Money(milli: fill.price * fill.quantity))
        }
        for account in 16..<20 as Range<UInt32> {
            let count = naive.messagesToday.filter { $0.account.rawValue == account }.count
            rebuilt.state.restored(account: AccountID(account), messages: UInt32(count))
        }
        guard rebuilt.state.grossValue == engine.state.grossValue, rebuilt.state.openOrders == naive.open.count else {
            return "totals differ"
        }
        let sums: Set<UInt8> = [48, 73, 74, 75, 76, 77, 78, 79, 80, 116]
        for _ in 0..<300 {
            time += 1_000_000
            var context = context(.new)
            context.account = profile(context.request.account)
            context.instrument = instrument(context.request.instrument)
            context.sellableShares = .zero
            context.availableCash = .zero
            let first = engine.evaluate(context)
            let second = rebuilt.evaluate(context)
            let expected = Set(first.failed.numbers).intersection(sums)
            let found = Set(second.failed.numbers).intersection(sums)
            if found != expected { return "found \(found.sorted()), expected \(expected.sorted())" }
        }
        return nil
    }
}
