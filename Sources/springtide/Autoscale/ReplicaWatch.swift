internal import Foundation
internal import LocalStack
internal import Synchronization

/// What the supervisor says of its replicas and what processors everything uses, every half second, until it is stopped.
///
/// It sees what there is, whatever the sidecar thinks, and goes on when that is away.
final class ReplicaWatch: Sendable {
    /// The replicas of one service at one moment.
    struct Sample: Sendable, Equatable {
        /// Seconds since 1970 UTC.
        var at: Double
        var service: String
        var desired: Int
        var ready: Int
        var pending: Int
        var draining: Int
    }

    /// Processors that a group of processes used until a moment since the one before.
    struct Use: Sendable, Equatable {
        /// Seconds since 1970 UTC.
        var at: Double
        var group: String
        var processors: Double
    }

    private struct State {
        var samples: [Sample] = []
        var uses: [Use] = []
        /// Ages at which replicas were first seen ready, by service and number.
        var startups: [String: Double] = [:]
    }

    private let port: UInt16
    private let state = Mutex(State())
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// A watch of the supervisor at a port of this machine.
    init(port: UInt16) { self.port = port }

    /// Begins to watch; of what was seen before only the start-ups are kept.
    func start() {
        state.withLock { $0.samples = [] }
        let task = Task(name: "replica watch") { await self.watch() }
        self.task.withLock { $0 = task }
    }

    /// Ends the watch.
    func stop() async {
        let task = task.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    private func watch() async {
        var before = ProcessorShare.sample()
        var beforeAt = Date().timeIntervalSince1970
        while !Task.isCancelled {
            await look()
            let now = Date().timeIntervalSince1970
            if now - beforeAt >= 0.9 {
                let share = ProcessorShare.sample()
                let uses = share.since(before, elapsed: now - beforeAt)
                state.withLock { state in
                    state.uses += uses.map { Use(at: now, group: $0.group, processors: max(0, $0.processors)) }
                }
                (before, beforeAt) = (share, now)
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Asks once.
    func look() async {
        let port = port
        let body = await Task.detached { Loopback.httpGet(port: port, path: "/v1/replicas") }.value ?? ""
        let at = Date().timeIntervalSince1970
        let (samples, ready) = Self.read(body, at: at)
        state.withLock { state in
            state.samples += samples
            for (name, age) in ready where state.startups[name] == nil { state.startups[name] = age }
        }
    }

    /// The samples in an answer of the supervisor, and the ages of replicas that are ready.
    static func read(_ body: String, at: Double) -> (samples: [Sample], ready: [String: Double]) {
        let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        var samples: [Sample] = []
        var ready: [String: Double] = [:]
        for service in object?["services"] as? [[String: Any]] ?? [] {
            guard let name = service["service"] as? String, let desired = service["replicas"] as? Int else { continue }
            func count(_ key: String) -> Int { service[key] as? Int ?? 0 }
            samples.append(
                Sample(
                    at: at, service: name, desired: desired, ready: count("ready"), pending: count("pending"),
                    draining: count("draining")))
            for instance in service["instances"] as? [[String: Any]] ?? [] where instance["state"] as? String == "ready"
            {
                guard let number = instance["replica"] as? Int, let age = instance["age_seconds"] as? Double
                else { continue }
                // A number is given again: a replica that is younger than when it was first seen is another one.
                ready["\(name)-\(number)-\(Int((at - age).rounded()))"] = age
            }
        }
        return (samples, ready)
    }

    /// All samples so far.
    var samples: [Sample] { state.withLock { $0.samples } }

    /// The last sample of a service; nil before the first answer.
    func last(_ service: String) -> Sample? { samples.last { $0.service == service } }

    /// Seconds from the start of each replica until it was first seen ready.
    var startups: [Double] { state.withLock { $0.startups.values.sorted() } }

    /// The samples as comma-separated text.
    var replicaTable: String {
        "at,service,desired,ready,pending,draining\n"
            + samples.map { "\($0.at),\($0.service),\($0.desired),\($0.ready),\($0.pending),\($0.draining)\n" }.joined()
    }

    /// Processors used as comma-separated text.
    var processorTable: String {
        "at,group,processors\n"
            + state.withLock { $0.uses }.map { "\($0.at),\($0.group),\($0.processors)\n" }.joined()
    }
}
