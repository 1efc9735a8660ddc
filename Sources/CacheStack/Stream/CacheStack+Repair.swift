internal import Synchronization
internal import Telemetry

extension CacheStack {
    /// When L2 is told once more what the stream says.
    public enum Repair: String, Sendable, CaseIterable {
        /// Never: L2 may serve what certificates allow.
        case off
        /// After a failover, a moved slot, a link that was down, or announcements that were dropped.
        case afterFaults
        /// Also every version one second after the stream named it: closes the gap of a committer that died between
        /// COMMIT and PUBLISH, at the price of one small command for each change and process.
        case always
    }

    /// How long the committer has for its own announcement before the steady repair makes another.
    static let steadyRepairDelay = Duration.seconds(1)

    /// Asks for the versions that the stream named within `repairWindow` to be announced to L2 once more.
    ///
    /// For a source of invalidations that sees a failover; an operator may also do it after a restore of Redis. A stack
    /// that is not running, or whose `repair` is off, does nothing.
    public func requestRepair(_ region: KeyRegion = .everything) {
        guard configuration.repair != .off, shared != nil else { return }
        fast.metrics.repairRequests.increment()
        fast.repairer.withLock { $0.request(region, at: time.now()) }
        fast.repairSignal.raise()
    }

    /// Remembers what a page of the stream names, for a repair to come.
    func rememberForRepair(_ records: [ChangeRecord], epoch: UInt32, at now: MonotonicTime) {
        guard configuration.repair != .off, shared != nil else { return }
        fast.repairer.withLock { repairer in
            for record in records {
                repairer.note(record.keys.filter(spaces.mayBeInL2), record.ticket, epoch: epoch, at: now)
            }
            if configuration.repair == .always { repairer.requestDue(Self.steadyRepairDelay.nanoseconds, at: now) }
        }
        if configuration.repair == .always { fast.repairSignal.raise() }
    }

    /// Announces what is to be repaired, until the task is cancelled.
    func repairFaults() async {
        while !Task.isCancelled {
            let (isSent, isEmpty) = await repairPending()
            if !isSent {
                guard await sleep(.milliseconds(200)) else { return }
            } else if isEmpty {
                await fast.repairSignal.wait()
            }
        }
    }

    /// Announces one batch of versions to be repaired, as `run` does; for hosts that drive the stack themselves.
    ///
    /// - Returns: whether L2 took them (those it did not wait again), and whether none are left.
    @discardableResult
    public func repairPending() async -> (isSent: Bool, isEmpty: Bool) {
        guard let shared, configuration.repair != .off else { return (true, true) }
        let now = time.now()
        let (batch, dropped) = fast.repairer.withLock { repairer in
            (repairer.take(configuration.publishBatchMax, at: now), repairer.takeDropped())
        }
        fast.metrics.repairDropped.increment(by: UInt64(dropped))
        let current = epoch.load(ordering: .acquiring)
        let live = batch.filter { $0.version.epoch == current }
        guard !live.isEmpty else { return (true, fast.repairer.withLock { $0.count.pending } == 0) }
        let entries = live.map(\.version).map { version in
            let certificate = Certificate(
                version: version.ticket, asOf: version.ticket, asOfTime: 0, epoch: version.epoch)
            return (
                entry: CertifiedEntry(key: version.key, certificate: certificate, payload: nil),
                lifetime: Duration.seconds(5), invalidateOnly: true
            )
        }
        do {
            try await shared.publish(entries, until: deadline(configuration.sharedTimeout))
            fast.metrics.repaired.increment(by: UInt64(live.count))
            return (true, fast.repairer.withLock { $0.count.pending } == 0)
        } catch {
            fast.metrics.repairFailed.increment(by: UInt64(live.count))
            fast.repairer.withLock { $0.putBack(live) }
            return (false, false)
        }
    }
}
