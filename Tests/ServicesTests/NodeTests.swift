import CacheStack
import Logging
import Market
import Services
import Telemetry
import Testing

@Suite("Trading node", .timeLimit(.minutes(1)))
struct NodeTests {
    @Test("An order goes through the whole node and its answer comes back")
    func endToEnd() async throws {
        let bench = try await NodeBench()
        let end = await bench.run {
            bench.submit(.make(.new, "s1", .sell, 100, at: 10_000, account: 17))
            await bench.deliveries.wait(1)
            bench.submit(.make(.new, "b1", .buy, 100, at: 10_000, session: 2))
            await bench.deliveries.wait(4)
            let status = await bench.node.status(session: 2, id: id("b1"), side: .buy)
            #expect(status.type == .status && status.status == .filled && status.cumulative == Quantity(100))
            let cash = await bench.node.cash(AccountID(16))
            // Bought for 1,000.00, commission 0.25, transfer fee 0.01.
            #expect(cash?.available.milli == 1_000_000_000 - 1_000_260 && cash?.frozen == .zero)
            let depth = await bench.node.depth(InstrumentID(0), levels: 5)
            #expect(depth?.bids.isEmpty == true && depth?.offers.isEmpty == true)
        }
        #expect(end == .stopped)
        #expect(
            bench.deliveries.lines == [
                "new new #2 e1 s1 leaves 100 cum 0", "new new #3 e2 b1 leaves 100 cum 0",
                "trade filled #2 e3 s1 leaves 0 cum 100 last 100@10000 t1 maker",
                "trade filled #3 e4 b1 leaves 0 cum 100 last 100@10000 t1 taker",
            ])
        #expect(bench.deliveries.trades.map(\.trade) == [1])
        #expect(try await bench.audit().isSound)
    }

    @Test("Nothing is delivered before its batch is durable")
    func heldCommit() async throws {
        let bench = try await NodeBench()
        try await bench.run {
            bench.tier.hold()
            bench.submit(.make(.new, "b1", .buy, 100, at: 10_000))
            await bench.tier.arrived(1)
            bench.submit(.make(.new, "b2", .buy, 100, at: 9_900))
            bench.submit(.make(.new, "s1", .sell, 100, at: 10_000, account: 17))
            // The sequencer goes on while the batch commits: it has the trade already, the world has not.
            while await bench.node.status(session: 1, id: id("s1"), side: .sell).status != .filled {
                await Task.yield()
            }
            #expect(bench.deliveries.reports.isEmpty && bench.deliveries.trades.isEmpty)
            let rows = try await bench.tier.memory.orders()
            #expect(rows.isEmpty)
            bench.tier.release()
            await bench.deliveries.wait(5)
        }
        #expect(bench.tier.attempts == 2, "what came during a commit is one batch")
        #expect(bench.deliveries.reports.map(\.execution) == [1, 2, 3, 4, 5])
    }

    @Test("While the store is down new orders are refused by rule 143, cancels are answered when it is back")
    func storeDown() async throws {
        let bench = try await NodeBench()
        await bench.run {
            bench.submit(.make(.new, "b1", .buy, 100, at: 10_000))
            await bench.deliveries.wait(1)
            let before = bench.tier.attempts
            bench.tier.memory.setFaults { $0.commits = TierError(.unavailable, "the store is down") }
            bench.submit(.make(.new, "b2", .buy, 100, at: 10_000))
            // The second attempt comes after the first has failed: from then on the node knows.
            await bench.tier.arrived(before + 2)
            bench.submit([
                .make(.new, "b3", .buy, 100, at: 10_000), .make(.cancel, "c1", of: "b1", .buy, 100, at: 0),
                .make(.replace, "r1", of: "b1", .buy, 200, at: 10_000),
            ])
            #expect(
                Array(bench.deliveries.lines.dropFirst()) == [
                    "rejected rejected #0 e0 b3 leaves 0 cum 0 rule 143 code 99",
                    "cancelRejected rejected #0 e0 r1<b1 rule 143 code 99",
                ])
            bench.tier.memory.setFaults { $0.commits = nil }
            await bench.deliveries.wait(5)
            // Nothing of a refused order is kept: it may be sent again.
            bench.submit(.make(.new, "b3", .buy, 100, at: 10_000))
            await bench.deliveries.wait(6)
        }
        #expect(
            Array(bench.deliveries.lines.dropFirst(3)) == [
                "new new #3 e2 b2 leaves 100 cum 0", "canceled canceled #2 e3 c1<b1 leaves 0 cum 0",
                "new new #5 e4 b3 leaves 100 cum 0",
            ])
        #expect(try await bench.audit().isSound)
    }

    struct Doubt: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var tookEffect: Bool
        var isNamed = true
        var failedResolutions = 0
    }

    @Test(
        "A commit whose answer was lost is resolved, and its answers leave once",
        arguments: [
            Doubt(testDescription: "it took effect", tookEffect: true),
            Doubt(testDescription: "it did not take effect", tookEffect: false),
            Doubt(testDescription: "it took effect, what was decided is unknown", tookEffect: true, isNamed: false),
            Doubt(
                testDescription: "it did not take effect, lookups fail at first", tookEffect: false,
                failedResolutions: 2),
            Doubt(testDescription: "it took effect, lookups fail at first", tookEffect: true, failedResolutions: 2),
        ])
    func inDoubt(doubt: Doubt) async throws {
        let bench = try await NodeBench()
        await bench.run {
            bench.tier.memory.setFaults {
                $0.lostCommit = doubt.tookEffect
                $0.lostCommitNamesOutcomes = doubt.isNamed
                $0.failedResolutions = doubt.failedResolutions
            }
            bench.submit([
                .make(.new, "s1", .sell, 100, at: 10_000, account: 17), .make(.new, "b1", .buy, 100, at: 10_000),
            ])
            await bench.deliveries.wait(4)
            bench.submit(.make(.new, "b2", .buy, 100, at: 10_000))
            await bench.deliveries.wait(5)
        }
        #expect(bench.deliveries.reports.map(\.execution) == [1, 2, 3, 4, 5])
        #expect(try await bench.tier.memory.orders().map(\.order) == [2, 3, 4])
        #expect(try await bench.audit().isSound)
    }

    @Test("A second node takes the partition over; the first one ends fenced and says nothing more")
    func fenced() async throws {
        let first = try await NodeBench()
        let second = try await NodeBench(over: first.tier)
        let running = Task { await first.node.run() }
        await second.run {
            second.submit(.make(.new, "b1", .buy, 100, at: 10_000))
            await second.deliveries.wait(1)
            first.submit(.make(.new, "b2", .buy, 100, at: 10_000))
            #expect(await running.value == .fenced)
        }
        #expect(first.deliveries.reports.isEmpty)
        #expect(try await second.tier.memory.orders().map(\.clientOrderID) == [id("b1")])
        // Questions and requests to a node that has ended are answered, not lost.
        let status = await first.node.status(session: 1, id: id("b1"), side: .buy)
        #expect(status.order == 0 && status.status == .rejected)
        #expect(await first.node.depth(InstrumentID(0), levels: 1) == nil)
        first.submit(.make(.new, "b3", .buy, 100, at: 10_000))
        #expect(first.deliveries.lines == ["rejected rejected #0 e0 b3 leaves 0 cum 0 rule 144 code 99"])
    }

    @Test("A killed node's commit that arrives late is refused: every delivered answer is in the rows, no other")
    func zombie() async throws {
        let first = try await NodeBench()
        let running = Task { await first.node.run() }
        first.submit(.make(.new, "b1", .buy, 100, at: 10_000))
        await first.deliveries.wait(1)
        first.tier.hold()
        first.submit(.make(.new, "b2", .buy, 100, at: 9_990))
        await first.tier.arrived(2)
        // As good as dead: its last batch is on the way. Another one starts from the rows and commits.
        let second = try await NodeBench(over: GatedTier(first.tier.memory))
        await second.run {
            second.submit([
                .make(.new, "b1", .buy, 100, at: 10_000), .make(.new, "b2", .buy, 100, at: 9_990),
                .make(.new, "b3", .buy, 100, at: 9_980),
            ])
            await second.deliveries.wait(3)
            first.tier.release()
            #expect(await running.value == .fenced)
        }
        #expect(first.deliveries.lines == ["new new #2 e1 b1 leaves 100 cum 0"])
        #expect(
            second.deliveries.lines == [
                "new new #2 e1 b1 leaves 100 cum 0", "new new #4 e2 b2 leaves 100 cum 0",
                "new new #5 e3 b3 leaves 100 cum 0",
            ], "the acknowledged order answers its repeat, the lost one is new")
        #expect(try await second.tier.memory.orders().map(\.order) == [2, 4, 5])
        #expect(try await second.audit().isSound)
    }

    @Test("A node that is asked to stop makes durable and answers all it has accepted", arguments: [1, 100, 3_000])
    func gracefulStop(count: Int) async throws {
        let bench = try await NodeBench()
        let end = await bench.run {
            bench.submit(
                (0..<count).map {
                    .make(.new, "b\($0)", .buy, 100, at: 9_500 + Int64($0 % 50) * 10, account: 16 + UInt32($0 % 4))
                })
        }
        #expect(end == .stopped)
        #expect(bench.deliveries.reports.count == count)
        #expect(try await bench.tier.memory.orders().count == count)
        let accepted = bench.deliveries.reports.count { $0.type == .new }
        #expect(accepted > 0)
        #expect(try await bench.tier.memory.orders().count { $0.status == .new } == accepted)
        // Questions after the end are answered from nothing, at once; requests are refused.
        let status = await bench.node.status(session: 1, id: id("b0"), side: .buy)
        #expect(status.type == .status)
        bench.submit(.make(.new, "late", .buy, 100, at: 9_500))
        #expect(bench.deliveries.reports.last?.rule == TradingNode.capacityRule)
    }

    @Test("A node that was abandoned under load is recovered: every delivered answer's order is in the rows")
    func abandoned() async throws {
        let market = SampleMarket(accounts: 8, instruments: 3, sessions: 3)
        let first = try await NodeBench(market)
        let running = Task { await first.node.run() }
        var flow = RandomFlow(seed: 21, market)
        for _ in 0..<60 { first.submit((0..<50).map { _ in flow.next() }) }
        await first.deliveries.wait(500)
        // Nothing of it gets through any more.
        first.tier.hold()
        let second = try await NodeBench(market, over: GatedTier(first.tier.memory))
        let rows = try await second.tier.memory.orders()
        let known = Set(rows.map(\.order))
        let delivered = first.deliveries.reports.filter { $0.execution != 0 }
        #expect(delivered.count > 100 && delivered.allSatisfy { known.contains($0.order) })
        await second.run {
            let before = second.deliveries.reports.count
            second.submit(.make(.new, "after", .buy, 100, at: 9_900))
            await second.deliveries.wait(before + 1)
        }
        #expect(try await second.audit(market).isSound)
        first.tier.release()
        first.submit(.make(.new, "again", .buy, 100, at: 9_900))
        #expect(await running.value == .fenced)
        #expect(try await second.audit(market).isSound)
    }

    @Test("What does not fit into the inbox is refused at once by rule 144, the rest is answered")
    func overflow() async throws {
        var configuration = SampleMarket.configuration()
        configuration.inboxMax = 10
        let bench = try await NodeBench(SampleMarket(), configuration)
        bench.submit((0..<11).map { .make(.new, "b\($0)", .buy, 100, at: 9_900) })
        #expect(bench.deliveries.lines == ["rejected rejected #0 e0 b10 leaves 0 cum 0 rule 144 code 99"])
        await bench.run { await bench.deliveries.wait(11) }
        #expect(bench.deliveries.reports.count { $0.type == .new } == 10)
    }

    @Test("A kill switch that another process sets reaches the risk rules with the stream of changes")
    func killSwitch() async throws {
        let bench = try await NodeBench()
        let other = CacheStack(
            schemas: TradingSpaces.all, shared: nil, durable: bench.tier, metrics: MetricsRegistry())
        let operators = TradingNode(
            configuration: SampleMarket.configuration(), cache: other, durable: bench.tier, metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { _ in }
        try await bench.run {
            bench.submit(.make(.new, "b1", .buy, 100, at: 9_900))
            await bench.deliveries.wait(1)
            try await bench.cache.pollChanges()
            var profile = try #require(await operators.profile(AccountID(16))).profile
            let version = profile.version
            profile.isKilled = true
            guard case .committed = await operators.change(profile) else {
                Issue.record("the change was not committed")
                return
            }
            try await bench.cache.pollChanges()
            bench.submit([
                .make(.new, "b2", .buy, 100, at: 9_900), .make(.new, "b3", .buy, 100, at: 9_900, account: 17),
                .make(.cancel, "c1", of: "b1", .buy, 100, at: 0),
            ])
            await bench.deliveries.wait(4)
            // A writer with an old version loses.
            profile.version = version
            guard case .conflict = await operators.change(profile) else {
                Issue.record("an old version was not refused")
                return
            }
        }
        #expect(bench.deliveries.reports.map(\.rule) == [0, 35, 0, 0])
        #expect(bench.deliveries.reports.map(\.type) == [.new, .rejected, .new, .canceled])
    }

    @Test("New reference data reach the risk rules, also those that came between the recovery and the first order")
    func suspended() async throws {
        let bench = try await NodeBench()
        func setTradable(_ isTradable: Bool) async throws {
            var instrument = SampleMarket.instrument(0)
            instrument.isTradable = isTradable
            var writes = WriteSet()
            writes.append(Instrument.key(instrument.id)) { instrument.encode(into: &$0) }
            _ = await bench.tier.commit([Transaction(writes: writes)], until: .now + .seconds(5))
            try await bench.cache.pollChanges()
        }
        try await setTradable(false)
        try await bench.run {
            bench.submit(.make(.new, "b1", .buy, 100, at: 9_900))
            await bench.deliveries.wait(1)
            try await setTradable(true)
            bench.submit(.make(.new, "b2", .buy, 100, at: 9_900))
            await bench.deliveries.wait(2)
        }
        #expect(bench.deliveries.reports.map(\.rule) == [44, 0])
    }

    @Test("A session that is not logged on, or whose login was withdrawn, trades nothing")
    func sessions() async throws {
        let bench = try await NodeBench(SampleMarket(), logsOn: false)
        try await bench.run {
            bench.submit(.make(.new, "b1", .buy, 100, at: 9_900))
            await bench.deliveries.wait(1)
            #expect(!bench.node.directory.admit(9, password: ""))
            #expect(bench.node.directory.admit(1, password: ""))
            bench.submit(.make(.new, "b2", .buy, 100, at: 9_900))
            await bench.deliveries.wait(2)
            var writes = WriteSet()
            writes.append(LoginRow.key(1), .delete) { _ in }
            _ = await bench.tier.commit([Transaction(writes: writes)], until: .now + .seconds(5))
            try await bench.node.directory.refresh()
            bench.submit(.make(.new, "b3", .buy, 100, at: 9_900))
            await bench.deliveries.wait(3)
        }
        #expect(bench.deliveries.reports.map(\.rule) == [25, 0, 25])
        #expect(bench.deliveries.reports.map(\.rejectReason) == [15, 0, 15])
    }

    @Test("A repeat of a dead order's request is answered from its row")
    func repeated() async throws {
        let bench = try await NodeBench()
        await bench.run {
            bench.submit(.make(.new, "b1", .buy, 100, at: 9_900))
            bench.submit(.make(.cancel, "c1", of: "b1", .buy, 100, at: 0))
            await bench.deliveries.wait(2)
            bench.submit(.make(.new, "b1", .buy, 100, at: 9_900))
            await bench.deliveries.wait(3)
            bench.submit(.make(.new, "b1", .buy, 200, at: 9_900))
            await bench.deliveries.wait(4)
        }
        #expect(bench.deliveries.reports[2].order == 2 && bench.deliveries.reports[2].execution == 1)
        #expect(bench.deliveries.reports[2].status == .canceled)
        #expect(bench.deliveries.reports[3].rule == 12)
    }

    private func id(_ text: String) -> ClientOrderID {
        guard let id = ClientOrderID(text) else { preconditionFailure("\(text) is no id") }
        return id
    }
}
