import Market
import Matching
import TestData
import Testing

/// A mix of random operations: what the book looks like under it.
struct Workload: Sendable, CustomStringConvertible {
    let name: String
    let seeds: Range<UInt64>
    let operations: Int
    /// Prices are drawn from this many ticks around the middle.
    let ticks: Int
    let isBanded: Bool
    let orderMax: Int
    /// Percent of entries that are IOC, FOK or market.
    let immediate: Int
    /// Percent of operations that are entries.
    let entries: Int
    /// Orders that the arena holds: some workloads fill it.
    let capacity: Int

    var description: String { name }

    static let all = [
        Workload(
            name: "narrow", seeds: 0..<30, operations: 10_000, ticks: 8, isBanded: true, orderMax: 500,
            immediate: 25, entries: 55, capacity: 20_000),
        Workload(
            name: "full arena", seeds: 50..<60, operations: 10_000, ticks: 8, isBanded: true, orderMax: 500,
            immediate: 25, entries: 55, capacity: 60),
        Workload(
            name: "deep", seeds: 100..<120, operations: 10_000, ticks: 60, isBanded: true, orderMax: 100,
            immediate: 5, entries: 56, capacity: 20_000),
        Workload(
            name: "sweeps", seeds: 200..<220, operations: 10_000, ticks: 20, isBanded: true, orderMax: 3_000,
            immediate: 50, entries: 75, capacity: 20_000),
        Workload(
            name: "no band", seeds: 300..<320, operations: 10_000, ticks: 30, isBanded: false, orderMax: 500,
            immediate: 25, entries: 60, capacity: 20_000),
    ]
}

/// Draws operations for a pair of books until one differs.
private struct Fuzzer {
    let workload: Workload
    var random: SplitMix64
    var pair: BookPair
    var nextID: UInt64 = 1
    /// Recent ids, alive and dead.
    var pool: [UInt64] = []
    /// Middle of the prices, in ticks; drifts where no band holds it.
    var middle = 1_000

    init(_ workload: Workload, seed: UInt64) {
        self.workload = workload
        random = SplitMix64(seed: seed)
        // Prices are drawn one tick beyond the band on both sides.
        let half = workload.ticks / 2
        let band = Int64(10 * (1_000 - half))...Int64(10 * (1_000 + half - 1))
        pair = BookPair(arena: OrderArena(capacity: workload.capacity), band: workload.isBanded ? band : nil)
    }

    mutating func step() throws {
        // Calls are some 30 operations long, continuous phases some 300.
        switch random.below(1_000) {
        case 0..<(pair.inCall ? 33 : 3): try togglePhase()
        case 999: pair = try pair.restart(arena: OrderArena(capacity: workload.capacity))
        default:
            if random.percent(workload.entries) {
                try pair.enter(order(side: random.percent(50) ? .buy : .sell))
            } else {
                try amend()
            }
        }
    }

    mutating func togglePhase() throws {
        if pair.inCall {
            var policies: [AuctionPolicy] = [
                .shanghai, .shenzhen, AuctionPolicy(tieBreaks: [.middle(halfTick: .down)]),
            ]
            // Every tick of a band is few enough to try by brute force.
            if workload.isBanded {
                let tieBreaks: [AuctionPolicy.TieBreak] = [.leastImbalance, .closestToReference(equallyNear: .down)]
                policies.append(AuctionPolicy(tieBreaks: tieBreaks, candidates: .everyTick))
            }
            try pair.uncross(policies[random.below(policies.count)], reference: price(slack: 0).milli)
        }
        pair.inCall.toggle()
    }

    mutating func amend() throws {
        let id = pool.isEmpty || random.percent(2) ? 9_999_999_999 : pool[random.below(pool.count)]
        switch random.below(10) {
        case 0..<6: try pair.cancel(id)
        case 6: try pair.reduce(id, to: Int64(random.below(workload.orderMax)))
        default:
            let old = pair.naive.find(id)
            var new = order(side: old?.side ?? .sell)
            if random.percent(2) { new.side = new.side.opposite }
            if let old, random.percent(40) { new.price = Price(milli: old.price) }
            if random.percent(30) { new.id = id }
            try pair.replace(id, by: new)
        }
    }

    mutating func order(side: Side) -> IncomingOrder {
        let id = nextID
        nextID += 1
        if pool.count < 200 { pool.append(id) } else { pool[random.below(200)] = id }
        var order = IncomingOrder(
            id: id, handle: UInt32(truncatingIfNeeded: id &* 7), owner: AccountID(UInt32(id % 50)), side: side,
            price: price(slack: 1), quantity: Quantity(Int64(1 + random.below(workload.orderMax))))
        if random.percent(workload.immediate) {
            order.type = random.percent(30) ? .market : .limit
            order.timeInForce = [.immediateOrCancel, .fillOrKill, .day][random.below(3)]
        }
        if random.percent(1) { order.quantity = Quantity([0, -5, 2_147_483_648][random.below(3)]) }
        if random.percent(1) { order.price = Price(milli: [0, -10, 10_001, .max][random.below(4)]) }
        return order
    }

    /// A price within the range and `slack` ticks beyond it; without a band sometimes far away.
    mutating func price(slack: Int) -> Price {
        let half = workload.ticks / 2 + slack
        if !workload.isBanded {
            if random.percent(5) { middle = max(100, middle + random.below(41) - 20) }
            if random.below(400) == 0 { return Price(milli: Int64(10 * (1 + random.below(400_000)))) }
        }
        return Price(milli: Int64(10 * (middle - half + random.below(2 * half))))
    }
}

@Suite("The book against the naive matcher")
struct DifferentialTests {
    @Test("A million random operations give the same fills, best prices and depth", arguments: Workload.all)
    func randomOperations(workload: Workload) throws {
        var fills = 0
        for seed in workload.seeds {
            var fuzzer = Fuzzer(workload, seed: seed)
            for operation in 0..<workload.operations {
                do {
                    try fuzzer.step()
                    if operation % 200 == 0 { try fuzzer.pair.checkInvariants() }
                } catch let difference as Difference {
                    Issue.record("\(workload), seed \(seed), operation \(operation): \(difference)")
                    return
                }
            }
            fills += fuzzer.pair.fillCount
        }
        // A workload that hardly trades would prove little.
        #expect(fills > workload.seeds.count * workload.operations / 20)
    }

    @Test("The workloads add up to a million operations")
    func total() {
        #expect(Workload.all.reduce(0) { $0 + $1.seeds.count * $1.operations } == 1_000_000)
    }
}
