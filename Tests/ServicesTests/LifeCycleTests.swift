import Market
import Services
import Testing

/// Reports field by field as in the table of order states; sequence number 1 is the start of the phase, so the first
/// request is order 2. Lines: ExecType OrdStatus #OrderID eExecID ClOrdID<OrigClOrdID leaves cum ...
@Suite("Order life cycles")
struct LifeCycleTests {
    @Test("An accepted order is reported new with its whole quantity open")
    func accepted() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        let reports = await bench.drain().reports
        #expect(reports.map(\.line) == ["new new #2 e1 b1 leaves 300 cum 0"])
        let report = try #require(reports.first)
        #expect(report.side == .buy && report.orderType == .limit && report.timeInForce == .day)
        #expect(report.session == 1 && report.account == AccountID(16) && report.instrument == InstrumentID(0))
        #expect(report.price == Price(milli: 10_000) && report.quantity == Quantity(300))
        #expect(report.turnover == .zero && report.time == bench.now)
        #expect(report.origin == 9, "the gateway's mark comes back with the answer")
        let row = try #require(try await bench.tier.order(2))
        #expect(row.status == .new && row.leaves == Quantity(300) && row.frozen > 3_000_000)
    }

    @Test("A cross fills the maker first, then the taker, at the maker's price")
    func cross() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 300, at: 10_000, account: 17)
        bench.new("b1", .buy, 200, at: 10_050, session: 2)
        let reports = await bench.drain().reports
        #expect(
            reports.map(\.line) == [
                "new new #2 e1 s1 leaves 300 cum 0",
                "new new #3 e2 b1 leaves 200 cum 0",
                "trade partiallyFilled #2 e3 s1 leaves 100 cum 200 last 200@10000 t1 maker",
                "trade filled #3 e4 b1 leaves 0 cum 200 last 200@10000 t1 taker",
            ])
        // AvgPx = turnover / cumulative: 200 x 10.00.
        #expect(reports.map(\.turnover.milli) == [0, 0, 2_000_000, 2_000_000])
        #expect(reports.map(\.session) == [1, 2, 1, 2])
        let trade = try #require(try await bench.tier.trades().first)
        #expect(trade.buyOrder == 3 && trade.sellOrder == 2 && trade.aggressor == .buy && trade.sequence == 3)
        // Commission 2.5 bp of 2,000.00 = 0.50; transfer 0.1 bp = 0.02; stamp duty 10 bp = 2.00.
        #expect(trade.buyCommission.milli == 500 && trade.buyTransferFee.milli == 20)
        #expect(
            trade.sellCommission.milli == 500 && trade.sellTransferFee.milli == 20 && trade.stampDuty.milli == 2_000)
        #expect(try await bench.tier.cash(16)?.balance.milli == 1_000_000_000 - 2_000_520)
        #expect(try await bench.tier.cash(17)?.balance.milli == 1_000_000_000 + 1_997_480)
        #expect(try await bench.tier.cash(17)?.unsettled.milli == 1_997_480)
        #expect(try await bench.tier.position(16, 0)?.unsettled == Quantity(200))
        let seller = try #require(try await bench.tier.position(17, 0))
        #expect(seller.settled == Quantity(9_800))
        #expect(bench.live(17) == [1_001_997_480, 0, 9_700], "a hundred shares are still held")
    }

    @Test("A cancel ends the order, names both ids and gives the hold back exactly")
    func cancel() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        await bench.settle()
        // 300 x 10.00, commission 0.75, transfer fee 0.03.
        #expect(bench.live(16) == [1_000_000_000 - 3_000_780, 3_000_780, 10_000])
        bench.cancel("c1", of: "b1")
        let reports = await bench.drain().reports
        #expect(reports.map(\.line) == ["canceled canceled #2 e2 c1<b1 leaves 0 cum 0"])
        #expect(reports.first?.origin == 9)
        #expect(bench.live(16) == [1_000_000_000, 0, 10_000])
        let row = try #require(try await bench.tier.order(2))
        #expect(row.status == .canceled && row.endedBy == 3 && row.endedByID == ClientOrderID("c1") && row.frozen == 0)
    }

    @Test("Cancelling a partly filled order keeps what was filled")
    func cancelAfterFill() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 300, at: 10_000, account: 17)
        bench.new("b1", .buy, 100, at: 10_000)
        await bench.settle()
        bench.cancel("c1", of: "s1", .sell, account: 17)
        await bench.expect(["canceled canceled #2 e5 c1<s1 leaves 0 cum 100"])
        #expect(bench.live(17)[2] == 9_900)
    }

    @Test("The rest of an IOC order is cancelled without a request of the client")
    func immediateOrCancel() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        bench.new("b1", .buy, 300, at: 10_000, .immediateOrCancel)
        bench.new("b2", .buy, 100, at: 10_000, .immediateOrCancel)
        await bench.expect([
            "new new #2 e1 s1 leaves 100 cum 0",
            "new new #3 e2 b1 leaves 300 cum 0",
            "trade filled #2 e3 s1 leaves 0 cum 100 last 100@10000 t1 maker",
            "trade partiallyFilled #3 e4 b1 leaves 200 cum 100 last 100@10000 t1 taker",
            "canceled canceled #3 e5 b1 leaves 0 cum 100",
            "new new #4 e6 b2 leaves 100 cum 0",
            "canceled canceled #4 e7 b2 leaves 0 cum 0",
        ])
        #expect(bench.live(16)[1] == 0)
    }

    @Test("A FOK order trades whole or not at all")
    func fillOrKill() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        bench.new("s2", .sell, 100, at: 10_010, account: 17)
        await bench.settle()
        bench.new("b1", .buy, 300, at: 10_010, .fillOrKill)
        bench.new("b2", .buy, 200, at: 10_010, .fillOrKill)
        await bench.expect([
            "new new #4 e3 b1 leaves 300 cum 0",
            "canceled canceled #4 e4 b1 leaves 0 cum 0",
            "new new #5 e5 b2 leaves 200 cum 0",
            "trade filled #2 e6 s1 leaves 0 cum 100 last 100@10000 t1 maker",
            "trade partiallyFilled #5 e7 b2 leaves 100 cum 100 last 100@10000 t1 taker",
            "trade filled #3 e8 s2 leaves 0 cum 100 last 100@10010 t2 maker",
            "trade filled #5 e9 b2 leaves 0 cum 200 last 100@10010 t2 taker",
        ])
        #expect(bench.live(16)[1] == 0)
    }

    @Test("A market order sweeps five levels at most, and what is left is cancelled")
    func market() async throws {
        let bench = try await PartitionBench()
        for level in 0..<6 {
            bench.new("s\(level)", .sell, 100, at: 10_000 + Int64(level) * 10, account: 17)
        }
        await bench.settle()
        bench.new("m1", .buy, 600, at: nil)
        let reports = await bench.drain().reports
        #expect(reports.first?.line == "new new #8 e7 m1 leaves 600 cum 0")
        #expect(reports.last?.line == "canceled canceled #8 e18 m1 leaves 0 cum 500")
        #expect(
            reports.filter { $0.type == .trade && $0.isTaker }.map(\.lastPrice.milli) == [
                10_000, 10_010, 10_020, 10_030, 10_040,
            ])
        // 100 x (10.00 + 10.01 + 10.02 + 10.03 + 10.04).
        #expect(reports.last?.turnover == Money(milli: 5_010_000))
        #expect(bench.live(16)[1] == 0)
    }

    @Test("Shares bought today cannot be sold today, those of yesterday can")
    func settlementDay() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 10_000, at: 10_000, account: 17)
        bench.new("b1", .buy, 10_000, at: 10_000, account: 16)
        await bench.settle()
        bench.new("s2", .sell, 10_000, at: 10_000, account: 16)
        bench.new("s3", .sell, 100, at: 10_000, account: 16)
        // Rule 82, 103 = 0: funds and shares.
        await bench.expect([
            "new new #4 e5 s2 leaves 10000 cum 0", "rejected rejected #5 e6 s3 leaves 0 cum 0 rule 82 code 0",
        ])
        let row = try #require(try await bench.tier.position(16, 0))
        #expect(row.settled == Quantity(10_000) && row.unsettled == Quantity(10_000) && bench.live(16)[2] == 0)
    }

    @Test("Answers leave in the order of execution with dense ids, whatever a batch holds")
    func dense() async throws {
        let bench = try await PartitionBench()
        var executions: [ExecutionID] = []
        for index in 0..<20 {
            bench.new("b\(index)", .buy, 100, at: 9_500 + Int64(index) * 10)
            if index % 3 == 0 { bench.cancel("c\(index)", of: "b\(index)") }
            if index % 4 == 0 { executions += await bench.drain().reports.map(\.execution) }
        }
        executions += await bench.drain().reports.map(\.execution)
        #expect(executions == Array(1...27))
        #expect(bench.partition.lastExecution == 27 && bench.partition.lastSequence == 28)
        #expect(!bench.partition.hasChanges)
    }
}
