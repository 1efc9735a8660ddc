import Market
import Services
import TestData

/// Seeded requests of a few sessions: mostly sensible, some hostile; the same seed gives the same requests.
struct RandomFlow {
    private struct Sent {
        var request: OrderRequest
        var session: SessionID
    }

    private var random: SplitMix64
    private let market: SampleMarket
    private var sent: [Sent] = []
    private var count = 0

    init(seed: UInt64, _ market: SampleMarket) {
        random = SplitMix64(seed: seed)
        self.market = market
    }

    mutating func next() -> OrderRequest {
        count += 1
        let draw = random.below(100)
        let request: OrderRequest
        switch draw {
        case ..<55: request = entry()
        case ..<75: request = change(.cancel)
        case ..<92: request = change(.replace)
        case ..<96: request = again()
        default: request = hostile()
        }
        sent.append(Sent(request: request, session: request.session))
        return request
    }

    private mutating func session() -> SessionID { SessionID(1 + random.below(Int(market.sessions))) }

    private mutating func price() -> Int64 { 9_900 + Int64(random.below(21)) * 10 }

    private mutating func entry() -> OrderRequest {
        let isMarket = random.percent(6)
        let timeInForce: TimeInForce = random.percent(8) ? .immediateOrCancel : random.percent(6) ? .fillOrKill : .day
        return .make(
            .new, "n\(count)", random.percent(50) ? .buy : .sell, Int64(1 + random.below(8)) * 100,
            at: isMarket ? nil : price(), account: SampleMarket.first + UInt32(random.below(Int(market.accounts))),
            session: session(), instrument: UInt32(random.below(Int(market.instruments))), timeInForce)
    }

    /// A cancel or replace of something sent: mostly of the last fifty requests, sometimes from another account.
    private mutating func change(_ kind: RequestKind) -> OrderRequest {
        guard !sent.isEmpty else { return entry() }
        let target = sent[random.percent(80) ? max(0, sent.count - 1 - random.below(50)) : random.below(sent.count)]
            .request
        let isForeign = random.percent(4)
        return .make(
            kind, "k\(count)", of: target.clientOrderID.description, target.side, Int64(1 + random.below(9)) * 100,
            at: random.percent(40) ? target.price.milli : price(),
            account: isForeign ? SampleMarket.first : target.account.rawValue,
            session: random.percent(97) ? target.session : session(), instrument: target.instrument.rawValue)
    }

    /// An earlier request once more, with the same body or another one.
    private mutating func again() -> OrderRequest {
        guard !sent.isEmpty else { return entry() }
        var request = sent[random.below(sent.count)].request
        if random.percent(40) { request.quantity.shares &+= 100 }
        return request
    }

    private mutating func hostile() -> OrderRequest {
        var request = random.percent(70) ? entry() : change(.replace)
        let numbers: [Int64] = [0, -1, .min, .max, 1, 50, 1 << 40, 999_999_999_999_999]
        switch random.below(5) {
        case 0: request.quantity = Quantity(numbers[random.below(numbers.count)])
        case 1: request.price = Price(milli: numbers[random.below(numbers.count)])
        case 2: request.account = AccountID([0, 1, 4, 5_000, .max][random.below(5)])
        case 3: request.instrument = InstrumentID([99, 5_000_000, .max][random.below(3)])
        default: request.originalClientOrderID = request.clientOrderID
        }
        return request
    }
}
