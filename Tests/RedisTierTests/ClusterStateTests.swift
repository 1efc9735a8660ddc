import RedisTier
import Testing

private func node(_ port: UInt16) -> RedisAddress { RedisAddress(host: "127.0.0.1", port: port) }

private func view(_ ranges: (UInt16, UInt16, UInt16)...) throws -> ClusterView {
    try #require(ClusterView(ranges.map { ClusterView.Range($0.0, $0.1, node($0.2)) }))
}

/// #expect takes no mutating call.
private func equal<Value: Equatable>(
    _ found: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found == expected, sourceLocation: sourceLocation)
}

@Suite struct ClusterViewTests {
    private func parse(_ text: String) throws -> ClusterView? {
        let reader = ReplyReader(caps: ReplyReader.Caps(elements: 64, bytes: 65_536))
        try Array(text.utf8).withUnsafeBytes { try reader.feed($0) }
        #expect(try reader.next())
        return ClusterView(reader.reply, from: node(9))
    }

    private func range(_ first: Int, _ last: Int, _ host: String?, _ port: Int, extra: String = "") -> String {
        let name = host.map { "$\($0.utf8.count)\r\n\($0)\r\n" } ?? "$-1\r\n"
        return "*3\r\n:\(first)\r\n:\(last)\r\n*4\r\n\(name):\(port)\r\n$2\r\nid\r\n*0\r\n" + extra
    }

    @Test("A reply of Redis 7 is understood; neighbours are merged and an unknown host is the one asked")
    func parsing() throws {
        let text =
            "*3\r\n" + range(100, 16_383, nil, 7_002) + range(0, 49, "10.0.0.1", 7_001)
            + range(50, 99, "10.0.0.1", 7_001)
        let view = try #require(try parse(text))
        #expect(
            view.ranges == [
                ClusterView.Range(0, 99, RedisAddress(host: "10.0.0.1", port: 7_001)),
                ClusterView.Range(100, 16_383, node(7_002)),
            ])
        #expect(view.coveredSlots == 16_384)
    }

    @Test("Replicas are read, each once; two views that differ in them only are equal")
    func replicas() throws {
        func text(_ first: Int, _ last: Int, _ ports: [Int]) -> String {
            "*\(ports.count + 2)\r\n:\(first)\r\n:\(last)\r\n"
                + ports.map { "*3\r\n$9\r\n127.0.0.1\r\n:\($0)\r\n$2\r\nid\r\n" }.joined()
        }
        // A replica with port 0 cannot be asked and is left out; the primary counts all the same.
        let view = try #require(
            try parse("*3\r\n" + text(0, 99, [1, 4, 3]) + text(100, 199, [2]) + text(200, 300, [1, 3, 0])))
        #expect(view.replicas[node(1)] == [node(3), node(4)])
        #expect(view.replicas[node(2)] == [])
        let other = try #require(try parse("*3\r\n" + text(0, 99, [1]) + text(100, 199, [2]) + text(200, 300, [1])))
        #expect(view == other && view.hashValue == other.hashValue)
    }

    @Test("Views that cannot be are refused")
    func malformed() throws {
        #expect(try parse("*1\r\n" + range(0, 16_384, "a", 1)) == nil)
        #expect(try parse("*1\r\n" + range(5, 4, "a", 1)) == nil)
        #expect(try parse("*1\r\n" + range(-1, 4, "a", 1)) == nil)
        #expect(try parse("*1\r\n" + range(0, 4, "a", 0)) == nil)
        #expect(try parse("*2\r\n" + range(0, 4, "a", 1) + range(4, 9, "b", 1)) == nil)
        #expect(try parse("*1\r\n*2\r\n:0\r\n:1\r\n") == nil)
        #expect(try parse("*1\r\n:1\r\n") == nil)
        #expect(try parse("+OK\r\n") == nil)
        #expect(try parse("*0\r\n")?.coveredSlots == 0)
    }
}

@Suite struct TopologyElectionTests {
    @Test("More than half of those asked decide at once")
    func majority() throws {
        var election = TopologyElection(voters: 3)
        let good = try view((0, 16_383, 1))
        election.vote(try view((0, 16_383, 2)))
        #expect(election.winner() == nil)
        election.vote(good)
        #expect(election.winner() == nil)
        election.vote(good)
        #expect(election.winner() == good)
    }

    @Test("Without a majority most votes win, then most slots, then the first")
    func plurality() throws {
        let (small, large) = (try view((0, 99, 1)), try view((0, 16_383, 2)))
        var election = TopologyElection(voters: 4)
        election.vote(small)
        election.vote(large)
        #expect(election.winner() == nil)
        #expect(election.winner(isFinal: true) == large)
        election.vote(small)
        election.abstain()
        #expect(election.isComplete)
        #expect(election.winner() == small)
    }

    @Test("A view without slots is an abstention")
    func empty() throws {
        var election = TopologyElection(voters: 1)
        election.vote(try view())
        #expect(election.isComplete)
        #expect(election.winner() == nil)
    }
}

@Suite struct ClusterStateTests {
    private let start = ContinuousClock.now
    private let timing = ClusterState.Timing(
        refreshInterval: .milliseconds(100), idleRefreshInterval: .seconds(10), roundTimeout: .milliseconds(500))

    private func fresh(_ ports: UInt16...) -> ClusterState { ClusterState(seeds: ports.map(node), timing: timing) }

    /// A cluster in which `view` has been elected by its first seed.
    private func elected(_ view: ClusterView, seed: UInt16) -> ClusterState {
        var state = fresh(seed)
        _ = state.poll(now: start) { _ in true }
        _ = state.answered(view, round: 1, from: 0)
        return state
    }

    @Test("The first poll asks the seeds; a majority's view is applied")
    func firstRound() throws {
        var state = fresh(1, 2, 3)
        equal(
            state.poll(now: start) { _ in false },
            [.ask(node: 0, round: 1), .ask(node: 1, round: 1), .ask(node: 2, round: 1)])
        let whole = try view((0, 8_191, 1), (8_192, 16_383, 4))
        #expect(state.owner(of: 0) == nil)
        equal(state.answered(whole, round: 1, from: 0), [])
        equal(state.answered(whole, round: 1, from: 2), [.connect(node: 0), .connect(node: 3)])
        #expect(state.owner(of: 0) == 0)
        #expect(state.owner(of: 16_383) == 3)
        #expect(state.nodes[3] == node(4))
        #expect(state.refreshes == 1)
    }

    @Test("A node's second answer in a round, and an answer of an old round, count nothing")
    func staleAnswers() throws {
        var state = fresh(1, 2, 3)
        _ = state.poll(now: start) { _ in true }
        let whole = try view((0, 16_383, 1))
        _ = state.answered(whole, round: 1, from: 0)
        equal(state.answered(whole, round: 1, from: 0), [])
        equal(state.answered(whole, round: 9, from: 1), [])
        #expect(state.owner(of: 0) == nil)
        _ = state.answered(whole, round: 1, from: 1)
        #expect(state.owner(of: 0) == 0)
    }

    @Test("MOVED patches one slot at once, and a thousand of them ask for one refresh")
    func moved() throws {
        var state = elected(try view((0, 16_383, 1)), seed: 1)
        for _ in 0..<1_000 { equal(state.moved(slot: 7, to: node(2)), 1) }
        #expect(state.owner(of: 7) == 1)
        #expect(state.owner(of: 8) == 0)
        equal(state.poll(now: start + .milliseconds(99)) { _ in true }, [])
        equal(state.poll(now: start + .milliseconds(100)) { _ in true }.count, 2)
        equal(state.poll(now: start + .milliseconds(101)) { _ in true }, [])
    }

    @Test("Without events a round starts after the idle interval only")
    func idle() throws {
        var state = elected(try view((0, 16_383, 1)), seed: 1)
        #expect(state.nextPoll == start + .seconds(10))
        equal(state.poll(now: start + .seconds(9)) { _ in true }, [])
        equal(state.poll(now: start + .seconds(10)) { _ in true }, [.ask(node: 0, round: 2)])
    }

    @Test("After a view with other replicas five rounds follow, a second apart; the first view is no change")
    func settling() throws {
        func view(_ primary: UInt16, _ replicas: Set<RedisAddress>) throws -> ClusterView {
            try #require(
                ClusterView([ClusterView.Range(0, 16_383, node(primary))], replicas: [node(primary): replicas]))
        }
        var state = elected(try view(1, [node(2)]), seed: 1)
        #expect(state.replicas.map(\.address) == [node(2)] && state.replicas.map(\.primary) == [0])
        #expect(state.nextPoll == start + .seconds(10))
        var now = start + .seconds(10)
        var number: UInt32 = 2
        func round(_ view: ClusterView) {
            let asked = state.poll(now: now) { _ in true }
            for case .ask(let node, _) in asked { _ = state.answered(view, round: number, from: node) }
            number += 1
        }
        // 2 has taken over, and where 1 has gone is not known yet.
        let promoted = try view(2, [])
        round(promoted)
        for _ in 0..<4 {
            #expect(state.nextPoll == now + .seconds(1))
            now += .seconds(1)
            round(promoted)
        }
        #expect(state.nextPoll == now + .seconds(1))
        // Now it is: another five.
        let whole = try view(2, [node(1)])
        now += .seconds(1)
        round(whole)
        #expect(state.replicas.map(\.address) == [node(1)] && state.replicas.map(\.primary) == [1])
        for _ in 0..<5 {
            #expect(state.nextPoll == now + .seconds(1))
            now += .seconds(1)
            round(whole)
        }
        #expect(state.nextPoll == now + .seconds(10))
    }

    @Test("Healthy nodes are asked where there are any, at most five")
    func voters() throws {
        var state = elected(try view((0, 16_383, 1)), seed: 1)
        for port in UInt16(2)...9 { _ = state.moved(slot: port, to: node(port)) }
        let actions = state.poll(now: start + .seconds(1)) { $0 != 0 }
        #expect(actions.count == 5)
        #expect(!actions.contains(.ask(node: 0, round: 2)))
    }

    @Test("A round without answers ends at its deadline and is tried again")
    func timeout() throws {
        var state = fresh(1, 2)
        _ = state.poll(now: start) { _ in true }
        #expect(state.nextPoll == start + .milliseconds(500))
        equal(state.poll(now: start + .milliseconds(500)) { _ in true }, [])
        equal(state.poll(now: start + .milliseconds(600)) { _ in true }.count, 2)
    }

    @Test("The votes there are decide at the deadline")
    func timeoutWithVotes() throws {
        var state = fresh(1, 2, 3)
        _ = state.poll(now: start) { _ in true }
        _ = state.answered(try view((0, 16_383, 2)), round: 1, from: 0)
        equal(state.poll(now: start + .milliseconds(500)) { _ in true }, [.connect(node: 1)])
        #expect(state.owner(of: 5) == 1)
    }

    @Test("When every node failed the round ends at once")
    func allFailed() throws {
        var state = fresh(1, 2)
        _ = state.poll(now: start) { _ in true }
        equal(state.failed(round: 1, from: 0), [])
        equal(state.failed(round: 1, from: 1), [])
        #expect(state.nextPoll == start + .milliseconds(100))
    }

    @Test("A node no view names is retired, unless it is a seed, and comes back under its index")
    func retirement() throws {
        var state = elected(try view((0, 8_191, 1), (8_192, 16_383, 2)), seed: 1)
        state.wantRefresh()
        _ = state.poll(now: start + .seconds(1)) { $0 == 0 }
        equal(state.answered(try view((0, 16_383, 3)), round: 2, from: 0), [.connect(node: 2), .retire(node: 1)])
        #expect(state.isActive(0) && !state.isActive(1))
        equal(state.moved(slot: 1, to: node(2)), 1)
        #expect(state.isActive(1))
    }

    @Test("A view with holes leaves slots without owner and is asked for again soon")
    func holes() throws {
        let state = elected(try view((0, 99, 1), (200, 16_383, 1)), seed: 1)
        #expect(state.owner(of: 150) == nil)
        #expect(state.nextPoll == start + .milliseconds(100))
    }

    @Test("The node cap holds, and one past it is refused")
    func nodeCap() throws {
        var state = fresh(1)
        for port in 2...UInt16(ClusterState.nodesMax) { equal(state.moved(slot: 0, to: node(port)) == nil, false) }
        #expect(state.nodes.count == ClusterState.nodesMax)
        equal(state.moved(slot: 0, to: node(60_000)), nil)
        #expect(state.owner(of: 0) == ClusterState.nodesMax - 1)
    }
}

@Suite struct BreakerTests {
    private let start = ContinuousClock.now
    private let settings = Breaker.Settings(
        faults: 3, reconnectDelay: .milliseconds(10), openDelay: .milliseconds(100), longestDelay: .milliseconds(350))

    private func opened() -> Breaker {
        var breaker = Breaker(settings)
        for _ in 0..<3 { breaker.fault(now: start, random: 0) }
        return breaker
    }

    @Test("It opens at the third fault in a row, not at the second")
    func opening() {
        var breaker = Breaker(settings)
        breaker.fault(now: start, random: 0)
        #expect(breaker.retryAt == start)
        breaker.fault(now: start, random: 0)
        #expect(breaker.admits)
        #expect(breaker.retryAt == start + .milliseconds(10))
        breaker.fault(now: start, random: 0)
        #expect(!breaker.admits)
        #expect(breaker.state == .open)
        #expect(breaker.retryAt == start + .milliseconds(100))
    }

    @Test("An answer between faults keeps it closed; a mere handshake does not")
    func answers() {
        var breaker = Breaker(settings)
        for _ in 0..<20 {
            breaker.fault(now: start, random: 0)
            breaker.connected()
            breaker.answered()
        }
        #expect(breaker.state == .closed)
        for _ in 0..<3 {
            breaker.fault(now: start, random: 0)
            if breaker.admits { breaker.connected() }
        }
        #expect(breaker.state == .open)
    }

    @Test("One probe after the delay: its handshake closes, its failure reopens for longer, up to the limit")
    func probing() {
        var breaker = opened()
        equal(breaker.mayConnect(now: start + .milliseconds(99)), false)
        equal(breaker.mayConnect(now: start + .milliseconds(100)), true)
        #expect(breaker.state == .halfOpen && !breaker.admits)
        breaker.fault(now: start, random: 0)
        #expect(breaker.retryAt == start + .milliseconds(200))
        equal(breaker.mayConnect(now: start + .milliseconds(200)), true)
        breaker.fault(now: start, random: 0)
        #expect(breaker.retryAt == start + .milliseconds(350))
        equal(breaker.mayConnect(now: start + .seconds(1)), true)
        breaker.connected()
        #expect(breaker.admits && breaker.state == .closed)
    }

    @Test("After a probe one fault without an answer reopens; after an answer it takes all three again")
    func relapse() {
        var breaker = opened()
        equal(breaker.mayConnect(now: start + .seconds(1)), true)
        breaker.connected()
        breaker.fault(now: start, random: 0)
        #expect(breaker.state == .open)
        equal(breaker.mayConnect(now: start + .seconds(1)), true)
        breaker.connected()
        breaker.answered()
        breaker.fault(now: start, random: 0)
        #expect(breaker.state == .closed)
    }

    @Test("Chance shortens delays, by at most a quarter")
    func jitter() {
        var breaker = Breaker(settings)
        for _ in 0..<3 { breaker.fault(now: start, random: 1) }
        #expect(breaker.retryAt == start + .milliseconds(75))
    }
}
