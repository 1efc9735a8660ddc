/// Which rows of L1 were marked as possibly changed, beside the marks in L1 itself. Pure.
///
/// L1 can mark one row or all; a region is marked by marking all and remembering it here, so that a row outside it is
/// cleared without asking anyone. A row is served for at most `lifetime` after its installation: older marks concern
/// no row that could be served, and are forgotten in two generations. Past `keysMax` marks everything is in doubt.
struct Suspects {
    /// What is to be done about a row that L1 holds marked.
    enum Doubt: Hashable {
        /// Nothing was said about it: it was marked along with others.
        case unfounded
        /// Ask L2 for its version.
        case ask
    }

    static let regionsMax = 64

    private let lifetime: Int64
    private let keysMax: Int
    private var young: Set<CacheKey> = []
    private var old: Set<CacheKey> = []
    private var turnedAt = Int64.min / 2
    private var regions: [(region: KeyRegion, end: Int64)] = []
    private var isInDoubtUntil = Int64.min / 2

    /// `lifetime` in nanoseconds: how long L1 serves a row.
    init(lifetime: Int64, keysMax: Int) {
        precondition(lifetime > 0 && keysMax > 0, "marks are kept for some time")
        self.lifetime = lifetime
        self.keysMax = keysMax
    }

    /// Marks kept, both generations.
    var count: Int { young.count + old.count }

    mutating func mark(_ key: CacheKey, at now: MonotonicTime) {
        turn(now.nanoseconds)
        guard young.count < keysMax else {
            isInDoubtUntil = now.nanoseconds + lifetime
            return
        }
        young.insert(key)
    }

    mutating func mark(_ region: KeyRegion, at now: MonotonicTime) {
        regions.removeAll { $0.end <= now.nanoseconds }
        guard regions.count < Self.regionsMax else {
            isInDoubtUntil = now.nanoseconds + lifetime
            return
        }
        regions.append((region, now.nanoseconds + lifetime))
    }

    /// The row was confirmed or replaced.
    mutating func clear(_ key: CacheKey) {
        young.remove(key)
        old.remove(key)
    }

    /// Whether any mark can still matter.
    mutating func isActive(at now: MonotonicTime) -> Bool {
        turn(now.nanoseconds)
        regions.removeAll { $0.end <= now.nanoseconds }
        return !young.isEmpty || !old.isEmpty || !regions.isEmpty || now.nanoseconds < isInDoubtUntil
    }

    func doubt(_ key: CacheKey, at now: MonotonicTime) -> Doubt {
        if now.nanoseconds < isInDoubtUntil || young.contains(key) || old.contains(key) { return .ask }
        return regions.contains { now.nanoseconds < $0.end && $0.region.contains(key) } ? .ask : .unfounded
    }

    private mutating func turn(_ now: Int64) {
        guard now - turnedAt >= lifetime else { return }
        old = now - turnedAt < 2 * lifetime ? young : []
        young = []
        turnedAt = now
    }
}
