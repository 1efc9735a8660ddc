import CacheStack
import Synchronization
import Telemetry
import Testing

@Suite("Commits")
struct CommitTests {
    typealias F = Fixture

    /// An L3 whose commits wait at a gate, over one in memory, and that notes the batches.
    final class Gated: DurableTier {
        let inner: MemoryDurableTier
        let gate = Gate()
        let batches = Mutex<[[Int]]>([])

        init(_ inner: MemoryDurableTier) { self.inner = inner }

        func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) async -> BatchOutcome {
            batches.withLock { $0.append(batch.map(\.writes.count)) }
            await gate.wait()
            return await inner.commit(batch, until: deadline)
        }

        func load(
            _ keys: [CacheKey], until deadline: ContinuousClock.Instant
        ) async throws(TierError) -> LoadedRows { try await inner.load(keys, until: deadline) }

        func resolve(
            _ mark: BatchMark, until deadline: ContinuousClock.Instant
        ) async throws(TierError) -> Bool { try await inner.resolve(mark, until: deadline) }

        func changes(
            after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
        ) async throws(TierError) -> ChangePage {
            try await inner.changes(after: ticket, limit: limit, until: deadline)
        }

        func scan(
            _ spaces: [SpaceID], until deadline: ContinuousClock.Instant,
            _ body: @escaping @Sendable (ScanChunk) -> Void
        ) async throws(TierError) -> Ticket { try await inner.scan(spaces, until: deadline, body) }
    }

    static func gated(_ configure: (inout CacheStack.Configuration) -> Void) -> (CacheStack, Gated) {
        let time = ManualTime()
        let durable = Gated(MemoryDurableTier(schemas: F.schemas) { time.microseconds })
        var configuration = CacheStack.Configuration()
        configuration.time = time.source
        configure(&configuration)
        let stack = CacheStack(
            configuration, schemas: F.schemas, shared: nil, durable: durable, metrics: .init())
        return (stack, durable)
    }

    @Test("A commit is in force in L1 when it returns: present rows are updated, absent ones installed only on request")
    func inForce() async throws {
        let f = F { $0.installedOnCommit = [F.orders] }
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        let ticket = await f.stack.commit(F.write([1: 2, 2: 2])).ticket
        let value = f.stack.peek(F.key(1), maxAge: .zero)
        #expect(value?.payload == [2, 0] && value?.version == ticket)
        #expect(f.stack.peek(F.key(2)) == nil)
        _ = await f.stack.commit(F.write([3: 3], space: F.orders))
        #expect(f.stack.peek(F.key(3, F.orders))?.payload == [3, 0])
    }

    @Test("A deletion is a version: the row is absent at the ticket of the commit")
    func deletion() async throws {
        let f = F()
        _ = await f.stack.commit(F.write([1: 1]))
        _ = try await f.value(1)
        var writes = WriteSet()
        writes.append(F.key(1), .delete, payload: [])
        let ticket = await f.stack.commit(Transaction(writes: writes)).ticket
        let value = try await f.value(1)
        #expect(value.payload == nil && value.version == ticket && value.level == .l1)
    }

    @Test("A conflict names the row and its version, and writes nothing")
    func conflict() async throws {
        let f = F()
        let first = try #require(await f.stack.commit(F.write([1: 1])).ticket)
        _ = await f.commitElsewhere([1: 2])
        let outcome = await f.stack.commit(F.write([1: 3, 2: 3], expecting: [.init(F.key(1), at: first)]))
        #expect(outcome == .conflict(F.key(1), current: Ticket(2)))
        #expect(try await f.value(2, .strict).payload == nil)
        #expect(f.metric("cache_write_conflicts_total") == 1)
    }

    @Test("The same idempotency key takes effect once; with another body it is refused")
    func idempotency() async throws {
        let f = F()
        let ticket = try #require(await f.stack.commit(F.write([1: 1], key: "a")).ticket)
        #expect(await f.stack.commit(F.write([1: 2], key: "a")) == .duplicate(ticket))
        var other = F.write([1: 3])
        other.idempotency = .init("a", bodyHash: 2)
        #expect(await f.stack.commit(other) == .keyReused)
        #expect(try await f.value(1, .strict).payload == [1, 0])
    }

    @Test("A row to be inserted that exists fails the batch")
    func insert() async {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        var writes = WriteSet()
        writes.append(F.key(1), .insert, payload: [2, 0])
        guard case .failed(let error) = await f.stack.commit(Transaction(writes: writes)) else {
            Issue.record("the insert was not refused")
            return
        }
        #expect(error.code == .constraint)
    }

    @Test("In doubt and committed: resolved, in force, and announced", arguments: [0, 3])
    func doubtCommitted(failures: Int) async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        f.durable.setFaults {
            $0.lostCommit = true; $0.failedResolutions = failures
        }
        let outcome = await f.stack.commit(F.write([1: 2], expecting: [.init(F.key(1), at: Ticket(1))], key: "k"))
        #expect(outcome.ticket == Ticket(2))
        #expect(try await f.value(1).payload == [2, 0])
        #expect(f.metric("cache_commit_resolutions_total{result=\"unknown\"}") == Double(failures))
    }

    @Test("In doubt and not committed: failed, and the old version is served again")
    func doubtNotCommitted() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        f.durable.setFaults { $0.lostCommit = false }
        guard case .failed = await f.stack.commit(F.write([1: 2])) else {
            Issue.record("a batch that was not committed did not fail")
            return
        }
        #expect(f.stack.peek(F.key(1)) == nil, "a row in doubt is dropped from L1")
        #expect(try await f.value(1).payload == [1, 0])
    }

    @Test("In doubt until the deadline: says so, leaves the row out of L1, and announces nothing")
    func doubtRemains() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        f.durable.setFaults {
            $0.lostCommit = true; $0.failedResolutions = 1_000
        }
        #expect(await f.stack.commit(F.write([1: 2])) == .inDoubt)
        #expect(f.stack.peek(F.key(1)) == nil)
        await f.stack.publishPending()
        #expect(f.shared.bytes(of: F.key(1)).map { EntryFormat.ticket($0, at: 1) } != Ticket(2))
        try await f.stack.pollChanges()
        #expect(try await f.value(1).payload == [2, 0], "the stream tells how it ended")
    }

    @Test("Where L3 does not say what it decided, only what could not be refused counts as committed")
    func doubtUndecided() async {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try? await f.value(1)
        f.durable.setFaults {
            $0.lostCommit = true; $0.lostCommitNamesOutcomes = false
        }
        #expect(await f.stack.commit(F.write([1: 2])).ticket == Ticket(2))
        f.durable.setFaults { $0.lostCommit = true }
        #expect(await f.stack.commit(F.write([1: 3], expecting: [.init(F.key(1), at: Ticket(2))])) == .inDoubt)
    }

    @Test("While a batch is in flight the next forms, and no row is written twice in one")
    func batches() async {
        let (stack, durable) = Self.gated { $0.commitMembersMax = 3 }
        await withTaskGroup(of: Ticket?.self) { group in
            group.addTask { await stack.commit(F.write([0: 1])).ticket }
            await Gate.until { durable.gate.arrived == 1 }
            // Rows 1, 1, 2, 3, 4: the second writer of row 1 waits a batch, and three are the most in one.
            for (count, id) in [1, 1, 2, 3, 4].enumerated() as EnumeratedSequence<[UInt64]> {
                group.addTask { await stack.commit(F.write([id: UInt8(count)])).ticket }
                await Gate.until { stack.commitQueueDepth == count + 1 }
            }
            durable.gate.open()
            var tickets: [UInt64] = []
            for await ticket in group { tickets.append(ticket?.rawValue ?? 0) }
            #expect(tickets.sorted() == [1, 2, 2, 2, 3, 3])
        }
        #expect(durable.batches.withLock { $0 } == [[1], [1, 1, 1], [1, 1]])
    }

    @Test("A large transaction shares a batch only with writers of other spaces")
    func large() async {
        let (stack, durable) = Self.gated { _ in }
        let many = Dictionary(uniqueKeysWithValues: (0..<65 as Range<UInt64>).map { ($0, UInt8(1)) })
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await stack.commit(F.write([500: 1])) }
            await Gate.until { durable.gate.arrived == 1 }
            let transactions = [
                F.write(many, space: F.orders), F.write([900: 1], space: F.orders), F.write([1: 1]),
                F.write([901: 1], space: F.orders),
            ]
            for (count, transaction) in transactions.enumerated() {
                group.addTask { _ = await stack.commit(transaction) }
                await Gate.until { stack.commitQueueDepth == count + 1 }
            }
            durable.gate.open()
        }
        #expect(durable.batches.withLock { $0 } == [[1], [65, 1], [1, 1]])
    }

    @Test("The queue takes as many transactions as its limit, and refuses the next as overloaded")
    func queueLimit() async {
        let (stack, durable) = Self.gated { $0.commitQueueMembersMax = 2 }
        await withTaskGroup(of: CommitOutcome.self) { group in
            for id in 0...2 as ClosedRange<UInt64> {
                group.addTask { await stack.commit(F.write([id: 1])) }
                await Gate.until { durable.gate.arrived + stack.commitQueueDepth == Int(id) + 1 }
            }
            guard case .failed(let error) = await stack.commit(F.write([3: 1])) else {
                Issue.record("the queue took one too many")
                return
            }
            #expect(error.code == .overloaded)
            durable.gate.open()
            for await outcome in group { #expect(outcome.ticket != nil) }
        }
    }

    @Test("The leader's cancellation is not that of its batch")
    func cancelledLeader() async {
        let (stack, durable) = Self.gated { _ in }
        let leader = Task { await stack.commit(F.write([0: 1])) }
        await Gate.until { durable.gate.arrived == 1 }
        let follower = Task { await stack.commit(F.write([1: 1])) }
        await Gate.until { stack.commitQueueDepth == 1 }
        leader.cancel()
        durable.gate.open()
        #expect(await leader.value.ticket == Ticket(1))
        #expect(await follower.value.ticket == Ticket(2))
    }
}
