// Prints the cost of risk control per request: evaluation of every rule, and with the events of a whole order life.
//
// Accounts follow a Zipf-like law over a large population, so that the cold part of the columns is read too. The
// request stream is made before the clock starts; seed, population and sizes are printed with the result.

import Glibc
import Market
import Risk

/// A small generator (SplitMix64), so that a run can be repeated.
struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// Skewed to small numbers: a uniform number to the fourth power.
    mutating func skewed(below count: Int) -> Int {
        let unit = Double(next() >> 11) / Double(1 << 53)
        return min(count - 1, Int(unit * unit * unit * unit * Double(count)))
    }
}

let seed: UInt64 = 20_230_711
let arguments = CommandLine.arguments
let accountCount = arguments.count > 1 ? Int(arguments[1]) ?? 100_000 : 100_000
let instrumentCount = 2_000
let requestCount = 1_500_000
/// Requests before the clock starts: the pages and tables of the busy accounts are there then.
let warmUpCount = 500_000
let start: Int64 = 1_700_000_000_000_000

guard let orderID = ClientOrderID("bench-1") else { preconditionFailure("the id is well formed") }
let instruments = (0..<instrumentCount).map { number in
    Instrument(
        id: InstrumentID(UInt32(number)), symbol: 600_000 + UInt32(number), board: .main,
        previousClose: Price(milli: 20_000), limitDown: Price(milli: 18_000), limitUp: Price(milli: 22_000))
}

func makeRequest(_ number: Int, _ random: inout Random) -> OrderRequest {
    let time = start + Int64(number) * 66
    return OrderRequest(
        kind: .new, session: 1 + UInt32(number % 16),
        account: AccountID(16 + UInt32(random.skewed(below: accountCount))),
        instrument: InstrumentID(UInt32(random.skewed(below: instrumentCount))), clientOrderID: orderID,
        side: random.next() & 1 == 0 ? .buy : .sell,
        price: Price(milli: 19_600 + Int64(random.next() % 81) * 10),
        quantity: Quantity(100 * Int64(1 + random.next() % 50)), transactTime: time, receiveTime: time,
        sendingTime: time)
}

func fill(_ context: inout RiskContext, _ request: OrderRequest) {
    context.request = request
    context.time = request.receiveTime
    context.account = AccountProfile(id: request.account, openOrdersMax: 1_000_000, version: 1)
    context.instrument = instruments[Int(request.instrument.rawValue)]
    context.book.quoteTime = request.receiveTime
}

/// Prints the processor time per request of a pass over all requests after the warm-up.
func measure(_ label: String, _ requests: [OrderRequest], withEvents: Bool) throws {
    var limits = RiskLimits()
    try limits.set(115, RiskLimit(threshold: 500_000))
    try limits.set(76, RiskLimit(threshold: 1 << 60))
    try limits.set(116, RiskLimit(threshold: 10_000_000))
    try limits.set(121, RiskLimit(threshold: 10_000_000, second: 1_000_000))
    try limits.set(79, RiskLimit(threshold: 10_000_000))
    try limits.set(80, RiskLimit(threshold: 10_000_000))
    var engine = RiskEngine(limits: limits)
    var context = RiskContext(request: requests[0], time: start, phase: .continuous)
    context.book = RiskBook(bestBid: Price(milli: 19_990), bestOffer: Price(milli: 20_010))
    context.availableCash = Money(milli: 1 << 60)
    context.sellableShares = Quantity(1 << 40)
    context.position = Quantity(1 << 40)
    for request in requests.prefix(warmUpCount) {
        fill(&context, request)
        let verdict = engine.evaluate(context)
        if verdict.isAccepted, withEvents { live(request, verdict.valuation, &engine.state) }
    }
    var accepted = 0
    let measured = requests.dropFirst(warmUpCount)
    let begin = clock()
    for request in measured {
        fill(&context, request)
        let verdict = engine.evaluate(context)
        guard verdict.isAccepted else { continue }
        accepted += 1
        if withEvents { live(request, verdict.valuation, &engine.state) }
    }
    let each = Int64(clock() - begin) * 1_000_000_000 / Int64(CLOCKS_PER_SEC) / Int64(measured.count)
    print(
        "\(label): \(each) ns of processor time a request, \(RiskRule.table.count) rules, \(accepted) of \(measured.count) accepted,",
        "state \(engine.state.byteCount >> 20) MiB, \(engine.state.pairCount) pairs")
}

/// Half of the orders stay open, a quarter fills, a quarter is cancelled.
func live(_ request: OrderRequest, _ price: Price, _ state: inout RiskState) {
    let order = RiskOrder(account: request.account, instrument: request.instrument, side: request.side, price: price)
    state.accepted(order, quantity: request.quantity)
    switch request.price.milli / 10 % 4 {
    case 0:
        state.filled(order, price: price, quantity: request.quantity, leaves: .zero, time: request.receiveTime)
        state.traded(request.instrument, price: price, quantity: request.quantity, time: request.receiveTime)
    case 1: state.closed(order, leaves: request.quantity)
    default: break
    }
}

/// The same requests, all of 16 accounts in 8 instruments: everything is in the processor's caches.
func narrowed(_ requests: [OrderRequest]) -> [OrderRequest] {
    requests.map { request in
        var request = request
        request.account = AccountID(16 + request.account.rawValue % 16)
        request.instrument = InstrumentID(request.instrument.rawValue % 8)
        return request
    }
}

var random = Random(state: seed)
let requests = (0..<requestCount).map { makeRequest($0, &random) }
print("seed \(seed), \(accountCount) accounts, \(instrumentCount) instruments, account row \(RiskState.accountBytes) B")
let narrow = narrowed(requests)
for _ in 0..<3 {
    try measure("evaluate, 16 accounts", narrow, withEvents: false)
    try measure("evaluate", requests, withEvents: false)
    try measure("evaluate + events", requests, withEvents: true)
}
