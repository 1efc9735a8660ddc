internal import Synchronization
internal import Telemetry

/// Gives L2 back what it has lost, from L1 and without a load from L3.
///
/// After a flush or a restart of L2 every process misses everything there within L1's lifetime. What L1 holds and the
/// stream proves is served from L1 meanwhile (`vouch`) and filled in here: a lease first, then a reading of the stream
/// that was sent after the lease was granted and that left the row open. That is the order the script FILL demands of a
/// load from L3: whoever commits later raises the floor of the lease. One batch for each reading of the stream caps the
/// rate. What finds no room, no lease or no proof is left out, and asked for again when its time in L1 ends. A reader who
/// has to load a row that waits here takes its lease over: the load comes after the lease as well.
extension CacheStack {
    /// Asks for a row that L2 lacks to be filled in.
    func wantRefill(of key: CacheKey) {
        if !fast.refills.withLock({ $0.want(key) }) { fast.metrics.refillsDropped.increment() }
    }

    /// Fills in what L2 lacks, until the task is cancelled.
    func refillShared() async {
        while !Task.isCancelled {
            await fast.refillSignal.wait()
            await refillPending()
        }
    }

    /// Fills the rows whose leases the stream has caught up with, and asks for the next leases, as `run` does after each
    /// reading of the stream; for hosts that drive the stack themselves.
    ///
    /// - Returns: how many rows L2 took.
    @discardableResult
    public func refillPending() async -> Int {
        guard let shared else { return 0 }
        let filled = await fillLeased(shared)
        await leaseWanted(shared)
        return filled
    }

    private func leaseWanted(_ shared: any SharedTier) async {
        let keys = fast.refills.withLock { $0.take(configuration.publishBatchMax) }
        guard !keys.isEmpty else { return }
        fast.expectEchoes(keys, at: time.now())
        let replies: [LeaseReply]
        do {
            replies = try await shared.lease(keys, until: deadline(configuration.sharedTimeout))
        } catch {
            fast.metrics.refillsFailed.increment(by: UInt64(keys.count))
            return
        }
        guard replies.count == keys.count else { return }
        let granted = time.now()
        let leases = zip(keys, replies).compactMap { key, reply -> RefillQueue.Leased? in
            guard case .granted(let token, _) = reply, token != 0 else { return nil }
            return RefillQueue.Leased(key: key, token: token, at: granted)
        }
        fast.refills.withLock { $0.hold(leases) }
        fast.withdrawEchoes(zip(keys, replies).filter { !$0.1.isGranted }.map(\.0), at: time.now())
    }

    private func fillLeased(_ shared: any SharedTier) async -> Int {
        guard let reading = anchor.withLock({ $0 }) else { return 0 }
        let now = time.now()
        let leases = fast.refills.withLock { $0.takeLeased(before: reading.born, notBefore: oldestLease(at: now)) }
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        var unproven: [RefillQueue.Leased] = []
        for lease in leases {
            if let (entry, lifetime) = refill(lease.key, at: now) {
                fills.append((entry, lease.token, lifetime))
            } else {
                unproven.append(lease)
            }
        }
        // They stay for a loader, who would wait for the end of the lease otherwise.
        fast.refills.withLock { $0.hold(unproven) }
        guard !fills.isEmpty else { return 0 }
        fast.expectEchoes(fills.lazy.map(\.entry.key), at: now)
        do {
            let replies = try await shared.fill(fills, until: deadline(configuration.sharedTimeout))
            fast.withdrawEchoes(zip(fills, replies).filter { $1 == .lost }.map(\.0.entry.key), at: time.now())
            let stored = replies.count { $0 == .stored }
            fast.metrics.refilled.increment(by: UInt64(stored))
            fast.metrics.refillsRefused.increment(by: UInt64(replies.count - stored))
            return stored
        } catch {
            fast.metrics.refillsFailed.increment(by: UInt64(fills.count))
            return 0
        }
    }

    /// Leases granted before this have expired.
    private func oldestLease(at now: MonotonicTime) -> MonotonicTime {
        MonotonicTime(nanoseconds: now.nanoseconds - configuration.leaseWaitMax.nanoseconds)
    }

    /// Gives the loads that wait for a refill its lease, and removes and returns them.
    func takeOverLeases(_ loads: inout [Load]) -> [Load] {
        let oldest = oldestLease(at: time.now())
        return fast.refills.withLock { refills in
            guard !refills.isEmpty else { return [] }
            var taken: [Load] = []
            loads.removeAll { load in
                guard let token = refills.takeOver(load.claim.key, notBefore: oldest) else { return false }
                var load = load
                load.token = token
                taken.append(load)
                return true
            }
            return taken
        }
    }

    /// The row of L1 under the certificate of the newest reading of the stream, and how long L2 may keep it.
    private func refill(_ key: CacheKey, at now: MonotonicTime) -> (entry: CertifiedEntry, lifetime: Duration)? {
        guard let (row, payload, anchor) = provenRow(key, at: now), row.version <= anchor.ticket,
            now - anchor.born <= configuration.fillAgeMax
        else { return nil }
        let lifetime = lifetime(key, born: anchor.born, at: now)
        let certificate = Certificate(
            version: row.version, asOf: anchor.ticket, asOfTime: anchor.time, epoch: anchor.epoch)
        return lifetime > .zero ? (CertifiedEntry(key: key, certificate: certificate, payload: payload), lifetime) : nil
    }
}
