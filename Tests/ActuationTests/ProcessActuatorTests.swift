import Actuation
import Synchronization
import TestKubernetes
import Testing

@Suite("Replicas of local processes")
struct ProcessActuatorTests {
    /// A supervisor as `springtide supervise` answers: replicas by service, its own fence, a service `risk` of 1...8.
    final class Supervisor: Sendable {
        let state = Mutex((replicas: 2, epoch: UInt64(3), orders: [String](), broken: [FakeReply]()))

        func answer(_ request: FakeRequest) -> FakeReply {
            state.withLock { state in
                if !state.broken.isEmpty { return state.broken.removeFirst() }
                let body = String(decoding: request.body, as: UTF8.self)
                guard request.method == "PUT" else { return Self.page(state.replicas) }
                state.orders.append(body)
                func number(_ key: String) -> Int {
                    body.split(separator: "\"\(key)\":").last.flatMap { Int($0.prefix { $0.isNumber || $0 == "-" }) }
                        ?? -1
                }
                if number("epoch") < Int(state.epoch) { return .answer(status: 409, body: "{\"error\":\"epoch\"}") }
                if number("replicas") > 8 { return .answer(status: 422, body: "{\"error\":\"bounds\"}") }
                state.epoch = UInt64(number("epoch"))
                state.replicas = number("replicas")
                return .answer(status: 200, body: "{\"service\":\"risk\",\"replicas\":\(state.replicas)}")
            }
        }

        static func page(_ replicas: Int) -> FakeReply {
            .answer(
                status: 200,
                body: """
                    {"epoch":3,"services":[{"service":"risk","replicas":\(replicas),"instances":[
                    {"replica":0,"state":"ready","age_seconds":90.5,"http":"127.0.0.1:9101"},
                    {"replica":1,"state":"ready","age_seconds":80,"http":""},
                    {"replica":2,"state":"starting","age_seconds":1.5,"http":""},
                    {"replica":3,"state":"waiting","age_seconds":7},{"replica":4,"state":"draining"}]}]}
                    """)
        }
    }

    func with(
        leads: @escaping @Sendable (UInt64) -> Bool = { _ in true },
        _ body: (Supervisor, ProcessActuator) async throws -> Void
    ) async throws {
        let supervisor = Supervisor()
        let server = try FakeHTTPServer { supervisor.answer($0) }
        let url = try await server.start()
        let surroundings = TestSurroundings()
        try await withCaller { transport in
            try await body(
                supervisor,
                try ProcessActuator(
                    server: url, transport: transport, timeout: 0.5, now: TestSurroundings.now,
                    sleep: surroundings.sleep, leads: leads))
        }
        await server.stop()
    }

    func order(_ replicas: Int, epoch: UInt64 = 3) -> ReplicaOrder {
        ReplicaOrder(service: "risk", replicas: replicas, decision: "d1", epoch: epoch)
    }

    @Test("States, ages oldest first, and where metrics are")
    func observe() async throws {
        try await with { _, actuator in
            let states = try await actuator.observe()
            #expect(
                states == [
                    "risk": ReplicaState(
                        service: "risk", desired: 2, ready: 2, pending: [7, 1.5], draining: 1,
                        endpoints: ["0": "http://127.0.0.1:9101/metrics"])
                ])
        }
    }

    @Test("An order with its epoch and decision; the same again is unchanged")
    func apply() async throws {
        try await with { supervisor, actuator in
            let first = try await actuator.apply(order(4))
            let again = try await actuator.apply(order(4))
            #expect(first == AppliedOrder(.changed, previous: 2, replicas: 4))
            #expect(again == AppliedOrder(.unchanged, previous: 4, replicas: 4))
            let sent = supervisor.state.withLock { $0.orders }
            #expect(sent.first == "{\"decision\":\"d1\",\"epoch\":3,\"replicas\":4}")
            // Four are there by now: who saw two may order more, not three.
            func late(_ replicas: Int) -> ReplicaOrder {
                ReplicaOrder(service: "risk", replicas: replicas, seen: 2, decision: "d2", epoch: 3)
            }
            #expect(await fault { _ = try await actuator.apply(late(3)) }?.code == .stale)
            #expect(supervisor.state.withLock { $0.orders.count } == sent.count)
            #expect(try await actuator.apply(late(5)).replicas == 5)
        }
    }

    @Test("The supervisor's fence, its bounds and an unknown service are told apart, and not tried again")
    func refusals() async throws {
        try await with { supervisor, actuator in
            #expect(await fault { _ = try await actuator.apply(order(4, epoch: 2)) }?.code == .fenced)
            #expect(await fault { _ = try await actuator.apply(order(9)) }?.code == .invalid)
            let unknown = ReplicaOrder(service: "nope", replicas: 1, decision: "d", epoch: 3)
            #expect(await fault { _ = try await actuator.apply(unknown) }?.code == .notFound)
            let odd = ReplicaOrder(service: "../x", replicas: 1, decision: "d", epoch: 3)
            #expect(await fault { _ = try await actuator.apply(odd) }?.code == .configuration)
            #expect(supervisor.state.withLock { $0.orders.count } == 2)
        }
    }

    @Test("Who no longer leads sends nothing")
    func deposed() async throws {
        try await with(leads: { _ in false }) { supervisor, actuator in
            #expect(await fault { _ = try await actuator.apply(order(5)) }?.code == .fenced)
            #expect(supervisor.state.withLock { $0.orders.isEmpty })
        }
    }

    @Test("A hang and a 503 are tried again; HTML is not")
    func faults() async throws {
        try await with { supervisor, actuator in
            supervisor.state.withLock { $0.broken = [.hang, .answer(status: 503, body: "")] }
            let applied = try await actuator.apply(order(5))
            #expect(applied.replicas == 5)
            supervisor.state.withLock { $0.broken = [.answer(status: 200, type: "text/html", body: "<html>")] }
            #expect(await fault { _ = try await actuator.apply(order(6)) }?.code == .unreadable)
        }
        let surroundings = TestSurroundings()
        #expect(throws: ActuationFault.self) {
            try ProcessActuator(
                server: "unix:/x", transport: HTTPTransport { _ throws(ActuationFault) in HTTPAnswer(status: 200) },
                now: TestSurroundings.now, sleep: surroundings.sleep)
        }
    }

    @Test("A dry run remembers and fences like the others")
    func dryRun() async throws {
        let actuator = DryRunActuator(replicas: ["risk": 2])
        #expect(try await actuator.apply(order(4)) == AppliedOrder(.dryRun, previous: 2, replicas: 4))
        #expect(try await actuator.observe()["risk"]?.desired == 4)
        #expect(await fault { _ = try await actuator.apply(order(1, epoch: 2)) }?.code == .fenced)
        #expect(await fault { _ = try await actuator.apply(order(-1)) }?.code == .invalid)
    }

    @Test("Pauses double up to a limit, tries and the whole time are bounded")
    func backoff() {
        let backoff = Backoff()
        #expect((2...6).map { backoff.pause(before: $0, after: 0, asked: nil) } == [0.2, 0.4, 0.8, 1.6, nil])
        #expect(backoff.pause(before: 2, after: 0, asked: 1) == 1 && backoff.pause(before: 2, after: 0, asked: 99) == 3)
        #expect(backoff.pause(before: 2, after: 7.8, asked: nil) == 0.2)
        #expect(backoff.pause(before: 2, after: 7.81, asked: nil) == nil)
    }
}
