import CacheStack
import TestData
import Testing

/// What L1 keeps and what it lets go: pins, weights, versions for snapshots, policies, blocks.
@Suite("L1 keeping")
struct LocalKeepingTests {
    static let space = LocalTierTests.space
    static let start = LocalTierTests.start

    static func key(_ id: UInt64) -> CacheKey { CacheKey(space, id) }

    static func tier(_ configure: (inout LocalTier.Configuration) -> Void) -> LocalTier {
        var configuration = LocalTier.Configuration()
        configuration.shards = 1
        configure(&configuration)
        let tier = LocalTier(configuration)
        tier.restart(at: .zero, born: start, epoch: 1, refusingOlder: false)
        return tier
    }

    @discardableResult
    static func install(_ tier: LocalTier, _ id: UInt64, version: UInt64 = 1, size: Int = 1) -> Bool {
        let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: version), count: size)
        return tier.install(
            LocalTierTests.entry(id, version: version, payload: payload), born: start, at: start, followsStream: true)
    }

    // MARK: Copies

    @Test("A copy gives the whole length and as much as fits, at every size around a slot's and a block's")
    func copies() {
        let tier = Self.tier { $0.entriesMax = 16 }
        for (id, size) in [0, 1, 7, 8, 63, 64, 65, 127, 128, 129, 1_000].enumerated() {
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ id) }
            tier.install(
                LocalTierTests.entry(UInt64(id), payload: payload), born: Self.start, at: Self.start,
                followsStream: true)
            for room in [0, 1, 63, 64, 65, 127, 1_000, 1_001] {
                var target = [UInt8](repeating: 0xEE, count: room + 8)
                let found = target.withUnsafeMutableBytes { bytes in
                    tier.copy(
                        Self.key(UInt64(id)), AgeBound(), at: Self.start,
                        to: UnsafeMutableRawBufferPointer(rebasing: bytes[..<room]))
                }
                #expect(found?.length == size && found?.row.version == Ticket(1))
                #expect(target.prefix(min(size, room)).elementsEqual(payload.prefix(room)))
                #expect(target.suffix(8).allSatisfy { $0 == 0xEE }, "nothing is written past the target")
            }
        }
        #expect(tier.check() == [])
    }

    // MARK: Pins

    @Test("Pinned rows outlive any number of others, up to half the shard")
    func pins() {
        let tier = Self.tier { $0.entriesMax = 8 }
        for id in 0..<8 as Range<UInt64> { Self.install(tier, id) }
        #expect((0..<4).allSatisfy { tier.pin(Self.key($0)) })
        #expect(!tier.pin(Self.key(4)), "half the rows are pinned")
        #expect(tier.pin(Self.key(0)), "pinned already")
        #expect(!tier.pin(Self.key(99)), "not held")
        for id in 100..<200 as Range<UInt64> { Self.install(tier, id) }
        #expect((0..<4).allSatisfy { tier.value(Self.key($0), AgeBound(), at: Self.start) != nil })
        #expect(tier.check() == [] && tier.statistics.pinned == 4 && tier.statistics.entries == 8)
        // A newer version stays pinned; an unpinned row counts as just used and then goes like any other.
        Self.install(tier, 0, version: 2, size: 300)
        #expect(tier.check() == [])
        tier.unpin(Self.key(0))
        tier.unpin(Self.key(1))
        for id in 200..<204 as Range<UInt64> { Self.install(tier, id) }
        #expect(tier.anyValue(Self.key(0), at: Self.start) != nil && tier.anyValue(Self.key(1), at: Self.start) != nil)
        Self.install(tier, 300)
        #expect(tier.anyValue(Self.key(0), at: Self.start) == nil && tier.anyValue(Self.key(1), at: Self.start) != nil)
        tier.drop(Self.key(2))
        tier.restart(at: .zero, born: Self.start, epoch: 1, refusingOlder: false)
        #expect(tier.statistics.pinned == 0 && tier.check() == [])
    }

    @Test("What finds no room beside pinned bytes is refused")
    func pinnedBytes() {
        let tier = Self.tier {
            $0.entriesMax = 8
            $0.bytesMax = 1_000
        }
        Self.install(tier, 1, size: 256)
        #expect(tier.pin(Self.key(1)))
        #expect(!Self.install(tier, 2, size: 512), "640 bytes do not fit beside 384")
        #expect(Self.install(tier, 3, size: 400) == false, "nor do 512 and 128")
        #expect(Self.install(tier, 4, size: 256))
        #expect(tier.check() == [] && tier.statistics.entries == 2)
    }

    // MARK: Weights

    @Test("The weight cap is kept, by the weigher's numbers; what is too heavy is refused")
    func weights() {
        let tier = Self.tier {
            $0.entriesMax = 100
            $0.weightMax = 10
            $0.weigh = { key, length in Int(key.id % 10) + length / 100 }
        }
        for id in 1...4 as ClosedRange<UInt64> { #expect(Self.install(tier, id)) }
        #expect(tier.statistics.weight == 10 && tier.statistics.entries == 4)
        #expect(Self.install(tier, 5) && tier.statistics.entries == 2, "4 and 5 stay")
        #expect(tier.statistics.weight == 9 && tier.statistics.evictedSize == 3)
        #expect(!Self.install(tier, 9, size: 200), "11 is too much")
        #expect(Self.install(tier, 10) && tier.statistics.weight == 9, "a row may weigh nothing")
        // A version that weighs more makes others go, never itself.
        #expect(Self.install(tier, 5, version: 2, size: 500) && tier.statistics.weight == 10)
        #expect(tier.anyValue(Self.key(5), at: Self.start) != nil && tier.anyValue(Self.key(4), at: Self.start) == nil)
        #expect(tier.check() == [])
    }

    // MARK: Versions

    @Test("While a snapshot is open up to three superseded versions stay, with the intervals they were proven for")
    func chains() {
        let tier = Self.tier { $0.entriesMax = 8 }
        Self.install(tier, 1, version: 10)
        Self.install(tier, 1, version: 20)
        #expect(tier.versions(Self.key(1), at: Self.start).count == 1, "no snapshot, no past")
        let snapshot = tier.openSnapshot(from: Ticket(20))
        for version in [30, 40, 50, 60] as [UInt64] {
            tier.advance(to: Ticket(version - 1), born: Self.start, epoch: 1)
            tier.raiseFloor(Self.key(1), to: Ticket(version), epoch: 1, at: Self.start)
            Self.install(tier, 1, version: version, size: 100)
        }
        let held = tier.versions(Self.key(1), at: Self.start)
        #expect(held.map(\.0.version.rawValue) == [60, 50, 40, 30])
        #expect(held.map(\.0.asOf.rawValue) == [60, 59, 49, 39], "each was the newest until just before the next")
        #expect(held.map(\.0.isClosed) == [false, true, true, true])
        #expect(held.map(\.1) == [60, 50, 40, 30].map { [UInt8](repeating: $0, count: 100) })
        func met(_ low: UInt64, _ high: UInt64) -> UInt64? {
            tier.version(Self.key(1), meeting: Ticket(low), Ticket(high), at: Self.start)?.0.version.rawValue
        }
        #expect(met(45, 45) == 40 && met(30, 59) == 50 && met(61, 70) == nil && met(20, 29) == nil)
        #expect(tier.statistics.versions == 3 && tier.check() == [])
        if let snapshot { tier.closeSnapshot(snapshot) }
        #expect(tier.statistics.versions == 0 && tier.check() == [])
        #expect(tier.statistics.bytes == 128 + 128)
    }

    @Test("Versions before the oldest open snapshot go when it closes, and with their row, and for lack of bytes")
    func chainsEnd() {
        let tier = Self.tier {
            $0.entriesMax = 8
            $0.bytesMax = 2_048
        }
        let old = tier.openSnapshot(from: Ticket(1))
        let young = tier.openSnapshot(from: Ticket(25))
        for version in [10, 20, 30] as [UInt64] {
            tier.advance(to: Ticket(version - 1), born: Self.start, epoch: 1)
            Self.install(tier, 1, version: version)
        }
        #expect(tier.statistics.versions == 2)
        if let old { tier.closeSnapshot(old) }
        #expect(tier.versions(Self.key(1), at: Self.start).map(\.0.version.rawValue) == [30, 20])
        #expect(tier.check() == [])
        for id in 2...8 as ClosedRange<UInt64> { Self.install(tier, id, version: 40, size: 128) }
        #expect(tier.statistics.versions == 0 && tier.check() == [], "rows come before the past")
        Self.install(tier, 8, version: 50)
        tier.drop(Self.key(8))
        #expect(tier.statistics.versions == 0 && tier.check() == [])
        if let young { tier.closeSnapshot(young) }
        let many = (0..<1_025).map { _ in tier.openSnapshot(from: Ticket(1)) }
        #expect(many.filter { $0 == nil }.count == 1, "1,024 may be open")
    }

    // MARK: Policies

    @Test("Each policy behind the tier has the hits of the policy alone", arguments: PolicyName.allCases)
    func policies(policy: PolicyName) {
        var random = SplitMix64(seed: 9)
        let trace = (0..<60_000).map { _ -> UInt64 in
            var p = random.next() >> 32
            for _ in 0..<2 { p = (p &* (random.next() >> 32)) >> 32 }
            return (p &* 3_000) >> 32
        }
        let tier = Self.tier {
            $0.entriesMax = 200
            $0.policy = policy
        }
        var cache = PolicyModel(policy, capacity: 200)
        var buffer: [UInt8] = []
        var (hits, expected) = (0, 0)
        for id in trace {
            if tier.copy(Self.key(id), AgeBound(), at: Self.start, into: &buffer) != nil {
                hits += 1
            } else {
                Self.install(tier, id)
            }
            if cache.request(id) { expected += 1 }
        }
        #expect(hits == expected && hits > 10_000)
        #expect(tier.check() == [])
    }

    @Test("Random sizes, drops and pins leave the structure whole under every policy", arguments: PolicyName.allCases)
    func structure(policy: PolicyName) {
        for seed in 1...4 as ClosedRange<UInt64> {
            var random = SplitMix64(seed: seed)
            let tier = Self.tier {
                $0.entriesMax = 40
                $0.bytesMax = 60_000
                $0.policy = policy
            }
            let snapshot = tier.openSnapshot(from: Ticket(1))
            for step in 1...3_000 as ClosedRange<UInt64> {
                let key = Self.key(random.next() % 80)
                switch random.next() % 12 {
                case 0: tier.drop(key)
                case 1: _ = tier.pin(key)
                case 2: tier.unpin(key)
                case 3: tier.raiseFloor(key, to: Ticket(step), epoch: 1, at: Self.start)
                case 4...7:
                    let size = Int(random.next() % 16_000) >> Int(random.next() % 12)
                    Self.install(tier, key.id, version: step, size: size)
                default: _ = tier.value(key, AgeBound(), at: Self.start)
                }
                if step % 100 == 0 { #expect(tier.check() == [], "seed \(seed) step \(step)") }
            }
            if let snapshot { tier.closeSnapshot(snapshot) }
            #expect(tier.check() == [])
            // The whole arena joins again: freed blocks of every size serve one of the largest.
            tier.restart(at: Ticket(4_000), born: Self.start, epoch: 1, refusingOlder: false)
            let reserved = tier.statistics.reservedBytes
            #expect(Self.install(tier, 1, version: 4_000, size: 4_096))
            #expect(tier.statistics.reservedBytes == reserved && tier.check() == [])
        }
    }

    @Test("The coarse clock never goes back")
    func coarseClock() {
        var last = MonotonicTime.coarse()
        for _ in 0..<10_000 {
            let now = MonotonicTime.coarse()
            #expect(now >= last)
            last = now
        }
    }
}

/// A policy over slots and a dictionary, with the rules of its protocol: one entry leaves before another comes.
struct PolicyModel {
    private var slots: [UInt64: Int32] = [:]
    private var keys: [Int32: UInt64] = [:]
    private var free: [Int32]
    private var policy: any EvictionPolicy

    init(_ name: PolicyName, capacity: Int) {
        let marks = UseMarks(capacity: capacity)
        policy =
            switch name {
            case .lru: LRUPolicy(capacity: capacity, marks: marks)
            case .clock: ClockPolicy(capacity: capacity, marks: marks)
            case .sieve: SievePolicy(capacity: capacity, marks: marks)
            case .s3fifo: S3FIFOPolicy(capacity: capacity, marks: marks)
            case .wtinylfu: TinyLFUPolicy(capacity: capacity, marks: marks)
            }
        free = (0..<Int32(capacity)).reversed()
    }

    /// Gets or loads; returns whether it was a hit.
    mutating func request(_ id: UInt64) -> Bool {
        if let slot = slots[id] {
            policy.hit(slot)
            return true
        }
        if free.isEmpty {
            repeat {
                let slot = policy.evict()
                if let key = keys.removeValue(forKey: slot) { slots[key] = nil }
                free.append(slot)
            } while policy.owesEviction
        }
        let slot = free.removeLast()
        slots[id] = slot
        keys[slot] = id
        policy.insert(slot, hash: LocalKeepingTests.mix(id ^ 1 << 48))
        return false
    }
}

extension LocalKeepingTests {
    /// The tier's own hash of a key in space 1.
    static func mix(_ x: UInt64) -> UInt64 {
        var x = x ^ x >> 32
        x = x &* 0x9E37_79B9_7F4A_7C15
        return x ^ x >> 29
    }
}
