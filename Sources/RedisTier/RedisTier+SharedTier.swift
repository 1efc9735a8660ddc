public import CacheStack
internal import Telemetry

extension RedisTier: SharedTier {
    /// Pipelined GETs, one connection per node; about 0.6 us of CPU a key in 16 batches of 16 at once (RedisBenchmark).
    public func get(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [SharedTierReply] {
        try await get(keys, allowingReplicas: false, until: deadline)
    }

    /// The same; with `allowingReplicas`, and where `Configuration.replicaReads` is on, replicas may answer.
    ///
    /// What a replica answers is true and may be older than what the primary holds, or absent there: fit for reads that
    /// judge a certificate by its age. A replica's fault costs `replicaTimeout` at most and fails nothing.
    public func get(
        _ keys: [CacheKey], allowingReplicas: Bool, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [SharedTierReply] {
        guard !keys.isEmpty else { return [] }
        let epoch = epoch
        var list = CommandList(capacity: keys.count, bytesPerCommand: 64)
        var hashes: [UInt64] = []
        hashes.reserveCapacity(keys.count)
        var name = KeyName()
        for key in keys {
            name.set(key, epoch: epoch)
            hashes.append(name.hash)
            appendGet(name, to: &list)
        }
        let batch = CommandBatch(
            list, deadline: deadline, mayUseReplicas: allowingReplicas && configuration.replicaReads)
        try await ask(batch)
        let (replies, outcomes) = (batch.replies, batch.outcomes)
        return keys.indices.map { index in
            guard outcomes[index] >= 0 else { return .miss }
            return value(replies, Int(outcomes[index]), keys[index], hashes[index], epoch)
        }
    }

    /// Script GETL. A key whose node is at fault, and one whose value is poison, is `.granted` with token 0: load it,
    /// `fill` will answer `.lost` for it without asking.
    public func lease(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [LeaseReply] {
        guard !keys.isEmpty else { return [] }
        let epoch = epoch
        var list = CommandList(capacity: keys.count, bytesPerCommand: 160)
        var asked: [(hash: UInt64, token: UInt64)] = []
        asked.reserveCapacity(keys.count)
        var name = KeyName()
        for key in keys {
            name.set(key, epoch: epoch)
            let token = nextToken()
            asked.append((name.hash, token))
            appendLease(name, token, to: &list)
        }
        let batch = CommandBatch(list, script: .getOrLease, deadline: deadline)
        try await ask(batch)
        return keys.indices.map { index in
            let (hash, token) = asked[index]
            return leaseReply(batch, index, keys[index], hash, epoch, token)
        }
    }

    /// Script FILL. Entries above `valueBytesMax`, and those of a node at fault, are `.lost`.
    public func fill(
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [FillReply] {
        var replies = [FillReply](repeating: .lost, count: entries.count)
        var list = CommandList(capacity: entries.count, bytesPerCommand: 400)
        var positions: [Int] = []
        var name = KeyName()
        for (position, item) in entries.enumerated() where item.token != 0 && isStorable(item.entry) {
            raiseEpoch(to: item.entry.certificate.epoch)
            name.set(item.entry.key, epoch: item.entry.certificate.epoch)
            positions.append(position)
            appendFill(name, item.entry, item.token, item.lifetime, to: &list)
        }
        guard list.count > 0 else { return replies }
        let batch = CommandBatch(list, script: .fill, deadline: deadline)
        try await ask(batch)
        for (index, position) in positions.enumerated() {
            guard let root = batch.root(index) else { continue }
            replies[position] = fillReply(batch.replies, root)
        }
        return replies
    }

    /// Script PUBLISH. Entries above `valueBytesMax` only raise the floor; what a node at fault missed is counted.
    public func publish(
        _ entries: [(entry: CertifiedEntry, lifetime: Duration, invalidateOnly: Bool)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) {
        guard !entries.isEmpty else { return }
        var list = CommandList(capacity: entries.count, bytesPerCommand: 400)
        var name = KeyName()
        for item in entries {
            raiseEpoch(to: item.entry.certificate.epoch)
            name.set(item.entry.key, epoch: item.entry.certificate.epoch)
            let hasValue = !item.invalidateOnly && isStorable(item.entry)
            appendPublish(name, item.entry, hasValue ? item.lifetime : nil, to: &list)
        }
        let batch = CommandBatch(list, script: .publish, deadline: deadline)
        try await ask(batch)
        for index in entries.indices {
            if let root = batch.root(index), batch.replies.nodes[root].kind != .integer {
                metrics.count(.protocolViolation)
            }
        }
    }

    /// Performs a batch and measures it; throws where not one of its commands was answered.
    private func ask(_ batch: CommandBatch) async throws(TierError) {
        let start = ContinuousClock.now
        await perform(batch)
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        metrics.operation(batch.script).record(
            nanoseconds: UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000))
        if batch.faultCount == batch.count, let fault = batch.firstFault { throw fault }
    }

    private func isStorable(_ entry: CertifiedEntry) -> Bool {
        EntryFormat.overhead + (entry.payload?.count ?? 0) <= configuration.valueBytesMax
    }

    // MARK: Replies

    private func value(
        _ replies: ReplyStore, _ node: Int, _ key: CacheKey, _ hash: UInt64, _ epoch: UInt32
    ) -> SharedTierReply {
        let range = replies.range(of: node)
        switch (replies.nodes[node].kind, range.isEmpty ? nil : replies.bytes[range.lowerBound]) {
        case (.null, _), (.bulk, UInt8(ascii: "T")), (.bulk, UInt8(ascii: "L")): return .miss
        case (.bulk, UInt8(ascii: "V")):
            let bytes = replies.bytes.span.extracting(range)
            guard case .success(let entry) = EntryFormat.decode(bytes, key: key, keyHash: hash),
                entry.certificate.epoch == epoch
            else { break }
            return .entry(entry)
        default: break
        }
        metrics.poison.increment()
        return .poison
    }

    private func leaseReply(
        _ batch: CommandBatch, _ index: Int, _ key: CacheKey, _ hash: UInt64, _ epoch: UInt32, _ token: UInt64
    ) -> LeaseReply {
        let unstorable = LeaseReply.granted(token: 0, floor: .zero)
        guard let root = batch.root(index) else { return unstorable }
        let replies = batch.replies
        guard replies.nodes[root].kind == .array, replies.nodes[root].count >= 2 else {
            metrics.count(.protocolViolation)
            return unstorable
        }
        // The elements are all scalars, so they follow the array node one by one.
        switch replies.string(root + 1) {
        case "LEASE":
            guard let floor = EntryFormat.ticket(Array(replies.text(root + 2)), at: 0) else { break }
            return .granted(token: token, floor: floor)
        case "WAIT":
            return .wait(retryMilliseconds: Int(max(1, replies.nodes[root + 2].value)))
        case "HIT":
            guard case .entry(let entry) = value(replies, root + 2, key, hash, epoch) else { return unstorable }
            return .entry(entry)
        default: break
        }
        metrics.count(.protocolViolation)
        return unstorable
    }

    private func fillReply(_ replies: ReplyStore, _ root: Int) -> FillReply {
        switch replies.string(root) {
        case "OK": return .stored
        case "STALE": return .stale
        case "LOST": return .lost
        default:
            metrics.count(.protocolViolation)
            return .lost
        }
    }
}
