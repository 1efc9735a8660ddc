import CacheStack
import Market
import Risk
import Services
import Synchronization

/// A small market in memory: every instrument closed at 10.00 (band 9.00 to 11.00, tick 0.01, lot 100), every client
/// has the same cash and the same shares of each instrument.
struct SampleMarket: Sendable {
    var accounts: UInt32 = 4
    var instruments: UInt32 = 2
    var sessions: UInt32 = 2
    /// 1,000,000 yuan and 10,000 shares.
    var cash = Money(milli: 1_000_000_000)
    var shares = Quantity(10_000)

    /// Other instruments than the sample ones; their ids are their indices.
    var listing: [Instrument]?

    static let previousClose = Price(milli: 10_000)
    static let first = AccountID.firstClient.rawValue

    var clients: Range<UInt32> { Self.first..<(Self.first + accounts) }

    /// What is known of the accounts before the first order.
    var opening: OpeningBalances {
        let (clients, cash, shares) = (clients, cash, shares)
        return OpeningBalances(
            cash: { clients.contains($0.rawValue) ? cash : .zero },
            shares: { account, _ in clients.contains(account.rawValue) ? shares : .zero })
    }

    static func instrument(_ index: UInt32) -> Instrument {
        Instrument(
            id: InstrumentID(index), symbol: 600_000 + index, board: .main, previousClose: previousClose,
            limitDown: Price(milli: 9_000), limitUp: Price(milli: 11_000))
    }

    /// All rows of the market before the open.
    var rows: WriteSet {
        var writes = WriteSet()
        let listing = listing ?? (0..<instruments).map(Self.instrument)
        for instrument in listing {
            writes.append(Instrument.key(instrument.id)) { instrument.encode(into: &$0) }
            let all = PositionRow(
                account: HouseAccount.external, instrument: instrument.id,
                settled: Quantity(-shares.shares * Int64(accounts)))
            writes.append(PositionRow.key(all.account, all.instrument)) { all.encode(into: &$0) }
        }
        for number in clients {
            let account = AccountID(number)
            let profile = AccountProfile(id: account)
            writes.append(AccountProfile.key(account)) { profile.encode(into: &$0) }
            let cash = CashRow(account: account, balance: cash)
            writes.append(CashRow.key(account)) { cash.encode(into: &$0) }
            for instrument in listing {
                let row = PositionRow(account: account, instrument: instrument.id, settled: shares)
                writes.append(PositionRow.key(account, instrument.id)) { row.encode(into: &$0) }
            }
        }
        let external = CashRow(
            account: HouseAccount.external, balance: Money(milli: -cash.milli * Int64(accounts)))
        writes.append(CashRow.key(external.account)) { external.encode(into: &$0) }
        for session in 1...sessions {
            let login = LoginRow(session: session, compID: "CLIENT\(session)")
            writes.append(LoginRow.key(session)) { login.encode(into: &$0) }
        }
        return writes
    }

    /// A tier that holds the market and nothing else.
    func seeded(clock: @escaping @Sendable () -> Int64 = { 1_700_000_000_000_000 }) async -> MemoryDurableTier {
        let tier = MemoryDurableTier(schemas: TradingSpaces.all, clock: clock)
        _ = await tier.commit([Transaction(writes: rows)], until: .now + .seconds(10))
        return tier
    }

    static let day: TradingDate = {
        guard let day = TradingDate(20_230_711) else { preconditionFailure("2023-07-11 is a day") }
        return day
    }()

    /// A configuration for it: commission 2.5 bp, transfer fee 0.1 bp, stamp duty 10 bp (in force on 2023-07-11).
    static func configuration(
        schedule: SessionSchedule = .fixed(.continuous), limits: RiskLimits = RiskLimits()
    ) -> PartitionConfiguration {
        guard let fees = FeeSchedule.schedule(on: day) else { preconditionFailure("the table covers the day") }
        var configuration = PartitionConfiguration(day: day, schedule: schedule, fees: fees, risk: limits)
        configuration.accountsMax = 1_000
        configuration.openOrdersMax = 10_000
        configuration.requestsMax = 100_000
        configuration.instrumentsMax = 16
        return configuration
    }
}

extension MemoryDurableTier {
    /// All live rows of a space: id and payload, by id.
    func rows(of schema: SpaceSchema) async throws -> [(id: UInt64, payload: [UInt8])] {
        let found = Mutex<[(id: UInt64, payload: [UInt8])]>([])
        _ = try await scan([schema.space], until: .now + .seconds(10)) { chunk in
            let size = schema.payloadSize
            let rows = chunk.ids.indices.map { index in
                (id: chunk.ids[index], payload: Array(chunk.bytes[(index * size)..<((index + 1) * size)]))
            }
            found.withLock { $0 += rows }
        }
        return found.withLock { $0 }
    }

    func orders() async throws -> [OrderRow] {
        try await rows(of: TradingSpaces.orders).map { OrderRow(id: $0.id, payload: $0.payload[...]) }
    }

    func order(_ number: OrderID) async throws -> OrderRow? { try await orders().first { $0.order == number } }

    func trades() async throws -> [TradeRow] {
        try await rows(of: TradingSpaces.trades).map { TradeRow(id: $0.id, payload: $0.payload[...]) }
    }

    func cash(_ account: UInt32) async throws -> CashRow? {
        try await rows(of: TradingSpaces.cash).first { $0.id == UInt64(account) }
            .map { CashRow(id: $0.id, payload: $0.payload[...]) }
    }

    func position(_ account: UInt32, _ instrument: UInt32) async throws -> PositionRow? {
        let id = PositionRow.key(AccountID(account), InstrumentID(instrument)).id
        return try await rows(of: TradingSpaces.positions).first { $0.id == id }
            .map { PositionRow(id: $0.id, payload: $0.payload[...]) }
    }

    /// A second tier with the same rows.
    func copy() async throws -> MemoryDurableTier {
        let tier = MemoryDurableTier(schemas: TradingSpaces.all) { 1_700_000_000_000_000 }
        var writes = WriteSet()
        for schema in TradingSpaces.all {
            for row in try await rows(of: schema) {
                writes.append(CacheKey(schema.space, row.id), payload: row.payload)
            }
        }
        _ = await tier.commit([Transaction(writes: writes)], until: .now + .seconds(10))
        return tier
    }
}
