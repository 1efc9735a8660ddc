import CacheStack
import Logging
import Market
import Services
import Synchronization
import Telemetry
import Testing

@Suite("Traces through a node")
struct TraceTests {
    /// A node over tiers in memory that keeps the traces of its output.
    struct Bench {
        let base: NodeBench
        let node: TradingNode
        let traces: Collected
        let deliveries = Deliveries()

        final class Collected: Sendable {
            private let traces = Mutex<[TracedRequest]>([])
            var all: [TracedRequest] { traces.withLock { $0 } }
            func append(_ new: [TracedRequest]) { traces.withLock { $0 += new } }
        }

        init(_ configuration: PartitionConfiguration = SampleMarket.configuration()) async throws {
            base = try await NodeBench(logsOn: false)
            let traces = Collected()
            self.traces = traces
            node = TradingNode(
                configuration: configuration, cache: base.cache, durable: base.tier, metrics: MetricsRegistry(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { [deliveries] output in
                traces.append(output.traces)
                deliveries.deliver(output)
            }
            try await node.recover()
            #expect(node.directory.admit(1, password: ""))
        }

        func run(_ body: () async throws -> Void) async rethrows {
            let running = Task { await node.run() }
            do {
                try await body()
            } catch {
                running.cancel()
                _ = await running.value
                throw error
            }
            running.cancel()
            _ = await running.value
        }

        /// Submits requests stamped with now, those at `sampled` with a trace.
        func submit(_ requests: [OrderRequest], sampled: [Int]) {
            let now = EventClock.now()
            let stamped = requests.map { request in
                var request = request
                request.transactTime = now
                request.receiveTime = now
                request.sendingTime = now
                return request
            }
            let traces = sampled.map { position in
                var trace = TracedRequest(
                    caller: TraceContext.root(seed: 1, request: UInt64(position)), .newOrder, received: now * 1_000,
                    ordinal: 0, position: position)
                trace.end(.decode, at: SpanRecorder.wallClock())
                return trace
            }
            node.submit(stamped, traces: traces)
        }

        /// The spans of the traces that came out, per trace.
        var spans: [[SpanRecord]] {
            traces.all.map { trace in
                var spans: [SpanRecord] = []
                trace.append(to: &spans)
                return spans
            }
        }
    }

    private func order(_ name: String, _ account: UInt32 = 16) -> OrderRequest {
        .make(.new, name, .buy, 100, at: 9_900, account: account)
    }

    @Test("One sampled order gives one tree: every stage in order, inside the root, with its batch and cache tiers")
    func tree() async throws {
        let bench = try await Bench()
        let before = SpanRecorder.wallClock()
        await bench.run {
            bench.submit((0..<20).map { order("b\($0)", 16 + UInt32($0 % 4)) }, sampled: [7])
            await bench.deliveries.wait(20)
        }
        let after = SpanRecorder.wallClock()
        #expect(bench.spans.count == 1)
        let spans = try #require(bench.spans.first)
        #expect(
            spans.map(\.name) == [
                "OrderEntry/NewOrder", "Decode", "QueueWait", "Prefetch", "SequencerWait", "Execute", "CommitWait",
                "Commit",
            ], "what the gateway adds is not here")
        let root = spans[0]
        let caller = TraceContext.root(seed: 1, request: 7)
        #expect(root.parent == caller.span && root.context.traceLow == caller.traceLow)
        #expect(root.start >= before - 1_000 && root.end <= after)
        var end = root.start
        for span in spans[1...] {
            #expect(span.parent == root.context.span)
            #expect(span.start == end && span.start <= span.end && span.end <= root.end)
            end = span.end
        }
        let sizes = Dictionary(uniqueKeysWithValues: spans.map { ($0.name, $0.attributes.batchSize) })
        #expect(sizes["Prefetch"] == 20 && sizes["Execute"] == 20 && sizes["Commit"] == 20)
        let hits = try #require(spans[3].attributes.cache)
        #expect(hits.l1 + hits.l2 + hits.l3 + hits.missing == 5, "four accounts and one instrument")
        #expect(hits.missing == 0)
    }

    @Test("An account that nobody has and a stack that knows everything show in the counts of the tiers")
    func tiers() async throws {
        let bench = try await Bench()
        await bench.run {
            bench.submit([order("b1"), order("b2", 999)], sampled: [0])
            await bench.deliveries.wait(2)
            bench.submit([order("b3")], sampled: [0])
            await bench.deliveries.wait(3)
        }
        let hits = bench.spans.map { $0.first { $0.name == "Prefetch" }?.attributes.cache }
        // Recovery has read accounts and instruments through the cache; account 999 is proven absent by L3.
        #expect(hits == [.init(l1: 2, l3: 1), .init(l1: 2)])
    }

    @Test("Orders that are not sampled leave no trace")
    func untraced() async throws {
        let bench = try await Bench()
        await bench.run {
            for round in 0..<10 {
                bench.submit((0..<10).map { order("b\(round).\($0)") }, sampled: [])
            }
            await bench.deliveries.wait(100)
        }
        #expect(bench.deliveries.reports.count == 100)
        #expect(bench.traces.all.isEmpty)
    }

    @Test("Every sampled order of many batches comes out once, also repeats and refused ones")
    func many() async throws {
        let bench = try await Bench()
        await bench.run {
            for round in 0..<50 {
                // Position 3 repeats position 2, position 4 names an account that does not exist.
                let names = ["a", "b", "c", "c", "d"].map { "\($0)\(round)" }
                bench.submit(
                    names.enumerated().map { order($1, $0 == 4 ? 999 : 16) }, sampled: [round % 5, 4])
            }
            await bench.deliveries.wait(250)
        }
        let traces = bench.traces.all
        #expect(traces.count == 50 * 2)
        #expect(traces.allSatisfy { $0.spanCount == 8 && !$0.isRefused })
    }

    @Test("A full inbox refuses the traces of what it refuses, and of nothing else")
    func full() async throws {
        var configuration = SampleMarket.configuration()
        configuration.inboxMax = 10
        let bench = try await Bench(configuration)
        bench.submit((0..<13).map { order("b\($0)") }, sampled: [0, 9, 10, 12])
        #expect(bench.traces.all.map(\.position) == [10, 12])
        #expect(bench.traces.all.allSatisfy { $0.isRefused })
        #expect(bench.spans.map { $0.map(\.name) } == Array(repeating: ["OrderEntry/NewOrder", "Decode"], count: 2))
        await bench.run { await bench.deliveries.wait(13) }
        #expect(bench.traces.all[2...].map(\.position) == [0, 9])
        #expect(bench.traces.all[2...].allSatisfy { !$0.isRefused })
    }

    @Test("While one batch commits, the next one's sampled orders wait for it: CommitWait shows how long")
    func commitWait() async throws {
        let bench = try await Bench()
        await bench.run {
            bench.base.tier.hold()
            let attempts = bench.base.tier.attempts
            bench.submit([order("b1")], sampled: [0])
            await bench.base.tier.arrived(attempts + 1)
            bench.submit([order("b2")], sampled: [0])
            // The second order is executed behind the first one's commit: a question is answered behind it.
            while await bench.node.status(session: 1, id: id("b2"), side: .buy).order == 0 {}
            let released = SpanRecorder.wallClock()
            bench.base.tier.release()
            await bench.deliveries.wait(2)
            let trees = bench.spans
            #expect(trees.count == 2)
            let first = trees[0].first { $0.name == "Commit" }
            let second = trees[1].first { $0.name == "CommitWait" }
            #expect((first?.start ?? .max) < released && released <= (first?.end ?? 0))
            #expect((second?.start ?? .max) < released && released <= (second?.end ?? 0))
            #expect((second?.end ?? 0) >= (first?.end ?? .max))
        }
    }

    @Test("While the store is away, refused orders and accepted cancels keep their own traces")
    func storeDown() async throws {
        let bench = try await Bench()
        let memory = bench.base.tier.memory
        await bench.run {
            bench.submit([order("b1")], sampled: [])
            await bench.deliveries.wait(1)
            let before = bench.base.tier.attempts
            memory.setFaults { $0.commits = TierError(.unavailable, "the store is down") }
            bench.submit([order("b2")], sampled: [])
            await bench.base.tier.arrived(before + 2)
            bench.submit(
                [order("b3"), .make(.cancel, "c1", of: "b1", .buy, 100, at: 0), order("b4")], sampled: [0, 1, 2])
            #expect(bench.traces.all.map(\.position) == [0, 2])
            #expect(bench.traces.all.allSatisfy { $0.isRefused })
            memory.setFaults { $0.commits = nil }
            await bench.deliveries.wait(5)
        }
        let last = try #require(bench.traces.all.last)
        #expect(bench.traces.all.count == 3 && !last.isRefused && last.spanCount == 8)
        #expect(last.parent == TraceContext.root(seed: 1, request: 1).span)
        #expect(last.position == 0, "the first of what was taken")
    }

    private func id(_ text: String) -> ClientOrderID {
        guard let id = ClientOrderID(text) else { preconditionFailure("\(text) is no id") }
        return id
    }
}
