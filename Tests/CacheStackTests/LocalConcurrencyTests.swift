import CacheStack
import Glibc
import Synchronization
import TestData
import Testing

/// Readers without a lock against writers, evictions, removals and the stream, on threads of their own.
@Suite("L1 under concurrency")
struct LocalConcurrencyTests {
    static let space = SpaceID(rawValue: 1)
    static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
    /// Lengths on both sides of what fits into a slot, up to blocks that a copy takes long over.
    static let lengths = [0, 8, 40, 64, 72, 128, 520, 4_096]

    /// The payload of a version: its length by version and id, every word made of them and of its place.
    static func payload(_ id: UInt64, _ version: UInt64) -> [UInt8] {
        let length = lengths[Int(truncatingIfNeeded: (version ^ id) % UInt64(lengths.count))]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        for word in 0..<length / 8 {
            let value = (id << 40 ^ version) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(word)
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    static func entry(_ id: UInt64, _ version: UInt64) -> CertifiedEntry {
        let certificate = Certificate(version: Ticket(version), asOf: Ticket(version), asOfTime: 0, epoch: 1)
        return CertifiedEntry(key: CacheKey(space, id), certificate: certificate, payload: payload(id, version))
    }

    final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Runs the bodies on threads at once, and returns when all have ended.
    static func onThreads(_ bodies: [@Sendable () -> Void]) {
        let threads = bodies.map { body in
            var thread = pthread_t()
            let context = Unmanaged.passRetained(Body(body)).toOpaque()
            let code = pthread_create(
                &thread, nil,
                { context in
                    if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
                    return nil
                }, context)
            precondition(code == 0, "a thread starts")
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    static func tier(_ policy: PolicyName, entries: Int, bytes: Int, shards: Int) -> LocalTier {
        var configuration = LocalTier.Configuration()
        configuration.entriesMax = entries
        configuration.bytesMax = bytes
        configuration.shards = shards
        configuration.policy = policy
        let tier = LocalTier(configuration)
        tier.restart(at: .zero, born: start, epoch: 1, refusingOlder: false)
        return tier
    }

    /// What the threads of one test share.
    final class Watch: Sendable {
        let isOver = Atomic<Bool>(false)
        let faults = Atomic<Int>(0)
        let reads = Atomic<Int>(0)
    }

    @Test(
        "Every payload read is whole, of its version, and no key goes back, whatever writers do",
        arguments: PolicyName.allCases, [1, 4])
    func stress(policy: PolicyName, shards: Int) {
        let tier = Self.tier(policy, entries: 64, bytes: 64 * 128 + 60_000, shards: shards)
        let watch = Watch()
        Self.onThreads([
            { Self.reader(tier, seed: 1, watch) },
            { Self.reader(tier, seed: 2, watch) },
            {
                Self.writer(tier, steps: 30_000)
                watch.isOver.store(true, ordering: .releasing)
            },
        ])
        #expect(watch.faults.load(ordering: .relaxed) == 0)
        #expect(tier.check() == [])
        let statistics = tier.statistics
        #expect(statistics.evictedLRU + statistics.evictedSize > 0 && statistics.evictedVersion > 0)
        #expect(statistics.hits + statistics.negatives == UInt64(watch.reads.load(ordering: .relaxed)))
    }

    static func writer(_ tier: LocalTier, steps: UInt64) {
        var random = SplitMix64(seed: 7)
        for step in 1...steps {
            let id = random.next() % 96
            let key = CacheKey(space, id)
            switch random.next() % 16 {
            case 0: tier.drop(key)
            case 1: tier.raiseFloor(key, to: Ticket(step), epoch: 1, at: start)
            case 2: tier.advance(to: Ticket(step), born: start, epoch: 1)
            case 3: tier.markSuspect(key)
            default: tier.install(entry(id, step), born: start, at: start, followsStream: true)
            }
        }
    }

    static func reader(_ tier: LocalTier, seed: UInt64, _ watch: Watch) {
        var random = SplitMix64(seed: seed)
        var seen = [UInt64](repeating: 0, count: 96)
        var buffer: [UInt8] = []
        var wrong = 0
        var count = 0
        while !watch.isOver.load(ordering: .acquiring) {
            let id = random.next() % 96
            let key = CacheKey(space, id)
            var row: LocalRow?
            switch random.next() % 3 {
            case 0: row = tier.copy(key, AgeBound(), at: start, into: &buffer)
            case 1:
                if let (found, bytes) = tier.value(key, AgeBound(), at: start) {
                    (row, buffer) = (found, bytes ?? [])
                }
            default:
                _ = tier.withRow(key, AgeBound(), at: start) { found, bytes in
                    row = found
                    buffer = bytes.withUnsafeBytes { Array($0) }
                }
            }
            guard let row else { continue }
            count += 1
            let version = row.version.rawValue
            if buffer != payload(id, version) || version < seen[Int(id)] || row.asOf < row.version { wrong += 1 }
            seen[Int(id)] = version
        }
        watch.faults.add(wrong, ordering: .relaxed)
        watch.reads.add(count, ordering: .relaxed)
    }

    @Test("A reader who sees the watermark sees the floors below it")
    func watermark() {
        let tier = Self.tier(.lru, entries: 64, bytes: 1 << 20, shards: 4)
        let watch = Watch()
        // Row i has a version at every ticket t with t % 8 == i, so as of any ticket its newest is less than 8 before.
        for id in 0..<8 as Range<UInt64> {
            tier.install(Self.entry(id, id == 0 ? 8 : id), born: Self.start, at: Self.start, followsStream: true)
        }
        Self.onThreads([
            {
                var buffer: [UInt8] = []
                var random = SplitMix64(seed: 3)
                while !watch.isOver.load(ordering: .acquiring) {
                    let id = random.next() % 8
                    let row = tier.copy(CacheKey(Self.space, id), AgeBound(), at: Self.start, into: &buffer)
                    guard let (version, asOf) = row.map({ ($0.version.rawValue, $0.asOf.rawValue) }) else { continue }
                    if asOf >= version + 8 || version % 8 != id { watch.faults.add(1, ordering: .relaxed) }
                }
            },
            {
                for ticket in 9...40_000 as ClosedRange<UInt64> {
                    let id = ticket % 8
                    tier.raiseFloor(CacheKey(Self.space, id), to: Ticket(ticket), epoch: 1, at: Self.start)
                    tier.advance(to: Ticket(ticket), born: Self.start, epoch: 1)
                    tier.install(Self.entry(id, ticket), born: Self.start, at: Self.start, followsStream: true)
                }
                watch.isOver.store(true, ordering: .releasing)
            },
        ])
        #expect(watch.faults.load(ordering: .relaxed) == 0)
        #expect(tier.check() == [])
    }

    @Test("A restart in another epoch is seen whole: no row is judged by the horizon of the other epoch")
    func restarts() {
        let tier = Self.tier(.lru, entries: 64, bytes: 1 << 20, shards: 2)
        let watch = Watch()
        Self.onThreads([
            {
                var random = SplitMix64(seed: 4)
                while !watch.isOver.load(ordering: .acquiring) {
                    let key = CacheKey(Self.space, random.next() % 8)
                    // In epoch e versions and watermark are in 1000 e ..< 1000 (e + 1).
                    guard let (row, _) = tier.value(key, AgeBound(), at: Self.start) else { continue }
                    let epoch = UInt64(row.epoch)
                    let isOfEpoch = row.version.rawValue / 1_000 == epoch && row.asOf.rawValue / 1_000 == epoch
                    if !isOfEpoch { watch.faults.add(1, ordering: .relaxed) }
                }
            },
            {
                // Epochs go down here too, which the stack never does, so that a stale maximum would show.
                for step in 0..<4_000 as Range<UInt64> {
                    let epoch = 2 + step % 2
                    let first = epoch * 1_000
                    tier.restart(at: Ticket(first), born: Self.start, epoch: UInt32(epoch), refusingOlder: false)
                    for id in 0..<8 as Range<UInt64> {
                        var entry = Self.entry(id, first + id)
                        entry.certificate.epoch = UInt32(epoch)
                        tier.install(entry, born: Self.start, at: Self.start, followsStream: true)
                    }
                    tier.advance(to: Ticket(first + 999), born: Self.start, epoch: UInt32(epoch))
                }
                watch.isOver.store(true, ordering: .releasing)
            },
        ])
        #expect(watch.faults.load(ordering: .relaxed) == 0)
        #expect(tier.check() == [])
    }

    @Test("A key that stays is never missed while others come and go beside it")
    func falseMisses() {
        let tier = Self.tier(.lru, entries: 64, bytes: 1 << 20, shards: 1)
        let watch = Watch()
        tier.install(Self.entry(1_000, 1), born: Self.start, at: Self.start, followsStream: true)
        #expect(tier.pin(CacheKey(Self.space, 1_000)))
        Self.onThreads([
            {
                var buffer: [UInt8] = []
                while !watch.isOver.load(ordering: .acquiring) {
                    let row = tier.copy(CacheKey(Self.space, 1_000), AgeBound(), at: Self.start, into: &buffer)
                    if row == nil { watch.faults.add(1, ordering: .relaxed) }
                }
            },
            {
                for step in 1...100_000 as ClosedRange<UInt64> {
                    tier.install(Self.entry(step % 500, step), born: Self.start, at: Self.start, followsStream: true)
                }
                watch.isOver.store(true, ordering: .releasing)
            },
        ])
        #expect(watch.faults.load(ordering: .relaxed) == 0)
        #expect(tier.check() == [])
    }

    @Test("Counts of many threads are exact, also where more threads than stripes share one")
    func counts() {
        let tier = Self.tier(.clock, entries: 64, bytes: 1 << 20, shards: 4)
        tier.install(Self.entry(1, 1), born: Self.start, at: Self.start, followsStream: true)
        Self.onThreads(
            (0..<100).map { _ in
                {
                    for id in 0..<200 as Range<UInt64> {
                        _ = tier.value(CacheKey(Self.space, id % 2 + 1), AgeBound(), at: Self.start)
                    }
                }
            })
        #expect(tier.statistics.hits == 10_000 && tier.statistics.misses == 10_000)
    }
}
