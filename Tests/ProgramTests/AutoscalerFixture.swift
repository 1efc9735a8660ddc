import Autoscaling
import Foundation
import LocalStack
import Synchronization

/// A small HTTP/1.1 server on loopback: one request a connection, answered by a closure on a thread of its own.
final class FakeEndpoint: Sendable {
    struct Request {
        var method: String
        var path: String
        var body: String
    }

    struct Reply {
        var status = 200
        var type = "text/plain; version=0.0.4"
        var body: String
    }

    let port: UInt16
    private let descriptor: Int32

    /// A server that answers with `handle`; nil closes the connection without an answer.
    init(_ handle: @escaping @Sendable (Request) -> Reply?) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw CocoaError(.fileReadUnknown) }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread {
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                Thread.detachNewThread {
                    if let request = Self.read(connection), let reply = handle(request) {
                        let head =
                            "HTTP/1.1 \(reply.status) X\r\nContent-Type: \(reply.type)\r\n"
                            + "Content-Length: \(reply.body.utf8.count)\r\nConnection: close\r\n\r\n"
                        let bytes = Array((head + reply.body).utf8)
                        var sent = 0
                        while sent < bytes.count {
                            let count = bytes[sent...].withUnsafeBytes {
                                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                            }
                            guard count > 0 else { break }
                            sent += count
                        }
                    }
                    close(connection)
                }
            }
        }
    }

    /// The whole request; nil where the peer left.
    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let head = text[..<end.lowerBound]
                let field = head.lowercased().components(separatedBy: "content-length:").dropFirst().first
                let length = field.flatMap { Int($0.prefix { $0 != "\r" }.trimmingCharacters(in: .whitespaces)) } ?? 0
                let body = String(text[end.upperBound...])
                if body.utf8.count >= length {
                    let words = head.split(separator: " ", maxSplits: 2)
                    guard words.count == 3 else { return nil }
                    return Request(method: String(words[0]), path: String(words[1]), body: body)
                }
            }
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
    }

    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }
}

/// A supervisor of two services with pages of metrics for each replica: what the sidecar observes and orders.
final class FakeServices: Sendable {
    struct Order: Equatable {
        var service: String
        var replicas: Int
        var epoch: Int
        var decision: String
    }

    struct State {
        var replicas = ["risk": 2, "match": 2]
        /// Requests a second offered to each service, and those that each replica has taken so far.
        var rate = 100.0
        var taken: [String: [Double]] = [:]
        var since = ContinuousClock.now
        var orders: [Order] = []
        var epoch = 0
        /// What a page is instead, by path; nil for a good one.
        var page: (@Sendable (_ path: String, _ good: String) -> FakeEndpoint.Reply?)?
    }

    let state = Mutex(State())
    private let endpoint: FakeEndpoint
    let port: UInt16

    init() throws {
        let link = Link()
        endpoint = try FakeEndpoint { request in link.owner.withLock { $0.services }?.answer(request) }
        port = endpoint.port
        link.owner.withLock { $0.services = self }
    }

    /// Keeps the endpoint's threads from keeping the services.
    private final class Link: Sendable {
        struct Owner { weak var services: FakeServices? }
        let owner = Mutex(Owner())
    }

    deinit { endpoint.stop() }

    func setRate(_ rate: Double) {
        state.withLock { state in
            Self.advance(&state)
            state.rate = rate
        }
    }

    private static func advance(_ state: inout State) {
        let now = ContinuousClock.now
        let offered = state.rate * ((now - state.since) / .seconds(1))
        state.since = now
        for (name, count) in state.replicas where count > 0 {
            var taken = Array((state.taken[name] ?? []).prefix(count))
            while taken.count < count { taken.append(0) }
            state.taken[name] = taken.map { $0 + offered / Double(count) }
        }
    }

    private func answer(_ request: FakeEndpoint.Request) -> FakeEndpoint.Reply? {
        if request.path == "/v1/replicas" { return FakeEndpoint.Reply(type: "application/json", body: list) }
        if request.path.hasPrefix("/v1/replicas/") { return put(request) }
        let good = page(request.path)
        guard let other = state.withLock({ $0.page }) else { return FakeEndpoint.Reply(body: good) }
        return other(request.path, good)
    }

    private var list: String {
        let services = state.withLock { $0.replicas }.sorted { $0.key < $1.key }.map { name, count in
            let replicas = (0..<count).map { index in
                "{\"replica\":\(index),\"state\":\"ready\",\"age_seconds\":99,"
                    + "\"http\":\"127.0.0.1:\(port)/\(name)/\(index)\"}"
            }
            return "{\"service\":\"\(name)\",\"replicas\":\(count),"
                + "\"instances\":[\(replicas.joined(separator: ","))]}"
        }
        return "{\"services\":[\(services.joined(separator: ","))]}"
    }

    private func put(_ request: FakeEndpoint.Request) -> FakeEndpoint.Reply {
        let name = String(request.path.dropFirst("/v1/replicas/".count))
        let fields = (try? JSONSerialization.jsonObject(with: Data(request.body.utf8))) as? [String: Any] ?? [:]
        let order = Order(
            service: name, replicas: fields["replicas"] as? Int ?? -1, epoch: fields["epoch"] as? Int ?? -1,
            decision: fields["decision"] as? String ?? "")
        let status = state.withLock { state in
            guard state.replicas[name] != nil else { return 404 }
            guard order.epoch >= state.epoch else { return 409 }
            let known = state.orders.first { $0.service == name && $0.decision == order.decision }
            guard known == nil || known?.replicas == order.replicas else { return 409 }
            Self.advance(&state)
            state.epoch = order.epoch
            state.orders.append(order)
            state.replicas[name] = order.replicas
            return 200
        }
        return FakeEndpoint.Reply(
            status: status, type: "application/json", body: "{\"service\":\"\(name)\",\"replicas\":\(order.replicas)}")
    }

    /// Each replica has its share of the offered load so far; the busy time is 5 ms a request.
    private func page(_ path: String) -> String {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count == 3, let index = Int(parts[1]) else { return "" }
        let service = parts[0]
        let count = state.withLock { state in
            Self.advance(&state)
            let taken = state.taken[service] ?? []
            return index < taken.count ? taken[index] : 0
        }
        return Self.page(service, count)
    }

    /// The page of a replica of a service that has taken `count` requests.
    static func page(_ service: String, _ count: Double) -> String {
        let name = "rpc_server_call_duration_seconds"
        return """
            # TYPE \(name) histogram
            \(name)_bucket{service="\(service)",le="0.01"} \(Int(count * 0.9))
            \(name)_bucket{service="\(service)",le="0.05"} \(Int(count))
            \(name)_bucket{service="\(service)",le="+Inf"} \(Int(count))
            \(name)_sum{service="\(service)"} \(count * 0.005)
            \(name)_count{service="\(service)"} \(Int(count))
            process_start_time_seconds 1700000000
            # TYPE process_cpu_seconds_total counter
            process_cpu_seconds_total \(count * 0.005)

            """
    }
}

/// `autoscaler` as a user starts it, with a configuration, a journal and a log in a folder of its own.
struct SidecarBench {
    let folder: String
    var config: String { "\(folder)/autoscaler.yaml" }
    var journal: String { "\(folder)/journal.jsonl" }

    /// The folder of the test bundle is the folder of the program.
    static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for argument in CommandLine.arguments + [own] where argument.contains(".xctest") {
            let file = URL(fileURLWithPath: argument).deletingLastPathComponent().appendingPathComponent("autoscaler")
            if FileManager.default.isExecutableFile(atPath: file.path) { return file.path }
        }
        return Programs.root + "/.build/release/autoscaler"
    }()

    /// The services `risk` and `match`, which serve 100 requests a second a replica at most, with fast periods.
    static let chain = """
        period: 100ms
        chain:
          services:
            - {name: risk, replicas: {min: 1, max: 20}, service_time: 10ms}
            - {name: match, replicas: {min: 1, max: 20}, service_time: 10ms}
        ladder: {stale_periods: 20, fresh_windows: 3}
        limits: {up_window: 100ms, down_window: 1s}
        policies: {down_window: 500ms}
        shield: {down_cooldown: 200ms}

        """

    init(_ text: String) throws {
        folder = try Programs.scratch()
        try write(text)
    }

    func write(_ text: String) throws { try text.write(toFile: config, atomically: true, encoding: .utf8) }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// Chain, supervisor and metrics of `services`, a journal, and what else is said.
    static func text(_ services: FakeServices, folder: String, _ more: String = "") -> String {
        chain + """
            actuator: {kind: processes, server: "http://127.0.0.1:\(services.port)"}
            metrics: {timeout: 1s, window: 100ms}
            journal: {file: \(folder)/journal.jsonl, outcome_after: 300ms}

            """ + more
    }

    func start(_ log: String, _ arguments: String...) throws -> ChildProcess {
        try ChildProcess.start([Self.program, "run", "--config", config] + arguments, log: "\(folder)/\(log)")
    }

    func run(_ arguments: String...) async throws -> Programs.Outcome { try await run(arguments) }

    func run(_ arguments: [String]) async throws -> Programs.Outcome {
        let log = "\(folder)/\(UUID().uuidString)"
        let child = try ChildProcess.start([Self.program] + arguments, log: log)
        let code = await child.wait()
        return Programs.Outcome(code: code, output: text(log))
    }

    private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    func log(_ name: String) -> String { text("\(folder)/\(name)") }

    /// Lines written so far.
    func lines() throws -> [JournalLine] { try JournalContents(text(journal)).lines }

    func decisions() throws -> [JournalDecision] {
        try lines().compactMap { if case .decision(let decision) = $0 { decision } else { nil } }
    }

    func events() throws -> [Reason] {
        try lines().compactMap { if case .event(let event) = $0 { event.reason } else { nil } }
    }

    /// Waits until something is so, at most a minute; whether it came.
    func until(_ condition: () throws -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if try condition() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
