internal import Synchronization
internal import Telemetry

/// Rows of L1 past their time there, which the stream proves and L2 has nothing to say about.
///
/// L1 serves a row for `lifetime` after its installation and then asks L2, which is nearer to the newest commit than the
/// stream. While L2 is away, or has lost the row, nobody below L1 knows more than the stream: a row that was current when
/// the stream was last read to its end is as good as one loaded at that moment. Its certificate moves to that reading,
/// its time in L1 counts from there, and L3 is not asked. No promise is touched: the age of the certificate is judged as
/// ever, and it must be within `lifetime` besides. A row that the stream closed, or does not follow, is loaded.
extension CacheStack {
    /// Lands the loads that L1 can answer, and leaves the others; `isUp`: L2 answered, and only the rows it lacks count.
    func vouch(for loads: inout [Load], isUp: Bool, _ demand: Demand) {
        loads.removeAll { load in
            let isOpen = !isUp || (load.isMissed && doubt(load.claim.key, at: demand.began) != .named)
            guard isOpen, vouch(for: load.claim, demand) else { return false }
            (isUp ? fast.metrics.vouchedMissing : fast.metrics.vouchedAway).increment()
            if isUp { wantRefill(of: load.claim.key) }
            return true
        }
    }

    /// Lands a flight with the row that L1 holds, if the stream proves it, and lets L1 serve it on.
    func vouch(for claim: FlightTable.Claim, _ demand: Demand) -> Bool {
        let key = claim.key
        guard spaces.isInOutbox(key.space),
            let (row, payload, _) = provenRow(key, at: demand.began), row.asOf >= demand.bound.atLeast,
            row.ageNanoseconds <= demand.bound.maxAgeNanoseconds,
            row.ageNanoseconds <= configuration.local.lifetime.nanoseconds
        else { return false }
        let proven = loaded(key, row, payload, demand)
        // A message that came meanwhile, and be it of the entry's expiry, keeps the row from being renewed: this reader,
        // who began before it, gets the row, the next one asks again.
        if !claim.flight.isCancelled {
            guard
                local.install(
                    proven.entry, born: proven.born, at: proven.born, followsStream: true, onlyIfPresent: true)
            else { return false }
            if claim.flight.isCancelled {
                // It came during the installation, which has taken its mark away.
                fast.suspects.withLock { $0.mark(key, at: time.now()) }
                local.markSuspect(key)
            }
        }
        flights.land(claim, .loaded(proven))
        return true
    }

    /// The row that L1 holds, if it was the newest one when the stream was last read to its end, and that reading.
    func provenRow(_ key: CacheKey, at now: MonotonicTime) -> (row: LocalRow, payload: [UInt8]?, anchor: Anchor)? {
        // The anchor first: L1 had moved when it was set.
        guard let anchor = anchor.withLock({ $0 }),
            let (row, payload) = local.anyValue(key, at: now, isStaleAllowed: true), !row.isClosed,
            row.epoch == anchor.epoch, row.asOf >= anchor.ticket
        else { return nil }
        return (row, payload, anchor)
    }

    /// A row of L1 as a load returns it.
    func loaded(_ key: CacheKey, _ row: LocalRow, _ payload: [UInt8]?, _ demand: Demand) -> LoadedRow {
        let certificate = Certificate(version: row.version, asOf: row.asOf, asOfTime: 0, epoch: row.epoch)
        let born = MonotonicTime(nanoseconds: demand.began.nanoseconds - max(0, row.ageNanoseconds))
        return LoadedRow(
            entry: CertifiedEntry(key: key, certificate: certificate, payload: payload), born: born, level: .l1)
    }
}
