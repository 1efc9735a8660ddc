internal import Synchronization
internal import Telemetry

extension CacheStack {
    /// Reads rows at a level; the results are in the order of the keys, absent rows included.
    ///
    /// Rows that L1 cannot prove are fetched together: one round trip to L2, one lease, one load from L3.
    /// - Parameter allowStale: where the promise cannot be proven because L3 fails, return what is held, marked
    ///   `isStale` and with its age bound. Strict reads never do.
    /// - Throws: `stalenessUnprovable` when L3 fails, `overloaded`, `behindToken`, `otherEpoch`, `contention`.
    public func read(
        _ keys: [CacheKey], _ level: ReadLevel = .bounded(), allowStale: Bool = false
    ) async throws(CacheError) -> [CachedValue] {
        switch level {
        case .bounded(let maxAge):
            var demand = demand(maxAge, SessionToken())
            demand.allowsReplicas = true
            return try await read(keys, demand, SessionToken(), allowStale)
        case .session(let token, let maxAge):
            try admit(token)
            return try await read(keys, demand(maxAge, token), token, allowStale)
        case .snapshot(let maxAge, let token):
            return try await snapshot(keys, maxAge: maxAge, token: token).values
        case .strict:
            return try await readStrict(keys)
        }
    }

    /// Reads one row at a level.
    public func read(
        _ key: CacheKey, _ level: ReadLevel = .bounded(), allowStale: Bool = false
    ) async throws(CacheError) -> CachedValue {
        try await read([key], level, allowStale: allowStale)[0]
    }

    /// Reads rows for a session and raises its token to what it has seen.
    public func read(
        _ keys: [CacheKey], session token: inout SessionToken, maxAge: Duration = .seconds(10)
    ) async throws(CacheError) -> [CachedValue] {
        let values = try await read(keys, .session(token, maxAge: maxAge))
        for value in values { token.observe(value) }
        return values
    }

    private func demand(_ maxAge: Duration, _ token: SessionToken) -> Demand {
        let bound = AgeBound(maxAge: min(maxAge, configuration.maxAgeMax), atLeast: token.ticket)
        let known = epoch.load(ordering: .acquiring)
        let skipsShared = known == 0 || !(token.isEmpty || token.epoch == known)
        return Demand(bound: bound, began: time.now(), skipsShared: skipsShared)
    }

    /// Refuses tokens of an epoch that has passed. One of an epoch still to come is settled by L3's answer.
    func admit(_ token: SessionToken) throws(CacheError) {
        guard token.isEmpty || token.epoch >= epoch.load(ordering: .acquiring) else {
            throw CacheError(.otherEpoch, "the session's writes may be lost: the database's history has changed")
        }
    }

    private func read(
        _ keys: [CacheKey], _ demand: Demand, _ token: SessionToken, _ allowStale: Bool
    ) async throws(CacheError) -> [CachedValue] {
        var held: [CachedValue?] = []
        held.reserveCapacity(keys.count)
        var missing: [CacheKey] = []
        for (index, key) in keys.enumerated() {
            if keys.count > 1, index % LocalTier.prefetchMax == 0 {
                local.prefetch(keys.span.extracting(index..<min(index + LocalTier.prefetchMax, keys.count)))
            }
            if !demand.skipsShared, let (row, payload) = local.value(key, demand.bound, at: demand.began),
                token.isEmpty || row.epoch == token.epoch
            {
                held.append(CachedValue(key: key, row, payload: payload, level: .l1))
            } else {
                held.append(nil)
                missing.append(key)
            }
        }
        let fetched = missing.isEmpty ? [:] : try await fetch(Self.unique(missing), demand, token, allowStale)
        let values = zip(keys, held).map { key, value in
            guard let value = value ?? fetched[key] else { preconditionFailure("every key is held or fetched") }
            return value
        }
        sample(values, demand)
        return values
    }

    static func unique(_ keys: [CacheKey]) -> [CacheKey] {
        var seen: Set<CacheKey> = []
        return keys.filter { seen.insert($0).inserted }
    }

    /// Loads rows below L1, joining loads in progress. A joined load may turn out too old for this reader, or a row may
    /// change meanwhile: such rows are tried again, a few times.
    private func fetch(
        _ keys: [CacheKey], _ demand: Demand, _ token: SessionToken, _ allowStale: Bool
    ) async throws(CacheError) -> [CacheKey: CachedValue] {
        var found: [CacheKey: CachedValue] = [:]
        var open = keys
        for _ in 0..<8 where !open.isEmpty {
            guard flights.depth < flightsMax else {
                metrics.overloads.increment()
                throw CacheError(.overloaded, "too many rows are being loaded already; try again later")
            }
            let claims = flights.claim(open)
            let owned = claims.filter(\.isOwner)
            metrics.coalesced.increment(by: UInt64(claims.count - owned.count))
            if !owned.isEmpty { await load(owned, demand) }
            open = []
            for claim in claims {
                if let value = try await land(claim, demand, token, allowStale) {
                    found[claim.key] = value
                } else {
                    open.append(claim.key)
                }
            }
            guard !Task.isCancelled || open.isEmpty else {
                throw CacheError(.stalenessUnprovable, "the task was cancelled")
            }
        }
        guard open.isEmpty else { throw CacheError(.contention, "the rows kept changing; try again") }
        return found
    }

    /// Rows loaded at a time: as many as fill all loads from L3 and the queue before them.
    private var flightsMax: Int {
        let loads = configuration.loadsMax.addingReportingOverflow(configuration.loadQueueMax)
        let rows = loads.partialValue.multipliedReportingOverflow(by: configuration.loadRowsMax)
        return loads.overflow || rows.overflow ? .max : rows.partialValue
    }

    /// The value of a flight once it has landed, if it meets the demand.
    private func land(
        _ claim: FlightTable.Claim, _ demand: Demand, _ token: SessionToken, _ allowStale: Bool
    ) async throws(CacheError) -> CachedValue? {
        switch await claim.flight.outcome() {
        case .abandoned: return nil
        case .failed(let error, let fallback):
            if allowStale, let value = stale(claim.key, fallback, demand) { return value }
            throw error
        case .loaded(let row):
            guard let judged = judge(row, demand) else { return nil }
            try admit(token)
            let isMet =
                judged.asOf >= demand.bound.atLeast
                && judged.ageNanoseconds <= demand.bound.maxAgeNanoseconds
                && (token.isEmpty || token.epoch == judged.epoch)
            if !isMet && claim.isOwner && row.level == .l3 {
                throw CacheError(.behindToken, "the database is behind the session's token")
            }
            guard isMet else { return nil }
            return CachedValue(key: claim.key, judged, payload: row.entry.payload, level: row.level)
        }
    }

    /// What is held of a row, marked as stale: L1's, or what L2 had.
    private func stale(_ key: CacheKey, _ fallback: LoadedRow?, _ demand: Demand) -> CachedValue? {
        let now = time.now()
        if let (row, payload) = local.anyValue(key, at: now, isStaleAllowed: true) {
            metrics.staleServed.increment()
            return CachedValue(key: key, row, payload: payload, level: .l1, isStale: true)
        }
        guard let fallback, let row = judge(fallback, Demand(bound: demand.bound, began: now)),
            row.ageNanoseconds < configuration.local.sharedLifetime.nanoseconds
        else { return nil }
        metrics.staleServed.increment()
        return CachedValue(key: key, row, payload: fallback.entry.payload, level: .l2, isStale: true)
    }

    private func readStrict(_ keys: [CacheKey]) async throws(CacheError) -> [CachedValue] {
        guard !keys.isEmpty else { return [] }
        let (rows, sent) = try await query(try limited(keys))
        let now = time.now()
        return rows.entries.map { entry in
            local.noteRead(entry.key, entry.certificate, at: now)
            return CachedValue(
                key: entry.key, version: entry.certificate.version, asOf: rows.asOf, epoch: rows.epoch,
                ageBound: now - sent, payload: entry.payload, level: .l3)
        }
    }

    func limited(_ keys: [CacheKey]) throws(CacheError) -> [CacheKey] {
        guard keys.count <= configuration.snapshotKeysMax else {
            throw CacheError(.overloaded, "one snapshot has at most \(configuration.snapshotKeysMax) keys")
        }
        return keys
    }
}
