internal import CacheStack
internal import Dispatch
internal import Glibc
internal import Market
internal import Telemetry

/// The stage before the sequencer: reads every account and instrument a batch names through the cache stack.
///
/// L1 hits cost no wait. Whatever misses is read in one batch (one pipelined L2 read, then one L3 statement) while the
/// next requests gather. Runs on a thread of its own, because waiting for a tier must not stop the sequencer nor a
/// thread of the concurrency pool. What cannot be proven fresh enough is passed on as missing: risk then fails closed.
final class Prefetcher: Sendable {
    /// Least time of a turn while requests come fast: misses then share round trips to Redis and PostgreSQL.
    static let turn: UInt64 = 8_000_000
    /// Requests in one turn from which on they come fast; slower ones never wait for company.
    static let crowd = 16
    /// Staleness bound of profiles and instruments.
    static let maxAge = Duration.seconds(10)

    let inbox: BatchQueue<OrderRequest>
    private let cache: CacheStack
    private let directory: SessionDirectory
    private let metrics: NodeMetrics
    private let output: BatchQueue<SequencerMessage>

    init(
        cache: CacheStack, directory: SessionDirectory, metrics: NodeMetrics, inboxMax: Int,
        output: BatchQueue<SequencerMessage>
    ) {
        self.cache = cache
        self.directory = directory
        self.metrics = metrics
        self.output = output
        inbox = BatchQueue(limit: inboxMax)
    }

    /// Works until the inbox is closed.
    func run() {
        var versions: [UInt32: Ticket] = [:]
        while let batch = inbox.takeBatch() {
            let requests = batch.elements
            var traces = batch.traces
            let start = DispatchTime.now().uptimeNanoseconds
            if !traces.isEmpty { traces.end(.queueWait, at: SpanRecorder.wallClock()) }
            let (prepared, instruments) = prepare(requests, &traces, &versions)
            if !instruments.isEmpty { output.put(.instruments(instruments)) }
            output.put(.requests(prepared, traces))
            let elapsed = DispatchTime.now().uptimeNanoseconds - start
            metrics.prefetchDuration.record(nanoseconds: elapsed)
            if requests.count >= Self.crowd, elapsed < Self.turn { usleep(UInt32((Self.turn - elapsed) / 1_000)) }
        }
        output.put(.inputEnded)
    }

    private func prepare(
        _ requests: [OrderRequest], _ traces: inout [TracedRequest], _ versions: inout [UInt32: Ticket]
    ) -> ([PreparedRequest], [Instrument]) {
        var found: [CacheKey: CachedValue] = [:]
        var missing: Set<CacheKey> = []
        for request in requests {
            look(for: AccountProfile.key(request.account), &found, &missing)
            guard request.instrument != OrderRequest.unknownInstrument else { continue }
            look(for: Instrument.key(request.instrument), &found, &missing)
        }
        let wanted = found.count + missing.count
        for value in BlockingRead.values(Array(missing), .bounded(maxAge: Self.maxAge), of: cache) {
            found[value.key] = value
        }
        if !traces.isEmpty { Self.end(&traces, found, wanted: wanted, requests: requests.count) }
        let changed = changedInstruments(found, &versions)
        let prepared = requests.map { request in
            let value = found[AccountProfile.key(request.account)]
            let grant = directory.grant(of: request.session)
            return PreparedRequest(
                request: request, profile: Self.profile(request.account, value),
                profileAge: value.map { Int64($0.ageBound / .microseconds(1)) } ?? .max,
                sessionGroups: grant?.accountGroups ?? 0, mayTrade: grant?.mayTrade ?? false)
        }
        return (prepared, changed)
    }

    /// Ends the stage for a batch's sampled requests, with the rows by the tier that answered.
    private static func end(
        _ traces: inout [TracedRequest], _ found: [CacheKey: CachedValue], wanted: Int, requests: Int
    ) {
        var hits = SpanRecord.CacheHits(missing: Int32(clamping: wanted - found.count))
        for value in found.values {
            switch value.level {
            case .l1: hits.l1 += 1
            case .l2: hits.l2 += 1
            case .l3: hits.l3 += 1
            }
        }
        for index in traces.indices { traces[index].cache = hits }
        traces.end(.prefetch, at: SpanRecorder.wallClock(), batch: requests)
    }

    /// Looks into L1 once per key and batch.
    private func look(
        for key: CacheKey, _ found: inout [CacheKey: CachedValue], _ missing: inout Set<CacheKey>
    ) {
        guard found[key] == nil, !missing.contains(key) else { return }
        if let value = cache.peek(key, maxAge: Self.maxAge) {
            found[key] = value
        } else {
            missing.insert(key)
        }
    }

    private static func profile(_ account: AccountID, _ value: CachedValue?) -> AccountProfile? {
        guard let value, let payload = value.payload else { return nil }
        var profile = AccountProfile(id: UInt64(account.rawValue), payload: payload[...])
        profile.version = value.version.rawValue
        return profile
    }

    private func changedInstruments(
        _ found: [CacheKey: CachedValue], _ versions: inout [UInt32: Ticket]
    ) -> [Instrument] {
        var changed: [Instrument] = []
        for (key, value) in found where key.space == TradingSpaces.instruments.space {
            let id = UInt32(truncatingIfNeeded: key.id)
            guard let payload = value.payload, value.version > versions[id] ?? .zero else { continue }
            // Also the first time: it may have changed since the partition was restored.
            changed.append(Instrument(id: key.id, payload: payload[...]))
            versions[id] = value.version
        }
        return changed.sorted { $0.id < $1.id }
    }
}
