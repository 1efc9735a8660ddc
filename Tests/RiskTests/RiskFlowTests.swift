import Market
import Risk
import TestData
import Testing

@Suite("Whole flows")
struct RiskFlowTests {
    @Test("With the defaults, limit orders around the mid by accounts of ordinary activity are all accepted")
    func demo() {
        let seed: UInt64 = 11
        var random = SplitMix64(seed: seed)
        var scenario = RiskScenario()
        scenario.context.availableCash = Money(milli: 1 << 50)
        scenario.context.sellableShares = Quantity(1 << 40)
        scenario.context.position = Quantity(1 << 40)
        var engine = scenario.makeEngine()
        for number in 0..<20_000 {
            scenario.context.time += 66_000
            demoRequest(&scenario.context, &random)
            let verdict = engine.evaluate(scenario.context)
            #expect(verdict.isAccepted, "seed \(seed), order \(number): \(verdict.failed.numbers)")
            live(scenario.context, verdict, &engine.state, &random)
        }
        #expect(engine.counters.requests == 20_000 && engine.counters.rejected == 0)
    }

    /// Prices within 2 % of the mid, 100 to 5,000 shares, 1,500 accounts.
    private func demoRequest(_ context: inout RiskContext, _ random: inout SplitMix64) {
        context.request.account = AccountID(16 + UInt32.random(in: 0..<1_500, using: &random))
        context.account?.id = context.request.account
        context.request.side = Bool.random(using: &random) ? .buy : .sell
        context.request.price = Price(milli: 10_000 + Int64.random(in: -20...20, using: &random) * 10)
        context.request.quantity = Quantity(100 * Int64.random(in: 1...50, using: &random))
        context.request.transactTime = context.time
        context.request.sendingTime = context.time
    }

    private func live(
        _ context: RiskContext, _ verdict: RiskVerdict, _ state: inout RiskState, _ random: inout SplitMix64
    ) {
        let request = context.request
        let order = RiskOrder(
            account: request.account, instrument: request.instrument, side: request.side, price: verdict.valuation)
        state.accepted(order, quantity: request.quantity)
        guard Bool.random(using: &random) else { return state.closed(order, leaves: request.quantity) }
        state.filled(
            order, price: request.price, quantity: request.quantity, leaves: .zero, time: context.time)
        state.traded(request.instrument, price: request.price, quantity: request.quantity, time: context.time)
    }

    @Test("Recorded exchange flow by one account, anywhere in a 20 % band, is accepted with the replay's limits")
    func exchangeReplay() {
        let seed: UInt64 = 12
        var random = SplitMix64(seed: seed)
        var scenario = RiskScenario()
        scenario.limits = .exchangeReplay
        scenario.context.instrument?.limitDown = Price(milli: 8_000)
        scenario.context.instrument?.limitUp = Price(milli: 12_000)
        scenario.context.availableCash = Money(milli: 1 << 60)
        scenario.context.sellableShares = Quantity(1 << 40)
        scenario.context.position = Quantity(1 << 40)
        var engine = scenario.makeEngine()
        for number in 0..<15_000 {
            replayRequest(&scenario.context, number, &random)
            let verdict = engine.evaluate(scenario.context)
            #expect(verdict.isAccepted, "seed \(seed), order \(number): \(verdict.failed.numbers)")
            live(scenario.context, verdict, &engine.state, &random)
        }
        // The flow does break brokers' rules, or the preset would prove nothing.
        for number in [9, 15, 51, 52, 58, 59, 60, 115] as [UInt8] {
            #expect(engine.counters.warned(number) > 0, "rule \(number)")
        }
    }

    /// Years old, thousands a second, sweeping, up to the exchange's maximum, odd lots on the sell side.
    private func replayRequest(_ context: inout RiskContext, _ number: Int, _ random: inout SplitMix64) {
        context.time += 100
        context.phase = number < 5_000 ? .openingCall : .continuous
        context.request.side = Bool.random(using: &random) ? .buy : .sell
        context.request.price = Price(milli: Int64.random(in: 800...1_200, using: &random) * 10)
        let lots = 100 * Int64.random(in: 1...10_000, using: &random)
        let isOdd = context.request.side == .sell && lots < 1_000_000 && Int.random(in: 0..<50, using: &random) == 0
        context.request.quantity = Quantity(isOdd ? lots + 37 : lots)
        context.request.transactTime = 1_000_000
        context.request.sendingTime = 1_000_000
        context.book.sweptLevels = Int32.random(in: 0...60, using: &random)
        context.book.sweptQuantity = Quantity(1_000)
        context.book.sweptValue = Money(milli: 1_000 * Int64.random(in: 8_000...12_000, using: &random))
    }
}
