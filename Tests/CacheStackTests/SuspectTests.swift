import CacheStack
import Synchronization
import TestData
import Testing

/// Messages of L2 in memory: the test says what is told and whether questions are answered.
final class MemoryInvalidations: InvalidationSource {
    private struct State {
        var handler: (@Sendable (Invalidation) -> Void)?
        var isSilent = false
        var questions: [[CacheKey]] = []
        var hook: (@Sendable ([CacheKey]) -> Void)?
    }

    private let state = Mutex(State())
    private let shared: MemorySharedTier

    init(_ shared: MemorySharedTier) { self.shared = shared }

    var isFollowed: Bool { state.withLock { $0.handler != nil } }
    var questions: [[CacheKey]] { state.withLock { $0.questions } }

    func setSilent(_ isSilent: Bool) { state.withLock { $0.isSilent = isSilent } }

    /// Calls `hook` while a question is on its way.
    func setHook(_ hook: (@Sendable ([CacheKey]) -> Void)?) { state.withLock { $0.hook = hook } }

    func tell(_ message: Invalidation) { state.withLock { $0.handler }?(message) }

    func tell(_ id: UInt64) { tell(.keys([Fixture.key(id)])) }

    func setHandler(_ handler: (@Sendable (Invalidation) -> Void)?) { state.withLock { $0.handler = handler } }

    func versions(of keys: [CacheKey], until deadline: ContinuousClock.Instant) async -> [HeldVersion] {
        let (isSilent, hook) = state.withLock { state in
            state.questions.append(keys)
            return (state.isSilent, state.hook)
        }
        hook?(keys)
        return keys.map { key in
            if isSilent { return .unknown }
            guard let bytes = shared.bytes(of: key), bytes.first == UInt8(ascii: "V"),
                let version = EntryFormat.ticket(bytes, at: 1)
            else { return .other }
            return .value(version)
        }
    }
}

/// A stack that follows messages, with rows 1...9 committed, in L2 and in L1.
struct SuspectBench {
    let f: Fixture
    let source: MemoryInvalidations
    let stack: CacheStack
    private let running: Task<Void, any Error>

    init(_ configure: (inout CacheStack.Configuration) -> Void = { _ in }) async throws {
        f = Fixture()
        source = MemoryInvalidations(f.shared)
        var configuration = CacheStack.Configuration()
        // Loops rest for good; who waits for a lease looks again at once.
        configuration.time = TimeSource(now: f.time.source.now) { duration in
            if duration >= .milliseconds(50) { try await Task.sleep(for: .seconds(3_600)) } else { await Task.yield() }
        }
        configuration.shadow.everyReads = 0
        configure(&configuration)
        stack = CacheStack(
            configuration, schemas: Fixture.schemas, shared: f.shared, durable: f.durable, invalidations: source,
            metrics: f.registry)
        let (stack, source) = (stack, source)
        running = Task { try await stack.run() }
        await Gate.until { source.isFollowed }
        _ = await f.commitElsewhere(Dictionary(uniqueKeysWithValues: (1...9).map { ($0, UInt8($0)) }))
        try await stack.pollChanges()
        _ = try await stack.read((1...9).map { Fixture.key($0) })
        // The echoes of what that wrote to L2 are forgotten by now.
        f.time.advance(by: .seconds(2))
        try await stack.pollChanges()
    }

    func end() async {
        running.cancel()
        _ = await running.result
    }

    func count(_ series: String) -> Double { f.metric(series) ?? .nan }
}

@Suite("Suspect rows")
struct SuspectTests {
    typealias F = Fixture
    private static let confirmed = "cache_suspect_checks_total{result=\"confirmed\"}"
    private static let reloaded = "cache_suspect_checks_total{result=\"reloaded\"}"
    private static let unasked = "cache_suspect_checks_total{result=\"unasked\"}"

    @Test("A message marks the row; the next read asks for its version once, and the row serves on from L1")
    func confirmed() async throws {
        let b = try await SuspectBench()
        let loads = b.f.durable.loadCount.loads
        b.source.tell(1)
        #expect(b.stack.peek(F.key(1)) == nil && b.stack.peek(F.key(2)) != nil)
        let value = try await b.stack.read(F.key(1))
        #expect(value.payload == [1, 0] && value.level == .l1)
        #expect(b.source.questions == [[F.key(1)]] && b.f.durable.loadCount.loads == loads)
        #expect(b.count(Self.confirmed) == 1 && b.count(Self.reloaded) == 0)
        #expect(b.stack.peek(F.key(1))?.payload == [1, 0])
        _ = try await b.stack.read(F.key(1))
        #expect(b.source.questions.count == 1)
        await b.end()
    }

    @Test("A newer version in L2 is fetched at once, long before the stream tells of it")
    func newer() async throws {
        let b = try await SuspectBench()
        let peer = b.f.peer()
        _ = await peer.commit(F.write([1: 200]))
        await peer.publishPending()
        #expect(try await b.stack.read(F.key(1)).payload == [1, 0], "without the message L1 serves on")
        b.source.tell(1)
        #expect(try await b.stack.read(F.key(1)).payload == [200, 0])
        #expect(b.count(Self.reloaded) == 1 && b.stack.watermark < b.f.durable.newest)
        await b.end()
    }

    @Test("Clearing a mark renews no certificate: neither the age nor the time in L1 grows")
    func noRenewal() async throws {
        let b = try await SuspectBench()
        b.f.time.advance(by: .seconds(3))
        let before = try #require(b.stack.peek(F.key(1), maxAge: .seconds(60)))
        b.source.tell(1)
        let after = try await b.stack.read(F.key(1), .bounded(maxAge: .seconds(60)))
        #expect(after.level == .l1 && after.ageBound == before.ageBound && after.asOf == before.asOf)
        // Installed 5 s ago; L1 serves for 9 to 10 s.
        b.f.time.advance(by: .milliseconds(4_999))
        b.source.tell(1)
        b.f.time.advance(by: .milliseconds(2))
        #expect(try await b.stack.read(F.key(1), .bounded(maxAge: .seconds(60))).level != .l1)
        await b.end()
    }

    @Test("Several suspects are settled by one question")
    func batched() async throws {
        let b = try await SuspectBench()
        b.source.tell(.keys((1...9).map { F.key($0) }))
        let values = try await b.stack.read((1...9).map { F.key($0) })
        #expect(values.allSatisfy { $0.level == .l1 } && b.source.questions.map(\.count) == [9])
        await b.end()
    }

    @Test("Absent, tombstone, lease and rubbish in L2 are no confirmation")
    func notConfirmed() async throws {
        let b = try await SuspectBench()
        for (id, text) in [(1, nil), (2, "T0000000000000001"), (3, "Vnonsense")] as [(UInt64, String?)] {
            b.f.shared.overwrite(F.key(id), with: text.map { Array($0.utf8) })
            b.source.tell(id)
            #expect(try await b.stack.read(F.key(id)).payload == [UInt8(id), 0])
        }
        #expect(b.count(Self.reloaded) == 3 && b.count(Self.confirmed) == 0)
        await b.end()
    }

    @Test("While L2 does not answer, suspect rows are served on their certificates, and L3 is left alone")
    func silentTier() async throws {
        let b = try await SuspectBench()
        let loads = b.f.durable.loadCount.loads
        b.source.setSilent(true)
        b.f.shared.setFaults { $0.all = TierError(.unavailable, "down") }
        b.source.tell(.region(.everything, .linkLost))
        let values = try await b.stack.read((1...9).map { F.key($0) })
        #expect(values.allSatisfy { $0.level == .l1 } && b.f.durable.loadCount.loads == loads)
        #expect(b.count(Self.unasked) == 9)
        // A commit is seen all the same: that is the stream's doing.
        _ = await b.f.commitElsewhere([1: 77])
        try await b.stack.pollChanges()
        #expect(try await b.stack.read(F.key(1)).payload == [77, 0])
        await b.end()
    }

    @Test("A region puts its own rows in question and no others")
    func region() async throws {
        let b = try await SuspectBench()
        b.source.tell(.region(KeyRegion { $0.id % 2 == 0 }, .moved))
        let values = try await b.stack.read((1...9).map { F.key($0) })
        #expect(values.allSatisfy { $0.level == .l1 })
        #expect(b.source.questions == [[2, 4, 6, 8].map { F.key($0) }])
        #expect(b.count("cache_invalidations_total{kind=\"moved\"}") == 1)
        await b.end()
    }

    @Test("Rows that L2 never holds are cleared without a question")
    func unshared() async throws {
        let b = try await SuspectBench()
        let key = F.key(5, F.orders)
        _ = await b.f.durable.commit([F.write([5: 5], space: F.orders)], until: .now)
        _ = try await b.stack.read(key)
        let loads = b.f.durable.loadCount.loads
        b.source.tell(.region(.everything, .flushed))
        #expect(try await b.stack.read(key).level == .l1)
        #expect(b.source.questions.isEmpty && b.f.durable.loadCount.loads == loads)
        await b.end()
    }

    @Test("A message that comes while a row is being confirmed is not lost")
    func markedAgain() async throws {
        let b = try await SuspectBench()
        b.source.setHook { keys in b.source.tell(.keys(keys)) }
        b.source.tell(1)
        _ = try await b.stack.read(F.key(1))
        #expect(b.stack.peek(F.key(1)) == nil)
        b.source.setHook(nil)
        #expect(try await b.stack.read(F.key(1)).level == .l1)
        #expect(b.stack.peek(F.key(1)) != nil)
        await b.end()
    }

    @Test("The messages of this process's own leases, fills and publications put nothing in doubt")
    func echoes() async throws {
        let b = try await SuspectBench()
        _ = await b.f.commitElsewhere([20: 20])
        try await b.stack.pollChanges()
        let key = F.key(20)
        let first = try await b.stack.read(key)
        #expect(first.level == .l3)
        // The lease and the fill.
        b.source.tell(20)
        b.source.tell(20)
        #expect(b.stack.peek(key) != nil && b.count("cache_invalidation_echoes_total") == 2)
        _ = await b.stack.commit(F.write([20: 21]))
        while await b.stack.publishPending().isEmpty == false {}
        await Gate.until { b.f.shared.bytes(of: key).flatMap { EntryFormat.ticket($0, at: 1) } == b.f.durable.newest }
        b.source.tell(20)
        #expect(b.stack.peek(key)?.payload == [21, 0])
        // One more than was written is news.
        b.source.tell(20)
        #expect(b.stack.peek(key) == nil)
        await b.end()
    }

    @Test("Lost, doubled and invented messages never make a read older than the stream allows")
    func chaos() async throws {
        let b = try await SuspectBench()
        var random = SplitMix64(seed: 7)
        var newest: [UInt64: UInt8] = [:]
        for step in 0..<2_000 {
            let id = UInt64(random.below(9)) + 1
            switch random.below(6) {
            case 0:
                newest[id] = UInt8(step % 250)
                _ = await b.f.commitElsewhere([id: UInt8(step % 250)])
                try await b.stack.pollChanges()
            case 1: b.source.tell(id)
            case 2: b.source.tell(.region(KeyRegion { $0.id < id }, .linkLost))
            case 3: b.f.shared.overwrite(F.key(id), with: nil)
            case 4: b.source.setSilent(random.below(2) == 0)
            default: b.f.time.advance(by: .milliseconds(Int64(random.below(700))))
            }
            let value = try await b.stack.read(F.key(id))
            #expect(value.payload == [newest[id] ?? UInt8(id), 0], "step \(step)")
        }
        await b.end()
    }
}
