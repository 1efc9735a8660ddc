public import CacheStack
internal import Market
public import Risk
internal import Synchronization

/// The service `risk`: runs the whole table of risk rules on requests, over rows read through the cache.
///
/// **What it knows.** The account's profile and the instrument, at most ten seconds old; the account's committed cash
/// and position, at most `balanceAge` old; the request; the phase of the day; and how often the account and its
/// orders repeated since this replica owns them. **What it does not know** is the sequencer's own: books, open orders and
/// what they hold, the session's rights, and whether an id was used. So a verdict names the refusal of the rules that
/// it can judge (`judged`) and leaves the others to the sequencer, which runs the whole table again on what it owns.
///
/// It keeps nothing durable; a batch that comes again gets its verdicts again.
public final class RiskScreen: BatchService {
    public let name = "risk"
    /// Staleness bound of profiles and instruments.
    static let maxAge = Duration.seconds(10)

    /// The rules that a replica has the facts for.
    public static let judged: RiskMask = {
        let sequencers: [RiskIndicator] = [
            // Orders, ids and sessions of the day.
            .oddLotSale, .clientOrderIDUnique, .sendingTimeSkew, .staleOrder, .targetOpen, .targetOwned,
            .replaceConsistent, .stopTriggerSide, .sessionActive, .sessionMayTradeAccount, .traderAuthorised,
            .limitsFresh, .reducingOnly, .riskWarningDailyBuy,
            // Books and last trades.
            .effectiveBuyRange, .effectiveSellRange, .auctionRange, .dynamicCollar, .periodCollar, .fatFingerLast,
            .fatFingerMid, .levelsSwept, .estimatedSlippage, .marketOrderProtection, .referencePriceAvailable,
            .quoteAge, .tradeReasonability, .crossedBook, .shareOfDepth,
            // Sums over all open orders and trades.
            .multipleOfOwnAverage, .dailyBuyQuantity, .dailySellQuantity, .grossValueAccount, .grossValueFirm,
            .openOrderValue, .openOrdersAccount, .openOrdersInstrument, .openOrdersAtPrice, .shortSaleBan,
            .sessionMessageRate, .firmMessageRate, .instrumentMessageRate,
        ]
        return RiskRule.all & RiskMask(sequencers).complement
    }()

    private let cache: CacheStack
    private let schedule: SessionSchedule
    private let balanceAge: Duration
    private let engine: Mutex<RiskEngine>

    /// A screen over a cache stack with the limits and the schedule of the node it serves.
    public init(cache: CacheStack, configuration: PartitionConfiguration, balanceAge: Duration = .seconds(1)) {
        self.cache = cache
        schedule = configuration.schedule
        self.balanceAge = balanceAge
        engine = Mutex(
            RiskEngine(
                limits: configuration.risk, capacity: RiskCapacity(instrumentsMax: configuration.instrumentsMax)))
    }

    /// Reads the rows of all batches together, then judges request by request.
    public func work(_ items: [StreamItem]) async -> [BatchResult] {
        let now = EventClock.now()
        let batches = items.map { item -> Result<(header: BatchHeader, orders: [OrderRequest]), BatchFormatError> in
            do throws(BatchFormatError) {
                return .success(try BatchFormat.orders(item.bytes))
            } catch {
                return .failure(error)
            }
        }
        var orders: [OrderRequest] = []
        for case .success(let batch) in batches where !Self.isLate(batch.header, now) { orders += batch.orders }
        let rows = await rows(for: orders)
        return batches.map { batch in
            switch batch {
            case .failure(let error): return .malformed("\(error)")
            case .success(let (header, orders)):
                guard !Self.isLate(header, now) else { return .expired(header, requests: orders.count) }
                let verdicts = judge(orders, rows, now: now)
                let answer = BatchFormat.encode(header, verdicts: verdicts)
                return .ended(header, requests: orders.count, answer: answer)
            }
        }
    }

    private static func isLate(_ header: BatchHeader, _ now: Int64) -> Bool {
        header.deadline > 0 && header.deadline < now
    }

    /// The rows the requests name; those that cannot be read in time are missing, and the rules then refuse.
    private func rows(for orders: [OrderRequest]) async -> [CacheKey: CachedValue] {
        var found: [CacheKey: CachedValue] = [:]
        var reference: Set<CacheKey> = []
        var balances: Set<CacheKey> = []
        for order in orders {
            reference.insert(AccountProfile.key(order.account))
            guard order.instrument != OrderRequest.unknownInstrument, order.kind != .cancel else { continue }
            reference.insert(Instrument.key(order.instrument))
            balances.insert(
                order.side == .buy
                    ? CashRow.key(order.account) : PositionRow.key(order.account, order.instrument))
        }
        await read(Array(reference), Self.maxAge, &found)
        await read(Array(balances), balanceAge, &found)
        return found
    }

    private func read(_ keys: [CacheKey], _ maxAge: Duration, _ found: inout [CacheKey: CachedValue]) async {
        var missing: [CacheKey] = []
        for key in keys {
            if let value = cache.peek(key, maxAge: maxAge) { found[key] = value } else { missing.append(key) }
        }
        guard !missing.isEmpty, let values = try? await cache.read(missing, .bounded(maxAge: maxAge)) else { return }
        for value in values { found[value.key] = value }
    }

    private func judge(
        _ orders: [OrderRequest], _ rows: [CacheKey: CachedValue], now: Int64
    ) -> [ScreenVerdict] {
        engine.withLock { engine in
            orders.map { order in
                let verdict = engine.evaluate(context(order, rows, now))
                let refusing = verdict.failed & Self.judged
                let rule = refusing.lowest ?? 0
                let row = RiskRule.row(rule)
                let reason = order.kind == .new ? row?.rejectReason : row?.cancelReason
                return ScreenVerdict(
                    rule: rule, reason: rule == 0 ? 0 : reason ?? 99,
                    warnings: UInt8(clamping: (verdict.warned & Self.judged).count))
            }
        }
    }

    private func context(_ order: OrderRequest, _ rows: [CacheKey: CachedValue], _ now: Int64) -> RiskContext {
        var context = RiskContext(request: order, time: now, phase: schedule.phase(at: now))
        if let value = rows[AccountProfile.key(order.account)], let payload = value.payload {
            var profile = AccountProfile(id: UInt64(order.account.rawValue), payload: payload[...])
            profile.version = value.version.rawValue
            context.account = profile
            context.profileAge = Int64(value.ageBound / .microseconds(1))
        }
        if let value = rows[Instrument.key(order.instrument)], let payload = value.payload {
            context.instrument = Instrument(id: UInt64(order.instrument.rawValue), payload: payload[...])
        }
        if let payload = rows[CashRow.key(order.account)]?.payload {
            context.availableCash = CashRow(id: UInt64(order.account.rawValue), payload: payload[...]).balance
        }
        let position = PositionRow.key(order.account, order.instrument)
        if let payload = rows[position]?.payload {
            let row = PositionRow(id: position.id, payload: payload[...])
            context.position = row.settled + row.unsettled
            context.sellableShares = row.settled
        }
        return context
    }
}
