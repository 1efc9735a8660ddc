import Arrivals
import Engine
import Testing

@Suite("Limits of a plan")
struct PlanCheckTests {
    private func isRight(_ change: (inout LoadPlan) throws -> Void) throws -> Bool {
        var plan = try Samples.orderPlan(port: 1)
        plan.scenarios = [ScenarioPlan(name: "s", mix: 0, executor: .arrivals(.poisson, .constant(10, seconds: 1)))]
        try change(&plan)
        do { try plan.validate() } catch { return false }
        return true
    }

    private func isRightFIX(_ change: (inout FIXTarget) -> Void) throws -> Bool {
        try isRight {
            var fix = FIXTarget()
            change(&fix)
            $0.target.transport = .fix(fix)
        }
    }

    @Test("Targets are checked at their limits and one past them")
    func target() throws {
        #expect(try isRight { _ in })
        #expect(try !isRight { $0.target.connections = 0 } && !isRight { $0.target.connections = 20_001 })
        #expect(try isRight { $0.target.maxInFlight = 200_000 } && !isRight { $0.target.maxInFlight = 200_001 })
        #expect(try isRight { $0.target.window = 65_536 } && !isRight { $0.target.window = 65_537 })
        #expect(try isRight { $0.target.timeoutNanoseconds = 600_000_000_000 })
        #expect(try !isRight { $0.target.timeoutNanoseconds = 600_000_000_001 })
        #expect(try !isRight { $0.target.timeoutNanoseconds = 999_999 })
        #expect(try isRightFIX { $0.openOrdersPerSession = 1_024 } && !isRightFIX { $0.openOrdersPerSession = 1_025 })
        #expect(try !isRightFIX { $0.targetCompID = "" } && !isRightFIX { $0.senderPrefix = "A B" })
        #expect(try !isRightFIX { $0.password = "a\u{1}b" } && !isRight { $0.orders?.workload.accountCount = 0 })
        #expect(try !isRight { $0.orders = nil })
    }

    @Test("More connections than open files are refused with both numbers")
    func descriptors() throws {
        var plan = try Samples.orderPlan(port: 1)
        plan.scenarios = [ScenarioPlan(name: "s", mix: 0, executor: .arrivals(.poisson, .constant(10, seconds: 1)))]
        plan.target.connections = TargetPlan.connectionsMax
        do {
            try plan.validate()
        } catch {
            #expect(error.message.contains("20000") && error.message.contains("open files"))
        }
    }

    @Test("Rates, lengths, users and steps are checked at their limits and one past them")
    func executors() throws {
        func arrivals(_ rate: Double, _ seconds: Double) throws -> Bool {
            try isRight { $0.scenarios[0].executor = .arrivals(.poisson, .constant(rate, seconds: seconds)) }
        }
        #expect(try arrivals(1, 86_400) && !arrivals(1, 86_401) && !arrivals(0, 10))
        #expect(try arrivals(1_000_000, 1) && !arrivals(1_000_001, 1))
        func users(_ count: Int, _ think: ThinkTime = .none) throws -> Bool {
            try isRight { $0.scenarios[0].executor = .users(UserProfile([.init(users: count, seconds: 1)]), think) }
        }
        #expect(try users(1) && users(100_000) && !users(100_001) && !users(0) && !users(-1))
        #expect(try !users(1, .constant(-1)) && !users(1, .uniform(2, 1)) && !users(1, .exponential(mean: .nan)))
        func search(_ change: (inout CapacitySearch) throws -> Void) throws -> Bool {
            try isRight {
                var search = CapacitySearch(rates: 1...10, until: try Threshold.parse("errors==0"), process: .even)
                try change(&search)
                $0.scenarios[0].executor = .findCapacity(search)
            }
        }
        #expect(try search { _ in } && !search { $0.until = [] } && !search { $0.rates = 0...1 })
        #expect(try !search { $0.tolerance = 0 } && !search { $0.stepSeconds = 0 } && !search { $0.stepsMax = 65 })
        #expect(try !search { $0.attempts = 0 } && !search { $0.attempts = 11 })
        #expect(try !search { $0.until = try Threshold.parse("errors{op:order.new}==0") })
        #expect(try !isRight { $0.scenarios = [] } && !isRight { $0.scenarios += $0.scenarios })
        #expect(try !isRight { $0.scenarios[0].gracefulStop = 3_601 } && !isRight { $0.scenarios[0].start = -1 })
    }

    @Test("Indices, names, weights and fields that do not fit are refused")
    func references() throws {
        #expect(try !isRight { $0.scenarios[0].mix = 1 } && !isRight { $0.mixes[0].items = [] })
        #expect(
            try !isRight { $0.mixes[0].items = [(.operation(3), 1)] } && !isRight { $0.mixes[0].items[0].weight = 0 })
        #expect(try !isRight { $0.mixes[0].items = [(.flow(0), 1)] })
        #expect(try !isRight { $0.mixes[0].bindings[0] = [BindingPlan(field: "nonsense", source: .literal([1]))] })
        #expect(try !isRight { $0.mixes[0].bindings[0] = [BindingPlan(field: "qty", source: .feeder(0))] })
        #expect(try !isRight { $0.mixes[0].bindings[0] = [BindingPlan(field: "qty", source: .variable(0))] })
        #expect(try !isRight { $0.operations[0].request = .call } && !isRight { $0.operations[1].name = "order.new" })
        #expect(try !isRight { $0.flows = [FlowPlan(name: "f", steps: [.think(.none)])] })
        #expect(try !isRight { $0.flows = [FlowPlan(name: "f", steps: [])] })
        func threshold(_ text: String) throws -> Bool { try isRight { $0.thresholds = try Threshold.parse(text) } }
        #expect(try threshold("response_time{op:order.new}.p(99)<1s") && !threshold("errors{op:order.neu}<1"))
        #expect(try threshold("throughput{scenario:s}>1") && !threshold("throughput{scenario:t}>1"))
        #expect(
            try threshold("apdex(50ms)>0.9 and apdex(50ms)>0.8") && !threshold("apdex(50ms)>0.9 and apdex(40ms)>0.9"))
        func feeder(_ kind: FeederPlan.Kind) throws -> Bool {
            try isRight { $0.feeders = [FeederPlan(name: "f", kind: kind)] }
        }
        #expect(try feeder(.zipf(size: 1, exponent: 0, prefix: "", firstNumber: 0, isShuffled: true)))
        #expect(try !feeder(.zipf(size: 0, exponent: 0, prefix: "", firstNumber: 0, isShuffled: true)))
        #expect(try !feeder(.csv(columns: ["a"], rows: [["1", "2"]], order: .random)))
        #expect(try !feeder(.csv(columns: ["a"], rows: [], order: .random)))
        #expect(try !feeder(.lognormal(mu: 1, sigma: 1, roundTo: 0, min: 0, max: 1)))
    }

    @Test("Thread and recording settings are checked at their limits")
    func settings() throws {
        #expect(try isRight { $0.pacing.coalescingNanoseconds = 1_000_000 })
        #expect(
            try !isRight { $0.pacing.coalescingNanoseconds = 1_000_001 }
                && !isRight { $0.pacing.timerSlackNanoseconds = 0 })
        #expect(
            try !isRight {
                $0.pacing.mode = .spin
                $0.pacing.wantsRealtime = true
            })
        #expect(try isRight { $0.recording.intervalSeconds = 0.1 } && !isRight { $0.recording.intervalSeconds = 0.09 })
        #expect(try !isRight { $0.recording.digits = 4 } && !isRight { $0.recording.slowestMax = 1_001 })
    }

    @Test("An unknown function, and simulated time against a socket, are errors")
    func functions() throws {
        let error = #expect(throws: LoadError.self) {
            var plan = try Samples.callPlan("nobody")
            plan.scenarios = [ScenarioPlan(name: "s", mix: 0, executor: .arrivals(.even, .constant(10, seconds: 1)))]
            _ = try LoadEngine(plan)
        }
        #expect(
            error?.message.contains("no function \"nobody\"") == true && error?.message.contains("echo, sleep") == true)
        #expect(throws: LoadError.self) {
            var plan = try Samples.orderPlan(port: 1)
            plan.scenarios = [ScenarioPlan(name: "s", mix: 0, executor: .arrivals(.even, .constant(10, seconds: 1)))]
            _ = try LoadEngine(plan, clock: .simulated(SimulatedClock()))
        }
    }
}
