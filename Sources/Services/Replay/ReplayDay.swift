public import CacheStack
public import Logging
public import Market
internal import Risk
public import Telemetry

/// A trade of a replay in the exchange's own terms.
public struct ReplayedTrade: Sendable, Hashable {
    /// Index of the flow it belongs to.
    public var flow: Int
    /// Milliseconds since midnight, China Standard Time.
    public var time: Int
    public var buyOrder: UInt64
    public var sellOrder: UInt64
    /// Side that took liquidity, nil for auction trades.
    public var aggressor: Side?
    public var price: Price
    public var quantity: Quantity
}

/// What a replay did.
public struct ReplayResult: Sendable {
    public var trades: [ReplayedTrade] = []
    public var accepted = 0
    public var canceled = 0
    public var expired = 0
    public var cancelRejects = 0
    /// Rejected orders by the number of the risk rule.
    public var rejected: [Int: Int] = [:]
    public var batches = 0
}

/// Feeds recorded exchange flow through the whole chain: order, risk, matching, clearing, commit.
///
/// Event time is the recording's own, so phases, auctions and rates happen where they happened. The partition is the
/// same as the node's; its batches are committed through the cache stack like the node's, `batchMax` requests each.
/// Owners are not in the recording: order n belongs to account n mod `accounts`.
public struct ReplayDay: Sendable {
    /// Requests of one commit.
    public static let batchMax = 2_000

    private let configuration: PartitionConfiguration
    private let cache: CacheStack
    private let durable: any DurableTier
    private let registry: MetricsRegistry
    private let logger: Logger
    private let flows: [RecordedFlow]
    private let accounts: Int

    /// A replay of `flows` over rows that were seeded before: flow i is instrument i, accounts start at the first
    /// client.
    public init(
        _ configuration: PartitionConfiguration, flows: [RecordedFlow], accounts: Int, cache: CacheStack,
        durable: any DurableTier, metrics: MetricsRegistry, logger: Logger
    ) {
        self.configuration = configuration
        self.flows = flows
        self.accounts = accounts
        self.cache = cache
        self.durable = durable
        registry = metrics
        self.logger = logger
    }

    /// Runs the day to its end, the closing uncross and the expiry of what is left.
    public func run() async throws -> ReplayResult {
        let recovery = PartitionRecovery(configuration: configuration, durable: durable)
        let restored = try await recovery.load()
        let committer = PartitionCommitter(cache: cache, metrics: NodeMetrics(registry), logger: logger)
        let chain = ReplayChain(restored, flows: flows, accounts: accounts, committer: committer)
        let profiles = try await profiles()
        for (flow, event) in RecordedFlow.merge(flows) {
            chain.execute(event, of: flow, profiles)
            if chain.pending >= Self.batchMax { try await chain.commit() }
        }
        chain.endDay()
        try await chain.commit()
        return chain.result
    }

    /// The accounts' profiles, through the cache.
    private func profiles() async throws -> [AccountProfile] {
        let first = AccountID.firstClient.rawValue
        let keys = (0..<accounts).map { AccountProfile.key(AccountID(first + UInt32($0))) }
        return try await cache.read(keys, .bounded()).map { value in
            guard let payload = value.payload else {
                throw RecoveryError("account \(value.key.id) has no profile")
            }
            var profile = AccountProfile(id: value.key.id, payload: payload[...])
            profile.version = value.version.rawValue
            return profile
        }
    }
}

/// The state of a replay: a partition, and what its reports say in the exchange's terms.
private final class ReplayChain {
    private let partition: TradingPartition
    private let flows: [RecordedFlow]
    private let accounts: Int
    private let committer: PartitionCommitter
    private let midnight: Int64
    private let owner = UInt64.random(in: 1...UInt64(Int64.max))
    private var fence: Ticket
    private var exchangeOrders: [OrderID: UInt64] = [:]
    private var now: Int64 = 0
    private(set) var pending = 0
    private(set) var result = ReplayResult()

    init(
        _ restored: RecoveredPartition, flows: [RecordedFlow], accounts: Int, committer: PartitionCommitter
    ) {
        partition = restored.partition
        fence = restored.fence
        self.flows = flows
        self.accounts = accounts
        self.committer = committer
        midnight = ChinaStandardTime.instant(on: partition.configuration.day, timeOfDay: 0)
    }

    func execute(_ event: RecordedEvent, of flow: Int, _ profiles: [AccountProfile]) {
        advance(to: midnight + Int64(event.time) * 1_000)
        let profile = profiles[Int(event.order % UInt64(accounts))]
        let id = "\(event.order)"
        let isAdd = event.action == .add
        guard let own = ClientOrderID(isAdd ? id : "C" + id) else { return }
        let request = OrderRequest(
            kind: isAdd ? .new : .cancel, session: SessionID(flow + 1), account: profile.id,
            instrument: InstrumentID(UInt32(flow)), clientOrderID: own,
            originalClientOrderID: isAdd ? nil : ClientOrderID(id), side: event.side,
            price: isAdd ? event.price : .zero, quantity: event.quantity, transactTime: now, receiveTime: now,
            sendingTime: now)
        partition.execute(
            PreparedRequest(
                request: request, profile: profile, profileAge: 0, sessionGroups: .max, mayTrade: true), now: now)
        if isAdd { exchangeOrders[partition.lastSequence] = event.order }
        pending += 1
    }

    /// Passes every boundary of the day between two events, in order.
    private func advance(to time: Int64) {
        let schedule = partition.configuration.schedule
        if now == 0 {
            now = time
            partition.enter(schedule.phase(at: time), now: time)
        }
        while let boundary = schedule.nextBoundary(after: now), boundary.time <= time {
            now = boundary.time
            partition.enter(boundary.phase, now: now)
        }
        now = max(now, time)
    }

    /// The boundaries after the last event, up to the end of the day.
    func endDay() {
        let schedule = partition.configuration.schedule
        while partition.phase != .ended, let boundary = schedule.nextBoundary(after: now) {
            now = boundary.time
            partition.enter(boundary.phase, now: now)
        }
    }

    func commit() async throws {
        let batch = partition.drain(owner: owner, fence: fence)
        pending = 0
        switch await committer.commit(batch) {
        case .durable(let ticket): fence = ticket
        case .fenced: throw RecoveryError("another process owns the partition")
        case .refused(let text): throw RecoveryError("PostgreSQL refused the batch: \(text)")
        case .stopped: throw CancellationError()
        }
        result.batches += 1
        for report in batch.reports { count(report) }
        for trade in batch.trades { add(trade) }
    }

    private func count(_ report: ExecutionReport) {
        switch report.type {
        case .new: result.accepted += 1
        case .canceled: result.canceled += 1
        case .expired: result.expired += 1
        case .rejected: result.rejected[Int(report.rule), default: 0] += 1
        case .cancelRejected: result.cancelRejects += 1
        default: break
        }
    }

    private func add(_ trade: TradeRow) {
        result.trades.append(
            ReplayedTrade(
                flow: Int(trade.instrument.rawValue), time: Int((trade.time - midnight) / 1_000),
                buyOrder: exchangeOrders[trade.buyOrder] ?? 0, sellOrder: exchangeOrders[trade.sellOrder] ?? 0,
                aggressor: trade.aggressor, price: trade.price, quantity: trade.quantity))
    }
}
