import CacheStack
import Synchronization

/// An L2 that lies in a way nobody can detect at the time: it gives a row's version of before under the certificate of
/// the present one. The canary of this program: the checker must find it.
final class LyingTier: SharedTier {
    private struct Memory {
        var old: CertifiedEntry
        var newest: CertifiedEntry
    }

    private let inner: any SharedTier
    private let seen = Mutex<[CacheKey: Memory]>([:])

    init(_ inner: any SharedTier) { self.inner = inner }

    private func lie(_ entry: CertifiedEntry) -> CertifiedEntry {
        seen.withLock { seen in
            var memory = seen[entry.key] ?? Memory(old: entry, newest: entry)
            if entry.certificate.version > memory.newest.certificate.version { memory.old = memory.newest }
            memory.newest = entry
            seen[entry.key] = memory
            var lie = memory.old
            lie.certificate.asOf = entry.certificate.asOf
            lie.certificate.asOfTime = entry.certificate.asOfTime
            return lie
        }
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
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)], until deadline: ContinuousClock.Instant
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
