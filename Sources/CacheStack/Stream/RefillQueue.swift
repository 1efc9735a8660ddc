/// Rows that L2 lacks and L1 can prove: those that want a lease, and those with a lease that wait for the stream. Pure.
struct RefillQueue {
    /// A lease of L2, and a time at which it had been granted already.
    struct Leased: Sendable {
        var key: CacheKey
        var token: UInt64
        var at: MonotonicTime
    }

    let countMax: Int
    private var wanted: Set<CacheKey> = []
    private var order: [CacheKey] = []
    private var leased: [CacheKey: Leased] = [:]

    /// A queue of at most `countMax` rows that want a lease.
    init(countMax: Int) {
        precondition(countMax > 0, "a queue holds something")
        self.countMax = countMax
    }

    /// Rows waiting for a lease, and rows waiting for the stream.
    var count: (wanted: Int, leased: Int) { (order.count, leased.count) }

    var isEmpty: Bool { order.isEmpty && leased.isEmpty }

    /// Adds a row; false where the queue is full.
    mutating func want(_ key: CacheKey) -> Bool {
        if wanted.contains(key) { return true }
        guard order.count < countMax else { return false }
        wanted.insert(key)
        order.append(key)
        return true
    }

    /// Removes and returns the oldest rows that want a lease, so many that at most `limit` wait for the stream then.
    mutating func take(_ limit: Int) -> [CacheKey] {
        let count = min(order.count, limit - leased.count)
        guard count > 0 else { return [] }
        if count == order.count {
            // Given away, not copied: a prefix of everything would share its memory with the queue.
            defer { (order, wanted) = ([], []) }
            return order
        }
        let batch = Array(order[..<count])
        order.removeFirst(count)
        wanted.subtract(batch)
        return batch
    }

    /// Keeps leases until the stream has been read.
    mutating func hold(_ leases: [Leased]) { for lease in leases { leased[lease.key] = lease } }

    /// Hands the lease of a row to a loader, if it was granted after `oldest`.
    mutating func takeOver(_ key: CacheKey, notBefore oldest: MonotonicTime) -> UInt64? {
        guard let lease = leased.removeValue(forKey: key), lease.at >= oldest else { return nil }
        return lease.token
    }

    /// Removes and returns the leases granted before `reading`; those granted before `oldest` have expired and go.
    mutating func takeLeased(before reading: MonotonicTime, notBefore oldest: MonotonicTime) -> [Leased] {
        let ripe = leased.values.filter { $0.at < reading && $0.at >= oldest }
        leased = leased.filter { $0.value.at >= reading && $0.value.at >= oldest }
        return ripe
    }
}
