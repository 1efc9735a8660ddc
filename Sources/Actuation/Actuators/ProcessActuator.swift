internal import Telemetry

/// Orders replicas from the supervisor of local processes (`springtide supervise`).
///
/// - `PUT /v1/replicas/SERVICE` with `{"replicas":N,"epoch":E,"decision":"id"}` answers 200 with the service's state, 409
///   where the epoch is lower than one seen before, 404 for an unknown service, 422 for replicas out of bounds.
/// - `GET /v1/replicas` answers `{"services":[{"service":"risk","replicas":2,"instances":[{"replica":0,"state":"ready",
///   "age_seconds":12.5,"http":"127.0.0.1:9101"}]}]}`; the states are `starting`, `ready`, `unready`, `waiting` and
///   `draining`.
public final class ProcessActuator: Actuator {
    public let name = "processes"
    private let server: String
    private let transport: HTTPTransport
    private let timeout: Double
    private let backoff: Backoff
    private let fence: OrderFence
    private let now: @Sendable () -> Double
    private let sleep: @Sendable (Double) async throws -> Void
    private let leads: @Sendable (UInt64) -> Bool

    /// A client of the supervisor at `server`, e.g. `http://127.0.0.1:9300`.
    ///
    /// - Parameter leads: whether this process still leads in an epoch; asked just before each order is sent.
    /// - Throws: `ActuationFault.configuration` where that is no URL of http.
    public init(
        server: String, transport: HTTPTransport, timeout: Double = 2, backoff: Backoff = Backoff(),
        replicasMax: Int = 1_000, now: @escaping @Sendable () -> Double,
        sleep: @escaping @Sendable (Double) async throws -> Void,
        leads: @escaping @Sendable (UInt64) -> Bool = { _ in true }
    ) throws(ActuationFault) {
        guard server.hasPrefix("http://"), !server.hasSuffix("/") else {
            throw ActuationFault(.configuration, "the supervisor's URL is http://HOST:PORT, not '\(server)'")
        }
        self.server = server
        self.transport = transport
        self.timeout = timeout
        self.backoff = backoff
        self.now = now
        self.sleep = sleep
        self.leads = leads
        fence = OrderFence(replicasMax: replicasMax)
    }

    public func apply(_ order: ReplicaOrder) async throws(ActuationFault) -> AppliedOrder {
        guard KubernetesConfiguration.isName(order.service) else {
            throw ActuationFault(.configuration, "'\(order.service)' is no name of a service")
        }
        try fence.admit(order)
        let began = now()
        var number = 1
        var previous: Int?
        while true {
            do throws(ActuationFault) {
                let before = try await observe()[order.service]
                guard let before else { throw ActuationFault(.notFound, "the supervisor has no '\(order.service)'") }
                // After an order whose answer was lost this is what it ordered, which passes.
                try order.check(current: before.desired)
                previous = previous ?? before.desired
                guard leads(order.epoch) else {
                    throw ActuationFault(.fenced, "\(order.service): leadership in epoch \(order.epoch) has ended")
                }
                let stored = try await put(order)
                return AppliedOrder(
                    previous == stored ? .unchanged : .changed, previous: previous, replicas: stored)
            } catch {
                // 409 is the supervisor's own fence: a higher epoch has given orders.
                if error.code == .conflict { throw ActuationFault(.fenced, error.description) }
                number += 1
                guard error.isPassing,
                    let pause = backoff.pause(before: number, after: now() - began, asked: error.retryAfter)
                else { throw error }
                do {
                    try await sleep(pause)
                } catch {
                    throw ActuationFault(.cancelled, "cancelled while waiting to try again")
                }
            }
        }
    }

    /// Sends the order; the number that the supervisor wants now.
    private func put(_ order: ReplicaOrder) async throws(ActuationFault) -> Int {
        let body: JSONTree = [
            "replicas": .integer(Int64(order.replicas)), "epoch": .integer(Int64(clamping: order.epoch)),
            "decision": .string(order.decision),
        ]
        let path = "/v1/replicas/\(order.service)"
        let answer = try await transport.succeed(
            HTTPCall(
                "PUT", server + path, fields: [("Content-Type", "application/json")], body: body.bytes,
                timeout: timeout),
            "supervisor: PUT \(path)")
        guard let desired = JSONTree(answer.body)?["replicas"].integer, desired == order.replicas else {
            throw ActuationFault(.unreadable, "supervisor: PUT \(path) did not answer the replicas ordered")
        }
        return desired
    }

    public func observe() async throws(ActuationFault) -> [String: ReplicaState] {
        let answer = try await transport.succeed(
            HTTPCall("GET", server + "/v1/replicas", timeout: timeout), "supervisor: GET /v1/replicas")
        guard let services = JSONTree(answer.body)?["services"].array else {
            throw ActuationFault(.unreadable, "supervisor: GET /v1/replicas answered no list of services")
        }
        var found: [String: ReplicaState] = [:]
        for tree in services {
            let state = try Self.state(tree)
            found[state.service] = state
        }
        return found
    }

    private static func state(_ tree: JSONTree) throws(ActuationFault) -> ReplicaState {
        guard let service = tree["service"].string, let desired = tree["replicas"].integer, desired >= 0,
            let instances = tree["instances"].array
        else { throw ActuationFault(.unreadable, "supervisor: a service without name, replicas or instances") }
        var state = ReplicaState(service: service, desired: desired, ready: 0)
        for instance in instances {
            switch instance["state"].string {
            case "ready":
                state.ready += 1
                if let number = instance["replica"].integer, let place = instance["http"].string, !place.isEmpty {
                    state.endpoints["\(number)"] = "http://\(place)/metrics"
                }
            case "starting", "unready", "waiting":
                state.pending.append(max(0, instance["age_seconds"].double ?? 0))
            case "draining": state.draining += 1
            default: throw ActuationFault(.unreadable, "supervisor: a replica of \(service) in no known state")
            }
        }
        state.pending.sort(by: >)
        return state
    }
}
