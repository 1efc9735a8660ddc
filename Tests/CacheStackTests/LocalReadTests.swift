import CacheStack
import TestData
import Testing

/// The bytes that reads of L1 hand out, by every way and for every length around what fits into a slot.
@Suite("Reads of L1")
struct LocalReadTests {
    static let start = LocalTierTests.start

    static func key(_ id: UInt64) -> CacheKey { CacheKey(LocalTierTests.space, id) }

    static func payload(_ length: Int) -> [UInt8] { (0..<length).map { UInt8(truncatingIfNeeded: $0 * 7 + length) } }

    /// Rows whose id is their payload's length, over a longer one that left its bytes in the slot.
    static func filled(lengths: ClosedRange<Int>) -> LocalTier {
        let tier = LocalTierTests.tier(entries: 256)
        for length in lengths {
            for (version, payload) in [(1, [UInt8](repeating: 0xEE, count: 64)), (2, payload(length))] {
                let entry = LocalTierTests.entry(UInt64(length), version: UInt64(version), payload: payload)
                tier.install(entry, born: start, at: start, followsStream: true)
            }
        }
        return tier
    }

    @Test("Rows of 0 to 130 bytes come out whole by every way, and no byte past a slot's room is written")
    func everyLength() throws {
        let tier = Self.filled(lengths: 0...130)
        let bound = AgeBound()
        var buffer: [UInt8] = []
        for length in 0...130 {
            let (key, expected) = (Self.key(UInt64(length)), Self.payload(length))
            let into = try #require(tier.copy(key, bound, at: Self.start, into: &buffer))
            #expect(buffer == expected && into.version == Ticket(2))
            #expect(tier.value(key, bound, at: Self.start)?.1 == expected)
            var seen: [UInt8] = []
            let isServed = tier.withRow(key, bound, at: Self.start) { _, bytes in
                seen = bytes.withUnsafeBytes { Array($0) }
            }
            #expect(isServed && seen == expected)
            for room in [0, 1, 63, 64, 65, 200] {
                // The bytes after the target are its neighbour's.
                var bytes = [UInt8](repeating: 0xAA, count: room + 64)
                let found = bytes.withUnsafeMutableBytes { bytes in
                    tier.copy(key, bound, at: Self.start, to: UnsafeMutableRawBufferPointer(rebasing: bytes[..<room]))
                }
                #expect(found?.length == length && found?.row == into)
                #expect(bytes.prefix(min(room, length)) == expected.prefix(room))
                #expect(bytes.suffix(64).allSatisfy { $0 == 0xAA })
            }
        }
        tier.checkInvariants()
    }

    @Test("Bytes from anywhere are installed as an entry's are: copied, by version, and nil is an absent row")
    func installedFromSpan() throws {
        let tier = LocalTierTests.tier(entries: 64)
        let bound = AgeBound()
        func install(_ id: UInt64, _ version: UInt64, _ payload: [UInt8]?) -> Bool {
            let entry = LocalTierTests.entry(id, version: version)
            guard let payload else {
                return tier.install(
                    entry.key, entry.certificate, payload: nil, born: Self.start, at: Self.start, followsStream: true)
            }
            return tier.install(
                entry.key, entry.certificate, payload: payload.span.bytes, born: Self.start, at: Self.start,
                followsStream: true)
        }
        for length in [0, 1, 63, 64, 65, 1_000] {
            let (id, payload) = (UInt64(length), Self.payload(length))
            #expect(install(id, 2, payload))
            #expect(tier.value(Self.key(id), bound, at: Self.start)?.1 == payload)
            #expect(!install(id, 1, [9]), "an older version is refused")
            #expect(tier.value(Self.key(id), bound, at: Self.start)?.1 == payload)
            #expect(install(id, 3, nil))
            let absent = try #require(tier.value(Self.key(id), bound, at: Self.start))
            #expect(absent.0.isAbsent && absent.0.version == Ticket(3) && absent.1 == nil)
        }
        tier.checkInvariants()
    }

    @Test("Every shard count spreads rows and finds them again", arguments: [1, 2, 16, 256])
    func everyShard(shards: Int) {
        let tier = LocalTierTests.tier(entries: 64 * shards, shards: shards)
        let count = UInt64(16 * shards)
        for id in 0..<count {
            tier.install(LocalTierTests.entry(id), born: Self.start, at: Self.start, followsStream: true)
        }
        // A quarter of the room is in use: a row is missing only where some shard has four times its share.
        #expect(tier.statistics.entries == Int(count))
        var buffer = [UInt8](repeating: 0, count: 64)
        for id in 0..<count {
            let length = buffer.withUnsafeMutableBytes {
                tier.copy(Self.key(id), AgeBound(), at: Self.start, to: $0)?.length
            }
            #expect(length == 1)
        }
        tier.checkInvariants()
    }

    @Test("A prefetch of many keys, held, missing or none at all, changes nothing")
    func prefetch() {
        let tier = Self.filled(lengths: 0...99)
        let before = tier.statistics
        for count in [0, 1, 16, 64, 65, 300] { tier.prefetch((0..<UInt64(count)).map { Self.key($0) }.span) }
        #expect(tier.statistics == before)
        tier.checkInvariants()
        LocalTier().prefetch([Self.key(1)].span)
    }

    @Test("Closed, suspect, expired and too old rows are not served by any way, and counted as stale")
    func refused() {
        let tier = Self.filled(lengths: 1...4)
        tier.raiseFloor(Self.key(1), to: Ticket(9), epoch: 1, at: Self.start)
        tier.markSuspect(Self.key(2))
        let late = MonotonicTime(nanoseconds: Self.start.nanoseconds + 11_000_000_000)
        let old = MonotonicTime(nanoseconds: Self.start.nanoseconds + 2)
        let refusals = [
            (Self.key(1), AgeBound(), Self.start), (Self.key(2), AgeBound(), Self.start),
            (Self.key(3), AgeBound(maxAge: .seconds(100)), late), (Self.key(3), AgeBound(maxAge: .nanoseconds(1)), old),
            (Self.key(4), AgeBound(atLeast: Ticket(3)), Self.start),
        ]
        for (key, bound, now) in refusals {
            var bytes = [UInt8](repeating: 0, count: 64)
            #expect(bytes.withUnsafeMutableBytes { tier.copy(key, bound, at: now, to: $0) } == nil)
            #expect(tier.value(key, bound, at: now) == nil)
            #expect(!tier.withRow(key, bound, at: now) { _, _ in })
        }
        #expect(tier.statistics.stales == UInt64(refusals.count * 3) && tier.statistics.hits == 0)
        #expect(tier.statistics.misses == 0)
    }

    @Test("Keys whose hashes meet in the index are found one behind another, and missed when they are gone")
    func collisions() {
        // Ids of random bits meet far more often than ids in sequence.
        var random = SplitMix64(seed: 7)
        let ids = (0..<4_000).map { _ in random.next() >> 8 }
        let tier = LocalTierTests.tier(entries: 4_096)
        for id in ids { tier.install(LocalTierTests.entry(id), born: Self.start, at: Self.start, followsStream: true) }
        for id in ids.prefix(2_000) { tier.drop(Self.key(id)) }
        var bytes = [UInt8](repeating: 0, count: 64)
        for (place, id) in ids.enumerated() {
            let found = bytes.withUnsafeMutableBytes { tier.copy(Self.key(id), AgeBound(), at: Self.start, to: $0) }
            #expect((found != nil) == (place >= 2_000))
        }
        tier.checkInvariants()
    }
}
