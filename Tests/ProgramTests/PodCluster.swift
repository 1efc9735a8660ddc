import Foundation
import Synchronization
import TestKubernetes

/// A fake API server with the deployments `risk` and `match`, whose pods are small HTTP servers with a page of metrics
/// each; a thread plays controllers, kubelets and clients.
final class PodCluster: Sendable {
    struct State {
        /// Requests a second offered to each service.
        var rate = 100.0
        /// Servers, requests taken and pages read of pods, by their names.
        var servers: [String: FakeEndpoint] = [:]
        var taken: [String: Double] = [:]
        var read: [String: Int] = [:]
        /// Pods that no longer answer, though the API server does not know it.
        var dead: Set<String> = []
        var since = ContinuousClock.now
        /// No pod answers.
        var isSilent = false
        var isOver = false
        var hasEnded = false
    }

    static let deployments = ["risk", "match"]
    let fake = FakeKubernetes()
    let state = Mutex(State())

    /// Listens, with two pods of each deployment; `isAnnotated` tells their ports by annotation in place of a name.
    init(isAnnotated: Bool = false) async throws {
        _ = try await fake.start()
        for deployment in Self.deployments {
            fake.template(deployment) { [weak self] pod in
                let endpoint = try? FakeEndpoint { [weak self] request in self?.page(deployment, pod, request) }
                let port = Int(endpoint?.port ?? 0)
                self?.state.withLock { $0.servers[pod] = endpoint }
                return isAnnotated
                    ? FakePod(
                        address: "127.0.0.1",
                        annotations: ["prometheus.io/port": "\(port)", "prometheus.io/path": "/own/metrics"])
                    : FakePod(address: "127.0.0.1", ports: ["metrics": port])
            }
            fake.addDeployment(deployment, replicas: 2)
        }
        Thread.detachNewThread { [self] in
            while !state.withLock({ $0.isOver }) {
                turn()
                Thread.sleep(forTimeInterval: 0.03)
            }
            state.withLock { $0.hasEnded = true }
        }
    }

    /// One moment: pods made before run now, those that were asked to end are gone, and what was ordered is made.
    private func turn() {
        fake.setTime(Int64(Date().timeIntervalSince1970))
        fake.runPods()
        fake.reconcile()
        advance()
        let alive = Set(Self.deployments.flatMap { fake.pods($0) })
        let gone = state.withLock { state in
            let gone = state.servers.filter { !alive.contains($0.key) }
            for name in gone.keys {
                state.servers[name] = nil
                state.taken[name] = nil
            }
            return gone.values
        }
        for server in gone { server.stop() }
    }

    private func advance() {
        let ready = Self.deployments.map { fake.readyPods($0) }
        state.withLock { state in
            let now = ContinuousClock.now
            let offered = state.rate * ((now - state.since) / .seconds(1))
            state.since = now
            for pods in ready {
                let serving = pods.filter { !state.dead.contains($0) }
                for pod in serving { state.taken[pod, default: 0] += offered / Double(serving.count) }
            }
        }
    }

    private func page(_ service: String, _ pod: String, _ request: FakeEndpoint.Request) -> FakeEndpoint.Reply? {
        guard request.path.hasSuffix("/metrics") else { return FakeEndpoint.Reply(status: 404, body: "") }
        advance()
        return state.withLock { state in
            guard !state.isSilent else { return nil }
            state.read[pod, default: 0] += 1
            return FakeEndpoint.Reply(body: FakeServices.page(service, state.taken[pod] ?? 0))
        }
    }

    func setRate(_ rate: Double) {
        advance()
        state.withLock { $0.rate = rate }
    }

    /// Ends a pod's process; its work goes to the others, and nobody tells the API server.
    func kill(_ pod: String) {
        state.withLock { state in
            state.dead.insert(pod)
            return state.servers[pod]
        }?.stop()
    }

    var replicas: [String: Int] {
        Dictionary(uniqueKeysWithValues: Self.deployments.map { ($0, fake.replicas($0) ?? 0) })
    }

    /// Chain, API server and journal in the sidecar's words.
    func text(folder: String, _ more: String = "", kubernetes: String = "") -> String {
        SidecarBench.chain + """
            actuator: {kind: kubernetes}
            kubernetes: {server: "\(fake.url)", namespace: trading\(kubernetes)}
            metrics: {timeout: 1s, window: 100ms}
            journal: {file: \(folder)/journal.jsonl, outcome_after: 300ms}

            """ + more
    }

    /// Ends everything.
    func stop() async {
        state.withLock { $0.isOver = true }
        while !state.withLock({ $0.hasEnded }) { try? await Task.sleep(for: .milliseconds(5)) }
        await fake.stop()
        for server in state.withLock({ Array($0.servers.values) }) { server.stop() }
    }
}
