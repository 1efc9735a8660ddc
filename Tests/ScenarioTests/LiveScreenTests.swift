import Engine
import Scenario
import Testing
import loadgen

@Suite("The live view")
struct LiveScreenTests {
    /// A plan with two scenarios, against a function of this process.
    private func plan() throws -> LoadPlan {
        try Samples.file(
            """
            version: 1
            name: Market open
            seed: 9
            target: {transport: inproc, function: echo, connections: 4}
            operations: {call: {}}
            record: {warmup: 5s}
            scenarios:
              users: {executor: constant-users, users: 1200, duration: 2m}
              burst: {start: 1m, stages: [{rate: 100, hold: 9m}]}
            thresholds: [p(99)<50ms, errors==0, throughput>=100]
            """
        ).plan
    }

    private func progress(_ plan: LoadPlan, elapsed: Double, sent: Int = 15_000) -> LiveFigures {
        var interval = LoadInterval(index: Int(elapsed))
        (interval.offered, interval.sent, interval.done) = (15_012, 15_010, 15_008)
        (interval.p50, interval.p99, interval.greatest, interval.lagP99) = (1_200_000, 12_300_000, 40_000_000, 40_000)
        (interval.inFlight, interval.users, interval.connectionsUp) = (213, 1_200, 3)
        var totals = OperationResult(scenario: -1, operation: -1)
        totals.counts[0] = 990
        totals.counts[3] = 10
        let conditions = zip(plan.thresholds, [(0.0, true), (0.01, false)]).map {
            ThresholdResult(threshold: $0, actual: $1.0, isMet: $1.1)
        }
        var figures = LiveFigures(elapsed: elapsed, length: 600, interval: interval, connections: 4)
        figures.sent = sent
        figures.totals = totals
        figures.scenarios = [.init(.running, users: 1_200), .init(.waiting)]
        figures.thresholds = conditions + [ThresholdResult(threshold: plan.thresholds[2], actual: nil, isMet: false)]
        return figures
    }

    private func lines(_ elapsed: Double, width: Int = 80, height: Int = 24, color: Bool = false) throws -> [String] {
        let plan = try plan()
        var state = LiveState(plan)
        for second in 1...max(1, Int(elapsed)) { state.take(progress(plan, elapsed: Double(second))) }
        return LiveScreen.lines(state, width: width, height: height, hasColor: color)
    }

    @Test("At 80 x 24 everything is there, nothing is wider")
    func whole() throws {
        let lines = try lines(37)
        #expect(lines.count <= 24 && lines.allSatisfy { $0.count <= 80 })
        let text = lines.joined(separator: "\n")
        for part in [
            "Market open", "0:37 / 10:00", "function echo, seed 9", "users", "1,200 users", "1:23 left",
            "starts in 0:23", "offered   15,012", "done   15,008", "p50 1.2 ms", "p99 12.3 ms", "max 40 ms",
            "in flight 213", "send lag p99 40 µs", "1 of 4 connections down", "errors 10 (1 %)", "● p(99)<50ms",
            "● errors==0", "fails", "○ throughput>=100", "no data", "Ctrl-C stops sending",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(!text.contains("\u{1B}"))
    }

    @Test("Before the first figures it connects; in the warm-up it says so")
    func beginning() throws {
        let empty = LiveScreen.lines(LiveState(try plan()), width: 80, height: 24, hasColor: false)
        #expect(empty.contains { $0.contains("connecting") })
        #expect(try lines(3)[0].contains("warm-up"))
        #expect(try !lines(6)[0].contains("warm-up"))
    }

    @Test("Every size is kept, down to nothing", arguments: [20, 40, 60, 80, 200])
    func sizes(width: Int) throws {
        for height in 1...30 {
            let lines = try lines(12, width: width, height: height)
            #expect(lines.count <= height && lines.allSatisfy { $0.count <= width }, "\(width) x \(height)")
        }
    }

    @Test("Colours change nothing but colours")
    func colors() throws {
        let plain = try lines(12)
        let colored = try lines(12, color: true)
        let stripped = colored.map { $0.replacing(#/\u{1B}\[[0-9]+m/#, with: "") }
        #expect(stripped == plain && colored != plain)
    }

    @Test("What does not fit is counted")
    func cuts() throws {
        #expect(try lines(12, height: 14).contains { $0.contains("more") })
    }

    @Test("Names cannot move the cursor")
    func control() throws {
        var plan = try plan()
        plan.name = "a\u{1B}[2Jb\nc"
        let lines = LiveScreen.lines(LiveState(plan), width: 80, height: 24, hasColor: false)
        #expect(lines[0].contains("a [2Jb c") && !lines.joined().contains("\u{1B}"))
    }

    @Test("Times and sparklines")
    func pieces() {
        #expect(
            LiveScreen.clock(0) == "0:00" && LiveScreen.clock(599.6) == "10:00" && LiveScreen.clock(3_661) == "1:01:01")
        #expect(LiveScreen.spark([0, 1, 2, 4, 8], 5, isFromZero: true) == "▁▁▂▄█")
        #expect(LiveScreen.spark([1, 2, 3], 2, isFromZero: true) == "▆█")
        #expect(
            LiveScreen.spark([0, 0], 4, isFromZero: true) == "▁▁" && LiveScreen.spark([], 4, isFromZero: true) == "")
    }

    @Test("Lines come each ten seconds, of the ten seconds and of the whole")
    func summaryLines() throws {
        let plan = try plan()
        var lines = SummaryLines()
        var said: [String] = []
        for second in 1...25 { said += lines.take(progress(plan, elapsed: Double(second), sent: second * 1_000)) }
        #expect(said.count == 4)
        #expect(said[0].hasPrefix("summary + 10,000 in 0:10 = 1,000/s  p50"))
        #expect(said[0].contains("max 40 ms  errors 10  in flight 213  users 1,200  lag p99 40 µs"))
        #expect(said[1].hasPrefix("summary = 10,000 in 0:10 = 1,000/s"))
        #expect(said[2].hasPrefix("summary + 10,000 in 0:10") && said[2].contains("errors 0"))
        #expect(said[3].hasPrefix("summary = 20,000 in 0:20 = 1,000/s"))
    }
}
