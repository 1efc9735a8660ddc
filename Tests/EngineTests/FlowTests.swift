import Arrivals
import Engine
import Synchronization
import Testing

@Suite("Flows, mixes and stripes")
struct FlowTests {
    private static func request(_ operation: Int, _ bindings: [BindingPlan] = [], saves: [SavePlan] = []) -> FlowRequest
    {
        var request = FlowRequest(operation: operation)
        request.bindings = bindings
        request.saves = saves
        return request
    }

    /// Calls, remembers the reply's id, pauses, and names it in a second call.
    private func plan(_ name: String, rate: Double = 100, seconds: Double = 2) throws -> LoadPlan {
        var plan = try Samples.callPlan(name)
        plan.feeders = [
            FeederPlan(
                name: "key", kind: .zipf(size: 1_000, exponent: 1, prefix: "K", firstNumber: 0, isShuffled: true)),
            FeederPlan(name: "number", kind: .uniform(1...1_000_000, prefix: "")),
        ]
        let save = SavePlan(variable: 0, extract: .json(["id"]))
        plan.flows = [
            FlowPlan(
                name: "life",
                steps: [
                    .request(
                        Self.request(
                            0,
                            [BindingPlan(field: "a", source: .feeder(0)), BindingPlan(field: "b", source: .feeder(1))],
                            saves: [save])),
                    .think(.exponential(mean: 0.3)),
                    .request(Self.request(1, [BindingPlan(field: "id", source: .variable(0))])),
                ], variables: ["id"])
        ]
        plan.mixes = [
            MixPlan(
                name: "mix", items: [(.flow(0), 3), (.operation(1), 1)],
                bindings: [[], [BindingPlan(field: "a", source: .literal(Array("x".utf8)))]])
        ]
        plan.scenarios = [
            ScenarioPlan(name: "open", mix: 0, executor: .arrivals(.poisson, .constant(rate, seconds: seconds)))
        ]
        return plan
    }

    @Test("A value saved from a reply is in the next request; its time is the reply's plus the pause")
    func saved() throws {
        let calls = KeptCalls()
        let samples = KeptSamples()
        let result = try Samples.simulate(try plan("saved"), samples: samples) { call in
            calls.add(call)
            return InProcessReply(after: 7_000_000, values: ["id": "order-\(call.number)"])
        }
        let made = Set(calls.all.filter { $0.operation == "call" }.map { "order-\($0.number)" })
        let named = calls.all.compactMap { $0.arguments["id"] }
        #expect(Set(named) == made && named.count == made.count, "each order is named once")
        #expect(result.errors == 0 && result.total == calls.all.count && result.offered == result.total)
        // Response equals service time: the request after a pause is not late by the pause.
        #expect(samples.all.allSatisfy { $0.done - $0.intended == 7_000_000 })
        #expect(calls.all.filter { $0.arguments["a"] == "x" }.count > 20)
    }

    @Test("A flow ends at a request that fails or whose answer lacks what it saves")
    func failedFlow() throws {
        let result = try Samples.simulate(try plan("failed")) { call in
            call.operation == "call"
                ? call.number % 2 == 0 ? InProcessReply(.rejected, reason: "no") : InProcessReply(after: 1_000)
                : InProcessReply(after: 1_000)
        }
        let first = try #require(result.merged(operation: 0))
        #expect(first.count(.ok) == 0 && first.count(.rejected) > 0 && first.count(.error) > 0)
        let reasons = Set(result.refusals.map(\.reason))
        #expect(reasons == ["no", "the answer lacks what the flow saves"])
        let alone = result.merged(operation: 1)?.total ?? 0
        // Only the quarter of iterations that is the single operation sends the second one.
        #expect(abs(Double(alone) - Double(first.total) / 3) < 4 * Double(first.total + alone).squareRoot())
    }

    @Test("A step of probability p is sent in that share of the runs, the flow goes on behind it")
    func probability() throws {
        var plan = try plan("probability", rate: 1_000, seconds: 4)
        var maybe = Self.request(0)
        maybe.probability = 0.45
        plan.flows = [FlowPlan(name: "f", steps: [.request(maybe), .request(Self.request(1))])]
        plan.mixes = [MixPlan(name: "mix", items: [(.flow(0), 1)])]
        let result = try Samples.simulate(plan) { _ in InProcessReply(after: 1_000) }
        let all = Double(result.merged(operation: 1)?.total ?? 0)
        let some = Double(result.merged(operation: 0)?.total ?? 0)
        #expect(all > 3_700 && abs(some - 0.45 * all) < 4 * (all * 0.45 * 0.55).squareRoot())
    }

    /// Everything `workers` workers send, in alphabetical order, and their merged result.
    private func sent(_ plan: LoadPlan, workers: Int) throws -> (calls: [String], result: RunResult) {
        let calls = KeptCalls()
        var merged = RunResult()
        for index in 0..<workers {
            var part = plan
            part.stripe = Stripe(index: index, of: workers)
            let result = try Samples.simulate(part) { call in
                calls.add(call)
                return InProcessReply(after: 2_000_000, values: ["id": call.arguments["b"] ?? ""])
            }
            if index == 0 { merged = result } else { merged.merge(result) }
        }
        return (calls.sorted, merged)
    }

    @Test("Workers together send what one worker sends: arrivals, mixes, feeders and flows", arguments: [2, 3, 7])
    func arrivalStripes(workers: Int) throws {
        let plan = try plan("stripes")
        let one = try sent(plan, workers: 1)
        let many = try sent(plan, workers: workers)
        #expect(one.calls == many.calls && one.calls.count > 200)
        #expect(one.result.rows.map(\.response) == many.result.rows.map(\.response))
        #expect(one.result.series.map(\.sent) == many.result.series.map(\.sent))
        #expect(abs(one.result.expected - many.result.expected) < 1e-6)
    }

    @Test("Users and CSV rows of workers together are those of one", arguments: [2, 3])
    func userStripes(workers: Int) throws {
        var plan = try plan("user stripes")
        let rows = (0..<97).map { ["row\($0)", "n\($0)"] }
        for order in FeederPlan.RowOrder.allCases {
            plan.feeders[0] = FeederPlan(name: "key", kind: .csv(columns: ["a", "b"], rows: rows, order: order))
            let think = ThinkTime.uniform(0.05, 0.2)
            plan.scenarios[0].executor = .users(
                UserProfile([.init(users: 13, seconds: 1), .init(users: 13, seconds: 1)]), think)
            let one = try sent(plan, workers: 1)
            #expect(try sent(plan, workers: workers).calls == one.calls && one.calls.count > 100, "\(order)")
        }
    }

    @Test("The same seed sends the same, another seed something else")
    func seeds() throws {
        var plan = try plan("seeds")
        let first = try sent(plan, workers: 1).calls
        #expect(try sent(plan, workers: 1).calls == first)
        plan.seed = 8
        #expect(try sent(plan, workers: 1).calls != first)
    }
}
