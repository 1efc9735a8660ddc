internal import Synchronization

extension CacheStack {
    /// The time now, on the stack's clock; read it once for a batch of peeks.
    public var now: MonotonicTime { time.now() }

    /// The row if L1 can prove it at most `maxAge` old; never suspends, asks no other level.
    ///
    /// Costs one lock, and one allocation for the bytes.
    public func peek(_ key: CacheKey, maxAge: Duration = .seconds(10)) -> CachedValue? {
        peek(key, AgeBound(maxAge: maxAge), at: time.now())
    }

    /// As above, with the bound and the time made once for many keys.
    public func peek(_ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime) -> CachedValue? {
        guard let (row, payload) = local.value(key, bound, at: now) else { return nil }
        return CachedValue(key: key, row, payload: payload, level: .l1)
    }

    /// The row if L1 can prove it, its bytes copied over `buffer` (empty for an absent row); allocates nothing once
    /// the buffer is large enough. This is the fast path of a batch.
    public func peek(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, into buffer: inout [UInt8]
    ) -> LocalRow? {
        local.copy(key, bound, at: now, into: &buffer)
    }

    /// Hands the row and its bytes to `body` if L1 can prove it; returns whether it did.
    ///
    /// `body` runs under the shard's lock: it must be short and must not use the stack.
    public func withPeeked(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, _ body: (LocalRow, RawSpan) -> Void
    ) -> Bool {
        local.withRow(key, bound, at: now, body)
    }

    /// Marks rows as possibly changed: the next read asks L2 or L3. For Redis tracking messages, which name no version.
    public func markSuspect(_ keys: [CacheKey]) {
        for key in keys {
            local.markSuspect(key)
            flights.cancel(key)
        }
    }

    /// Marks all rows as possibly changed: the link that would have told was lost.
    public func markAllSuspect() {
        local.markAllSuspect()
        flights.cancelAll()
    }

    /// Rows, bytes, hits and evictions of L1.
    public var localStatistics: LocalTier.Statistics { local.statistics }
}

extension CachedValue {
    init(key: CacheKey, _ row: LocalRow, payload: [UInt8]?, level: CacheLevel, isStale: Bool = false) {
        self.init(
            key: key, version: row.version, asOf: row.asOf, epoch: row.epoch,
            ageBound: .nanoseconds(max(0, row.ageNanoseconds)), payload: payload, level: level, isStale: isStale)
    }
}
