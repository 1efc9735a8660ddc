import CacheStack
import Synchronization

/// Tiers that lie in ways nobody can detect at the time: the canary of this program. The checker must find what comes
/// of it, of every kind of anomaly but one.
///
/// | lie | told by | anomalies |
/// |---|---|---|
/// | other bytes under a right certificate | L2 | A1 |
/// | a version that never was | L2 | A2 |
/// | a version of before under the certificate of the present one | L2 | A4, A12 |
/// | a change that is not in the outbox | L3 | A4, A12 |
/// | a row of before in a load | L3 | A5, A6, A8, A9, A10, A12 |
/// | a commit that does not look at what was expected | L3 | A7 |
/// | a commit that is denied | L3 | A11 |
///
/// A3, a value that its own transaction replaced, cannot be told: a write set holds a key once.
enum Lies {
    /// One call in this many is answered with a lie.
    static let oneIn = 6

    static var isTold: Bool { Int.random(in: 0..<oneIn) == 0 }

    /// The rows of before, by key.
    final class Memory: Sendable {
        private struct Rows {
            var old: CertifiedEntry
            var newest: CertifiedEntry
        }

        private let rows = Mutex<[CacheKey: Rows]>([:])

        /// The version before the newest one seen, with the certificate of `entry`.
        func before(_ entry: CertifiedEntry) -> CertifiedEntry {
            rows.withLock { rows in
                var memory = rows[entry.key] ?? Rows(old: entry, newest: entry)
                if entry.certificate.version > memory.newest.certificate.version {
                    memory.old = memory.newest
                }
                memory.newest = entry
                rows[entry.key] = memory
                var lie = memory.old
                lie.certificate.asOf = entry.certificate.asOf
                lie.certificate.asOfTime = entry.certificate.asOfTime
                lie.certificate.epoch = entry.certificate.epoch
                return lie
            }
        }
    }
}

/// An L2 that lies.
final class LyingTier: SharedTier {
    private let inner: any SharedTier
    private let memory = Lies.Memory()

    init(_ inner: any SharedTier) { self.inner = inner }

    private func lie(_ entry: CertifiedEntry) -> CertifiedEntry {
        let before = memory.before(entry)
        guard Lies.isTold else { return before }
        var lie = entry
        if Bool.random(), let payload = lie.payload {
            lie.payload = payload.map { ~$0 }
        } else {
            lie.certificate.version = Ticket(entry.certificate.version.rawValue + 1)
            lie.certificate.asOf = max(lie.certificate.asOf, lie.certificate.version)
        }
        return lie
    }

    func get(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [SharedTierReply] {
        try await inner.get(keys, until: deadline).map { reply in
            if case .entry(let entry) = reply { .entry(lie(entry)) } else { reply }
        }
    }

    func lease(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [LeaseReply] {
        try await inner.lease(keys, until: deadline)
    }

    func fill(
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [FillReply] {
        try await inner.fill(entries, until: deadline)
    }

    func publish(
        _ entries: [(entry: CertifiedEntry, lifetime: Duration, invalidateOnly: Bool)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) {
        try await inner.publish(entries, until: deadline)
    }

    func enter(epoch: UInt32) { inner.enter(epoch: epoch) }
}

/// An L3 that lies.
final class LyingDurableTier: DurableTier {
    private let inner: any DurableTier
    private let memory = Lies.Memory()

    init(_ inner: any DurableTier) { self.inner = inner }

    func load(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError)
        -> LoadedRows
    {
        var rows = try await inner.load(keys, until: deadline)
        rows.entries = rows.entries.map { entry in
            let before = memory.before(entry)
            return Lies.isTold ? before : entry
        }
        return rows
    }

    func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome {
        let blind = batch.map { transaction in
            var blind = transaction
            if Lies.isTold { blind.expectations = [] }
            return blind
        }
        guard case .decided(let outcomes) = await inner.commit(blind, until: deadline) else {
            return .decided(batch.map { _ in .inDoubt })
        }
        return .decided(
            outcomes.map { outcome in
                guard case .committed = outcome, Lies.isTold else { return outcome }
                return .failed(TierError(.unavailable, "a lie"))
            })
    }

    func resolve(_ mark: BatchMark, until deadline: ContinuousClock.Instant) async throws(TierError)
        -> Bool
    {
        try await inner.resolve(mark, until: deadline)
    }

    func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> ChangePage {
        var page = try await inner.changes(after: ticket, limit: limit, until: deadline)
        for index in page.records.indices where Lies.isTold { page.records[index].keys = [] }
        return page
    }

    func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable (ScanChunk) -> Void
    ) async throws(TierError) -> Ticket {
        try await inner.scan(spaces, until: deadline, body)
    }
}
