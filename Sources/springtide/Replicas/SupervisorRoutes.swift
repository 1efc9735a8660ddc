internal import Foundation
internal import Gateway
internal import Services

/// The supervisor's HTTP interface.
///
/// | method and path | answer |
/// |---|---|
/// | GET /v1/replicas | what is asked for and what there is |
/// | GET /v1/replicas/{service} | the same of one service |
/// | PUT /v1/replicas/{service} | orders `{"replicas":N,"epoch":E,"decision":"ID"}`: 200 in force or repeated, 400 malformed, 404 unknown service, 409 lower epoch or an id that ordered another number of this service, 422 out of bounds |
/// | GET /v1/targets | where replicas serve /metrics, as Prometheus' http_sd reads it |
struct SupervisorRoutes: Sendable {
    let supervisor: Supervisor
    let settings: ReplicaSettings

    /// The body of an order.
    private struct Order: Decodable {
        var replicas: Int
        var epoch: UInt64
        var decision: String
    }

    /// The routes for the listener.
    var all: [OperatorRoute] {
        [
            .get("/healthz") { _ in .text("ok") },
            .get("/v1/replicas") { _ in Self.json(await replicas()) },
            .get("/v1/replicas/{service}") { request in
                let service = await replica(request.parameters["service"] ?? "")
                return service.map { Self.json($0) } ?? Self.problem(404, "no such service")
            },
            .put("/v1/replicas/{service}") { await order($0.parameters["service"] ?? "", $0.body) },
            .get("/v1/targets") { _ in Self.json(await targets()) },
        ]
    }

    private func order(_ service: String, _ body: [UInt8]) async -> OperatorResponse {
        guard let order = try? JSONDecoder().decode(Order.self, from: Data(body)) else {
            return Self.problem(400, #"the body must be {"replicas":N,"epoch":E,"decision":"ID"}"#)
        }
        guard (1...128).contains(order.decision.utf8.count) else {
            return Self.problem(400, "decision must be 1 to 128 bytes")
        }
        switch await supervisor.order(
            service, replicas: order.replicas, epoch: order.epoch, decision: order.decision)
        {
        case .accepted: return await answer(service, repeated: false)
        case .repeated: return await answer(service, repeated: true)
        case .stale(let current): return Self.problem(409, "epoch \(order.epoch) is below \(current)")
        case .decisionReused: return Self.problem(409, "decision \(order.decision) stood for something else")
        case .outOfBounds(let bounds):
            return Self.problem(422, "replicas must be \(bounds.lowerBound) to \(bounds.upperBound)")
        case .unknownService: return Self.problem(404, "no such service")
        }
    }

    private func answer(_ service: String, repeated: Bool) async -> OperatorResponse {
        var object = await replica(service) ?? [:]
        object["repeated"] = repeated
        return Self.json(object)
    }

    private func replicas() async -> [String: Any] {
        let (epoch, services, slots) = await supervisor.state
        return [
            "epoch": epoch, "quotas": await supervisor.hasQuotas,
            "services": services.map { describe($0, slots.filter { [name = $0.name] in $0.service == name }) },
        ]
    }

    private func replica(_ name: String) async -> [String: Any]? {
        let (epoch, services, slots) = await supervisor.state
        guard let service = services.first(where: { $0.name == name }) else { return nil }
        var object = describe(service, slots.filter { $0.service == name })
        object["epoch"] = epoch
        return object
    }

    private func describe(_ service: ReplicaControl.Service, _ slots: [ReplicaSlot]) -> [String: Any] {
        [
            "service": service.name, "replicas": service.desired, "decision": service.decision,
            "minimum": service.bounds.lowerBound, "maximum": service.bounds.upperBound,
            "quota": settings.services.first { $0.name == service.name }?.quota ?? 0,
            "ready": slots.count { $0.phase == .ready },
            "pending": slots.count { $0.phase == .starting || $0.phase == .waiting || $0.phase == .unready },
            "draining": slots.count { $0.phase == .draining },
            "instances": slots.map { slot in
                [
                    "replica": slot.number, "state": slot.phase.rawValue, "http": slot.facts?.http ?? "",
                    "pid": slot.facts?.pid ?? 0, "restarts": slot.restarts,
                    "age_seconds": Double(Int64((ContinuousClock.now - slot.startedAt) / .milliseconds(1))) / 1_000,
                ] as [String: Any]
            },
        ]
    }

    private func targets() async -> [[String: Any]] {
        await supervisor.state.slots.compactMap { slot in
            guard let facts = slot.facts, slot.phase != .waiting else { return nil }
            return [
                "targets": [facts.http],
                "labels": ["job": "springtide", "service": slot.service, "replica": "\(slot.number)"],
            ]
        }
    }

    private static func json(_ object: Any) -> OperatorResponse {
        guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) else {
            return .text("cannot be written", status: 500)
        }
        return .json(String(decoding: data, as: UTF8.self))
    }

    private static func problem(_ status: Int, _ text: String) -> OperatorResponse {
        var response = json(["error": text])
        response.status = status
        return response
    }
}
