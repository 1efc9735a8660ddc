import CacheStack
import Synchronization
import Telemetry
import TestData
import Testing

/// An L2 whose reads come from a copy of what it held some time ago, as from a replica that lags.
private final class LaggingTier: SharedTier {
    let primary: MemorySharedTier
    let replica: MemorySharedTier
    let older = Atomic<Int>(0)

    init(_ time: ManualTime) {
        primary = MemorySharedTier(time: time.source)
        replica = MemorySharedTier(time: time.source)
    }

    /// The replica catches up.
    func replicate() { replica.restore(primary.backup()) }

    func get(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> [SharedTierReply] {
        let (held, newest) = (
            try await replica.get(keys, until: deadline), try await primary.get(keys, until: deadline)
        )
        for case (.entry(let old), .entry(let new)) in zip(held, newest)
        where old.certificate.version < new.certificate.version {
            older.add(1, ordering: .relaxed)
        }
        return held
    }

    func lease(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> [LeaseReply] {
        try await primary.lease(keys, until: deadline)
    }

    func fill(
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [FillReply] { try await primary.fill(entries, until: deadline) }

    func publish(
        _ entries: [(entry: CertifiedEntry, lifetime: Duration, invalidateOnly: Bool)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) { try await primary.publish(entries, until: deadline) }

    func enter(epoch: UInt32) {
        primary.enter(epoch: epoch)
        replica.enter(epoch: epoch)
    }
}

/// What a reader may conclude from an entry that a lagging replica serves.
@Suite struct ReplicaStalenessTests {
    /// The reference is the history: a value read with bound D was not superseded for longer than D when the read began.
    /// Readers begin with an empty L1, so that every answer comes from the replica or from below it.
    @Test("However far a replica lags, a read is as fresh as it promises, or goes on to the database", arguments: 1...6)
    func bound(seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        let time = ManualTime()
        let durable = MemoryDurableTier(schemas: Bench.schemas) { time.microseconds }
        let shared = LaggingTier(time)
        var configuration = CacheStack.Configuration()
        configuration.time = time.source
        let metrics = MetricsRegistry()
        func stack() -> CacheStack {
            CacheStack(configuration, schemas: Bench.schemas, shared: shared, durable: durable, metrics: metrics)
        }
        let writer = stack()
        /// Per key the versions and when each was committed.
        var history = [UInt64: [(version: Ticket, at: MonotonicTime)]]()
        var levels: [CacheLevel: Int] = [:]
        var reader = stack()
        for step in 0..<1_200 {
            time.advance(by: .milliseconds(Int.random(in: 0...700, using: &generator)))
            let id = UInt64.random(in: 0..<6, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0, 1:
                var writes = WriteSet()
                writes.append(key(id), payload: [UInt8(step % 256), UInt8(step / 256)])
                _ = await writer.commit(Transaction(expectations: [], writes: writes))
                history[id, default: []].append((durable.newest, time.now))
                _ = await writer.publishPending()
            case 2: shared.replicate()
            case 3: _ = try await reader.pollChanges()
            case 4:
                reader = stack()
                _ = try await reader.pollChanges()
            default:
                let maxAge = Duration.seconds(Int.random(in: 1...30, using: &generator))
                let began = time.now
                let value = try await reader.read(key(id), .bounded(maxAge: maxAge))
                levels[value.level, default: 0] += 1
                let next = history[id]?.first { $0.version > value.version }
                if let next { #expect(began - next.at <= maxAge, "seed \(seed), step \(step)") }
            }
        }
        // The test has shown something: the replica was used, and was behind the primary when it was asked.
        #expect(levels[.l2, default: 0] > 20 && levels[.l3, default: 0] > 20, "\(levels)")
        #expect(shared.older.load(ordering: .relaxed) > 20)
    }
}
