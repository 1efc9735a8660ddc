internal import CacheStack
internal import Foundation
internal import Market
internal import PostgresTier
internal import Services

/// The sample market: accounts with cash and shares, instruments, logins; the same numbers give the same market.
///
/// Client k (0, 1, ...) is account 16 + k, has `cash`, and holds `shares` of the instruments
/// (k * `stride` + j) mod `instruments` for j in 0..<`holdings`. The load generator is told the same rule.
struct SeedPlan: Sendable {
    var accounts: Int
    var instruments: Int
    var sessions: Int
    var holdings: Int
    var stride = 7
    var shares: Int64 = 10_000_000
    var cash: Money

    /// Few holdings per account where there are many accounts: 800,000 positions, or one each.
    init(accounts: Int, instruments: Int, sessions: Int) {
        self.accounts = accounts
        self.instruments = instruments
        self.sessions = sessions
        holdings = max(1, min(8, instruments, 800_000 / accounts))
        // A billion yuan each, but together no more than half of what a ledger may hold.
        cash = Money(milli: min(1_000_000_000_000, 500_000_000_000_000_000 / Int64(accounts)))
    }

    /// CompID of a session, from 1.
    static func compID(_ session: Int) -> String { "LG\(session)" }

    /// The session of a CompID of `compID(_:)`.
    static func session(compID: Substring) -> SessionID? {
        compID.hasPrefix("LG") ? SessionID(compID.dropFirst(2)) : nil
    }

    /// An instrument of the sample market: main board, closes between 5 and 105 yuan.
    func instrument(_ index: Int, on date: TradingDate) -> Instrument? {
        let cents = 500 + (index * 7_919) % 10_000
        return MarketRules.rules(on: date).instrument(
            id: InstrumentID(UInt32(index)), symbol: UInt32(600_000 + index), board: .main,
            previousClose: Price(milli: Int64(cents) * 10))
    }

    /// What accounts owned before the first order.
    var opening: OpeningBalances {
        let first = AccountID.firstClient.rawValue
        let plan = self
        return OpeningBalances(
            cash: { account in
                guard account.rawValue >= first, Int(account.rawValue - first) < plan.accounts else { return .zero }
                return plan.cash
            },
            shares: { account, instrument in
                guard account.rawValue >= first, Int(account.rawValue - first) < plan.accounts else { return .zero }
                let start = Int(account.rawValue - first) * plan.stride % plan.instruments
                let offset = (Int(instrument.rawValue) - start + plan.instruments) % plan.instruments
                return offset < plan.holdings ? Quantity(plan.shares) : .zero
            })
    }

    /// Writes the market into an empty database, in one commit with a ticket of its own.
    func write(to durable: PostgresTier, on date: TradingDate) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        try await writeRows(durable, on: date)
        let profile = AccountProfile(id: AccountID(0))
        _ = try await durable.query(
            Self.accountsSQL,
            [
                "\(accounts)", "\(AccountID.firstClient.rawValue)", "\(profile.orderValueMax.milli)",
                "\(profile.orderQuantityMax.shares)", "\(profile.dailyBuyQuantityMax.shares)",
                "\(profile.dailySellQuantityMax.shares)", "\(profile.grossValueMax.milli)",
                "\(profile.openOrderValueMax.milli)", "1000000",
            ], until: deadline)
        for statement in Self.loadingSQL { _ = try await durable.query(statement, [], until: deadline) }
        let first = "\(AccountID.firstClient.rawValue)"
        _ = try await durable.query(Self.cashSQL, ["\(accounts)", first, "\(cash.milli)"], until: deadline)
        _ = try await durable.query(
            Self.externalCashSQL, ["\(HouseAccount.external.rawValue)", "\(-cash.milli * Int64(accounts))"],
            until: deadline)
        _ = try await durable.query(
            Self.positionsSQL,
            ["\(accounts)", "\(holdings)", first, "\(stride)", "\(instruments)", "\(shares)"], until: deadline)
        _ = try await durable.query(
            Self.externalPositionsSQL, ["\(HouseAccount.external.rawValue)"], until: deadline)
        for statement in Self.tradingSQL { _ = try await durable.query(statement, [], until: deadline) }
        _ = try await durable.query("ANALYZE", [], until: deadline)
        _ = try await durable.query(Self.warmSQL, [], until: deadline)
        _ = try await durable.query("CHECKPOINT", [], until: deadline)
    }

    /// Rows loaded at a low fill factor leave room in their pages; see Schemas/0002_trading.sql.
    private static let loadingSQL: [StaticString] = [
        "ALTER TABLE cash SET (fillfactor = 60)", "ALTER TABLE position SET (fillfactor = 60)",
    ]
    private static let tradingSQL: [StaticString] = [
        "ALTER TABLE cash SET (fillfactor = 90)", "ALTER TABLE position SET (fillfactor = 90)",
    ]

    /// Instruments and logins: few rows, through the tier's own commit.
    private func writeRows(_ durable: PostgresTier, on date: TradingDate) async throws {
        var writes = WriteSet()
        for index in 0..<instruments {
            guard let instrument = instrument(index, on: date) else {
                throw LocalFailure("no market rules are known for \(date)")
            }
            writes.append(Instrument.key(instrument.id)) { instrument.encode(into: &$0) }
        }
        for session in 1...sessions {
            let login = LoginRow(session: SessionID(session), compID: Self.compID(session))
            writes.append(LoginRow.key(login.session)) { login.encode(into: &$0) }
        }
        let outcome = await durable.commit([Transaction(writes: writes)], until: .now + .seconds(60))
        guard case .decided(let outcomes) = outcome, case .committed? = outcomes.first else {
            throw LocalFailure("the sample market cannot be written: \(outcome)")
        }
    }

    /// The instruments as the load generator wants them.
    func instrumentFile(on date: TradingDate) -> String {
        var lines = ["symbol,previous_close_milli,tick_milli,limit_down_milli,limit_up_milli"]
        for index in 0..<instruments {
            guard let row = instrument(index, on: date) else { continue }
            lines.append(
                [
                    Int64(row.symbol), row.previousClose.milli, row.tick.milli, row.limitDown.milli, row.limitUp.milli,
                ].map(String.init).joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Two gigabytes of log segments that the checkpoint then recycles, as on a server that has been running for a while:
    /// a fresh one makes and zeroes each segment in the middle of a commit.
    private static let warmSQL: StaticString = """
        DO $$ BEGIN FOR i IN 1..128 LOOP PERFORM pg_logical_emit_message(false, 'warm', 'up'); \
        PERFORM pg_switch_wal(); END LOOP; END $$
        """
    private static let accountsSQL: StaticString = """
        INSERT INTO account SELECT $2::bigint + k, c.ts, false, 1, 0, 0, 0, 0, 255, 5, $3::bigint, $4::bigint, \
        $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::int \
        FROM generate_series(0::bigint, $1::bigint - 1) k, mc_clock c WHERE c.id = 1
        """
    private static let cashSQL: StaticString = """
        INSERT INTO cash SELECT $2::bigint + k, c.ts, false, $3::bigint, 0 \
        FROM generate_series(0::bigint, $1::bigint - 1) k, mc_clock c WHERE c.id = 1
        """
    private static let externalCashSQL: StaticString = """
        INSERT INTO cash SELECT $1::bigint, c.ts, false, $2::bigint, 0 FROM mc_clock c WHERE c.id = 1
        """
    private static let positionsSQL: StaticString = """
        INSERT INTO position SELECT $3::int + k, ((k::bigint * $4::bigint + j) % $5::bigint)::int, c.ts, false, \
        $6::bigint, 0 FROM generate_series(0, $1::int - 1) k, generate_series(0, $2::int - 1) j, mc_clock c \
        WHERE c.id = 1
        """
    private static let externalPositionsSQL: StaticString = """
        INSERT INTO position SELECT $1::int, instrument, max(ver), false, -sum(settled), 0 \
        FROM position GROUP BY instrument
        """
}
