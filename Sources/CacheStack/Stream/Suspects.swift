/// Which rows of L1 were marked as possibly changed, beside the marks in L1 itself. Pure.
///
/// L1 can mark one row or all; a region is marked by marking all and remembering it here, so that a row outside it is
/// cleared without asking anyone. A mark says that L2 was written by then, so whatever was announced had been committed
/// by then: a reading of the stream that began later knows of it, and settles the mark. Marks are forgotten in two
/// generations of `lifetime`, the oldest certificate that is served without asking. Past `keysMax` marks everything is
/// in doubt.
struct Suspects {
    /// What is to be done about a row that L1 holds marked.
    enum Doubt: Hashable {
        /// Nothing was said about it that the stream has not settled.
        case unfounded
        /// It belongs to a region: ask L2 for its version; where L2 holds no value nothing is known against it.
        case region
        /// It was named: ask L2 for its version, and load it unless L2 holds that.
        case named
    }

    static let regionsMax = 64

    private let lifetime: Int64
    private let keysMax: Int
    /// When each row was last marked.
    private var young: [CacheKey: Int64] = [:]
    private var old: [CacheKey: Int64] = [:]
    private var turnedAt = Int64.min / 2
    private var regions: [(region: KeyRegion, at: Int64)] = []
    private var allMarkedAt = Int64.min / 2

    /// `lifetime` in nanoseconds: how long L1 serves a row.
    init(lifetime: Int64, keysMax: Int) {
        precondition(lifetime > 0 && keysMax > 0, "marks are kept for some time")
        self.lifetime = lifetime
        self.keysMax = keysMax
    }

    /// Marks kept, both generations, and regions.
    var count: (keys: Int, regions: Int) { (young.count + old.count, regions.count) }

    mutating func mark(_ key: CacheKey, at now: MonotonicTime) {
        turn(now.nanoseconds)
        guard young.count < keysMax || young[key] != nil else {
            allMarkedAt = now.nanoseconds
            return
        }
        young[key] = now.nanoseconds
    }

    mutating func mark(_ region: KeyRegion, at now: MonotonicTime) {
        dropRegions(at: now.nanoseconds)
        guard regions.count < Self.regionsMax else {
            allMarkedAt = now.nanoseconds
            return
        }
        regions.append((region, now.nanoseconds))
    }

    /// The row was confirmed or replaced.
    mutating func clear(_ key: CacheKey) {
        young[key] = nil
        old[key] = nil
    }

    /// Whether any mark can still matter.
    mutating func isActive(at now: MonotonicTime) -> Bool {
        turn(now.nanoseconds)
        dropRegions(at: now.nanoseconds)
        return !young.isEmpty || !old.isEmpty || !regions.isEmpty || now.nanoseconds - allMarkedAt < lifetime
    }

    /// What is known against a row; `settled`: when the last reading of the stream was sent that reached its end.
    func doubt(_ key: CacheKey, at now: MonotonicTime, settled: MonotonicTime?) -> Doubt {
        let settled = settled?.nanoseconds ?? .min
        let isLive = { (at: Int64) in at >= settled && now.nanoseconds - at < lifetime }
        if isLive(allMarkedAt) || max(young[key] ?? .min, old[key] ?? .min) >= max(settled, .min + 1) { return .named }
        return regions.contains { isLive($0.at) && $0.region.contains(key) } ? .region : .unfounded
    }

    private mutating func dropRegions(at now: Int64) { regions.removeAll { now - $0.at >= lifetime } }

    private mutating func turn(_ now: Int64) {
        guard now - turnedAt >= lifetime else { return }
        old = now - turnedAt < 2 * lifetime ? young : [:]
        young = [:]
        turnedAt = now
    }
}
