import Market
import Risk
import Testing

@Suite("Limits of the state")
struct RiskCapacityTests {
    private static func order(_ account: UInt32, _ price: Int64 = 10_000) -> RiskOrder {
        RiskOrder(
            account: AccountID(account), instrument: RiskScenario.instrument, side: .buy, price: Price(milli: price))
    }

    @Test("5,000,000 accounts take at most 96 bytes each, and pages only where one of them acts")
    func accounts() {
        #expect(RiskState.accountBytes <= 96)
        var state = RiskState()
        let empty = state.byteCount
        let lots = Quantity(100)
        state.accepted(Self.order(5_000_015), quantity: lots)
        state.accepted(Self.order(5_000_014), quantity: lots)
        #expect(state.byteCount - empty == 1_024 * RiskState.accountBytes)
        // 5,000,000 accounts touch 4,883 pages of 1,024.
        #expect(4_883 * 1_024 * RiskState.accountBytes <= 5_000_000 * 96)
    }

    @Test("The greatest account is kept, the one past it refused", arguments: [1_999, 2_000] as [UInt32])
    func accountsMax(_ account: UInt32) {
        var scenario = RiskScenario()
        scenario.context.request.account = AccountID(account)
        scenario.context.account?.id = AccountID(account)
        #expect(scenario.verdict().failed.numbers == (account == 1_999 ? [] : [33]))
    }

    @Test("A full table of pairs refuses new pairs and serves the ones it has")
    func pairsMax() {
        var scenario = RiskScenario()
        scenario.capacity.pairsMax = 300
        var engine = scenario.makeEngine()
        for account in 0..<300 as Range<UInt32> {
            engine.state.accepted(Self.order(100 + account), quantity: Quantity(100))
        }
        #expect(engine.state.pairCount == 300 && engine.state.untrackedEvents == 0)
        #expect(engine.evaluate(scenario.context).isAccepted)
        scenario.context.request.account = AccountID(400)
        scenario.context.account?.id = AccountID(400)
        #expect(engine.evaluate(scenario.context).failed.numbers == [73, 74, 79])
        engine.state.accepted(Self.order(400), quantity: Quantity(100))
        #expect(engine.state.pairCount == 300 && engine.state.untrackedEvents == 1)
    }

    @Test("A full table of price levels refuses new levels until one is free")
    func levelsMax() {
        var scenario = RiskScenario()
        scenario.capacity.levelsMax = 50
        var engine = scenario.makeEngine()
        for level in 0..<50 as Range<Int64> {
            engine.state.accepted(Self.order(100, 9_000 + level * 10), quantity: Quantity(100))
        }
        #expect(engine.state.levelCount == 50)
        #expect(engine.evaluate(scenario.context).failed.numbers == [80])
        engine.state.closed(Self.order(100, 9_000), leaves: Quantity(100))
        #expect(engine.state.levelCount == 49)
        #expect(engine.evaluate(scenario.context).isAccepted)
    }

    @Test("A full table of repeated orders refuses new ones until the window has passed")
    func repeatsMax() {
        var scenario = RiskScenario()
        scenario.capacity.repeatsMax = 1
        var engine = scenario.makeEngine()
        #expect(engine.evaluate(scenario.context).isAccepted)
        #expect(engine.evaluate(scenario.context).isAccepted)
        // One segment of the table at a time is searched for stale entries, so ask for the same segment's key.
        var other = scenario.context
        other.request.price = Price(milli: 9_990)
        #expect(engine.evaluate(other).failed.numbers == [121])
        var later = scenario.context
        later.time += 1_250_000
        #expect(engine.evaluate(later).isAccepted)
    }

    @Test("Tables grow without losing a count, and shrink to nothing when all orders are closed")
    func growth() {
        var state = RiskState()
        let count: UInt32 = 60_000
        for account in 0..<count {
            for price in [9_990, 10_000] as [Int64] {
                state.accepted(Self.order(16 + account, price), quantity: Quantity(100))
            }
        }
        #expect(state.pairCount == Int(count) && state.levelCount == 2 * Int(count))
        #expect(state.openOrders == 2 * Int(count))
        #expect(state.grossValue == Money(milli: Int64(count) * 100 * 19_990))
        for account in (0..<count).reversed() {
            for price in [9_990, 10_000] as [Int64] {
                state.closed(Self.order(16 + account, price), leaves: Quantity(100))
            }
        }
        #expect(state.levelCount == 0 && state.openOrders == 0 && state.grossValue == .zero)
        #expect(state.untrackedEvents == 0)
        state.beginDay()
        #expect(state.pairCount == 0)
    }

    @Test("Standing flags survive the change of day, flagged pairs too")
    func flagsSurvive() {
        let scenario = RiskScenario()
        var engine = scenario.makeEngine()
        engine.state.setFlags(.restricted, account: RiskScenario.account, instrument: RiskScenario.instrument)
        engine.state.beginDay()
        #expect(engine.evaluate(scenario.context).rule == 29)
        engine.state.setFlags([], account: RiskScenario.account, instrument: RiskScenario.instrument)
        #expect(engine.evaluate(scenario.context).isAccepted)
    }

    @Test("Flags and halts beyond the capacity are refused")
    func beyond() {
        var engine = RiskScenario().makeEngine()
        let halts = [15, 16].map { engine.state.halt(InstrumentID($0), until: 1) }
        #expect(halts == [true, false])
        let unknown = engine.state.setFlags(.instrumentKilled, instrument: OrderRequest.unknownInstrument)
        #expect(!unknown)
        let switches = [1_999, 2_000].map { engine.state.setFlags(.accountKilled, account: AccountID($0)) }
        #expect(switches == [true, false])
    }
}
