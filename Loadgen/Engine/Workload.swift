internal import Arrivals
internal import Glibc

/// What a request does; the order is that of the report's rows.
@frozen
public enum Operation: UInt8, Sendable, CaseIterable {
    case new = 0
    case cancel = 1
    case replace = 2

    /// Its name in options, summaries and the acknowledgement log.
    public var name: String {
        switch self {
        case .new: "new"
        case .cancel: "cancel"
        case .replace: "replace"
        }
    }
}

/// One drawn request.
///
/// A cancel or replace uses `victim` to pick an open order of its session; where that has none
/// it becomes the new order whose fields were drawn with it.
public struct RequestDraw: Sendable, Equatable {
    /// What it does.
    public var operation: Operation
    /// Buys; otherwise sells.
    public var isBuy: Bool
    /// Index into the instrument list.
    public var instrument: Int
    /// FIX tag 1.
    public var account: Int
    /// Ticks from the previous close.
    public var ticksFromClose: Int64
    /// Milli-yuan, within the day's limits.
    public var price: Int64
    /// Shares.
    public var quantity: Int64
    /// Random word that picks the order to cancel or replace.
    public var victim: UInt64
}

/// The seeded stream of requests: the same seed and configuration give the same stream, whatever the target answers.
///
/// (Which order a cancel hits depends on which orders are open by then, hence on the answers.) Every concern draws
/// from a random stream of its own, see `Xoshiro256`.
///
/// Prices: a share `marketableShare` of new orders crosses the previous close by `aggressiveTicks` and meets what
/// rests on the other side; the others rest 1 tick and more behind it, geometric with mean `passiveTicksMean`. All
/// prices stay within 1.5 % of the close and within the day's limits. Sells go to accounts that hold the shares.
public struct Workload: Sendable {
    private static let spreadMax = 0.015

    private let configuration: WorkloadConfiguration
    private let instruments: [TradedInstrument]
    private let accountRanks: ZipfDistribution
    private let accountKeys: Permutation
    private let instrumentRanks: ZipfDistribution
    private let instrumentKeys: Permutation
    private let holders: HolderIndex
    private var mix: Xoshiro256
    private var accounts: Xoshiro256
    private var symbols: Xoshiro256
    private var sides: Xoshiro256
    private var prices: Xoshiro256
    private var quantities: Xoshiro256
    private var victims: Xoshiro256

    /// The stream of one seed.
    public init(_ configuration: WorkloadConfiguration, instruments: InstrumentList, seed: UInt64) {
        self.configuration = configuration
        self.instruments = instruments.instruments
        let count = instruments.instruments.count
        accountRanks = ZipfDistribution(count: configuration.accountCount, exponent: configuration.accountExponent)
        accountKeys = Permutation(count: configuration.accountCount, seed: seed, stream: "account.keys")
        instrumentRanks = ZipfDistribution(count: count, exponent: configuration.instrumentExponent)
        instrumentKeys = Permutation(count: count, seed: seed, stream: "instrument.keys")
        holders = HolderIndex(configuration.holdings, clients: configuration.accountCount, instruments: count)
        mix = Xoshiro256(seed: seed, stream: "mix")
        accounts = Xoshiro256(seed: seed, stream: "account")
        symbols = Xoshiro256(seed: seed, stream: "instrument")
        sides = Xoshiro256(seed: seed, stream: "side")
        prices = Xoshiro256(seed: seed, stream: "price")
        quantities = Xoshiro256(seed: seed, stream: "quantity")
        victims = Xoshiro256(seed: seed, stream: "victim")
    }

    /// The next request.
    public mutating func next() -> RequestDraw {
        let instrument = instrumentKeys[instrumentRanks.next(using: &symbols)]
        let client = accountKeys[accountRanks.next(using: &accounts)]
        let wantsSell = sides.below(2) == 1
        let choice = sides.below(configuration.holdings.perAccount)
        let holder = wantsSell ? holders.holder(of: instrument, near: client, choice: choice) : nil
        let isBuy = holder == nil
        let ticks = nextTicks(isBuy: isBuy)
        return RequestDraw(
            operation: nextOperation(), isBuy: isBuy, instrument: instrument,
            account: configuration.accountFirst + (holder ?? client), ticksFromClose: ticks,
            price: price(instrument, ticks), quantity: configuration.quantities.next(using: &quantities),
            victim: victims.next())
    }

    private mutating func nextOperation() -> Operation {
        let weights = configuration.mix
        let point = mix.below(weights.new + weights.cancel + weights.replace)
        if point < weights.new { return .new }
        return point < weights.new + weights.cancel ? .cancel : .replace
    }

    /// Positive is above the close. Always two draws.
    private mutating func nextTicks(isBuy: Bool) -> Int64 {
        let (kind, depth) = (prices.unit(), prices.unit())
        if kind <= configuration.marketableShare {
            return isBuy ? configuration.aggressiveTicks : -configuration.aggressiveTicks
        }
        let mean = configuration.passiveTicksMean
        let ratio = mean > 1 ? log(depth) / log1p(-1 / mean) : 0
        let behind = 1 + min(Int64(ratio), 1_000)
        return isBuy ? -behind : behind
    }

    /// The price `ticks` away from an instrument's close.
    func price(_ instrument: Int, _ ticks: Int64) -> Int64 {
        let traded = instruments[instrument]
        let reach = max(1, Int64(Double(traded.previousClose) * Self.spreadMax) / traded.tick)
        let bounded = min(max(ticks, -reach), reach)
        return min(max(traded.previousClose + bounded * traded.tick, traded.limitDown), traded.limitUp)
    }
}
