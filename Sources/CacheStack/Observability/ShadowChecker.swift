internal import Synchronization
internal import Telemetry

/// How much of the reads is checked against L3 afterwards.
public struct ShadowSettings: Sendable {
    /// One read of L1 or L2 in this many is checked, by chance; 1 checks all, 0 none.
    public var everyReads = 4_096
    /// Rows checked in a second at most; what is above is dropped and counted.
    public var checksPerSecondMax = 20
    /// A read is checked this long afterwards at the earliest, when the stream knows what was committed before it.
    public var delay: Duration = .milliseconds(250)

    /// The defaults: at most 20 rows a second in one small query.
    public init() {}

    /// Whether anything is checked.
    var isOn: Bool { everyReads > 0 && checksPerSecondMax > 0 }
}

/// A read that is going to be checked.
struct ShadowSample: Sendable {
    var key: CacheKey
    var version: Ticket
    var epoch: UInt32
    /// CRC32C of the bytes returned; nil for an absent row.
    var digest: UInt32?
    /// When the read began, and how far behind it was allowed to be.
    var at: MonotonicTime
    var maxAge: Int64
}

/// Looks over the cache's shoulder: reads samples of what was returned again from L3 and measures how stale they were.
///
/// Meta's Polaris, in process: the staleness of a value is the time from the commit that superseded it to the read.
/// The commit's time is known between two readings of the stream (`StreamHistory`); the histogram takes the longer
/// span, a violation of the promise is counted only where the shorter one exceeds it, so each is certain. Where the
/// first of several later versions is not remembered the newest is taken, which can only hide staleness.
final class ShadowChecker: Sendable {
    /// How a check ended.
    enum Verdict: String, Sendable, CaseIterable {
        /// The value was the newest one when it was read.
        case current
        /// It was superseded before the read, within the promised bound.
        case stale
        /// It was superseded longer ago than promised, or was never committed like that.
        case violation
        /// It was superseded, and when is not known.
        case unknown
        /// L3 did not answer.
        case failed
    }

    static let readingsMax = 4_096

    let settings: ShadowSettings
    private let threshold: UInt64
    /// By number of the space: whether the stream tells of its changes.
    private let isFollowed: [Bool]
    private let samples = Mutex<[ShadowSample]>([])
    private let history = Mutex(StreamHistory(countMax: readingsMax))
    private let caughtUpAt = Atomic<Int64>(.min)
    private let verdicts: [Verdict: Counter]
    private let violations: Counter
    private let dropped: Counter
    private let staleness: BucketHistogram
    private let lags: [BucketHistogram?]

    init(_ settings: ShadowSettings, schemas: [SpaceSchema], metrics registry: MetricsRegistry) {
        precondition(settings.everyReads >= 0 && settings.checksPerSecondMax >= 0, "rates are not negative")
        self.settings = settings
        threshold = settings.isOn ? (1 << 32) / UInt64(settings.everyReads) : 0
        let spaces = Int(schemas.map(\.space.rawValue).max() ?? 0) + 1
        var (isFollowed, lags) = (
            Array(repeating: false, count: spaces), [BucketHistogram?](repeating: nil, count: spaces)
        )
        for schema in schemas where schema.isShared {
            isFollowed[Int(schema.space.rawValue)] = true
            lags[Int(schema.space.rawValue)] = registry.histogram(
                "cache_invalidation_lag_seconds", "Longest time from a commit to its application in L1, by space.",
                [("space", schema.table)], bounds: Self.lagBounds)
        }
        (self.isFollowed, self.lags) = (isFollowed, lags)
        verdicts = Dictionary(
            uniqueKeysWithValues: Verdict.allCases.map { verdict in
                let counter = registry.counter(
                    "cache_shadow_checks_total", "Reads checked against L3, by result.", [("result", verdict.rawValue)])
                return (verdict, counter)
            })
        violations = registry.counter(
            "cache_bound_violations_total", "Reads that turned out older than promised, or never committed.")
        dropped = registry.counter(
            "cache_shadow_dropped_total", "Reads chosen to be checked and dropped by the rate cap.")
        staleness = registry.histogram(
            "cache_staleness_seconds",
            "How long ago values returned had been superseded, at most; 0: they were newest.",
            bounds: Self.lagBounds)
    }

    static let lagBounds: [Double] = [0, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60]

    func export(to registry: MetricsRegistry, time: TimeSource) {
        registry.computed(
            "cache_watermark_age_seconds", "Time since L1 was known to have every change applied; NaN before that."
        ) {
            let at = self.caughtUpAt.load(ordering: .relaxed)
            return at == .min ? .nan : Double(time.now().nanoseconds - at) / 1e9
        }
    }

    // MARK: Sampling

    /// Whether a read of `key` that began at `now` is to be checked; costs a multiplication, no shared memory.
    @inline(__always)
    func isSampled(_ key: CacheKey, at now: MonotonicTime) -> Bool {
        guard threshold > 0 else { return false }
        let spread = (key.id &* 0xBF58_476D_1CE4_E5B9) ^ UInt64(bitPattern: now.nanoseconds)
        let mixed = (spread ^ spread >> 29) &* 0x9E37_79B9_7F4A_7C15
        return mixed >> 32 < threshold
    }

    /// Puts a sampled read on the list of checks.
    func offer(_ sample: ShadowSample) {
        let space = Int(sample.key.space.rawValue)
        guard space < isFollowed.count, isFollowed[space] else { return }
        let isTaken = samples.withLock { samples in
            guard samples.count < settings.checksPerSecondMax else { return false }
            samples.append(sample)
            return true
        }
        if !isTaken { dropped.increment() }
    }

    /// The samples old enough to be checked; they are removed.
    func takeDue(at now: MonotonicTime) -> [ShadowSample] {
        samples.withLock { samples in
            let due = samples.filter { now - $0.at >= settings.delay }
            samples.removeAll { now - $0.at >= settings.delay }
            return due
        }
    }

    /// Samples waiting, and readings of the stream remembered.
    var holdings: (samples: Int, readings: Int) { (samples.withLock { $0.count }, history.withLock { $0.count }) }

    // MARK: The stream

    /// A reading of the stream, before its changes are applied.
    func notePage(_ newest: Ticket, sent: MonotonicTime, received: MonotonicTime) {
        history.withLock { $0.note(newest, sent: sent, received: received) }
    }

    /// Changes were applied to L1.
    func noteApplied(_ records: [ChangeRecord], at now: MonotonicTime) {
        for record in records {
            guard let commit = history.withLock({ $0.commit(of: record.ticket) }) else { continue }
            let lag = (now - commit.earliest).seconds
            var last: SpaceID?
            for key in record.keys where key.space != last {
                last = key.space
                let index = Int(key.space.rawValue)
                if index < lags.count { lags[index]?.record(lag) }
            }
        }
    }

    /// L1 had every change applied that was committed by then.
    func noteCaughtUp(at time: MonotonicTime) { caughtUpAt.store(time.nanoseconds, ordering: .relaxed) }

    /// Another history begins.
    func forgetHistory() { history.withLock { $0 = StreamHistory(countMax: Self.readingsMax) } }

    // MARK: Judging

    /// Judges a sample by what L3 holds now; `successor` is the first version known to have followed the one read.
    func judge(_ sample: ShadowSample, _ now: CertifiedEntry, successor: Ticket?) -> Verdict {
        let certificate = now.certificate
        guard certificate.epoch == sample.epoch else { return .unknown }
        if certificate.version == sample.version {
            let digest = now.payload.map { CRC32C.checksum($0.span) }
            guard digest == sample.digest else { return .violation }
            staleness.record(0)
            return .current
        }
        guard certificate.version > sample.version else { return .violation }
        guard let commit = history.withLock({ $0.commit(of: successor ?? certificate.version) }) else {
            return .unknown
        }
        let (longest, shortest) = (sample.at - commit.earliest, sample.at - commit.latest)
        guard longest > .zero else {
            staleness.record(0)
            return .current
        }
        staleness.record(longest.seconds)
        return shortest.nanoseconds > sample.maxAge ? .violation : .stale
    }

    func count(_ verdict: Verdict, _ amount: Int = 1) {
        verdicts[verdict]?.increment(by: UInt64(amount))
        if verdict == .violation { violations.increment(by: UInt64(amount)) }
    }
}
