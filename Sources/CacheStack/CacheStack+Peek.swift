internal import Synchronization

extension CacheStack {
    /// The time now, on the stack's clock; read it once for a batch of peeks.
    public var now: MonotonicTime { time.now() }

    /// The row if L1 can prove it at most `maxAge` old; never suspends, asks no other level.
    ///
    /// Costs no lock, and one allocation for the bytes.
    public func peek(_ key: CacheKey, maxAge: Duration = .seconds(10)) -> CachedValue? {
        peek(key, AgeBound(maxAge: maxAge), at: time.now())
    }

    /// As above, with the bound and the time made once for many keys.
    public func peek(_ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime) -> CachedValue? {
        guard let (row, payload) = local.value(key, bound, at: now) else { return nil }
        if shadow.isSampled(key, at: now) { offerSample(key, row, payload, bound, at: now) }
        return CachedValue(key: key, row, payload: payload, level: .l1)
    }

    /// The row if L1 can prove it, its bytes copied over `buffer` (empty for an absent row); allocates nothing once
    /// the buffer is large enough. This is the fast path of a batch.
    public func peek(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, into buffer: inout [UInt8]
    ) -> LocalRow? {
        guard let row = local.copy(key, bound, at: now, into: &buffer) else { return nil }
        if shadow.isSampled(key, at: now) { offerSample(key, row, row.isAbsent ? nil : buffer, bound, at: now) }
        return row
    }

    /// Hands the row and its bytes to `body` if L1 can prove it; returns whether it did.
    ///
    /// `body` works on a copy; no lock is held.
    public func withPeeked(
        _ key: CacheKey, _ bound: AgeBound, at now: MonotonicTime, _ body: (LocalRow, RawSpan) -> Void
    ) -> Bool {
        local.withRow(key, bound, at: now, body)
    }

    /// Marks rows as possibly changed: the next read asks L2 or L3. For messages of a host of its own; `run` follows L2's.
    public func markSuspect(_ keys: [CacheKey]) {
        let now = time.now()
        for key in keys { flights.cancel(key) }
        fast.suspects.withLock { suspects in for key in keys { suspects.mark(key, at: now) } }
        for key in keys { local.markSuspect(key) }
    }

    /// Marks all rows as possibly changed: the link that would have told was lost.
    public func markAllSuspect() {
        flights.cancelAll()
        fast.suspects.withLock { $0.mark(.everything, at: time.now()) }
        local.markAllSuspect()
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
