internal import Synchronization
internal import Telemetry

/// Fast invalidation: what messages of L2 do to L1, and how a suspect row is settled when it is next read.
///
/// Order matters in two places. A message first cancels the load in progress, then marks the row; whoever installs or
/// confirms a row looks for a cancellation afterwards and marks it again. So no mark is lost between the two.
extension CacheStack {
    /// A row of L1 that may be marked, its bytes, and what is known against it.
    private struct Marked {
        var row: LocalRow
        var payload: [UInt8]?
        var doubt: Suspects.Doubt
    }

    /// Acts on a message of L2.
    func hear(_ message: Invalidation) {
        let now = time.now()
        fast.noteMessage(at: now)
        switch message {
        case .keys(let keys): hear(keys, at: now)
        case .region(let region, let cause):
            fast.metrics.regions[cause]?.increment()
            fast.suspects.withLock { $0.mark(region, at: now) }
            flights.cancelAll()
            local.markAllSuspect()
            if cause == .moved || cause == .linkMade { requestRepair(region) }
        }
    }

    private func hear(_ keys: [CacheKey], at now: MonotonicTime) {
        fast.metrics.keys.increment(by: UInt64(keys.count))
        let news = fast.echoes.withLock { echoes in keys.filter { !echoes.take($0, at: now) } }
        fast.metrics.echoes.increment(by: UInt64(keys.count - news.count))
        for key in news { flights.cancel(key) }
        let held = news.filter { isServable($0, at: now) }
        guard !held.isEmpty else { return }
        fast.suspects.withLock { suspects in for key in held { suspects.mark(key, at: now) } }
        for key in held { local.markSuspect(key) }
        fast.metrics.marked.increment(by: UInt64(held.count))
    }

    /// Whether L1 holds a row that a reader might get.
    private func isServable(_ key: CacheKey, at now: MonotonicTime) -> Bool {
        guard let (row, _) = local.anyValue(key, at: now) else { return false }
        return !row.isClosed
    }

    // MARK: The next read

    /// Lands the claims whose rows L1 holds marked and which turn out unchanged; returns the others, to be loaded.
    ///
    /// A mark older than the last reading of the stream is settled by that. Else one batched GETRANGE of 17 bytes a key:
    /// a value of the same version clears the mark, anything else is loaded. Clearing renews no certificate: the row
    /// serves on as long as it would have without the message. Where L2 does not answer, the row serves on too: its
    /// certificate is good without L2, and the end of L2's silence is a message. So does a row that only its region was
    /// marked for and that L2 has lost, if the stream proves it: a flush says nothing against the rows.
    func settleSuspects(_ claims: [FlightTable.Claim], _ demand: Demand) async -> [FlightTable.Claim] {
        guard let source = fast.source, fast.suspects.withLock({ $0.isActive(at: demand.began) }) else { return claims }
        var (rest, asked): ([FlightTable.Claim], [(claim: FlightTable.Claim, marked: Marked)]) = ([], [])
        for claim in claims {
            guard let marked = markedRow(claim.key, demand) else {
                rest.append(claim)
                continue
            }
            if marked.doubt != .unfounded, spaces.isInL2(claim.key.space) {
                asked.append((claim, marked))
            } else if !confirm(claim, marked, demand) {
                rest.append(claim)
            }
        }
        guard !asked.isEmpty else { return rest }
        let sent = time.now()
        let held = await source.versions(
            of: asked.map(\.claim.key), until: deadline(configuration.sharedTimeout))
        fast.metrics.checkSeconds.record((time.now() - sent).seconds)
        for (index, (claim, marked)) in asked.enumerated() {
            let answer = index < held.count ? held[index] : .unknown
            if settle(claim, marked, answer, demand) {
                (answer == .unknown ? fast.metrics.unasked : fast.metrics.confirmed).increment()
            } else {
                fast.metrics.reloaded.increment()
                rest.append(claim)
            }
        }
        return rest
    }

    /// Acts on L2's answer about a marked row; false where the row is to be loaded.
    private func settle(
        _ claim: FlightTable.Claim, _ marked: Marked, _ answer: HeldVersion, _ demand: Demand
    ) -> Bool {
        switch answer {
        case .value(let version): return version == marked.row.version && confirm(claim, marked, demand)
        case .unknown: return confirm(claim, marked, demand) || vouch(for: claim, demand)
        case .other:
            guard marked.doubt == .region, vouch(for: claim, demand) else { return false }
            wantRefill(of: claim.key)
            return true
        }
    }

    /// What is known against a row.
    func doubt(_ key: CacheKey, at now: MonotonicTime) -> Suspects.Doubt {
        let settled = anchor.withLock { $0 }?.born
        return fast.suspects.withLock { $0.doubt(key, at: now, settled: settled) }
    }

    /// A row of L1 that would do but for a mark, or but for the end of its time in L1.
    private func markedRow(_ key: CacheKey, _ demand: Demand) -> Marked? {
        guard let (row, payload) = local.anyValue(key, at: demand.began, isStaleAllowed: true), !row.isClosed,
            row.asOf >= demand.bound.atLeast, row.ageNanoseconds <= demand.bound.maxAgeNanoseconds
        else { return nil }
        return Marked(row: row, payload: payload, doubt: doubt(key, at: demand.began))
    }

    /// Clears the mark of a row and lands its flight; false where L1 does not serve the row all the same.
    private func confirm(_ claim: FlightTable.Claim, _ marked: Marked, _ demand: Demand) -> Bool {
        let key = claim.key
        fast.suspects.withLock { $0.clear(key) }
        clearMark(key, marked)
        if claim.flight.isCancelled {
            // Another message came while this one was being settled.
            fast.suspects.withLock { $0.mark(key, at: time.now()) }
            local.markSuspect(key)
        }
        guard let (held, payload) = local.anyValue(key, at: demand.began), !held.isClosed,
            held.version == marked.row.version, held.asOf >= demand.bound.atLeast,
            held.ageNanoseconds <= demand.bound.maxAgeNanoseconds
        else { return false }
        flights.land(claim, .loaded(loaded(key, held, payload, demand)))
        return true
    }

    /// Offers L1 the version it holds under a certificate that is no better than its own: only the mark goes.
    private func clearMark(_ key: CacheKey, _ marked: Marked) {
        let (now, row) = (time.now(), marked.row)
        let certificate = Certificate(version: row.version, asOf: row.asOf, asOfTime: 0, epoch: row.epoch)
        let past = MonotonicTime(
            nanoseconds: now.nanoseconds - 4 * configuration.local.sharedLifetime.nanoseconds)
        local.install(
            CertifiedEntry(key: key, certificate: certificate, payload: marked.payload), born: past, at: now,
            followsStream: false, onlyIfPresent: true)
    }

    /// Marks a row that was installed although a message about it had come meanwhile.
    func markIfCancelled(_ key: CacheKey, _ flight: Flight) {
        guard fast.source != nil, flight.isCancelled else { return }
        fast.suspects.withLock { $0.mark(key, at: time.now()) }
        local.markSuspect(key)
    }
}
