internal import Synchronization
internal import Telemetry

extension CacheStack {
    /// How often samples are looked at.
    private static let shadowInterval = Duration.milliseconds(250)

    /// Checks samples of the reads, at most `checksPerSecondMax` rows a second, until the task is cancelled.
    func checkShadows() async {
        var allowance = 0.0
        while !Task.isCancelled {
            guard await sleep(Self.shadowInterval) else { return }
            let rate = Double(configuration.shadow.checksPerSecondMax)
            allowance = min(rate, allowance + rate * Self.shadowInterval.seconds)
            guard allowance >= 1 else { continue }
            allowance -= Double(await checkSamples())
        }
    }

    /// Checks the samples that are due, as `run` does all the time; for hosts that drive the stack themselves.
    ///
    /// One load of L3 outside the bulkhead; its rows enter no cache.
    /// - Returns: how many were checked.
    @discardableResult
    public func checkSamples() async -> Int {
        let due = shadow.takeDue(at: time.now())
        guard !due.isEmpty else { return 0 }
        let keys = Self.unique(due.map(\.key))
        do {
            let sent = time.now()
            let rows = try await durable.load(keys, until: deadline(configuration.loadTimeout))
            observe(time: rows.asOfTime, sent: sent)
            let entries = Dictionary(rows.entries.map { ($0.key, $0) }) { first, _ in first }
            for sample in due {
                guard let entry = entries[sample.key] else {
                    shadow.count(.failed)
                    continue
                }
                let successor = fast.repairer.withLock { $0.successor(of: sample.version, sample.key) }
                shadow.count(shadow.judge(sample, entry, successor: successor))
            }
        } catch {
            shadow.count(.failed, due.count)
        }
        return due.count
    }

    /// Puts a value on the list of checks, for hosts that have read it in a way that is not sampled.
    ///
    /// - Parameters:
    ///   - began: when the read began, on the stack's clock.
    ///   - maxAge: how far behind the value was allowed to be.
    public func submitForCheck(_ value: CachedValue, began: MonotonicTime, maxAge: Duration) {
        guard configuration.shadow.isOn else { return }
        shadow.offer(
            ShadowSample(
                key: value.key, version: value.version, epoch: value.epoch,
                digest: value.payload.map { CRC32C.checksum($0.span) }, at: began, maxAge: maxAge.nanoseconds))
    }

    /// Lets chance choose among values that are about to be returned.
    func sample(_ values: [CachedValue], _ demand: Demand) {
        guard configuration.shadow.isOn else { return }
        for value in values where value.level != .l3 && !value.isStale && shadow.isSampled(value.key, at: demand.began)
        {
            submitForCheck(value, began: demand.began, maxAge: .nanoseconds(demand.bound.maxAgeNanoseconds))
        }
    }

    /// Puts a row of L1 on the list that chance has chosen.
    func offerSample(_ key: CacheKey, _ row: LocalRow, _ payload: [UInt8]?, _ bound: AgeBound, at now: MonotonicTime) {
        shadow.offer(
            ShadowSample(
                key: key, version: row.version, epoch: row.epoch, digest: payload.map { CRC32C.checksum($0.span) },
                at: now, maxAge: bound.maxAgeNanoseconds))
    }
}

extension LeaseReply {
    /// Whether the caller has a lease now, so that L2 was written.
    var isGranted: Bool {
        if case .granted(let token, _) = self { return token != 0 }
        return false
    }
}
