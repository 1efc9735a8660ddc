internal import Synchronization
internal import Telemetry

extension CacheStack {
    /// Follows the stream of changes and the messages of L2, announces committed versions to L2, repairs it, and checks
    /// samples of the reads, until the task is cancelled.
    ///
    /// Reads and commits work without it, but certificates then are not renewed and L2 hears of no commit. At most one
    /// at a time. Faults of the tiers are counted and retried, never thrown.
    public func run() async throws {
        let wasRunning = isRunning.exchange(true, ordering: .sequentiallyConsistent)
        precondition(!wasRunning, "a stack runs once at a time")
        defer { isRunning.store(false, ordering: .sequentiallyConsistent) }
        fast.source?.setHandler { self.hear($0) }
        defer { fast.source?.setHandler(nil) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.followChanges() }
            if shared != nil { group.addTask { await self.announceCommits() } }
            if shared != nil { group.addTask { await self.refillShared() } }
            if shared != nil, configuration.repair != .off { group.addTask { await self.repairFaults() } }
            if configuration.shadow.isOn { group.addTask { await self.checkShadows() } }
            await group.waitForAll()
        }
    }

    private func followChanges() async {
        while !Task.isCancelled {
            var isBehind = false
            do {
                isBehind = try await pollChanges()
            } catch {
                metrics.pollErrors.increment()
            }
            if isBehind { continue }
            guard await sleep(configuration.pollInterval) else { return }
        }
    }

    /// Sleeps; false where the task was cancelled meanwhile.
    func sleep(_ duration: Duration) async -> Bool {
        do {
            try await time.sleep(duration)
            return !Task.isCancelled
        } catch {
            return false
        }
    }

    /// One reading of the stream, as `run` makes them all the time; for hosts that drive the stack themselves.
    ///
    /// - Returns: whether there is more to read at once.
    @discardableResult
    public func pollChanges() async throws(TierError) -> Bool {
        let position = tail.withLock { $0.position }
        let isStarted = epoch.load(ordering: .acquiring) != 0
        let sent = time.now()
        let page = try await durable.changes(
            after: position, limit: isStarted ? configuration.pollRecordsMax : 1,
            until: deadline(configuration.loadTimeout))
        observe(time: page.time, sent: sent)
        hear(page.newest)
        shadow.notePage(page.newest, sent: sent, received: time.now())
        let watermark = tail.withLock { tail in
            for step in tail.absorb(page, after: position) { perform(step, born: sent) }
            return tail.position
        }
        // After L1 has moved: who finds this anchor finds L1 certified up to it.
        if watermark == page.newest {
            shadow.noteCaughtUp(at: sent)
            anchor.withLock { $0 = Anchor(ticket: watermark, time: page.time, epoch: page.epoch, born: sent) }
            if !fast.refills.withLock({ $0.isEmpty }) { fast.refillSignal.raise() }
        }
        metrics.watermark.set(Double(watermark.rawValue))
        metrics.watermarkLag.set(Double(page.newest.rawValue) - Double(watermark.rawValue))
        return watermark > position && watermark < page.newest
    }

    /// Carries out what the stream demands; called with the tail locked, so that steps keep their order.
    private func perform(_ step: OutboxTail.Step, born: MonotonicTime) {
        switch step {
        case .start(let ticket, let epoch), .restartInEpoch(let ticket, let epoch):
            restart(at: ticket, born: born, epoch: epoch, refusingOlder: false)
        case .restartAfterGap(let ticket):
            metrics.gaps.increment()
            restart(at: ticket, born: born, epoch: epoch.load(ordering: .acquiring), refusingOlder: true)
        case .apply(let records):
            apply(records)
        case .advance(let ticket, let isNewest):
            local.advance(to: ticket, born: isNewest ? born : nil, epoch: epoch.load(ordering: .acquiring))
        }
    }

    private func apply(_ records: [ChangeRecord]) {
        let now = time.now()
        let epoch = epoch.load(ordering: .acquiring)
        for record in records {
            for key in record.keys {
                local.raiseFloor(key, to: record.ticket, epoch: epoch, at: now)
                flights.cancel(key)
            }
        }
        rememberForRepair(records, epoch: epoch, at: now)
        shadow.noteApplied(records, at: time.now())
    }

    /// Starts at `ticket`, with the tail locked. The epoch is said last: who finds it known finds L1 in it, and who
    /// comes with an answer of it before that waits for the tail.
    private func restart(at ticket: Ticket, born: MonotonicTime, epoch newEpoch: UInt32, refusingOlder: Bool) {
        let old = epoch.load(ordering: .acquiring)
        if old != newEpoch {
            if old != 0 { metrics.epochs.increment() }
            newest.store(ticket.rawValue, ordering: .releasing)
            clock.withLock { $0.forgetSteps() }
            shared?.enter(epoch: newEpoch)
        }
        // At the start there was no history that a load in progress could have seen before it changed.
        if old != 0 { flights.cancelAll() }
        if old != 0, old != newEpoch {
            fast.repairer.withLock { $0.removeAll() }
            shadow.forgetHistory()
        }
        start.withLock { $0 = (ticket, born) }
        local.restart(at: ticket, born: born, epoch: newEpoch, refusingOlder: refusingOlder)
        epoch.store(newEpoch, ordering: .releasing)
    }

    /// Takes note of the ticket and epoch of an answer of L3; false where the answer is of an older epoch.
    func settle(_ ticket: Ticket, epoch answered: UInt32, born: MonotonicTime) -> Bool {
        let known = epoch.load(ordering: .acquiring)
        if answered > known {
            tail.withLock { tail in
                for step in tail.meet(ticket, epoch: answered) { perform(step, born: born) }
            }
        }
        hear(ticket)
        return answered >= known
    }

    func hear(_ ticket: Ticket) { newest.max(ticket.rawValue, ordering: .relaxed) }

    /// Learns from a round trip to L3 that was sent at `sent` and has just returned.
    func observe(time l3Time: Int64, sent: MonotonicTime) {
        let received = time.now()
        let step = clock.withLock { $0.observe(l3Time, sent: sent, received: received) }
        if step > 0 { metrics.clockSteps.increment() }
    }

    // MARK: Announcing

    private func announceCommits() async {
        while !Task.isCancelled {
            let (isSent, isEmpty) = await publishPending()
            if !isSent {
                guard await sleep(.milliseconds(100)) else { return }
            } else if isEmpty {
                await publishSignal.wait()
            }
        }
    }

    /// Announces one batch of committed versions to L2, as `run` does whenever there are some.
    ///
    /// - Returns: whether L2 took them (those it did not are queued again), and whether none are left.
    @discardableResult
    public func publishPending() async -> (isSent: Bool, isEmpty: Bool) {
        guard let shared else { return (true, true) }
        let items = publishQueue.withLock { $0.take(configuration.publishBatchMax) }
        let now = time.now()
        let epoch = epoch.load(ordering: .acquiring)
        let live = items.filter { item in
            item.entry.certificate.epoch == epoch && lifetime(item.entry.key, born: item.born, at: now) > .zero
        }
        metrics.publishDropped.increment(by: UInt64(items.count - live.count))
        guard !live.isEmpty else { return (true, publishQueue.withLock { $0.count } == 0) }
        fast.expectEchoes(live.lazy.map(\.entry.key), at: now)
        do {
            let entries = live.map { item in
                (entry: item.entry, lifetime: lifetime(item.entry.key, born: item.born, at: now), invalidateOnly: false)
            }
            try await shared.publish(entries, until: deadline(configuration.sharedTimeout))
            metrics.published.increment(by: UInt64(live.count))
            return (true, publishQueue.withLock { $0.count } == 0)
        } catch {
            metrics.publishFailed.increment(by: UInt64(live.count))
            // A newer version that was queued meanwhile wins; what finds no room is dropped: the stream covers it.
            publishQueue.withLock { queue in for item in live { _ = queue.append(item) } }
            return (false, false)
        }
    }

    /// Queues a version for L2.
    func announce(_ entry: CertifiedEntry, born: MonotonicTime) {
        let isQueued = publishQueue.withLock { $0.append(.init(entry: entry, born: born)) }
        if !isQueued { metrics.publishDropped.increment() }
    }

    /// How long L2 may keep an entry from now on: 60 s from its birth, less up to a tenth by its key.
    func lifetime(_ key: CacheKey, born: MonotonicTime, at now: MonotonicTime) -> Duration {
        let mixed = LocalHash.mix(LocalHash.number(key))
        let whole = LocalHash.jittered(configuration.local.sharedLifetime.nanoseconds, mixed)
        return .nanoseconds(born.nanoseconds + whole - now.nanoseconds)
    }
}
