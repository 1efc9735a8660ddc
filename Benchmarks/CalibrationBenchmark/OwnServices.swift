import Foundation
import LocalStack

extension CalibrationBench {
    /// A node's HTTP on a quarter of a processor.
    func accounts() async throws {
        say("-- accounts: GET /accounts/{id} on a quarter of a processor")
        let node = try await serve("node", ["serve", "--config", path("node.yaml"), "--quota", "0.25"])
        defer { node.process.signal(SIGKILL) }
        try write(
            """
            version: 1
            name: Accounts over HTTP
            target: {transport: http, address: "127.0.0.1:\(Self.port(node.ready["http"]))", connections: 64, timeout: 10s}
            feeders: {account: {type: uniform, range: [\(SampleMarket.first), \(SampleMarket.last)]}}
            operations: {account.get: {path: "/accounts/${account}"}}
            arrivals: poisson
            stages: [{rate: 100, hold: 4s}]
            mix: {account.get: 1}
            """, to: "accounts.yaml")
        let target = ["--scenario", path("accounts.yaml")]
        _ = try await capacity(target, users: 16)
        let most = try await capacity(target, users: 16)
        say("-- about \(Int(most)) requests a second at most")
        let loads =
            [0.1, 0.25, 0.5, 0.7, 0.85].map { Load(share: $0, isCheck: false) }
            + [0.4, 0.6, 0.8].map { Load(share: $0, isCheck: true) }
        try await calibrate("accounts", try await measure("accounts", loads, capacity: most, target))
        node.process.signal(SIGTERM)
        _ = await node.process.wait()
    }

    /// Orders through replicas of risk with a tenth of a processor each.
    func orders() async throws {
        say("-- orders: FIX through replicas of risk on a tenth of a processor each")
        try write(
            configuration(
                replicas: """
                    {http: "127.0.0.1:0", scope: bench, screen: true, screen_timeout_milliseconds: 5000, \
                    risk: {initial: 1, minimum: 1, maximum: 4, quota: 0.1}, \
                    notifications: {initial: 0, minimum: 0, maximum: 1}}
                    """), to: "screened.yaml")
        let node = try await serve("screened", ["serve", "--config", path("screened.yaml")])
        defer { node.process.signal(SIGKILL) }
        let supervisor = try await serve(
            "supervisor", ["supervise", "--config", path("screened.yaml"), "--logs", path("replicas")])
        defer { supervisor.process.signal(SIGKILL) }
        let control = Self.port(supervisor.ready["http"])
        let target = [
            "--target", "127.0.0.1:\(Self.port(node.ready["fix"]))", "--sessions", "\(SampleMarket.sessions)",
            "--accounts", "\(SampleMarket.last - SampleMarket.first + 1)", "--account-first", "\(SampleMarket.first)",
            "--account-exponent", "0", "--instruments", path("instruments.csv"), "--mix", "new=70,cancel=20,replace=10",
        ]
        try await Self.order(1, control)
        let most = try await capacity(target, users: 64)
        say("-- about \(Int(most)) orders a second with 64 in flight")
        var loads: [Load] = []
        for count in [1, 2] {
            loads += [0.15, 0.3, 0.55, 0.75].map { Load(replicas: count, share: $0, isCheck: false) }
            loads.append(Load(replicas: count, share: 0.45, isCheck: true))
        }
        loads += [0.3, 0.6].map { Load(replicas: 3, share: $0, isCheck: true) }
        let evidence = try await measure("orders", loads, capacity: most, target) { count in
            try await Self.order(count, control)
        }
        try await calibrate("orders", evidence)
        for process in [supervisor.process, node.process] {
            process.signal(SIGTERM)
            _ = await process.wait()
        }
    }

    /// Orders replicas of risk from the supervisor and waits until they serve.
    private static func order(_ count: Int, _ port: Int) async throws {
        let address = "http://127.0.0.1:\(port)/v1/replicas/risk"
        guard let url = URL(string: address) else { throw BenchFailure(description: "no URL: \(address)") }
        let body = #"{"replicas":\#(count),"epoch":\#(count),"decision":"bench-\#(count)"}"#
        _ = await
            (try ChildProcess.start(
                ["curl", "-sS", "-f", "-o", "/dev/null", "-X", "PUT", "-d", body, url.absoluteString], log: nil
            )).wait()
        for _ in 0..<600 {
            if let text = Loopback.httpGet(port: UInt16(port), path: "/v1/replicas/risk"),
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
