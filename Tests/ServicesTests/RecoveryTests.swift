import CacheStack
import Market
import Risk
import Services
import TestData
import Testing

@Suite("Recovery")
struct RecoveryTests {
    /// The rows of a tier in any order, as a scan of a database gives them.
    private func shuffled(_ bench: PartitionBench, _ random: inout SplitMix64) async throws -> PartitionImage {
        var image = PartitionImage()
        image.partition = try await bench.tier.rows(of: TradingSpaces.partitions).first
            .map { PartitionRow(id: $0.id, payload: $0.payload[...]) }
        image.cash = try await bench.tier.rows(of: TradingSpaces.cash)
            .map { CashRow(id: $0.id, payload: $0.payload[...]) }.shuffled(using: &random)
        image.positions = try await bench.tier.rows(of: TradingSpaces.positions)
            .map { PositionRow(id: $0.id, payload: $0.payload[...]) }.shuffled(using: &random)
        image.orders = try await bench.tier.orders().shuffled(using: &random)
        image.trades = try await bench.tier.trades().shuffled(using: &random)
        return image
    }

    @Test("The order in which the rows come makes no difference", arguments: 31...34 as ClosedRange<UInt64>)
    func anyOrder(seed: UInt64) async throws {
        // A price may be three ticks from the last trade at most: the last trade must be the last one.
        var limits = RiskLimits()
        try limits.set(RiskIndicator.fatFingerLast.number, RiskLimit(threshold: 0, second: 3))
        let market = SampleMarket(accounts: 6, instruments: 2, shares: Quantity(40_000))
        let bench = try await PartitionBench(market, SampleMarket.configuration(limits: limits))
        bench.step = 2_000_000
        var flow = RandomFlow(seed: seed, market)
        for _ in 0..<500 { bench.send(flow.next()) }
        await bench.settle()
        var random = SplitMix64(seed: seed)
        let instruments = (0..<market.instruments).map(SampleMarket.instrument)
        let twin = TradingPartition(bench.configuration, instruments: instruments)
        try twin.restore(try await shuffled(bench, &random))
        for step in 0..<20 {
            for _ in 0..<10 {
                let request = flow.next()
                bench.send(request)
                twin.execute(bench.prepared(bench.stamped(request)), now: bench.now)
            }
            let other = RandomDayTests.Outcome(twin.drain(owner: PartitionBench.owner, fence: .zero))
            let outcome = RandomDayTests.Outcome(await bench.drain())
            #expect(other == outcome, "seed \(seed), step \(step)")
            guard other == outcome else { return }
        }
        let rules = Set(try await bench.tier.orders().map(\.rule))
        #expect(rules.contains(57), "the rule was at work")
        #expect(try await bench.tier.trades().count > 30)
    }

    @Test("An empty partition is restored from a market that never traded, and starts at number 1")
    func empty() async throws {
        let tier = await SampleMarket().seeded()
        let recovered = try await PartitionRecovery(configuration: SampleMarket.configuration(), durable: tier).load()
        #expect(recovered.partition.lastSequence == 0 && recovered.partition.phase == .closed)
        #expect(recovered.fence == .zero)
        let nothing = MemoryDurableTier(schemas: TradingSpaces.all) { 1 }
        let bare = try await PartitionRecovery(configuration: SampleMarket.configuration(), durable: nothing).load()
        #expect(bare.partition.lastSequence == 0)
    }

    @Test("A store that cannot be read is an error, not an empty partition")
    func unreadable() async throws {
        let tier = await SampleMarket().seeded()
        tier.setFaults { $0.reads = TierError(.unavailable, "down") }
        await #expect(throws: TierError.self) {
            _ = try await PartitionRecovery(configuration: SampleMarket.configuration(), durable: tier).load()
        }
    }
}
