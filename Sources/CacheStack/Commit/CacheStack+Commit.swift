internal import Synchronization
internal import Telemetry

extension CacheStack {
    /// Commits a transaction to L3, in one batch with others that wait at the same time.
    ///
    /// When it returns `committed`, the new versions are in force in this process: no read returns an older one. L2 is
    /// told later. Never throws: every end is an outcome. A full queue is `failed` with `overloaded`. Cancelling the
    /// task does not take a transaction back.
    public func commit(_ transaction: Transaction) async -> CommitOutcome {
        await committer.commit(transaction) { batch in await self.commit(batch) }
    }

    /// Transactions waiting for a batch, those of the batch in flight not counted.
    public var commitQueueDepth: Int { committer.depth }

    private func commit(_ batch: [Transaction]) async -> [CommitOutcome] {
        metrics.batchMembers.record(Double(batch.count))
        metrics.batchRows.record(Double(batch.reduce(0) { $0 + $1.writes.count }))
        let sent = time.now()
        let outcome = await durable.commit(batch, until: deadline(configuration.commitTimeout))
        let outcomes: [CommitOutcome]
        switch outcome {
        case .decided(let decided): outcomes = decided
        case .inDoubt(let mark): outcomes = await resolve(batch, mark)
        }
        precondition(outcomes.count == batch.count, "L3 gives one outcome for each transaction")
        apply(batch, outcomes, sent: sent)
        metrics.commitSeconds.record((time.now() - sent).seconds)
        metrics.count(outcomes)
        return outcomes
    }

    /// Finds out how a batch in doubt ended. Meanwhile its rows are served by L3 only.
    private func resolve(_ batch: [Transaction], _ mark: BatchMark) async -> [CommitOutcome] {
        for transaction in batch {
            transaction.writes.forEachKey { key in
                local.drop(key)
                flights.cancel(key)
            }
        }
        let end = time.now() + configuration.resolutionTimeout
        var pause = Duration.milliseconds(10)
        repeat {
            do {
                let isCommitted = try await durable.resolve(mark, until: deadline(configuration.commitTimeout))
                metrics.resolved.increment()
                return isCommitted ? outcomes(of: batch, mark) : notCommitted(batch)
            } catch {
                metrics.unresolved.increment()
            }
            guard await sleep(pause) else { break }
            pause = min(pause * 2, .milliseconds(500))
        } while time.now() < end
        return batch.map { _ in .inDoubt }
    }

    private func notCommitted(_ batch: [Transaction]) -> [CommitOutcome] {
        let error = TierError(.unavailable, "the batch was not committed; the transaction may be sent again")
        return batch.map { _ in .failed(error) }
    }

    /// The outcomes of a batch that turned out committed. Where the tier had not said what it decided, only
    /// transactions that could not be refused are known to have taken effect.
    private func outcomes(of batch: [Transaction], _ mark: BatchMark) -> [CommitOutcome] {
        if mark.outcomes.count == batch.count { return mark.outcomes }
        let epoch = epoch.load(ordering: .acquiring)
        return batch.map { transaction in
            let isCertain = transaction.expectations.isEmpty && transaction.idempotency == nil && epoch != 0
            return isCertain ? .committed(mark.ticket, time: 0, epoch: epoch) : .inDoubt
        }
    }

    /// Puts the accepted writes in force in L1 and queues them for L2, in batch order.
    private func apply(_ batch: [Transaction], _ outcomes: [CommitOutcome], sent: MonotonicTime) {
        let now = time.now()
        for (transaction, outcome) in zip(batch, outcomes) {
            guard case .committed(let ticket, let time, let epoch) = outcome,
                settle(ticket, epoch: epoch, born: sent)
            else { continue }
            let certificate = Certificate(version: ticket, asOf: ticket, asOfTime: time, epoch: epoch)
            for group in transaction.writes.groups { apply(group, certificate, sent: sent, at: now) }
        }
        if publishQueue.withLock({ $0.count }) > 0 { publishSignal.raise() }
    }

    private func apply(
        _ group: WriteSet.Group, _ certificate: Certificate, sent: MonotonicTime, at now: MonotonicTime
    ) {
        let count = group.ids.count
        guard count > 0 else { return }
        let followsStream = spaces.isInOutbox(group.space)
        let installs = spaces.isInstalledOnCommit(group.space)
        let isAnnounced = spaces.isInL2(group.space) && certificate.asOfTime > 0
        let size = group.bytes.count / count
        let bytes = unsafe group.bytes.span.bytes
        for (index, id) in group.ids.enumerated() {
            let key = CacheKey(group.space, id)
            let range = index * size..<(index + 1) * size
            let isDeleted = group.mode == .delete
            local.applyCommit(
                key, certificate, payload: isDeleted ? nil : bytes.extracting(range), sent: sent, at: now,
                followsStream: followsStream, installs: installs)
            flights.cancel(key)
            guard isAnnounced else { continue }
            let payload = isDeleted ? nil : Array(group.bytes[range])
            announce(CertifiedEntry(key: key, certificate: certificate, payload: payload), born: sent)
        }
    }
}
