internal import Arrivals
internal import Glibc

/// The fields of one drawn order.
///
/// A cancel or replace that names no order uses `victim` to pick an open one of its session; where that has none it
/// becomes the new order whose fields were drawn with it.
public struct OrderDraw: Sendable, Equatable {
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

/// The seeded orders of a run: the same seed, configuration and request give the same order, whatever the target
/// answers and whoever sends it (see `IterationKey`).
///
/// (Which order a cancel hits depends on which orders are open by then, hence on the answers.) Every concern has draws
/// of its own, see `DrawStream`.
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
    private let accounts: DrawStream
    private let symbols: DrawStream
    private let sides: DrawStream
    private let prices: DrawStream
    private let quantities: DrawStream
    private let victims: DrawStream

    /// The orders of one seed.
    public init(_ configuration: WorkloadConfiguration, instruments: InstrumentList, seed: UInt64) {
        self.configuration = configuration
        self.instruments = instruments.instruments
        let count = instruments.instruments.count
        accountRanks = ZipfDistribution(count: configuration.accountCount, exponent: configuration.accountExponent)
        accountKeys = Permutation(count: configuration.accountCount, seed: seed, stream: "account.keys")
        instrumentRanks = ZipfDistribution(count: count, exponent: configuration.instrumentExponent)
        instrumentKeys = Permutation(count: count, seed: seed, stream: "instrument.keys")
        holders = HolderIndex(configuration.holdings, clients: configuration.accountCount, instruments: count)
        accounts = DrawStream(seed: seed, name: "account")
        symbols = DrawStream(seed: seed, name: "instrument")
        sides = DrawStream(seed: seed, name: "side")
        prices = DrawStream(seed: seed, name: "price")
        quantities = DrawStream(seed: seed, name: "quantity")
        victims = DrawStream(seed: seed, name: "victim")
    }

    /// The order of the `number`th iteration of the first scenario.
    public func draw(_ number: UInt64) -> OrderDraw {
        draw(IterationKey(scenario: 0, iteration: number, step: 0, row: number))
    }

    /// The order of one request, around what is bound: a side or an instrument that is given is not drawn, and the
    /// account of a sell still holds its shares where the account is left free.
    func draw(_ key: IterationKey, isBuy bound: Bool? = nil, instrument boundInstrument: Int? = nil) -> OrderDraw {
        var (accountRandom, sideRandom) = (accounts.random(key), sides.random(key))
        var quantityRandom = quantities.random(key)
        let instrument = boundInstrument ?? drawInstrument(key)
        let client = accountKeys[accountRanks.next(using: &accountRandom)]
        let drawsSell = sideRandom.below(2) == 1
        let choice = sideRandom.below(configuration.holdings.perAccount)
        let wantsSell = bound.map { !$0 } ?? drawsSell
        let holder = wantsSell ? holders.holder(of: instrument, near: client, choice: choice) : nil
        let isBuy = bound ?? (holder == nil)
        let ticks = ticks(key, isBuy: isBuy)
        return OrderDraw(
            isBuy: isBuy, instrument: instrument, account: configuration.accountFirst + (holder ?? client),
            ticksFromClose: ticks, price: price(instrument, ticks),
            quantity: configuration.quantities.next(using: &quantityRandom), victim: victim(key))
    }

    /// The word that picks an open order of a session.
    func victim(_ key: IterationKey) -> UInt64 {
        var random = victims.random(key)
        return random.next()
    }

    private func drawInstrument(_ key: IterationKey) -> Int {
        var random = symbols.random(key)
        return instrumentKeys[instrumentRanks.next(using: &random)]
    }

    /// Positive is above the close. Always two draws.
    private func ticks(_ key: IterationKey, isBuy: Bool) -> Int64 {
        var random = prices.random(key)
        let (kind, depth) = (random.unit(), random.unit())
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
