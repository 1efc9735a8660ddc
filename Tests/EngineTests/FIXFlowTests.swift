import Arrivals
import Engine
import FIX
import Telemetry
import Testing

/// Flows, bindings and faults over FIX sessions.
@Suite("FIX flows and faults", .serialized)
struct FIXFlowTests {
    private func request(_ operation: Int, _ bindings: [(String, ValueSource)] = [], saves: [SavePlan] = []) -> FlowStep
    {
        var request = FlowRequest(operation: operation)
        request.bindings = bindings.map { BindingPlan(field: $0.0, source: $0.1) }
        request.saves = saves
        return .request(request)
    }

    private func run(
        _ acceptor: LoopbackAcceptor, rate: Double = 200, seconds: Double = 0.5,
        _ change: (inout LoadPlan) throws -> Void
    ) throws -> RunResult {
        defer { acceptor.stop() }
        var plan = try Samples.orderPlan(port: acceptor.port)
        plan.scenarios = [
            ScenarioPlan(name: "open", mix: 0, executor: .arrivals(.even, .constant(rate, seconds: seconds)))
        ]
        try change(&plan)
        return try LoadEngine(plan).run()
    }

    @Test("A flow cancels exactly the order it placed, on its session, though others cancel at random beside it")
    func cancelsOwn() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor, rate: 400) { plan in
            let save = SavePlan(variable: 0, extract: .order)
            plan.flows = [
                FlowPlan(
                    name: "life",
                    steps: [
                        request(0, [("qty", .literal(Array("12300".utf8)))], saves: [save]), .think(.constant(0.02)),
                        request(1, [("id", .variable(0))]),
                    ], variables: ["id"])
            ]
            plan.mixes[0] = MixPlan(name: "mix", items: [(.flow(0), 1), (.operation(0), 1), (.operation(1), 1)])
        }
        #expect(result.errors == 0 && result.count(.tooLate) == 0 && result.total == acceptor.received.count)
        let placed = acceptor.received.filter { $0.type == .newOrderSingle && $0.quantity == 12_300 }
        #expect(placed.count > 30)
        for order in placed {
            let cancels = acceptor.received.filter { $0.origClOrdID == order.clOrdID }
            #expect(cancels.count == 1 && cancels[0].session == order.session && cancels[0].quantity == 12_300)
        }
    }

    @Test("A replaced order keeps its name in the flow; what a flow leaves is open to others")
    func replaced() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor) { plan in
            let save = SavePlan(variable: 0, extract: .order)
            plan.flows = [
                FlowPlan(
                    name: "life",
                    steps: [
                        request(0, saves: [save]),
                        request(2, [("id", .variable(0)), ("price", .literal(Array("9.99".utf8)))]),
                        request(2, [("id", .variable(0)), ("qty", .literal(Array("300".utf8)))]),
                        request(1, [("id", .variable(0))]),
                    ], variables: ["id"])
            ]
            plan.mixes[0] = MixPlan(name: "mix", items: [(.flow(0), 1)])
        }
        #expect(result.errors == 0 && result.count(.ok) == result.total && result.total == 4 * (result.rows[0].total))
        let byID = Dictionary(uniqueKeysWithValues: acceptor.received.map { ($0.clOrdID, $0) })
        for cancel in acceptor.received where cancel.type == .orderCancelRequest {
            let second = try #require(cancel.origClOrdID.flatMap { byID[$0] })
            let first = try #require(second.origClOrdID.flatMap { byID[$0] })
            #expect(
                second.quantity == 300 && first.price == 9_990 && byID[first.origClOrdID ?? ""]?.type == .newOrderSingle
            )
        }
    }

    @Test("Bound fields override the drawn order; the price goes around the bound symbol")
    func bindings() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor) { plan in
            plan.mixes[0] = MixPlan(
                name: "mix", items: [(.operation(0), 1)],
                bindings: [
                    [
                        BindingPlan(field: "account", source: .literal(Array("77".utf8))),
                        BindingPlan(field: "symbol", source: .literal(Array("600003".utf8))),
                        BindingPlan(field: "side", source: .literal(Array("sell".utf8))),
                    ]
                ])
        }
        #expect(result.errors == 0)
        #expect(
            acceptor.received.allSatisfy { $0.account == 77 && $0.symbol == "600003" && $0.side == UInt8(ascii: "2") })
        #expect(Set(acceptor.received.compactMap(\.price)).count > 3, "prices are drawn")
    }

    @Test(
        "A bound value that is no such thing is an error with its reason, and nothing is sent",
        arguments: [
            ("account", "x", "account is not"), ("qty", "0", "qty is not"), ("side", "hold", "side is neither"),
            ("symbol", "NOSUCH", "symbol is not in"), ("price", "-1", "price is not"), ("qty", "", "qty is not"),
        ])
    func badBinding(field: String, value: String, reason: String) throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor) { plan in
            let binding = BindingPlan(field: field, source: .literal(Array(value.utf8)))
            plan.mixes[0] = MixPlan(name: "mix", items: [(.operation(0), 1)], bindings: [[binding]])
        }
        #expect(acceptor.received.isEmpty && result.sent == 0 && result.count(.error) == result.offered)
        #expect(result.refusals.count == 1 && result.refusals[0].reason.hasPrefix(reason))
    }

    @Test("One request in N carries its trace context in tag 20001, with ids from the seed")
    func traces() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor) { plan in
            plan.traceEvery = 5
            plan.recording.slowestMax = 1_000
            plan.mixes[0] = MixPlan(name: "mix", items: [(.operation(0), 1)])
        }
        let traced = acceptor.received.compactMap(\.trace)
        #expect(traced.count == (result.total + 4) / 5 && Set(traced).count == traced.count)
        #expect(traced.allSatisfy { TraceContext($0)?.isSampled == true })
        let named = Set(result.slowest.map(\.traceID).filter { !$0.isEmpty })
        #expect(named == Set(traced.map { String($0.dropFirst(3).prefix(32)) }))
    }

    @Test("A session never has more requests unanswered than its window")
    func window() throws {
        let acceptor = try LoopbackAcceptor { _, _ in .ignore }
        let result = try run(acceptor) { plan in
            plan.target.window = 3
            plan.target.timeoutNanoseconds = 800_000_000
            plan.target.onSaturation = .drop
        }
        #expect(result.sent == 12 && result.count(.timeout) == 12 && result.count(.dropped) == result.offered - 12)
        #expect(Dictionary(grouping: acceptor.received, by: \.session).values.allSatisfy { $0.count == 3 })
    }

    @Test("Garbage between frames is skipped, and its neighbours are answered")
    func garbage() throws {
        let acceptor = try LoopbackAcceptor { number, _ in number % 4 == 0 ? .garbage : .accept }
        let result = try run(acceptor) { $0.target.timeoutNanoseconds = 1_000_000_000 }
        #expect(result.disconnects == 0 && result.total == result.offered)
        // A garbled message takes at most the frame behind it along; the gap is then filled by the session layer.
        #expect(result.count(.ok) + result.count(.timeout) == result.total && result.count(.ok) > result.total / 2)
    }

    @Test(
        "A session that is half-closed, reset or spoilt loses its requests as unknown, with the reason",
        arguments: [
            (LoopbackAcceptor.Action.halfClose, "connection closed by the target"), (.reset, "connection reset"),
            (.endless, "session closed"), (.disconnect, "connection closed by the target"),
        ] as [(LoopbackAcceptor.Action, String)])
    func broken(action: LoopbackAcceptor.Action, reason: String) throws {
        let acceptor = try LoopbackAcceptor { number, _ in number == 30 ? action : .accept }
        let result = try run(acceptor) { plan in plan.target.connections = 1 }
        #expect(result.disconnects == 1 && result.total == result.offered && result.count(.unknown) >= 1)
        let reasons = result.refusals.filter { $0.outcome == .unknown }.map(\.reason)
        #expect(reasons == [reason] || reasons == ["connection reset"], "\(reasons)")
        #expect(result.count(.dropped) > 0 && result.count(.ok) >= 30)
    }

    @Test("Closed users over FIX: every user has one request at a time")
    func users() throws {
        let acceptor = try LoopbackAcceptor()
        let result = try run(acceptor) { plan in
            let profile = UserProfile([.init(users: 20, seconds: 0.1), .init(users: 20, seconds: 0.4)])
            plan.scenarios[0].executor = .users(profile, .constant(0.01))
        }
        #expect(result.errors == 0 && result.count(.ok) == result.offered && result.offered > 20)
        #expect(result.series.allSatisfy { $0.inFlight <= 20 })
    }
}
