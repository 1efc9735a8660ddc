import Actuation
import Autoscaling
import Foundation
import Synchronization
import Telemetry
import Testing

@Suite("Decisions over HTTP")
struct DecisionServerTests {
    @Test("KEDA's number, 503 where there is none or an old one, 404, 405, 413, 414; metrics and probes")
    func server() async throws {
        let time = Mutex(100.0)
        let ready = Mutex<String?>("no metrics yet")
        let board = DecisionBoard(services: ["risk", "matching"], ageMax: 30) { time.withLock { $0 } }
        let registry = MetricsRegistry()
        registry.gauge("autoscaler_desired_replicas", "Replicas.", [("service", "risk")]).set(5)
        let listener = HTTPListener(
            ListenerConfiguration(),
            routes: DecisionServer.routes(
                board, registry: registry, isAlive: { time.withLock { $0 } < 1_000 },
                notReady: { ready.withLock { $0 } }))
        let url = "http://127.0.0.1:\(try await listener.start())"
        try await withCaller { transport in
            func get(_ path: String, method: String = "GET", body: [UInt8] = []) async throws -> (Int, String) {
                let answer = try await transport.send(HTTPCall(method, url + path, body: body))
                return (answer.status, String(decoding: answer.body, as: UTF8.self))
            }
            #expect(try await get("/v1/desired-replicas/risk") == (503, "{\"error\":\"nothing was decided yet\"}\n"))
            board.publish(
                DecisionBoard.Entry(
                    decision: "d7", policy: "forecast", level: 1, epoch: 3,
                    service: ServiceDecision(
                        replicas: 5, quota: 0.5, reasons: [Reason("ScaleUpLimit", "wanted \"9\"")])),
                service: "risk")
            time.withLock { $0 = 130 }
            let desired = try await get("/v1/desired-replicas/risk")
            #expect(
                desired == (
                    200,
                    "{\"service\":\"risk\",\"value\":5,\"decision\":\"d7\",\"policy\":\"forecast\",\"level\":1,"
                        + "\"epoch\":3,\"ageSeconds\":30}\n"
                ))
            let object = try JSONSerialization.jsonObject(with: Data(desired.1.utf8)) as? [String: Any]
            #expect(object?["value"] as? Int == 5, "valueLocation: value")
            time.withLock { $0 = 130.5 }
            #expect(try await get("/v1/desired-replicas/risk").0 == 503, "an old decision is none")
            #expect(try await get("/v1/desired-replicas/nope").0 == 404)
            let all = try await get("/v1/decisions")
            #expect(
                all.0 == 200 && all.1.contains("\"quota\":0.5")
                    && all.1.contains("{\"code\":\"ScaleUpLimit\",\"text\":\"wanted \\\"9\\\"\"}"))
            #expect(try await get("/metrics").1.contains("autoscaler_desired_replicas{service=\"risk\"} 5.0\n"))
            #expect(try await get("/readyz") == (503, "no metrics yet\n"))
            ready.withLock { $0 = nil }
            #expect(try await get("/readyz?verbose") == (200, "ok\n"))
            #expect(try await get("/healthz").0 == 200)
            time.withLock { $0 = 1_000 }
            #expect(try await get("/healthz").0 == 503)
            #expect(try await get("/nothing").0 == 404)
            #expect(try await get("/v1/decisions", method: "POST", body: [1]).0 == 405)
            #expect(try await get("/" + String(repeating: "x", count: 2_047)).0 == 404)
            #expect(try await get("/" + String(repeating: "x", count: 2_048)).0 == 414)
            #expect(try await get("/healthz", method: "PUT", body: [UInt8](repeating: 0, count: 4_097)).0 == 413)
        }
        await listener.stop()
        await listener.stop()
    }

    @Test("An address that is taken is a fault with the address")
    func bind() async throws {
        let first = HTTPListener(ListenerConfiguration(), routes: [])
        var configuration = ListenerConfiguration()
        configuration.port = try await first.start()
        let second = HTTPListener(configuration, routes: [])
        let refused = await fault { try await second.start() }
        #expect(refused?.code == .bind && refused?.description.contains(":\(configuration.port)") == true)
        await second.stop()
        await first.stop()
    }
}
