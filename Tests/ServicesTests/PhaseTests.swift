import Market
import Risk
import Services
import Testing

@Suite("Phases of the day")
struct PhaseTests {
    @Test("A call collects, and its uncross trades everything at one price in the order of price and time")
    func uncross() async throws {
        let bench = try await PartitionBench(phase: .openingCall)
        bench.new("b1", .buy, 300, at: 10_100)
        bench.new("b2", .buy, 200, at: 10_050)
        bench.new("s1", .sell, 400, at: 10_000, account: 17)
        bench.new("s2", .sell, 100, at: 10_200, account: 17)
        let collected = await bench.drain()
        #expect(collected.trades.isEmpty)
        #expect(collected.reports.map(\.type) == [.new, .new, .new, .new])
        bench.enter(.openingCallNoCancel)
        #expect(!bench.partition.hasChanges, "a change of phase alone is no news")
        bench.enter(.quiet)
        // Volume 400 at 10.00 to 10.05; Shanghai takes the least imbalance: at each of them 500 against 400, so the
        // middle of the ends, 10.00 and 10.05 being the declared prices: (10.00 + 10.05) / 2 = 10.025, up to 10.03.
        let batch = await bench.drain()
        #expect(Set(batch.trades.map(\.price)).count == 1)
        #expect(batch.trades.allSatisfy { $0.aggressor == nil && $0.sequence == 7 })
        #expect(batch.trades.map(\.buyOrder) == [2, 3] && batch.trades.map(\.sellOrder) == [4, 4])
        #expect(batch.trades.map(\.quantity.shares) == [300, 100])
        #expect(batch.reports.count == 4 && batch.reports.allSatisfy { $0.type == .trade })
        let left = try #require(try await bench.tier.order(3))
        #expect(left.status == .partiallyFilled && left.leaves == Quantity(100))
        #expect(try await bench.audit().isSound)
    }

    @Test(
        "Between 9:20 and 9:25 and in the closing call no cancel and no replace is taken",
        arguments: [
            SessionPhase.openingCallNoCancel, .closingCall,
        ])
    func noCancel(phase: SessionPhase) async throws {
        let bench = try await PartitionBench(phase: .openingCall)
        bench.new("b1", .buy, 100, at: 10_000)
        bench.new("b2", .buy, 100, at: 10_000)
        bench.cancel("c1", of: "b1")
        await bench.settle()
        bench.enter(phase)
        bench.cancel("c2", of: "b2")
        bench.replace("r1", of: "b2", .buy, 200, at: 10_000)
        bench.new("b3", .buy, 100, at: 9_990)
        await bench.expect([
            "cancelRejected new #3 e0 c2<b2 rule 42 code 99",
            "cancelRejected new #3 e0 r1<b2 rule 42 code 99",
            "new new #8 e4 b3 leaves 100 cum 0",
        ])
    }

    @Test(
        "Outside the phases that take orders they are refused: 103 = 2, after the close 4",
        arguments: [
            (SessionPhase.closed, 2), (.quiet, 2), (.lunch, 2), (.ended, 4),
        ] as [(SessionPhase, UInt8)])
    func closed(phase: SessionPhase, code: UInt8) async throws {
        let bench = try await PartitionBench()
        bench.enter(phase)
        bench.new("b1", .buy, 100, at: 10_000)
        await bench.expect(["rejected rejected #3 e1 b1 leaves 0 cum 0 rule 41 code \(code)"])
    }

    @Test(
        "A call takes limit orders for the day only",
        arguments: [
            (10_000, TimeInForce.immediateOrCancel), (10_000, .fillOrKill), (nil, .day),
        ] as [(Int64?, TimeInForce)])
    func callTypes(price: Int64?, timeInForce: TimeInForce) async throws {
        let bench = try await PartitionBench(phase: .openingCall)
        bench.new("b1", .buy, 100, at: price, timeInForce)
        let reports = await bench.drain().reports
        #expect(reports.map(\.type) == [.rejected] && reports.first?.rejectReason == 11)
    }

    @Test("The end of the day expires what is open, by book and best price first, and releases all holds")
    func expiry() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 200, at: 9_900)
        bench.new("b2", .buy, 100, at: 10_000)
        bench.new("s1", .sell, 100, at: 10_100, account: 17)
        bench.new("s2", .sell, 100, at: 10_000, account: 17, instrument: 1)
        bench.new("b3", .buy, 100, at: 10_000, account: 18, instrument: 1)
        await bench.settle()
        bench.enter(.closingCall)
        bench.enter(.ended)
        await bench.expect([
            "expired expired #3 e8 b2 leaves 0 cum 0", "expired expired #2 e9 b1 leaves 0 cum 0",
            "expired expired #4 e10 s1 leaves 0 cum 0",
        ])
        for account in [16, 17, 18] as [UInt32] {
            #expect(bench.live(account)[1] == 0)
        }
        bench.cancel("c1", of: "b1")
        await bench.expect(["cancelRejected expired #2 e0 c1<b1 rule 17 code 0"])
        let report = try await bench.audit()
        #expect(report.isSound, "\(report.findings.filter { $0.verdict == .broken })")
    }

    @Test("The closing call starts from the book that is left and trades with what comes in")
    func closing() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 200, at: 10_000)
        bench.enter(.closingCall)
        bench.new("s1", .sell, 300, at: 9_990, account: 17)
        await bench.settle()
        bench.enter(.ended)
        let batch = await bench.drain()
        #expect(batch.trades.map(\.quantity.shares) == [200] && batch.trades.first?.aggressor == nil)
        #expect(batch.reports.map(\.type) == [.trade, .trade, .expired])
        #expect(batch.reports.last?.line == "expired expired #4 e5 s1 leaves 0 cum 200")
        #expect(try await bench.audit().isSound)
    }

    @Test("A partition that was stopped in the call uncrosses after its restart as if it had never stopped")
    func restartInCall() async throws {
        let bench = try await PartitionBench(phase: .openingCall)
        bench.new("b1", .buy, 300, at: 10_100)
        bench.new("b2", .buy, 300, at: 10_100)
        bench.replace("r1", of: "b1", .buy, 400, at: 10_100)
        bench.new("s1", .sell, 300, at: 10_000, account: 17)
        await bench.settle()
        #expect(try await bench.audit().isSound, "a book may be crossed while a call collects")
        try await bench.restart()
        #expect(bench.partition.phase == .openingCall)
        bench.enter(.quiet)
        #expect(await bench.drain().trades.map(\.buyOrder) == [3], "the replace to a greater quantity lost its place")
    }
}
