import Arrivals
import Engine
import Synchronization
import Telemetry
import Testing

@Suite("Capacity search")
struct SearchTests {
    /// A server that works on one request at a time, 1 ms each: it can do 1,000 a second.
    private final class OneServer: Sendable {
        private let freeAt = Mutex<UInt64>(0)

        func serve(_ call: InProcessCall) -> InProcessReply {
            freeAt.withLock { free in
                free = max(free, call.time) + 1_000_000
                return InProcessReply(after: free - call.time)
            }
        }
    }

    private func plan(_ name: String, _ rates: ClosedRange<Double>, until: String) throws -> LoadPlan {
        var plan = try Samples.callPlan(name)
        var search = CapacitySearch(rates: rates, until: try Threshold.parse(until), process: .even)
        (search.settleSeconds, search.attempts) = (1, 1)
        search.stepSeconds = 10
        plan.scenarios = [ScenarioPlan(name: "capacity", mix: 0, executor: .findCapacity(search))]
        plan.target.timeoutNanoseconds = 60_000_000_000
        return plan
    }

    @Test("The capacity of a known server is found within the tolerance")
    func finds() throws {
        let server = OneServer()
        let plan = try plan("one", 100...100_000, until: "p(99)<50ms and errors<0.001")
        let result = try Samples.simulate(plan) { server.serve($0) }
        // 100, 200, 400, 800 pass, 1,600 fails, then the half of what is left until less than 2 % are. At 1,000 + x a
        // second the queue grows by x/1,000 s a second: 50 ms after 11 s are reached at x = 4.5.
        #expect(result.steps.prefix(6).map(\.rate) == [100, 200, 400, 800, 1_600, 1_200])
        #expect(result.steps.prefix(6).map(\.isMet) == [true, true, true, true, false, false])
        let passed = result.steps.filter(\.isMet).map(\.rate).max() ?? 0
        let failed = result.steps.filter { !$0.isMet }.map(\.rate).min() ?? 0
        #expect(passed <= 1_005 && failed > 1_000 && (failed - passed) / failed < 0.02)
        #expect(result.steps.count < 14)
        for step in result.steps {
            #expect(step.thresholds.count == 2 && step.thresholds.allSatisfy { $0.actual != nil })
            #expect(step.offered == step.figures.total, "every arrival of the step is in its figures")
            #expect(abs(Double(step.offered) - step.rate * 10) <= 1)
        }
        #expect(result.total == result.offered && result.errors == 0)
    }

    @Test("What is due as a step ends and has room is sent, however late; only what found none is dropped")
    func lastArrivals() throws {
        // A turn a millisecond: when a step ends, the arrivals of its last millisecond have not been sent yet.
        var plan = try plan("late", 5_000...20_000, until: "errors==0")
        plan.pacing.coalescingNanoseconds = 1_000_000
        let result = try Samples.simulate(plan) { _ in InProcessReply(after: 10_000) }
        #expect(result.steps.map(\.rate) == [5_000, 10_000, 20_000] && result.steps.allSatisfy { $0.isMet })
        #expect(result.count(.dropped) == 0 && result.count(.ok) == result.offered)
    }

    @Test("A rate that the in-flight cap cannot carry fails with its unsent arrivals as dropped")
    func drops() throws {
        var plan = try plan("cap", 1_000...2_000, until: "errors<0.001")
        plan.target.maxInFlight = 10
        // Each takes 100 ms: ten in flight make 100 a second.
        let result = try Samples.simulate(plan) { _ in InProcessReply(after: 100_000_000) }
        #expect(result.steps.count == 1 && !result.steps[0].isMet)
        #expect(result.steps[0].figures.count(.dropped) > 8_000)
        #expect(result.total == result.offered && result.wallSeconds < 15)
        #expect(result.steps[0].limits.count == 1, "the lag of what waited is named: \(result.steps[0].limits)")
    }

    @Test("A search that never fails ends at its greatest rate; one that fails at once has one step")
    func ends() throws {
        let result = try Samples.simulate(try plan("all", 100...350, until: "errors==0")) { _ in
            InProcessReply(after: 1_000)
        }
        #expect(result.steps.map(\.rate) == [100, 200, 350] && result.steps.allSatisfy { $0.isMet })
        let none = try Samples.simulate(try plan("none", 100...350, until: "requests<1")) { _ in
            InProcessReply(after: 1_000)
        }
        #expect(none.steps.map(\.isMet) == [false])
    }

    @Test("Settling does not count: a target that is slow at first passes")
    func settles() throws {
        let result = try Samples.simulate(try plan("slow start", 100...100, until: "p(100)<20ms")) { call in
            InProcessReply(after: call.time < 900_000_000 ? 50_000_000 : 1_000_000)
        }
        #expect(result.steps.map(\.isMet) == [true] && result.response.greatest >= 50_000_000)
    }
}
