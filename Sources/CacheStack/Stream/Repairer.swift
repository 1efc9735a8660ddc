/// Which versions are to be announced to L2 once more, and which rows the stream has named of late. Pure.
///
/// A primary of L2 that failed over may have gone back to older values, and a committer that died after its COMMIT
/// never announced it. The outbox knows better: for each row it named within the last `window` (as long as L2 keeps an
/// entry, and two seconds) PUBLISH(version, '') raises the floor, leaves a tombstone over anything older, and changes
/// nothing where L2 is right. Announcing is idempotent and free of order, so any number of processes may do it.
///
/// Everything has a limit. What was named longer than `window` ago is not announced any more: L2 has dropped what was
/// older by itself. Of the rest at most `namedMax` rows wait, the oldest are given up first and counted. Giving up loses
/// time, never a promise: whoever follows the stream has the row's floor (or, where that had no room either, a limit
/// below which nothing is believed), refuses the old value of L2, loads, and announces what L3 says. So what the
/// repairer gives up the readers repair, row by row.
struct Repairer {
    /// A version that the stream has named.
    struct Version: Sendable, Hashable {
        var key: CacheKey
        var ticket: Ticket
        var epoch: UInt32
    }

    /// A version, and when the stream named it.
    struct Named: Sendable {
        var version: Version
        var at: Int64
    }

    private let window: Int64
    private let namedMax: Int
    private var named: [Named] = []
    private var first = 0
    /// Place in `named` of the first one that steady repair has not taken.
    private var steady = 0
    private var pending: [CacheKey: Named] = [:]
    /// The keys of `pending`, oldest first, from `taken` on.
    private var order: [CacheKey] = []
    private var taken = 0
    /// Versions given up before their time, because the memory or the queue was full; those counted already go.
    private var dropped = 0

    /// `window` in nanoseconds; `namedMax` bounds the memory and the queue, 40 and about 100 bytes each.
    init(window: Int64, namedMax: Int) {
        precondition(window > 0 && namedMax > 0, "a repairer remembers something")
        self.window = window
        self.namedMax = namedMax
    }

    /// Versions remembered, and versions waiting to be announced.
    var count: (named: Int, pending: Int) { (named.count - first, pending.count) }

    /// Places taken in memory, in use or not; for checks of the limits.
    var places: (named: Int, order: Int) { (named.count, order.count) }

    /// Versions given up since this was last asked.
    mutating func takeDropped() -> Int {
        defer { dropped = 0 }
        return dropped
    }

    /// Remembers what a record of the stream names.
    mutating func note(_ keys: [CacheKey], _ ticket: Ticket, epoch: UInt32, at now: MonotonicTime) {
        forget(before: now.nanoseconds - window)
        for key in keys {
            if named.count - first == namedMax {
                first += 1
                dropped += 1
            }
            let version = Version(key: key, ticket: ticket, epoch: epoch)
            named.append(Named(version: version, at: now.nanoseconds))
        }
        steady = max(steady, first)
    }

    /// Forgets everything: another history begins.
    mutating func removeAll() {
        (named, first, steady) = ([], 0, 0)
        (pending, order, taken) = ([:], [], 0)
    }

    /// Asks for the repair of all rows of a region that were named within the window.
    mutating func request(_ region: KeyRegion, at now: MonotonicTime) {
        forget(before: now.nanoseconds - window)
        for item in named[first...] where region.contains(item.version.key) { enqueue(item) }
    }

    /// Asks for the repair of what was named longer than `delay` ago, each version once: the steady mode.
    mutating func requestDue(_ delay: Int64, at now: MonotonicTime) {
        while steady < named.count, now.nanoseconds - named[steady].at >= delay {
            enqueue(named[steady])
            steady += 1
        }
    }

    /// Gives back what could not be announced, for as long as it still matters; newer versions asked for meanwhile win.
    mutating func putBack(_ versions: [Named]) { for version in versions { enqueue(version) } }

    /// Removes and returns the oldest versions waiting, at most `limit`; those L2 has dropped by itself go unannounced.
    mutating func take(_ limit: Int, at now: MonotonicTime) -> [Named] {
        var batch: [Named] = []
        while batch.count < limit, let next = popOldest() {
            if now.nanoseconds - next.at <= window { batch.append(next) }
        }
        return batch
    }

    /// Removes the oldest version waiting.
    private mutating func popOldest() -> Named? {
        guard taken < order.count, let oldest = pending.removeValue(forKey: order[taken]) else { return nil }
        taken += 1
        compact()
        return oldest
    }

    private mutating func compact() {
        guard taken == order.count || (taken >= 1_024 && taken * 2 >= order.count) else { return }
        order.removeFirst(taken)
        taken = 0
    }

    /// The first version of a row after `version` that the stream has named, as far as is remembered.
    func successor(of version: Ticket, _ key: CacheKey) -> Ticket? {
        named[first...].first { $0.version.key == key && $0.version.ticket > version }?.version.ticket
    }

    private mutating func enqueue(_ item: Named) {
        let version = item.version
        if let waiting = pending[version.key]?.version {
            guard (waiting.epoch, waiting.ticket) < (version.epoch, version.ticket) else { return }
        } else {
            if pending.count == namedMax, popOldest() != nil { dropped += 1 }
            order.append(version.key)
        }
        pending[version.key] = item
    }

    private mutating func forget(before time: Int64) {
        while first < named.count, named[first].at < time { first += 1 }
        steady = max(steady, first)
        guard first >= 4_096, first * 2 >= named.count else { return }
        named.removeFirst(first)
        steady -= first
        first = 0
    }
}
