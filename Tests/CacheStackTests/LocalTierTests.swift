import CacheStack
import Foundation
import TestData
import Testing

@Suite("L1")
struct LocalTierTests {
    static let space = SpaceID(rawValue: 1)
    static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    static func tier(
        entries: Int, bytes: Int = 1 << 30, shards: Int = 1, floors: Int = 1 << 16, epoch: UInt32 = 1
    ) -> LocalTier {
        var configuration = LocalTier.Configuration()
        configuration.entriesMax = entries
        configuration.bytesMax = bytes
        configuration.shards = shards
        configuration.floorsMax = floors
        let tier = LocalTier(configuration)
        tier.restart(at: .zero, born: start, epoch: epoch, refusingOlder: false)
        return tier
    }

    static func entry(_ id: UInt64, version: UInt64 = 1, asOf: UInt64? = nil, payload: [UInt8]? = [1]) -> CertifiedEntry
    {
        let certificate = Certificate(
            version: Ticket(version), asOf: Ticket(asOf ?? version), asOfTime: 0, epoch: 1)
        return CertifiedEntry(key: CacheKey(space, id), certificate: certificate, payload: payload)
    }

    /// Hits of an exact LRU that loads whatever is missing.
    static func hits(_ trace: [UInt64], capacity: Int) -> Int {
        let tier = tier(entries: capacity)
        let bound = AgeBound()
        var hits = 0
        var buffer: [UInt8] = []
        for id in trace {
            if tier.copy(CacheKey(space, id), bound, at: start, into: &buffer) != nil {
                hits += 1
            } else {
                tier.install(entry(id), born: start, at: start, followsStream: true)
            }
        }
        tier.checkInvariants()
        return hits
    }

    @Test("The self-made traces give the golden LRU hit counts", arguments: [100, 500, 2000])
    func goldenTraces(capacity: Int) {
        func skew(_ random: inout SplitMix64, _ range: UInt64) -> UInt64 {
            var p = random.next() >> 32
            for _ in 0..<2 { p = (p &* (random.next() >> 32)) >> 32 }
            return (p &* range) >> 32
        }
        var random = SplitMix64(seed: 1)
        let z = (0..<200_000).map { _ in skew(&random, 20_000) }
        #expect(Array(z.prefix(6)) == [8205, 3012, 2620, 3885, 2102, 1757])
        random = SplitMix64(seed: 3)
        let h = (0..<200_000).map { UInt64($0 / 20_000 * 5_000) + skew(&random, 20_000) }
        random = SplitMix64(seed: 2)
        var s: [UInt64] = []
        var fresh: UInt64 = 1 << 40
        for _ in 0..<160 {
            for _ in 0..<1_000 { s.append(skew(&random, 20_000)) }
            s += fresh..<fresh + 250
            fresh += 250
        }
        let golden = [100: [5829, 4440, 5859], 500: [27051, 17678, 26619], 2000: [84274, 54735, 80670]]
        #expect([z, s, h].map { Self.hits($0, capacity: capacity) } == golden[capacity])
    }

    @Test("A loop over one entry too many never hits, over as many as fit it hits all but the first round")
    func loop() {
        let trace = (0..<120_000).map { UInt64($0 % 1200) }
        #expect(Self.hits(trace, capacity: 1199) == 0)
        #expect(Self.hits(trace, capacity: 1200) == 118_800)
    }

    static let traces = RecordedData.folder("d_cache_traces/lirs")

    @Test(
        "Public traces give the golden LRU ratios",
        .enabled(if: traces != nil, "SPRINGTIDE_DATA does not name the data directory"),
        arguments: [("multi1", 500, 46.51), ("sprite", 500, 78.30), ("2_pools", 250, 41.71), ("gli", 1000, 11.21)])
    func publicTraces(name: String, capacity: Int, ratio: Double) throws {
        let directory = try #require(Self.traces)
        let file = try #require(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).first { $0.hasPrefix(name + ".") },
            "the trace \(name) is missing")
        let text = String(decoding: try RecordedData.unpacked(directory.appendingPathComponent(file)), as: UTF8.self)
        let trace = text.split(whereSeparator: \.isNewline).compactMap { line in
            line.hasPrefix("*") ? nil : UInt64(line.trimmingCharacters(in: .whitespaces))
        }
        let hits = Self.hits(trace, capacity: capacity)
        #expect(abs(Double(hits) / Double(trace.count) * 100 - ratio) < 0.005 + 1e-9)
    }

    @Test("A low floor does not stand for a higher one that was dropped") func droppedFloor() {
        var configuration = LocalTier.Configuration()
        (configuration.shards, configuration.entriesMax, configuration.floorsMax) = (1, 8, 1)
        let tier = LocalTier(configuration)
        let now = MonotonicTime(nanoseconds: 1_000_000_000)
        let (a, b) = (CacheKey(SpaceID(rawValue: 1), 8), CacheKey(SpaceID(rawValue: 1), 9))
        tier.restart(at: Ticket(898), born: now, epoch: 3, refusingOlder: false)
        tier.raiseFloor(a, to: Ticket(1_666), epoch: 3, at: now)
        tier.raiseFloor(b, to: Ticket(1_670), epoch: 3, at: now)  // drops the floor of a
        tier.raiseFloor(a, to: Ticket(1_639), epoch: 3, at: now)
        func judged(_ asOf: UInt64) -> LocalRow? {
            let certificate = Certificate(version: Ticket(1_639), asOf: Ticket(asOf), asOfTime: 0, epoch: 3)
            return tier.judge(a, certificate, born: now, at: now, followsStream: true)
        }
        #expect(judged(1_644) == nil)
        #expect(judged(1_700)?.version == Ticket(1_639))
    }

    @Test("A restart of the stream behind what a read has shown keeps that floor, a new epoch does not")
    func restartBehindRead() {
        let tier = LocalTier()
        let now = MonotonicTime(nanoseconds: 1_000_000_000)
        let key = CacheKey(SpaceID(rawValue: 1), 8)
        func judged(_ version: UInt64, epoch: UInt32) -> LocalRow? {
            let ticket = Ticket(version)
            let certificate = Certificate(version: ticket, asOf: ticket, asOfTime: 0, epoch: epoch)
            return tier.judge(key, certificate, born: now, at: now, followsStream: true)
        }
        tier.restart(at: Ticket(100), born: now, epoch: 2, refusingOlder: false)
        tier.raiseFloor(key, to: Ticket(113), epoch: 2, at: now)
        tier.restart(at: Ticket(111), born: now, epoch: 2, refusingOlder: true)
        #expect(judged(111, epoch: 2) == nil && judged(113, epoch: 2) != nil)
        tier.restart(at: Ticket(105), born: now, epoch: 3, refusingOlder: false)
        #expect(judged(111, epoch: 3) != nil)
    }

    @Test("Payloads of every size class come back as they were stored, and count by their block")
    func payloads() {
        let tier = Self.tier(entries: 100)
        for (id, size) in [0, 1, 63, 64, 65, 128, 129, 1_000, 16_384].enumerated() {
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ id) }
            #expect(
                tier.install(
                    Self.entry(UInt64(id), payload: payload), born: Self.start, at: Self.start, followsStream: true))
            #expect(tier.value(CacheKey(Self.space, UInt64(id)), AgeBound(), at: Self.start)?.1 == payload)
        }
        // 65 and 128 take 128, 129 takes 256, 1000 takes 1024, 16384 takes itself; each row 128 more.
        #expect(tier.statistics.bytes == 9 * 128 + 128 + 128 + 256 + 1024 + 16_384)
        tier.checkInvariants()
    }

    @Test("The byte cap evicts the oldest, refuses what can never fit, and is kept exactly")
    func byteCap() {
        let tier = Self.tier(entries: 100, bytes: 3 * 256)
        for id in 1...3 as ClosedRange<UInt64> {
            tier.install(
                Self.entry(id, payload: [UInt8](repeating: 1, count: 100)), born: Self.start, at: Self.start,
                followsStream: true)
        }
        #expect(tier.statistics.entries == 3 && tier.statistics.bytes == 768)
        tier.install(Self.entry(4), born: Self.start, at: Self.start, followsStream: true)
        #expect(tier.statistics.entries == 3 && tier.statistics.evictedSize == 1)
        #expect(tier.value(CacheKey(Self.space, 1), AgeBound(), at: Self.start) == nil)
        let largest = [UInt8](repeating: 2, count: 512)
        #expect(tier.install(Self.entry(5, payload: largest), born: Self.start, at: Self.start, followsStream: true))
        #expect(
            !tier.install(Self.entry(6, payload: largest + [0]), born: Self.start, at: Self.start, followsStream: true))
        tier.checkInvariants()
    }

    @Test("A row is served until its deadline, less the jitter, and until its certificate is too old")
    func deadlines() {
        let tier = Self.tier(entries: 10)
        let key = CacheKey(Self.space, 7)
        tier.install(Self.entry(7), born: Self.start, at: Self.start, followsStream: false)
        let minute = AgeBound(maxAge: .seconds(60))
        #expect(tier.value(key, minute, at: Self.start + .milliseconds(8_999)) != nil)
        #expect(tier.value(key, minute, at: Self.start + .seconds(10)) == nil)
        #expect(tier.value(key, AgeBound(maxAge: .seconds(5)), at: Self.start + .seconds(5)) != nil)
        #expect(tier.value(key, AgeBound(maxAge: .seconds(5)), at: Self.start + .seconds(5) + .nanoseconds(1)) == nil)
        // Born 55 s ago: the shared lifetime of at most 60 s ends before L1's own.
        let old = MonotonicTime(nanoseconds: Self.start.nanoseconds - 53_000_000_000)
        tier.install(Self.entry(8), born: old, at: Self.start, followsStream: false)
        #expect(tier.value(CacheKey(Self.space, 8), minute, at: Self.start + .milliseconds(900)) != nil)
        #expect(tier.value(CacheKey(Self.space, 8), minute, at: Self.start + .seconds(7)) == nil)
    }

    @Test("Only newer versions are installed, and nothing below a floor or of another epoch")
    func installGuard() {
        let tier = Self.tier(entries: 10)
        let key = CacheKey(Self.space, 1)
        func install(_ version: UInt64, _ byte: UInt8) -> Bool {
            tier.install(
                Self.entry(1, version: version, payload: [byte]), born: Self.start, at: Self.start, followsStream: true)
        }
        #expect(install(5, 5) && !install(4, 4) && install(6, 6))
        #expect(tier.value(key, AgeBound(), at: Self.start)?.1 == [6])
        tier.raiseFloor(key, to: Ticket(8), epoch: 1, at: Self.start)
        #expect(tier.value(key, AgeBound(), at: Self.start) == nil)
        #expect(tier.anyValue(key, at: Self.start)?.0.isClosed == true)
        #expect(!install(7, 7) && install(8, 8))
        tier.raiseFloor(key, to: Ticket(99), epoch: 2, at: Self.start)
        #expect(tier.value(key, AgeBound(), at: Self.start)?.1 == [8])
        var foreign = Self.entry(2)
        foreign.certificate.epoch = 2
        #expect(!tier.install(foreign, born: Self.start, at: Self.start, followsStream: true))
        tier.checkInvariants()
    }

    @Test("The watermark carries untouched rows along, and a closed row stops where the stream stood")
    func recertification() {
        let tier = Self.tier(entries: 10)
        let (key, other) = (CacheKey(Self.space, 1), CacheKey(Self.space, 2))
        tier.install(Self.entry(1, version: 3, asOf: 5), born: Self.start, at: Self.start, followsStream: true)
        tier.install(Self.entry(2, version: 3, asOf: 5), born: Self.start, at: Self.start, followsStream: false)
        let later = Self.start + .seconds(8)
        tier.advance(to: Ticket(20), born: later, epoch: 1)
        let row = tier.value(key, AgeBound(maxAge: .zero), at: later)?.0
        #expect(row?.asOf == Ticket(20) && row?.ageNanoseconds == 0)
        #expect(tier.value(other, AgeBound(maxAge: .seconds(7)), at: later) == nil, "its changes are not in the stream")
        tier.raiseFloor(key, to: Ticket(25), epoch: 1, at: later)
        tier.advance(to: Ticket(25), born: later + .seconds(1), epoch: 1)
        let closed = tier.anyValue(key, at: later)?.0
        #expect(closed?.isClosed == true && closed?.asOf == Ticket(20) && closed?.version == Ticket(3))
    }

    @Test("Certificates of before the start count only for themselves")
    func coldStart() {
        let tier = Self.tier(entries: 10)
        tier.restart(at: Ticket(100), born: Self.start, epoch: 1, refusingOlder: false)
        tier.install(Self.entry(1, version: 3, asOf: 99), born: Self.start, at: Self.start, followsStream: true)
        tier.install(Self.entry(2, version: 3, asOf: 100), born: Self.start, at: Self.start, followsStream: true)
        let later = Self.start + .seconds(2)
        tier.advance(to: Ticket(120), born: later, epoch: 1)
        #expect(tier.value(CacheKey(Self.space, 1), AgeBound(), at: later)?.0.asOf == Ticket(99))
        #expect(tier.value(CacheKey(Self.space, 2), AgeBound(), at: later)?.0.asOf == Ticket(120))
        tier.restart(at: Ticket(130), born: later, epoch: 1, refusingOlder: true)
        #expect(!tier.install(Self.entry(3, version: 3, asOf: 129), born: later, at: later, followsStream: true))
        #expect(tier.install(Self.entry(3, version: 3, asOf: 130), born: later, at: later, followsStream: true))
    }

    @Test("A full floor table refuses what its lost floors might have refused")
    func floorCap() {
        let tier = Self.tier(entries: 10, floors: 4)
        for id in 1...5 as ClosedRange<UInt64> {
            tier.raiseFloor(CacheKey(Self.space, id), to: Ticket(id + 10), epoch: 1, at: Self.start)
        }
        #expect(tier.statistics.floors == 4)
        func install(_ id: UInt64, _ asOf: UInt64) -> Bool {
            tier.install(
                Self.entry(id, version: 3, asOf: asOf), born: Self.start, at: Self.start, followsStream: true)
        }
        // The floor 11 of row 1 was dropped: certificates before ticket 11 are refused where no floor is known.
        #expect(!install(1, 10) && install(1, 11) && !install(9, 10))
        tier.checkInvariants()
    }

    @Test("Floors end after 62 s, when nothing older can be left")
    func floorsEnd() {
        let tier = Self.tier(entries: 10)
        tier.raiseFloor(CacheKey(Self.space, 1), to: Ticket(11), epoch: 1, at: Self.start)
        tier.raiseFloor(CacheKey(Self.space, 2), to: Ticket(12), epoch: 1, at: Self.start + .seconds(62))
        #expect(tier.statistics.floors == 2)
        let later = Self.start + .milliseconds(62_001)
        tier.raiseFloor(CacheKey(Self.space, 3), to: Ticket(13), epoch: 1, at: later)
        #expect(tier.statistics.floors == 2)
        tier.checkInvariants()
    }

    @Test("A suspect row is not served until the same version is confirmed")
    func suspect() {
        let tier = Self.tier(entries: 10)
        let key = CacheKey(Self.space, 1)
        tier.install(Self.entry(1, version: 3), born: Self.start, at: Self.start, followsStream: true)
        tier.markSuspect(key)
        #expect(tier.value(key, AgeBound(), at: Self.start) == nil && tier.anyValue(key, at: Self.start) == nil)
        #expect(tier.anyValue(key, at: Self.start, isStaleAllowed: true) != nil)
        tier.install(Self.entry(1, version: 3), born: Self.start, at: Self.start, followsStream: true)
        #expect(tier.value(key, AgeBound(), at: Self.start) != nil)
        tier.markAllSuspect()
        #expect(tier.value(key, AgeBound(), at: Self.start) == nil)
    }

    @Test("An absent row is a hit of its own kind")
    func negative() {
        let tier = Self.tier(entries: 10)
        tier.install(
            Self.entry(1, version: 0, asOf: 9, payload: nil), born: Self.start, at: Self.start, followsStream: true)
        let value = tier.value(CacheKey(Self.space, 1), AgeBound(), at: Self.start)
        #expect(value?.0.isAbsent == true && value?.1 == nil && tier.statistics.negatives == 1)
    }

    @Test("Random operations agree with a naive model", arguments: 1...30 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let capacity = Int(random.next() % 12) + 1
        let tier = Self.tier(entries: capacity)
        var model = NaiveTier(capacity: capacity)
        for step in 0..<2_000 {
            let id = random.next() % 24
            let version = random.next() % 40 + 1
            let key = CacheKey(Self.space, id)
            switch random.next() % 8 {
            case 0: tier.drop(key); model.rows.removeAll { $0.id == id }
            case 1: tier.raiseFloor(key, to: Ticket(version), epoch: 1, at: Self.start); model.raise(id, version)
            case 2, 3, 4:
                let size = Int(random.next() % 200)
                let payload = [UInt8](repeating: UInt8(version), count: size)
                let isIn = tier.install(
                    Self.entry(id, version: version, payload: payload), born: Self.start, at: Self.start,
                    followsStream: true)
                #expect(isIn == model.install(id, version, payload), "seed \(seed) step \(step)")
            default:
                let value = tier.value(key, AgeBound(), at: Self.start)?.1
                #expect(value == model.get(id), "seed \(seed) step \(step)")
            }
        }
        tier.checkInvariants()
    }

    @Test("Threads that read, install, raise floors and advance tear no payload and leave every shard consistent")
    func hammer() async {
        let tier = Self.tier(entries: 512, bytes: 200_000, shards: 4)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 as Range<UInt64> {
                group.addTask { Self.hammer(tier, worker) }
            }
        }
        tier.checkInvariants()
        #expect(tier.statistics.entries > 0 && tier.statistics.evictedVersion > 0)
    }

    private static func hammer(_ tier: LocalTier, _ worker: UInt64) {
        var random = SplitMix64(seed: worker)
        var buffer: [UInt8] = []
        for step in 1...60_000 as ClosedRange<UInt64> {
            let id = random.next() % 700
            let key = CacheKey(space, id)
            switch random.next() % 16 {
            case 0...2:
                let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: Int(random.next() % 300))
                tier.install(entry(id, version: step, payload: payload), born: start, at: start, followsStream: true)
            case 3: tier.raiseFloor(key, to: Ticket(step), epoch: 1, at: start)
            case 4: tier.advance(to: Ticket(step), born: start, epoch: 1)
            default:
                guard let row = tier.copy(key, AgeBound(), at: start, into: &buffer) else { continue }
                #expect(Set(buffer).count <= 1, "a torn payload")
                #expect(buffer.isEmpty || buffer[0] == UInt8(truncatingIfNeeded: row.version.rawValue))
            }
        }
    }
}

/// L1 as one would write it without a thought for speed.
struct NaiveTier {
    struct Row {
        var id: UInt64
        var version: UInt64
        var payload: [UInt8]
        var isClosed = false
    }

    let capacity: Int
    /// Least recently used first.
    var rows: [Row] = []
    var floors: [UInt64: UInt64] = [:]

    init(capacity: Int) { self.capacity = capacity }

    mutating func get(_ id: UInt64) -> [UInt8]? {
        guard let index = rows.firstIndex(where: { $0.id == id && !$0.isClosed }) else { return nil }
        let row = rows.remove(at: index)
        rows.append(row)
        return row.payload
    }

    mutating func raise(_ id: UInt64, _ version: UInt64) {
        floors[id] = max(floors[id] ?? 0, version)
        for index in rows.indices where rows[index].id == id && rows[index].version < version {
            rows[index].isClosed = true
        }
    }

    mutating func install(_ id: UInt64, _ version: UInt64, _ payload: [UInt8]) -> Bool {
        guard version >= floors[id] ?? 0 else { return false }
        var row = Row(id: id, version: version, payload: payload)
        if let index = rows.firstIndex(where: { $0.id == id }) {
            guard version >= rows[index].version else { return false }
            if version == rows[index].version { row = rows[index] }
            rows.remove(at: index)
        } else if rows.count == capacity {
            rows.removeFirst()
        }
        rows.append(row)
        return true
    }
}
