import Foundation
import LocalStack

extension CalibrationBench {
    /// A node's HTTP on one processor, always the same one; the generator, at real-time priority, on the other.
    func accounts() async throws {
        say("-- accounts: GET /accounts/{id} on one processor")
        let node = try await serve(
            "node", ["serve", "--config", path("node.yaml")], prefix: ["taskset", "-c", "1"])
        defer { node.process.signal(SIGKILL) }
        // A request holds a connection until it is answered: more connections than are ever in use, or requests wait
        // in the generator. The node takes 256.
        let service = OwnService(
            name: "accounts",
            scenario: """
                version: 1
                name: Accounts over HTTP
                target: {transport: http, address: "127.0.0.1:\(Self.port(node.ready["http"]))", connections: 192, \
                timeout: 10s}
                feeders: {account: {type: uniform, range: [\(SampleMarket.first), \(SampleMarket.last)]}}
                operations: {account.get: {path: "/accounts/${account}"}}
                """, mix: "{account.get: 1}", generator: ["taskset", "-c", "0"])
        let knee = try await knee(service, limit: "4ms")
        let loads = Load.of(1, fit: [0.1, 0.25, 0.4, 0.55, 0.7, 0.9], check: [0.33, 0.48, 0.62, 0.8])
        try await calibrate("accounts", try await measure(service, loads, knee: knee))
        node.process.signal(SIGTERM)
        _ = await node.process.wait()
    }

    /// Orders through replicas of risk on 15 % of a processor each.
    func orders() async throws {
        say("-- orders: FIX through replicas of risk on 15 % of a processor each")
        try write(
            configuration(
                replicas: """
                    {http: "127.0.0.1:0", scope: bench, screen: true, screen_timeout_milliseconds: 5000, \
                    risk: {initial: 1, minimum: 1, maximum: 4, quota: 0.15}, \
                    notifications: {initial: 0, minimum: 0, maximum: 1}}
                    """), to: "screened.yaml")
        let node = try await serve("screened", ["serve", "--config", path("screened.yaml")])
        defer { node.process.signal(SIGKILL) }
        let supervisor = try await serve(
            "supervisor", ["supervise", "--config", path("screened.yaml"), "--logs", path("replicas")])
        defer { supervisor.process.signal(SIGKILL) }
        let control = Self.port(supervisor.ready["http"])
        let service = OwnService(
            name: "orders",
            scenario: """
                version: 1
                name: Orders through replicas of risk
                target: {address: "127.0.0.1:\(Self.port(node.ready["fix"]))", connections: \(SampleMarket.sessions), \
                timeout: 10s}
                accounts: {first: \(SampleMarket.first), count: \(SampleMarket.last - SampleMarket.first + 1), exponent: 0}
                instruments: {file: "\(path("instruments.csv"))"}
                """, mix: "{order.new: 70, order.cancel: 20, order.replace: 10}")
        try await order(1, control)
        let knee = try await knee(service, limit: "20ms")
        // Several replicas get no more in sum than one, so that the rest of the chain has the same to do.
        let loads =
            Load.of(1, fit: [0.1, 0.25, 0.45, 0.65, 0.9], check: [0.35, 0.55, 0.8])
            + Load.of(2, fit: [0.2, 0.45], check: [0.32]) + Load.of(3, fit: [], check: [0.15, 0.25])
        let evidence = try await measure(service, loads, knee: knee) { count in
            try await order(count, control)
        }
        try await calibrate("orders", evidence)
        for process in [supervisor.process, node.process] {
            process.signal(SIGTERM)
            _ = await process.wait()
        }
    }

    /// Orders replicas of risk from the supervisor and waits until they serve.
    private func order(_ count: Int, _ port: Int) async throws {
        orderings += 1
        let body = #"{"replicas":\#(count),"epoch":\#(orderings),"decision":"bench-\#(orderings)"}"#
        let path = "/v1/replicas/risk"
        guard Loopback.httpPut(port: UInt16(port), path: path, body: body) != nil else {
            throw BenchFailure(description: "the supervisor takes no order of \(count) replicas")
        }
        for _ in 0..<600 {
            if let text = Loopback.httpGet(port: UInt16(port), path: path),
                let start = text.firstIndex(of: "{"),
                let object = try? JSONSerialization.jsonObject(with: Data(text[start...].utf8)) as? [String: Any],
                object["ready"] as? Int == count, object["replicas"] as? Int == count
            {
                // What a new replica took over is worked off, and its cache is no longer empty.
                return try await Task.sleep(for: .seconds(3))
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchFailure(description: "\(count) replicas of risk were not ready within a minute")
    }
}
