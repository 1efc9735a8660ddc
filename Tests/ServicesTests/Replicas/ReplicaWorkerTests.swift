import CacheStack
import Logging
import Market
import Services
import Synchronization
import Telemetry
import TestData
import Testing

/// A service that counts, and does to batches what a test says.
private final class CountingService: BatchService {
    struct State {
        var seen: [UInt64: Int] = [:]
        var results: [UInt64: @Sendable (BatchHeader) -> BatchResult] = [:]
        var gate: [CheckedContinuation<Void, Never>] = []
        var isHeld = false
    }

    let name = "risk"
    let state = Mutex(State())

    func work(_ items: [StreamItem]) async -> [BatchResult] {
        let isHeld = state.withLock { $0.isHeld }
        if isHeld { await withCheckedContinuation { continuation in state.withLock { $0.gate.append(continuation) } } }
        return items.map { item in
            guard let header = try? BatchFormat.header(item.bytes) else { return .malformed("no batch") }
            let result = state.withLock { state in
                state.seen[header.number, default: 0] += 1
                return state.results[header.number]
            }
            return result?(header) ?? .ended(header, requests: 1, answer: nil)
        }
    }

    func release() {
        let waiting = state.withLock { state in
            state.isHeld = false
            defer { state.gate = [] }
            return state.gate
        }
        for continuation in waiting { continuation.resume() }
    }

    var seen: [UInt64: Int] { state.withLock { $0.seen } }
}

@Suite(.timeLimit(.minutes(2))) struct ReplicaWorkerTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        BatchFormat.encode(BatchHeader(kind: .orders, producer: 1, number: number, created: 0), orders: [])
    }

    private static func worker(
        _ name: String, _ service: any BatchService, _ streams: MemoryStreams, _ registry: MetricsRegistry = .init(),
        handOver: Duration = .zero
    ) -> ReplicaWorker {
        var options = ReplicaOptions()
        options.handOver = handOver
        options.beatInterval = .milliseconds(2)
        options.claimInterval = .milliseconds(1)
        options.claimIdle = .milliseconds(100)
        options.wait = .milliseconds(1)
        options.faultPause = .milliseconds(1)
        return ReplicaWorker(
            name: name, service: service, streams: streams, options: options,
            metrics: ReplicaMetrics(registry, service: "risk", method: "screen"), logger: quiet)
    }

    private static func fill(_ streams: MemoryStreams, _ numbers: ClosedRange<UInt64>) async {
        _ = await streams.send(
            numbers.map { (partition: Int($0) % streams.partitions, requests: 1, bytes: bytes($0)) })
    }

    private static func left(_ streams: MemoryStreams) -> Int { streams.state.withLock { $0.entries.count } }

    @Test("Replicas that come and go end every batch once")
    func membershipChanges() async {
        let streams = MemoryStreams(partitions: 16)
        let services = (0..<4).map { _ in CountingService() }
        var running: [Task<Void, Never>] = []
        for round in 0..<4 {
            await Self.fill(streams, UInt64(round * 300 + 1)...UInt64(round * 300 + 300))
            let worker = Self.worker("risk-\(round)", services[round], streams)
            running.append(Task { await worker.run() })
            #expect(await soon { worker.isReady })
            if round >= 2 { running[round - 2].cancel() }
        }
        #expect(await soon { Self.left(streams) == 0 })
        for task in running {
            task.cancel()
            await task.value
        }
        let ends = streams.state.withLock { $0.ends }
        #expect(ends.count == 1_200)
        #expect(ends.values.allSatisfy { $0 == 1 })
        #expect(streams.state.withLock { $0.members.isEmpty }, "each has left")
        #expect(services.reduce(0) { $0 + $1.seen.values.reduce(0, +) } >= 1_200)
    }

    @Test("A drain ends what is in hand, takes nothing more and leaves")
    func drain() async {
        let streams = MemoryStreams(partitions: 1)
        let service = CountingService()
        service.state.withLock { $0.isHeld = true }
        let worker = Self.worker("risk-1", service, streams)
        await Self.fill(streams, 1...3)
        let running = Task { await worker.run() }
        #expect(await soon { service.state.withLock { !$0.gate.isEmpty } })
        running.cancel()
        await Self.fill(streams, 4...6)
        service.release()
        await running.value
        #expect(service.seen == [1: 1, 2: 1, 3: 1])
        #expect(Self.left(streams) == 3)
        #expect(streams.state.withLock { $0.members.isEmpty })
        #expect(!worker.isReady)
    }

    @Test("A hand-over works on what comes for its partitions after it has left, and nothing stays behind in its hands")
    func handOver() async {
        let streams = MemoryStreams(partitions: 1)
        let service = CountingService()
        service.state.withLock { $0.isHeld = true }
        let worker = Self.worker("risk-1", service, streams, handOver: .nanoseconds(1))
        await Self.fill(streams, 1...3)
        let running = Task { await worker.run() }
        #expect(await soon { service.state.withLock { !$0.gate.isEmpty } })
        running.cancel()
        await Self.fill(streams, 4...6)
        service.release()
        await running.value
        #expect(service.seen == [1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1])
        #expect(Self.left(streams) == 0)
        #expect(streams.state.withLock { $0.members.isEmpty })
        #expect(!worker.isReady)
    }

    @Test("What a dead replica held is claimed after its time, not before, and ends once")
    func claim() async throws {
        let streams = MemoryStreams(partitions: 4)
        await Self.fill(streams, 1...20)
        _ = try await streams.take(Array(0..<4), as: "risk-dead", limit: 100, wait: .zero)
        let service = CountingService()
        let registry = MetricsRegistry()
        let worker = Self.worker("risk-1", service, streams, registry)
        let running = Task { await worker.run() }
        #expect(await soon { streams.state.withLock { $0.takes } > 5 })
        #expect(service.seen.isEmpty)
        streams.state.withLock { $0.now += 100 }
        #expect(await soon { Self.left(streams) == 0 })
        running.cancel()
        await running.value
        #expect(service.seen.count == 20 && service.seen.values.allSatisfy { $0 == 1 })
        #expect(registry.text().contains(#"replica_batches_total{result="claimed",service="risk"} 20"#))
    }

    @Test("A batch that never works is put aside after five tries, a malformed one at once; others go on")
    func poison() async {
        let streams = MemoryStreams(partitions: 1)
        let service = CountingService()
        service.state.withLock { $0.results[2] = { _ in .failed("no") } }
        await Self.fill(streams, 1...3)
        _ = await streams.send([(partition: 0, requests: 1, bytes: [1, 2, 3])])
        let worker = Self.worker("risk-1", service, streams)
        let running = Task { await worker.run() }
        #expect(
            await soon {
                streams.state.withLock { $0.now += 100 }
                return Self.left(streams) == 0
            })
        running.cancel()
        await running.value
        #expect(service.seen == [1: 1, 2: 5, 3: 1])
        let letters = streams.state.withLock { $0.letters }
        #expect(letters.count == 2)
        #expect(letters.contains { $0.item.bytes == [1, 2, 3] && $0.reason == "no batch" })
        #expect(letters.contains { $0.item.bytes == Self.bytes(2) && $0.reason == "handed out 6 times" })
    }

    @Test("Redis that goes away stops the work and nothing else; when it is back the work goes on")
    func outage() async {
        let streams = MemoryStreams(partitions: 2)
        let service = CountingService()
        let worker = Self.worker("risk-1", service, streams)
        let running = Task { await worker.run() }
        #expect(await soon { worker.isReady })
        streams.state.withLock { $0.fault = TierError(.unavailable, "away") }
        #expect(await soon { !worker.isReady })
        streams.state.withLock { state in
            state.fault = nil
            // It comes back empty.
            state.members = [:]
            state.isPrepared = false
        }
        await Self.fill(streams, 1...10)
        #expect(await soon { Self.left(streams) == 0 && worker.isReady })
        #expect(streams.state.withLock { $0.isPrepared })
        running.cancel()
        await running.value
        #expect(service.seen.count == 10)
    }

    @Test("Notices become rows once, however often their batch comes, and whoever it comes to")
    func noticesOnce() async throws {
        let tier = MemoryDurableTier(schemas: [NoticeRow.schema]) { EventClock.now() }
        let cache = CacheStack(
            schemas: [NoticeRow.schema], shared: MemorySharedTier(), durable: tier, metrics: MetricsRegistry())
        let writer = NoticeWriter(cache: cache)
        var random = SplitMix64(seed: 9)
        let news = try (1...40).map { number in
            var report = ExecutionReport(
                type: number % 2 == 0 ? .rejected : .expired, status: .rejected, order: UInt64(number),
                execution: UInt64(number), request: try BatchFormatTests.order(&random), time: Int64(number))
            report.rule = UInt8(number)
            return try #require(NewsItem(report))
        }
        func item(_ number: UInt64, _ part: ArraySlice<NewsItem>) -> StreamItem {
            let header = BatchHeader(kind: .news, producer: 3, number: number, created: 0)
            return StreamItem(partition: 0, id: "\(number)", bytes: BatchFormat.encode(header, news: Array(part)))
        }
        let items = [item(1, news[0..<20]), item(2, news[20..<40])]
        for _ in 0..<3 {
            for result in await writer.work(items) {
                guard case .ended(_, 20, nil) = result else { throw TierError(.constraint, "\(result)") }
            }
        }
        // A lost answer of L3: the transaction took effect, and the batch comes again.
        tier.setFaults { $0.lostCommit = true }
        _ = await writer.work([item(3, news[0..<5])])
        let again = await writer.work([item(3, news[0..<5])])
        guard case .ended = again[0] else { throw TierError(.constraint, "\(again)") }
        let rows = try await tier.rows(of: NoticeRow.schema).map { NoticeRow(id: $0.id, payload: $0.payload[...]) }
        #expect(rows.sorted { $0.execution < $1.execution } == news.map(NoticeRow.init))
        let other = await writer.work([item(1, news[5..<10])])
        guard case .malformed = other[0] else { throw TierError(.constraint, "the number stood for another batch") }
    }
}
