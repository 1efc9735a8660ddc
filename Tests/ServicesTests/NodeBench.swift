import CacheStack
import Logging
import Market
import Services
import Synchronization
import Telemetry

/// What a node has delivered, and waiting for it.
final class Deliveries: Sendable {
    private struct State {
        var reports: [ExecutionReport] = []
        var trades: [TradeRow] = []
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func deliver(_ output: NodeOutput) {
        let woken = state.withLock { state in
            state.reports += output.reports
            state.trades += output.trades
            let count = state.reports.count
            let woken = state.waiters.filter { $0.count <= count }
            state.waiters.removeAll { $0.count <= count }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    var reports: [ExecutionReport] { state.withLock { $0.reports } }
    var trades: [TradeRow] { state.withLock { $0.trades } }
    var lines: [String] { reports.map(\.line) }

    /// Waits until that many reports were delivered.
    func wait(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.reports.count < count { state.waiters.append((count, continuation)) }
                return state.reports.count >= count
            }
            if isThere { continuation.resume() }
        }
    }
}

/// A node over tiers in memory. Its stream of changes is read when a test says so (`poll`), not by a clock.
struct NodeBench {
    let tier: GatedTier
    let cache: CacheStack
    let node: TradingNode
    let deliveries = Deliveries()

    /// Over `tier`, or over a fresh sample market.
    init(
        _ market: SampleMarket = SampleMarket(), over tier: GatedTier? = nil,
        _ configuration: PartitionConfiguration = SampleMarket.configuration(), logsOn: Bool = true
    ) async throws {
        if let tier {
            self.tier = tier
        } else {
            self.tier = GatedTier(await market.seeded { EventClock.now() })
        }
        cache = CacheStack(
            schemas: TradingSpaces.all, shared: MemorySharedTier(), durable: self.tier, metrics: MetricsRegistry())
        node = TradingNode(
            configuration: configuration, cache: cache, durable: self.tier, metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { [deliveries] in deliveries.deliver($0) }
        try await cache.pollChanges()
        try await node.recover()
        guard logsOn else { return }
        for session in 1...market.sessions { _ = node.directory.admit(session, password: "") }
    }

    /// Runs the node, lets `body` use it, and stops it.
    @discardableResult
    func run(_ body: () async throws -> Void) async rethrows -> NodeEnd {
        let running = Task { await node.run() }
        do {
            try await body()
        } catch {
            running.cancel()
            _ = await running.value
            throw error
        }
        running.cancel()
        return await running.value
    }

    func submit(_ requests: [OrderRequest]) {
        let now = EventClock.now()
        node.submit(
            requests.map { request in
                var request = request
                request.transactTime = now
                request.receiveTime = now
                request.sendingTime = now
                return request
            })
    }

    func submit(_ request: OrderRequest) { submit([request]) }

    /// The audit of its rows.
    func audit(_ market: SampleMarket = SampleMarket()) async throws -> AuditReport {
        try await TradingAudit(
            durable: tier.memory, fees: SampleMarket.configuration().fees, opening: market.opening
        ).run()
    }
}
