import CacheStack
import Market
import Services
import Testing

@Suite("Account, market data and notification services")
struct PublicServiceTests {
    // MARK: Sessions

    @Test("Grants follow the logins in the store: known, logged on, and not withdrawn")
    func directory() async throws {
        let tier = MemoryDurableTier(schemas: TradingSpaces.all) { 1 }
        func write(_ rows: [LoginRow], deleting: SessionID? = nil) async {
            var writes = WriteSet()
            for row in rows { writes.append(LoginRow.key(row.session)) { row.encode(into: &$0) } }
            if let deleting { writes.append(LoginRow.key(deleting), .delete) { _ in } }
            _ = await tier.commit([Transaction(writes: writes)], until: .now + .seconds(5))
        }
        var secret = LoginRow(session: 2, compID: "CLIENT2", accountGroups: 0b100, mayTrade: false)
        secret.salt = [1]
        secret.passwordHash = PasswordHash.hash(Array("secret".utf8), salt: [1])
        await write([LoginRow(session: 1, compID: "CLIENT1"), secret])
        let directory = SessionDirectory(durable: tier)
        #expect(
            !directory.admit(1, password: "") && directory.logins.isEmpty, "nothing is known before the first reading")
        try await directory.refresh()
        #expect(directory.logins.map(\.compID) == ["CLIENT1", "CLIENT2"])
        #expect(directory.grant(of: 1) == nil, "not logged on")
        #expect(
            directory.admit(1, password: "") && !directory.admit(2, password: "wrong")
                && !directory.admit(3, password: ""))
        #expect(directory.grant(of: 1)?.mayTrade == true && directory.grant(of: 2) == nil)
        #expect(directory.admit(2, password: "secret"))
        let grant = try #require(directory.grant(of: 2))
        #expect(grant.accountGroups == 0b100 && !grant.mayTrade && grant.session == 2)
        secret.mayTrade = true
        await write([secret], deleting: 1)
        try await directory.refresh()
        #expect(directory.grant(of: 1) == nil && directory.grant(of: 2)?.mayTrade == true)
        tier.setFaults { $0.reads = TierError(.unavailable, "down") }
        await #expect(throws: TierError.self) { try await directory.refresh() }
        #expect(directory.grant(of: 2) != nil, "what is known stays")
    }

    // MARK: Market data

    private func top(_ instrument: UInt32, _ bid: Int64, at time: Int64) -> TopOfBook {
        TopOfBook(
            instrument: InstrumentID(instrument), bid: Price(milli: bid), bidQuantity: Quantity(100), offer: .zero,
            offerQuantity: .zero, time: time)
    }

    private func trade(_ number: TradeID, _ instrument: UInt32, _ price: Int64, _ quantity: Int64) -> TradeRow {
        TradeRow(
            trade: number, day: 1, instrument: InstrumentID(instrument), price: Price(milli: price),
            quantity: Quantity(quantity), buyOrder: 1, sellOrder: 2, buyAccount: AccountID(16),
            sellAccount: AccountID(17), aggressor: .buy, buyCommission: .zero, buyTransferFee: .zero,
            sellCommission: .zero, sellTransferFee: .zero, stampDuty: .zero, time: 1, sequence: number)
    }

    @Test("Quotes are conflated per instrument, their sequence counts every change, trades are never conflated")
    func conflation() {
        let service = MarketDataService()
        #expect(service.quote(InstrumentID(0)) == nil && service.lastTrade == 0)
        service.update(NodeOutput(reports: [], trades: [], tops: [top(1, 9_990, at: 1), top(0, 9_900, at: 1)]))
        service.update(
            NodeOutput(
                reports: [], trades: [trade(1, 1, 10_000, 100), trade(2, 1, 10_010, 200)], tops: [top(1, 9_980, at: 2)])
        )
        let changes = [InstrumentID(0), InstrumentID(1)].compactMap { service.quote($0) }
        // Two tops and two trades.
        #expect(changes.map(\.sequence) == [1, 4])
        #expect(changes[1].top.bid == Price(milli: 9_980) && changes[1].lastPrice == Price(milli: 10_010))
        #expect(changes[1].lastQuantity == Quantity(200) && changes[1].volume == Quantity(300))
        // 100 x 10.00 + 200 x 10.01.
        #expect(changes[1].turnover == Money(milli: 3_002_000))
        #expect(service.lastTrade == 2)
        #expect(service.trades(InstrumentID(1), after: 1).map(\.trade) == [2])
        #expect(service.trades(InstrumentID(1), after: 0).map(\.trade) == [1, 2])
        #expect(service.trades(InstrumentID(0), after: 0).isEmpty)
        #expect(service.trades(InstrumentID(1), limit: 10).map(\.trade) == [2, 1])
        #expect(service.trades(InstrumentID(1), limit: 1).map(\.trade) == [2])
        service.update(NodeOutput(reports: [], trades: [], tops: [top(0, 9_910, at: 3)]))
        #expect(service.quote(InstrumentID(0))?.sequence == 2)
    }

    @Test("The newest trades are kept, at least as many as promised")
    func tradeRing() {
        let service = MarketDataService()
        let rows = (1...TradeID(2 * MarketDataService.tradesMax + 1)).map { trade($0, 0, 10_000, 100) }
        service.update(NodeOutput(reports: [], trades: Array(rows.dropLast()), tops: []))
        #expect(service.trades(InstrumentID(0), limit: .max).count == 2 * MarketDataService.tradesMax)
        service.update(NodeOutput(reports: [], trades: Array(rows.suffix(1)), tops: []))
        let kept = service.trades(InstrumentID(0), limit: .max)
        #expect(kept.count == MarketDataService.tradesMax && kept.first?.trade == rows.last?.trade)
        #expect(service.quote(InstrumentID(0))?.volume == Quantity(100 * Int64(rows.count)))
    }

    // MARK: Notifications

    private func report(_ type: ExecutionType, account: UInt32, order: OrderID) -> ExecutionReport {
        var report = ExecutionReport(
            type: type, status: .rejected, order: order, execution: order,
            request: .make(.new, "n\(order)", .buy, 100, at: 10_000, account: account), time: 5)
        report.rule = 81
        return report
    }

    private func notify(_ service: NotificationService, _ reports: [ExecutionReport]) {
        service.update(NodeOutput(reports: reports, trades: [], tops: []))
    }

    @Test("Rejections and expiries are notices, other reports are not")
    func kinds() {
        let service = NotificationService { $0.rawValue + 600_000 }
        notify(
            service,
            [
                report(.new, account: 16, order: 1), report(.rejected, account: 16, order: 2),
                report(.trade, account: 16, order: 3), report(.expired, account: 16, order: 4),
                report(.rejected, account: 17, order: 5),
            ])
        let notices = service.notices(of: AccountID(16))
        #expect(notices.map(\.number) == [1, 2] && notices.map(\.order) == [2, 4] && notices.first?.time == 5)
        #expect(notices.first?.text == "order n2 for 600000 was rejected by risk rule 81")
        #expect(notices.last?.text == "order 4 for 600000 expired with 0 shares filled")
        #expect(service.notices(of: AccountID(16), after: 1).map(\.number) == [2])
        #expect(service.notices(of: AccountID(18)).isEmpty && service.dropped == 0)
    }

    @Test("An account keeps its newest notices, and one more drops the oldest")
    func perAccount() {
        let service = NotificationService { $0.rawValue }
        let limit = NotificationService.perAccountMax
        notify(service, (1...OrderID(limit)).map { report(.rejected, account: 16, order: $0) })
        #expect(service.notices(of: AccountID(16)).count == limit && service.dropped == 0)
        notify(service, [report(.rejected, account: 16, order: 999)])
        let kept = service.notices(of: AccountID(16))
        #expect(kept.count == limit && kept.first?.order == 2 && kept.last?.order == 999 && service.dropped == 1)
    }

    @Test("One account too many drops the accounts that were notified longest ago")
    func accounts() {
        let service = NotificationService { $0.rawValue }
        let limit = UInt32(NotificationService.accountsMax)
        notify(service, (0..<limit).map { report(.rejected, account: 16 + $0, order: 1) })
        // The first account is heard of again: it is not the oldest any more.
        notify(service, [report(.rejected, account: 16, order: 2)])
        #expect(service.dropped == 0)
        notify(service, [report(.rejected, account: 16 + limit, order: 3)])
        #expect(service.dropped > 0 && service.dropped <= UInt64(limit / 4 + 1))
        #expect(service.notices(of: AccountID(16)).count == 2)
        #expect(service.notices(of: AccountID(17)).isEmpty)
        #expect(service.notices(of: AccountID(15 + limit)).count == 1)
        #expect(service.notices(of: AccountID(16 + limit)).count == 1)
    }
}
