internal import CacheStack
internal import Market
internal import PostgresTier
internal import Services

/// The market before a replay: every account can buy and sell all day.
struct ReplaySeed {
    var accounts: Int
    var flows: [RecordedFlow]
    /// Cash of an account, and its shares of each instrument.
    static let cash = Money(milli: 1_000_000_000_000)
    static let shares = Quantity(100_000_000)

    /// What accounts own before the first order.
    var opening: OpeningBalances {
        let first = AccountID.firstClient.rawValue
        let end = first + UInt32(accounts)
        return OpeningBalances(
            cash: { (first..<end).contains($0.rawValue) ? Self.cash : .zero },
            shares: { account, _ in (first..<end).contains(account.rawValue) ? Self.shares : .zero })
    }

    /// Writes the market in one commit.
    func write(to durable: PostgresTier, on date: TradingDate) async throws {
        var writes = WriteSet()
        let first = AccountID.firstClient.rawValue
        for (index, flow) in flows.enumerated() {
            guard
                let instrument = MarketRules.rules(on: date).instrument(
                    id: InstrumentID(UInt32(index)), symbol: flow.symbol, board: Self.board(of: flow.symbol),
                    previousClose: flow.previousClose)
            else { throw LocalFailure("no market rules for \(flow.symbol) on \(date)") }
            writes.append(Instrument.key(instrument.id)) { instrument.encode(into: &$0) }
            let all = Quantity(-Self.shares.shares * Int64(accounts))
            put(HouseAccount.external, instrument.id, all, &writes)
        }
        for index in 0..<UInt32(accounts) {
            let account = AccountID(first + index)
            let profile = AccountProfile(id: account)
            writes.append(AccountProfile.key(account)) { profile.encode(into: &$0) }
            put(account, Self.cash, &writes)
            for flow in flows.indices { put(account, InstrumentID(UInt32(flow)), Self.shares, &writes) }
        }
        put(HouseAccount.external, Money(milli: -Self.cash.milli * Int64(accounts)), &writes)
        let outcome = await durable.commit([Transaction(writes: writes)], until: .now + .seconds(60))
        guard case .decided(let outcomes) = outcome, case .committed? = outcomes.first else {
            throw LocalFailure("the market cannot be seeded: \(outcome)")
        }
    }

    private func put(_ account: AccountID, _ cash: Money, _ writes: inout WriteSet) {
        let row = CashRow(account: account, balance: cash)
        writes.append(CashRow.key(account)) { row.encode(into: &$0) }
    }

    private func put(
        _ account: AccountID, _ instrument: InstrumentID, _ shares: Quantity, _ writes: inout WriteSet
    ) {
        let row = PositionRow(account: account, instrument: instrument, settled: shares)
        writes.append(PositionRow.key(account, instrument)) { row.encode(into: &$0) }
    }

    /// The board by the exchange's number ranges.
    private static func board(of symbol: UInt32) -> Board {
        switch symbol / 1_000 {
        case 688, 689: .star
        case 300, 301: .chiNext
        default: .main
        }
    }
}
