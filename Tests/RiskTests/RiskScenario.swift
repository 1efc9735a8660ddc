import Market
import Risk

/// One request with everything around it, starting from one that every rule lets pass.
///
/// The start: account 100 buys 1,000 of instrument 7 at 10.00, band 9.00-11.00, book 9.99 / 10.01, continuous trading.
struct RiskScenario {
    static let start: Int64 = 1_700_000_000_000_000
    static let account = AccountID(100)
    static let instrument = InstrumentID(7)

    var limits = RiskLimits()
    var capacity = RiskCapacity(accountsMax: 2_000, instrumentsMax: 16, sessionsMax: 16)
    var context: RiskContext
    /// What happened before.
    var before: [@Sendable (inout RiskEngine) -> Void] = []

    init() {
        let request = OrderRequest(
            kind: .new, session: 1, account: Self.account, instrument: Self.instrument,
            clientOrderID: Self.id("abc123"), side: .buy, price: Price(milli: 10_000), quantity: Quantity(1_000),
            transactTime: Self.start, receiveTime: Self.start, sendingTime: Self.start)
        context = RiskContext(request: request, time: Self.start, phase: .continuous)
        context.account = AccountProfile(id: Self.account, version: 1)
        context.instrument = Instrument(
            id: Self.instrument, symbol: 600_007, board: .main, previousClose: Price(milli: 10_000),
            limitDown: Price(milli: 9_000), limitUp: Price(milli: 11_000), averageDailyVolume: Quantity(1_000_000))
        context.book = RiskBook(bestBid: Price(milli: 9_990), bestOffer: Price(milli: 10_010), quoteTime: Self.start)
        context.availableCash = Money(milli: 1_000_000_000_000)
        context.sellableShares = Quantity(100_000)
        context.position = Quantity(100_000)
    }

    static func id(_ text: String) -> ClientOrderID {
        guard let id = ClientOrderID(text) else { preconditionFailure("not an id: \(text)") }
        return id
    }

    /// The order's terms as the state is told them.
    static func order(_ side: Side = .buy, _ price: Int64 = 10_000) -> RiskOrder {
        RiskOrder(account: account, instrument: instrument, side: side, price: Price(milli: price))
    }

    mutating func sell() { context.request.side = .sell }

    mutating func market() {
        context.request.type = .market
        context.request.price = .zero
    }

    /// Makes it a cancel of the account's own open order of 500 at 10.00.
    mutating func cancel() {
        context.request.kind = .cancel
        context.request.originalClientOrderID = Self.id("first")
        context.target = RiskTarget(
            isOpen: true, account: Self.account, instrument: Self.instrument, side: context.request.side,
            price: Price(milli: 10_000), cumulative: Quantity(100), leaves: Quantity(400))
    }

    /// Makes it a replace of that order, to 1,100 in total at 10.00: 1,000 to work.
    mutating func replace() {
        cancel()
        context.request.kind = .replace
        context.request.quantity = Quantity(1_100)
    }

    mutating func limit(_ indicator: RiskIndicator, _ threshold: Int64, second: Int64 = 0) {
        do {
            try limits.set(
                indicator.rawValue,
                RiskLimit(threshold: threshold, second: second, severity: limits[indicator].severity))
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// Accepts `count` orders of the scenario's account before.
    mutating func accepted(_ count: Int, _ order: RiskOrder = order(), quantity: Int64 = 1_000) {
        before.append { engine in
            for _ in 0..<count { engine.state.accepted(order, quantity: Quantity(quantity)) }
        }
    }

    /// Evaluates `count` such requests before, each at its own price so that they are not repetitions.
    mutating func evaluated(_ count: Int, samePrice: Bool = false) {
        let context = context
        before.append { engine in
            for number in 0..<count {
                var earlier = context
                if !samePrice { earlier.request.price = Price(milli: 9_500 + Int64(number % 100) * 10) }
                _ = engine.evaluate(earlier)
            }
        }
    }

    /// Trades in the instrument before, a millisecond apart, the last of them at the scenario's time.
    mutating func traded(_ prices: Int64...) {
        let time = context.time
        before.append { engine in
            for (index, price) in prices.enumerated() {
                engine.state.traded(
                    Self.instrument, price: Price(milli: price), quantity: Quantity(100),
                    time: time - Int64(prices.count - 1 - index) * 1_000)
            }
        }
    }

    func makeEngine() -> RiskEngine {
        var engine = RiskEngine(limits: limits, capacity: capacity)
        for step in before { step(&engine) }
        return engine
    }

    func verdict() -> RiskVerdict {
        var engine = makeEngine()
        return engine.evaluate(context)
    }
}

/// How one row of the table is made to hold at its limit, and to fail one step past it.
struct RuleCase: Sendable {
    let indicator: RiskIndicator
    let holds: @Sendable (inout RiskScenario) -> Void
    let fails: @Sendable (inout RiskScenario) -> Void

    init(
        _ indicator: RiskIndicator, holds: @escaping @Sendable (inout RiskScenario) -> Void = { _ in },
        fails: @escaping @Sendable (inout RiskScenario) -> Void
    ) {
        self.indicator = indicator
        self.holds = holds
        self.fails = fails
    }

    static let all = validity + identity + phase + price + size + funds + rate
}
