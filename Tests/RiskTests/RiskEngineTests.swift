import Market
import Risk
import Testing

@Suite("The risk engine")
struct RiskEngineTests {
    @Test("Of several broken rules the lowest number names the refusal, and all of them are in the mask")
    func precedence() {
        var scenario = RiskScenario()
        scenario.context.request.price = Price(milli: 11_011)
        scenario.context.request.quantity = Quantity(1_001)
        scenario.context.account?.isBlocked = true
        scenario.context.availableCash = .zero
        let verdict = scenario.verdict()
        #expect(verdict.failed.numbers == [7, 8, 24, 49, 81])
        #expect(verdict.rule == 7 && verdict.reason == 3)
        scenario.context.request.price = Price(milli: 11_010)
        #expect(scenario.verdict().rule == 8 && scenario.verdict().reason == 13)
        scenario.context.request.quantity = Quantity(1_000)
        #expect(scenario.verdict().rule == 24 && scenario.verdict().reason == 15)
        scenario.context.account?.isBlocked = false
        #expect(scenario.verdict().rule == 49 && scenario.verdict().reason == 3)
        scenario.context.request.price = Price(milli: 11_000)
        #expect(scenario.verdict().rule == 81 && scenario.verdict().reason == 0)
    }

    @Test("Any two broken rules are refused by the lower one")
    func pairs() {
        let cases = RuleCase.all.filter { RiskScenario().limits[$0.indicator].severity == .reject }
        for first in cases {
            for second in cases where first.indicator.rawValue < second.indicator.rawValue {
                var scenario = RiskScenario()
                first.fails(&scenario)
                second.fails(&scenario)
                let verdict = scenario.verdict()
                #expect(verdict.evaluated == RiskRule.all)
                #expect(verdict.rule == verdict.failed.lowest ?? 0)
                guard verdict.failed.contains(first.indicator) else { continue }
                #expect(verdict.rule <= first.indicator.rawValue && verdict.rule > 0)
            }
        }
    }

    @Test("Reasons are refined: unknown symbol, too late to enter, too late to cancel, another's order")
    func reasons() {
        var unknown = RiskScenario()
        unknown.context.instrument = nil
        unknown.context.request.instrument = OrderRequest.unknownInstrument
        #expect(unknown.verdict().rule == 44 && unknown.verdict().reason == 1)
        var suspended = RiskScenario()
        suspended.context.instrument?.isTradable = false
        #expect(suspended.verdict().rule == 44 && suspended.verdict().reason == 2)
        var late = RiskScenario()
        late.context.phase = .ended
        #expect(late.verdict().rule == 41 && late.verdict().reason == 4)
        late.context.phase = .lunch
        #expect(late.verdict().rule == 41 && late.verdict().reason == 2)
        var filled = RiskScenario()
        filled.cancel()
        filled.context.target.isOpen = false
        #expect(filled.verdict().rule == 17 && filled.verdict().reason == 0)
        filled.context.target = .none
        #expect(filled.verdict().rule == 17 && filled.verdict().reason == 1)
        // Whether it exists, open or not, is not told: the answer is the one of an unknown order.
        var foreign = RiskScenario()
        foreign.cancel()
        foreign.context.target.account = AccountID(101)
        #expect(foreign.verdict().rule == 17 && foreign.verdict().reason == 1)
        #expect(foreign.verdict().failed.numbers == [17, 18])
        foreign.context.target.isOpen = false
        #expect(foreign.verdict().rule == 17 && foreign.verdict().reason == 1)
        var closing = RiskScenario()
        closing.cancel()
        closing.context.phase = .closingCall
        #expect(closing.verdict().rule == 42 && closing.verdict().reason == 99)
        var poor = RiskScenario()
        poor.replace()
        poor.context.availableCash = .zero
        #expect(poor.verdict().rule == 81 && poor.verdict().reason == 2)
    }

    @Test("Hostile numbers overflow nothing and are refused", arguments: [Int64.min, -1, 0, .max, .max - 1, 1 << 62])
    func hostile(_ number: Int64) {
        for kind in RequestKind.allCases {
            for side in Side.allCases {
                for type in OrderType.allCases {
                    var scenario = RiskScenario()
                    scenario.replace()
                    scenario.context.request.kind = kind
                    scenario.context.request.side = side
                    scenario.context.request.type = type
                    scenario.context.request.price = Price(milli: number)
                    scenario.context.request.quantity = Quantity(number)
                    scenario.context.request.transactTime = number
                    scenario.context.request.sendingTime = number
                    scenario.context.stopPrice = Price(milli: number)
                    scenario.context.displayQuantity = Quantity(number)
                    scenario.context.pegOffsetTicks = number
                    scenario.context.position = Quantity(number)
                    scenario.context.availableCash = Money(milli: number)
                    scenario.context.feeBound = Money(milli: number)
                    let verdict = scenario.verdict()
                    #expect(!verdict.isAccepted && verdict.evaluated == RiskRule.all)
                }
            }
        }
    }

    @Test("Hostile market data, accounts and sessions overflow nothing", arguments: [Int64.min, -1, 0, .max, 1 << 60])
    func hostileMarket(_ number: Int64) {
        for phase in SessionPhase.allCases {
            var scenario = RiskScenario()
            scenario.context.phase = phase
            scenario.context.book.bestBid = Price(milli: number)
            scenario.context.book.bestOffer = Price(milli: number)
            scenario.context.book.quoteTime = number
            scenario.context.book.sweptQuantity = Quantity(number)
            scenario.context.book.sweptValue = Money(milli: number)
            scenario.context.book.sweptWorstPrice = Price(milli: number)
            scenario.context.book.oppositeDepth = Quantity(number)
            scenario.context.instrument?.tick = Price(milli: number)
            scenario.context.instrument?.lot = Quantity(number)
            scenario.context.instrument?.previousClose = Price(milli: number)
            scenario.context.profileAge = number
            scenario.context.request.session = .max
            scenario.context.request.account = AccountID(.max)
            let verdict = scenario.verdict()
            #expect(!verdict.isAccepted && verdict.evaluated == RiskRule.all)
        }
    }

    @Test("Counters count each evaluation, refusal and warning of a rule")
    func counters() throws {
        var scenario = RiskScenario()
        var engine = scenario.makeEngine()
        for _ in 0..<3 { _ = engine.evaluate(scenario.context) }
        scenario.context.request.quantity = Quantity(1_001)
        scenario.context.book.sweptLevels = 21
        for _ in 0..<2 { _ = engine.evaluate(scenario.context) }
        let counters = engine.counters
        #expect(counters.requests == 5 && counters.rejected == 2)
        for rule in RiskRule.table {
            #expect(counters.evaluated(rule.number) == 5)
            #expect(counters.failed(rule.number) == (rule.number == 8 ? 2 : 0))
            #expect(counters.warned(rule.number) == (rule.number == 59 ? 2 : 0))
        }
        #expect(counters.evaluated(144) == 0)
    }

    @Test("A market order is reckoned at the worst price it can have")
    func valuation() {
        var scenario = RiskScenario()
        scenario.market()
        #expect(scenario.verdict().valuation == Price(milli: 11_000))
        scenario.sell()
        #expect(scenario.verdict().valuation == Price(milli: 9_990))
        scenario.context.book.bestBid = .zero
        #expect(scenario.verdict().valuation == Price(milli: 10_000))
        scenario.traded(9_870)
        #expect(scenario.verdict().valuation == Price(milli: 9_870))
    }

    @Test("Refused requests leave no trace but the session's, firm's and instrument's tokens")
    func refusedLeaveNoTrace() {
        var scenario = RiskScenario()
        scenario.limit(.accountMessageRate, 1)
        scenario.limit(.duplicateOrder, 1, second: 1_000_000)
        var engine = scenario.makeEngine()
        var refused = scenario.context
        refused.availableCash = .zero
        for _ in 0..<5 { #expect(engine.evaluate(refused).failed.numbers == [81]) }
        #expect(engine.evaluate(scenario.context).isAccepted)
        #expect(engine.evaluate(scenario.context).failed.numbers == [115, 121])
    }

    @Test("Limits can change in flight")
    func apply() throws {
        let scenario = RiskScenario()
        var engine = scenario.makeEngine()
        var limits = RiskLimits()
        try limits.set(68, RiskLimit(threshold: 20_000_000))
        engine.apply(limits)
        #expect(engine.evaluate(scenario.context).rule == 68)
        try limits.set(68, severity: .warn)
        engine.apply(limits)
        #expect(engine.evaluate(scenario.context).warned.numbers == [68])
    }
}
