import CacheStack
import Synchronization

/// The loads on Springtide's L1 through its public calls: a get copies the row's bytes out, a put installs a version.
final class LocalLoad: Sendable {
    let policy: PolicyName
    private let tier: LocalTier
    private let sequences: [KeySequence]
    private let now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    /// Tickets come from one place, as in the database.
    private let ticket = Atomic<UInt64>(1)
    private static let space = SpaceID(rawValue: 1)

    /// A tier that holds `entries` rows of 64 bytes, with a quarter more room so that no shard is full.
    init(_ policy: PolicyName, entries: Int, sequences: [KeySequence]) {
        self.policy = policy
        var configuration = LocalTier.Configuration()
        configuration.policy = policy
        configuration.entriesMax = entries + entries / 4
        tier = LocalTier(configuration)
        self.sequences = sequences
        tier.restart(at: .zero, born: now, epoch: 1, refusingOlder: false)
        let payload = [UInt8](repeating: 1, count: 64)
        for id in 0..<entries { put(UInt64(id), payload.span.bytes) }
    }

    @inline(__always)
    private func put(_ id: UInt64, _ payload: RawSpan) {
        let version = Ticket(ticket.wrappingAdd(1, ordering: .relaxed).oldValue)
        let certificate = Certificate(version: version, asOf: version, asOfTime: 0, epoch: 1)
        tier.install(
            CacheKey(Self.space, id), certificate, payload: payload, born: now, at: now, followsStream: true)
    }

    /// One thread's operations; returns how many gets missed.
    func loop(thread: Int, isMixed: Bool, operations: Int) -> Int {
        let keys = sequences[thread].keys
        let bound = AgeBound()
        let payloads = ([UInt8](repeating: 1, count: 64), [UInt8](repeating: 2, count: 64))
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
            var (misses, sum) = (0, UInt64(0))
            for step in 0..<operations {
                let id = UInt64(keys[step & (KeySequence.length - 1)])
                if isMixed, step & 3 == 3 {
                    if step & 4 == 0 { put(id, payloads.0.span.bytes) } else { put(id, payloads.1.span.bytes) }
                } else if tier.copy(CacheKey(Self.space, id), bound, at: now, to: buffer) != nil {
                    sum &+= Self.sum(buffer)
                } else {
                    misses += 1
                }
            }
            return sum == 0 ? operations : misses
        }
    }

    /// Touches all 64 bytes, as the peer does.
    @inline(__always)
    private static func sum(_ buffer: UnsafeMutableRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0
        for word in 0..<8 { sum &+= buffer.load(fromByteOffset: word * 8, as: UInt64.self) }
        return sum
    }

    /// One thread's gets of 16 keys at a time, prefetched together; returns how many missed.
    private func batches(thread: Int, operations: Int) -> Int {
        let keys = sequences[thread].keys
        let bound = AgeBound()
        var batch = [CacheKey](repeating: CacheKey(Self.space, 0), count: Load.batch)
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
            var (misses, sum) = (0, UInt64(0))
            for step in stride(from: 0, to: operations, by: Load.batch) {
                for index in 0..<Load.batch {
                    batch[index] = CacheKey(Self.space, UInt64(keys[(step + index) & (KeySequence.length - 1)]))
                }
                tier.prefetch(batch.span)
                for index in 0..<Load.batch {
                    if tier.copy(batch[index], bound, at: now, to: buffer) != nil {
                        sum &+= Self.sum(buffer)
                    } else {
                        misses += 1
                    }
                }
            }
            return sum == 0 ? operations : misses
        }
    }

    /// One run of a load.
    func run(_ load: Load, operations: Int) -> Run {
        measure(threads: load.threads, operations: operations) { thread in
            load.isBatched
                ? self.batches(thread: thread, operations: operations)
                : self.loop(thread: thread, isMixed: load.isMixed, operations: operations)
        }
    }
}
