import CacheStack
import Market
import Risk
import Services
import TestData
import Testing

/// Thousands of seeded requests; the rows are audited on the way, and partitions restored from them at random points go
/// on beside the one that never stopped.
@Suite("Random days")
struct RandomDayTests {
    static let market = SampleMarket(accounts: 8, instruments: 3, sessions: 3, shares: Quantity(40_000))

    /// What a batch tells the world and the store, so that two partitions can be compared.
    struct Outcome: Equatable {
        var reports: [String]
        var turnovers: [Money]
        var lookups: [OrderID]
        var trades: [TradeRow]
        var row: PartitionRow
        var tops: [TopOfBook]
        var writes: [CacheKey: [UInt8]]

        init(_ batch: PartitionBatch) {
            reports = batch.reports.map(\.line)
            turnovers = batch.reports.map(\.turnover)
            lookups = batch.lookups.map(\.order)
            trades = batch.trades
            row = batch.row
            tops = batch.tops
            writes = [:]
            for group in batch.transaction.writes.groups where !group.ids.isEmpty {
                let size = group.bytes.count / group.ids.count
                for (index, id) in group.ids.enumerated() {
                    writes[CacheKey(group.space, id)] = Array(group.bytes[(index * size)..<((index + 1) * size)])
                }
            }
        }
    }

    private func restored(_ bench: PartitionBench) async throws -> TradingPartition {
        try await PartitionRecovery(configuration: bench.configuration, durable: bench.tier).load().partition
    }

    private func expectSound(_ bench: PartitionBench, _ seed: UInt64) async throws -> AuditReport {
        let report = try await bench.audit()
        #expect(report.isSound, "seed \(seed): \(report.findings.filter { $0.verdict == .broken })")
        return report
    }

    @Test(
        "A restored partition is indistinguishable from one that never stopped", arguments: 1...6 as ClosedRange<UInt64>
    )
    func continuous(seed: UInt64) async throws {
        let bench = try await PartitionBench(Self.market)
        // Two seconds between requests: the windows of the rate rules, one second long, are empty after a restart.
        bench.step = 2_000_000
        var flow = RandomFlow(seed: seed, Self.market)
        var random = SplitMix64(seed: seed &+ 1_000)
        var twin: TradingPartition?
        var compared = 0
        for step in 1...2_500 {
            let request = flow.next()
            bench.send(request)
            if let twin { execute(request, on: twin, like: bench) }
            guard random.percent(30) else { continue }
            let outcome = Outcome(await bench.drain())
            if let twin {
                let other = Outcome(twin.drain(owner: PartitionBench.owner, fence: .zero))
                #expect(other == outcome, "seed \(seed), step \(step)")
                guard other == outcome else { return }
                compared += 1
            }
            if random.percent(8) { twin = try await restored(bench) }
            if step % 10 == 0, random.percent(20) { _ = try await expectSound(bench, seed) }
        }
        await bench.settle()
        let report = try await expectSound(bench, seed)
        // The flow is worth something: it trades, it is refused, and most of it was compared.
        #expect(report.trades > 300 && report.orders > 1_000 && compared > 300, "seed \(seed)")
        #expect(report.findings.first { $0.number == "I16" }?.verdict == .holds, "seed \(seed)")
        let statistics = bench.partition.statistics
        #expect(min(statistics.rejected, statistics.canceled, statistics.cancelRejects) > 30, "seed \(seed)")
        #expect(min(statistics.replaced, statistics.duplicates) > 20, "seed \(seed)")
    }

    @Test("The same holds over a day with both auctions and its expiry", arguments: 11...14 as ClosedRange<UInt64>)
    func wholeDay(seed: UInt64) async throws {
        let bench = try await PartitionBench(Self.market, phase: .openingCall)
        bench.step = 2_000_000
        var flow = RandomFlow(seed: seed, Self.market)
        var random = SplitMix64(seed: seed &+ 1_000)
        let phases: [(SessionPhase, Int)] = [
            (.openingCall, 200), (.openingCallNoCancel, 100), (.quiet, 5), (.continuous, 400), (.lunch, 5),
            (.continuous, 300), (.closingCall, 150), (.ended, 3),
        ]
        var auctionTrades = 0
        for (phase, requests) in phases {
            // A kill right before a boundary: the partition that comes back meets the boundary.
            await bench.settle()
            let twin = try await restored(bench)
            bench.enter(phase)
            twin.enter(phase, now: bench.now)
            for step in 0..<requests {
                let request = flow.next()
                bench.send(request)
                execute(request, on: twin, like: bench)
                guard random.percent(20) else { continue }
                let outcome = Outcome(await bench.drain())
                auctionTrades += outcome.trades.count { $0.aggressor == nil }
                #expect(
                    Outcome(twin.drain(owner: PartitionBench.owner, fence: .zero)) == outcome,
                    "seed \(seed), \(phase), step \(step)")
            }
            await bench.settle()
            _ = try await expectSound(bench, seed)
        }
        #expect(auctionTrades > 20, "seed \(seed)")
        #expect(try await bench.tier.orders().allSatisfy { !$0.status.isOpen })
        #expect(Self.market.clients.allSatisfy { bench.live($0)[1] == 0 })
    }

    private func execute(_ request: OrderRequest, on twin: TradingPartition, like bench: PartitionBench) {
        twin.execute(bench.prepared(bench.stamped(request)), now: bench.now)
    }
}
