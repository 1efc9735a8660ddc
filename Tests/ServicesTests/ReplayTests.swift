import CacheStack
import Foundation
import Logging
import Market
import Risk
import Services
import Telemetry
import TestData
import Testing

@Suite("Replay of recorded days")
struct ReplayTests {
    // MARK: Reading

    private static let header = "seq,time_ms,action,order_id,side,price_milli,qty\n"

    @Test("A flow is read column by column; the previous close is the middle of its prices")
    func reading() throws {
        let flow = try RecordedFlow(
            symbol: 600_536,
            csv: Self.header + "1,33300000,A,7,B,46080,100,0\n2,33300001,A,8,S,56320,250\n3,33300002,D,7,B,46080,100\n")
        #expect(flow.events.count == 3 && flow.previousClose == Price(milli: 51_200))
        let second = flow.events[1]
        #expect(second.time == 33_300_001 && second.action == .add && second.order == 8 && second.side == .sell)
        #expect(second.price == Price(milli: 56_320) && second.quantity == Quantity(250))
        #expect(flow.events[2].action == .delete)
        let given = try RecordedFlow(
            symbol: 1, csv: Self.header + "1,1,A,7,B,46080,100\n", previousClose: Price(milli: 50_000))
        #expect(given.previousClose == Price(milli: 50_000))
    }

    @Test(
        "A line that cannot be read is named with its number and what is wrong",
        arguments: [
            ("1,1,A,7,B,46080", "line 3: 6 columns instead of 7"),
            ("1,x,A,7,B,46080,100", "line 3: column 2 is not a number"),
            ("1,-1,A,7,B,46080,100", "line 3: column 2 is not a number"),
            ("1,1,A,,B,46080,100", "line 3: column 4 is not a number"),
            ("1,1,A,7,B,46080.5,100", "line 3: column 6 is not a number"),
            ("1,1,A,7,B,46080,99999999999999999999", "line 3: column 7 is not a number"),
            ("1,1,X,7,B,46080,100", "line 3: the action is neither A nor D"),
            ("1,1,,7,B,46080,100", "line 3: the action is neither A nor D"),
            ("1,1,A,7,Q,46080,100", "line 3: the side is neither B nor S"),
        ])
    func badLine(line: String, message: String) {
        let error = #expect(throws: RecordedFlowError.self) {
            try RecordedFlow(symbol: 1, csv: Self.header + "1,1,A,7,B,46080,100\n" + line + "\n")
        }
        #expect(error?.description == message)
    }

    @Test("A flow without orders is refused", arguments: ["", header, header + "1,1,D,7,B,46080,100\n"])
    func empty(csv: String) {
        #expect(throws: RecordedFlowError.self) { try RecordedFlow(symbol: 1, csv: csv) }
    }

    @Test("Flows merge by time; one flow keeps its order, and the first flow goes first at the same time")
    func merging() throws {
        let first = try RecordedFlow(
            symbol: 1, csv: Self.header + "1,5,A,1,B,10000,100\n2,5,A,2,B,10000,100\n3,9,A,3,B,10000,100\n")
        let second = try RecordedFlow(
            symbol: 2, csv: Self.header + "1,4,A,11,B,10000,100\n2,5,A,12,B,10000,100\n3,10,A,13,B,10000,100\n")
        let merged = RecordedFlow.merge([first, second])
        #expect(merged.map(\.event.order) == [11, 1, 2, 12, 3, 13])
        #expect(merged.map(\.flow) == [1, 0, 0, 1, 0, 1])
        #expect(RecordedFlow.merge([]).isEmpty)
    }

    // MARK: Whole days

    private static func schedule() throws -> SessionSchedule {
        try #require(SessionSchedule(calendar: .weekdays))
    }

    private struct Day {
        var result: ReplayResult
        var audit: AuditReport
        var tier: MemoryDurableTier
    }

    private func replay(_ flows: [RecordedFlow], _ market: SampleMarket) async throws -> Day {
        let tier = await market.seeded { EventClock.now() }
        let cache = CacheStack(
            schemas: TradingSpaces.all, shared: MemorySharedTier(), durable: tier, metrics: MetricsRegistry())
        var configuration = SampleMarket.configuration(schedule: try Self.schedule(), limits: .exchangeReplay)
        configuration.openOrdersMax = 100_000
        configuration.requestsMax = 1_000_000
        let result = try await ReplayDay(
            configuration, flows: flows, accounts: Int(market.accounts), cache: cache, durable: tier,
            metrics: MetricsRegistry(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).run()
        let audit = try await TradingAudit(durable: tier, fees: configuration.fees, opening: market.opening).run()
        return Day(result: result, audit: audit, tier: tier)
    }

    /// 100 million yuan and 10 million shares each.
    private static let market = SampleMarket(
        accounts: 5, instruments: 2, cash: Money(milli: 100_000_000_000), shares: Quantity(10_000_000))

    @Test(
        "A generated day makes the trades of the books alone, in their order", arguments: 1...6 as ClosedRange<UInt64>)
    func generated(seed: UInt64) async throws {
        let flows = try [seed, seed + 100].enumerated().map { index, seed in
            try RecordedFlow(
                symbol: 600_000 + UInt32(index), csv: GeneratedFlow(seed: seed).csv,
                previousClose: SampleMarket.previousClose)
        }
        let day = try await replay(flows, Self.market)
        let expected = BareMatching(flows, (0..<2).map(SampleMarket.instrument))
        let made = day.result.trades.map(BareMatching.Trade.init)
        #expect(made == expected.trades, "seed \(seed)")
        #expect(
            day.result.canceled == expected.canceled && day.result.cancelRejects == expected.refused, "seed \(seed)")
        #expect(day.result.expired == expected.expired && day.result.rejected.isEmpty, "seed \(seed)")
        #expect(day.result.accepted == flows.reduce(0) { $0 + $1.events.count { $0.action == .add } }, "seed \(seed)")
        // Both auctions traded, and so did the time between; some cancels came too late.
        let auctions = day.result.trades.filter { $0.aggressor == nil }
        #expect(
            auctions.contains { $0.time == 33_900_000 } && auctions.contains { $0.time == 54_000_000 }, "seed \(seed)")
        #expect(made.count - auctions.count > 200 && expected.refused > 10 && expected.canceled > 10, "seed \(seed)")
        #expect(day.audit.isSound, "seed \(seed): \(day.audit.findings.filter { $0.verdict == .broken })")
        #expect(try await day.tier.orders().allSatisfy { !$0.status.isOpen && $0.frozen == 0 })
    }

    @Test("A replay without profiles, or with an account too many, says so")
    func missingProfile() async throws {
        let flow = try RecordedFlow(
            symbol: 600_000, csv: GeneratedFlow(seed: 1).csv, previousClose: SampleMarket.previousClose)
        var market = Self.market
        let tier = await market.seeded { EventClock.now() }
        market.accounts += 1
        let cache = CacheStack(schemas: TradingSpaces.all, shared: nil, durable: tier, metrics: MetricsRegistry())
        let replay = ReplayDay(
            SampleMarket.configuration(schedule: try Self.schedule(), limits: .exchangeReplay), flows: [flow],
            accounts: Int(market.accounts), cache: cache, durable: tier, metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await #expect(throws: RecoveryError.self) { _ = try await replay.run() }
    }

    /// Adds, deletes, trades and turnover of each file as the data folder's own table states them.
    static let shanghai: [(symbol: UInt32, adds: Int, deletes: Int, trades: Int, auction: Int, turnover: Int64)] = [
        (600_536, 53_946, 12_580, 33_553, 448, 628_170_404_700), (601_825, 9_237, 1_997, 5_370, 30, 28_381_272_430),
        (605_580, 26_883, 7_108, 16_996, 603, 204_631_645_620),
    ]

    @Test(
        "Three recorded Shanghai days at once make the exchange's own trades through the whole chain",
        .enabled(
            if: RecordedData.orderFlow != nil, "SPRINGTIDE_DATA does not name a data folder with recorded order flow"))
    func recorded() async throws {
        let flows = try Self.shanghai.map {
            try RecordedFlow(symbol: $0.symbol, csv: RecordedData.shanghaiDay("\($0.symbol)", "orders"))
        }
        let rules = MarketRules.rules(on: SampleMarket.day)
        let listing = try flows.enumerated().map { index, flow in
            try #require(
                rules.instrument(
                    id: InstrumentID(UInt32(index)), symbol: flow.symbol, board: .main,
                    previousClose: flow.previousClose))
        }
        var market = SampleMarket(
            accounts: 50, instruments: 3, cash: Money(milli: 1_000_000_000_000), shares: Quantity(100_000_000))
        market.listing = listing
        let day = try await replay(flows, market)
        #expect(day.result.rejected.isEmpty && day.result.cancelRejects == 0)
        #expect(day.result.accepted == Self.shanghai.reduce(0) { $0 + $1.adds })
        #expect(day.result.canceled == Self.shanghai.reduce(0) { $0 + $1.deletes })
        for (index, file) in Self.shanghai.enumerated() {
            let made = day.result.trades.filter { $0.flow == index }.map(BareMatching.Trade.init)
            let expected = try RecordedDay.trades(file.symbol, flow: index)
            #expect(made.count == file.trades && made.count { $0.aggressor == nil } == file.auction)
            #expect(made.reduce(0) { $0 + $1.price * $1.quantity } == file.turnover)
            let continuous = expected.filter { $0.aggressor != nil }
            #expect(made.filter { $0.aggressor != nil } == continuous, "continuous trades of \(file.symbol)")
            #expect(
                counted(made.filter { $0.aggressor == nil }) == counted(expected.filter { $0.aggressor == nil }),
                "auction trades of \(file.symbol)")
        }
        #expect(day.audit.isSound, "\(day.audit.findings.filter { $0.verdict == .broken })")
        #expect(day.audit.trades == Self.shanghai.reduce(0) { $0 + $1.trades })
    }

    private func counted(_ trades: [BareMatching.Trade]) -> [BareMatching.Trade: Int] {
        trades.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}

/// The exchange's own trades of a recorded day.
enum RecordedDay {
    /// Columns: seq, time_ms, buy_order_id, sell_order_id, aggressor, price_milli, qty.
    static func trades(_ symbol: UInt32, flow: Int) throws -> [BareMatching.Trade] {
        try RecordedData.shanghaiDay("\(symbol)", "expected_trades").split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: ",")
            guard fields.count == 7, let buy = UInt64(fields[2]), let sell = UInt64(fields[3]),
                let price = Int64(fields[5]), let quantity = Int64(fields[6])
            else { throw RecordedData.Failure("bad line \(line)") }
            let aggressor: Side? = fields[4] == "B" ? .buy : fields[4] == "S" ? .sell : nil
            return BareMatching.Trade(
                flow: flow, buy: buy, sell: sell, aggressor: aggressor, price: price, quantity: quantity)
        }
    }
}
