import CacheStack
import Market
import PostgresTier
import Services
import Telemetry

/// Accounts with cash, instruments and logins: enough for orders and questions.
enum SampleMarket {
    static let day = "20230711"
    static let (first, last) = (UInt32(16), UInt32(1_015))
    static let instruments = 50
    static let sessions = 8
    /// Cash of each account, in thousandths of a yuan.
    private static let balance: Int64 = 1_000_000_000_000

    /// The instruments as the load generator reads them.
    static var instrumentFile: String {
        "symbol,previous_close_milli,tick_milli,limit_down_milli,limit_up_milli\n"
            + (0..<instruments).map { "\(600_000 + $0),10000,10,9000,11000\n" }.joined()
    }

    /// Writes the market into an empty, migrated database.
    static func write(to connection: String) async throws {
        var writes = WriteSet()
        for number in 0..<UInt32(instruments) {
            let instrument = Instrument(
                id: InstrumentID(number), symbol: 600_000 + number, board: .main, previousClose: Price(milli: 10_000),
                limitDown: Price(milli: 9_000), limitUp: Price(milli: 11_000))
            writes.append(Instrument.key(instrument.id)) { instrument.encode(into: &$0) }
        }
        for number in 1...sessions {
            let login = LoginRow(session: SessionID(number), compID: "LG\(number)")
            writes.append(LoginRow.key(login.session)) { login.encode(into: &$0) }
        }
        for number in first...last {
            let profile = AccountProfile(id: AccountID(number))
            writes.append(AccountProfile.key(profile.id)) { profile.encode(into: &$0) }
            let cash = CashRow(account: profile.id, balance: Money(milli: balance))
            writes.append(CashRow.key(profile.id)) { cash.encode(into: &$0) }
        }
        // What clients own came from outside: a ledger's sum is nothing.
        let outside = CashRow(account: HouseAccount.external, balance: Money(milli: -balance * Int64(last - first + 1)))
        writes.append(CashRow.key(outside.account)) { outside.encode(into: &$0) }
        let durable = try PostgresTier(
            PostgresTier.Configuration(conninfo: connection), schemas: TradingSpaces.all, metrics: MetricsRegistry())
        let outcome = await durable.commit([Transaction(writes: writes)], until: .now + .seconds(60))
        await durable.close()
        guard case .decided(let outcomes) = outcome, case .committed? = outcomes.first else {
            throw BenchFailure(description: "the sample market cannot be written: \(outcome)")
        }
    }
}
