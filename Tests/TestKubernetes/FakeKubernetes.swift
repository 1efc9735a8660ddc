import Actuation
import Synchronization

/// A Kubernetes API server as far as an autoscaler and kubectl need it, in this process, without storage.
///
/// Deployments with `/scale`, leases, HorizontalPodAutoscalers, events, discovery, watch; resource versions with 409,
/// merge patches, dry runs, RBAC, a token. It answers as a real 1.20.2 API server did in a recorded transcript, and is
/// checked with the real kubectl. Times of creation are constant.
public final class FakeKubernetes: Sendable {
    /// One rule of a Role.
    public struct Rule: Sendable {
        public var groups: [String]
        public var resources: [String]
        public var names: [String]
        public var verbs: [String]

        /// A rule; without names it holds for all objects.
        public init(groups: [String], resources: [String], names: [String] = [], verbs: [String]) {
            self.groups = groups
            self.resources = resources
            self.names = names
            self.verbs = verbs
        }
    }

    struct State {
        var version = 200
        var url = ""
        var objects: [String: [String: JSONTree]] = [:]
        var rules: [Rule]?
        var token: String?
        var requests: [String] = []
        var intercept: (@Sendable (FakeRequest) -> FakeReply?)?
        var watchers: [(resource: String, send: @Sendable (String) -> Void)] = []
    }

    public let namespace: String
    let state = Mutex(State())
    private let server = Mutex<FakeHTTPServer?>(nil)

    /// An empty cluster with one namespace.
    public init(namespace: String = "trading") { self.namespace = namespace }

    /// Listens; its base URL. With a certificate and key (PEM files) it speaks TLS.
    public func start(certificate: String? = nil, key: String? = nil) async throws -> String {
        let fake = try FakeHTTPServer(certificate: certificate, key: key) { [self] in answer($0) }
        let url = try await fake.start()
        server.withLock { $0 = fake }
        state.withLock { $0.url = url }
        return url
    }

    /// The base URL while it listens.
    public var url: String { state.withLock { $0.url } }

    /// Closes everything.
    public func stop() async { await server.withLock { $0.take() }?.stop() }

    // MARK: What a test arranges and sees

    /// Adds a deployment of that many replicas, none of them started.
    public func addDeployment(_ name: String, replicas: Int) {
        let tree: JSONTree = [
            "spec": [
                "replicas": .integer(Int64(replicas)), "selector": ["matchLabels": ["app": .string(name)]],
                "template": ["metadata": ["labels": ["app": .string(name)]]],
            ],
            "status": ["replicas": 0],
        ]
        store("deployments", name, tree, "Deployment", "apps/v1", isNew: true)
    }

    /// Adds an HPA that targets a deployment.
    public func addAutoscaler(_ name: String, target: String) {
        let tree: JSONTree = [
            "spec": [
                "scaleTargetRef": ["apiVersion": "apps/v1", "kind": "Deployment", "name": .string(target)],
                "minReplicas": 1, "maxReplicas": 10,
            ]
        ]
        store("horizontalpodautoscalers", name, tree, "HorizontalPodAutoscaler", "autoscaling/v1", isNew: true)
    }

    /// Replicas ordered of a deployment; nil where there is none.
    public func replicas(_ name: String) -> Int? {
        state.withLock { $0.objects["deployments"]?[name]?["spec"]["replicas"].integer }
    }

    /// Sets replicas as somebody else would, which makes older versions conflict.
    public func setReplicas(_ name: String, _ replicas: Int) {
        change("deployments", name) { $0["spec"]["replicas"] = .integer(Int64(replicas)) }
    }

    /// What a deployment's controller does: brings each status to its spec.
    public func settle() {
        for name in state.withLock({ Array($0.objects["deployments", default: [:]].keys) }) {
            change("deployments", name) { tree in
                let replicas = tree["spec"]["replicas"]
                tree["status"] = ["replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas]
            }
        }
    }

    /// The `spec` of a lease as JSON; nil where there is none.
    public func lease(_ name: String) -> String? { state.withLock { $0.objects["leases"]?[name]?["spec"].text } }

    /// Puts labels of somebody else on a lease.
    public func label(lease name: String, _ key: String, _ value: String) {
        change("leases", name) { $0["metadata"]["labels"] = .object([key: .string(value)]) }
    }

    /// A label of a lease.
    public func label(lease name: String, _ key: String) -> String? {
        state.withLock { $0.objects["leases"]?[name]?["metadata"]["labels"][key].string }
    }

    /// Removes a lease.
    public func remove(lease name: String) { state.withLock { _ = $0.objects["leases"]?.removeValue(forKey: name) } }

    /// Reasons and notes of the events recorded.
    public var events: [String] {
        state.withLock { state in
            state.objects["events", default: [:]].sorted { $0.key < $1.key }.map {
                "\($0.value["reason"].string ?? "") \($0.value["note"].string ?? "")"
            }
        }
    }

    /// What callers may do; nil lets them do everything.
    public func allow(_ rules: [Rule]?) { state.withLock { $0.rules = rules } }

    /// The token that callers must send; nil asks for none.
    public func require(token: String?) { state.withLock { $0.token = token } }

    /// Answers requests in place of the cluster where it is not nil.
    public func intercept(_ intercept: (@Sendable (FakeRequest) -> FakeReply?)?) {
        state.withLock { $0.intercept = intercept }
    }

    /// Watches that were begun.
    public var watches: Int { state.withLock { $0.watchers.count } }

    /// `METHOD path` of all requests since the last call.
    public func takeRequests() -> [String] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    // MARK: Objects

    /// Writes an object under the next version; hands it back.
    @discardableResult
    func store(
        _ resource: String, _ name: String, _ tree: JSONTree, _ kind: String, _ api: String, isNew: Bool
    ) -> JSONTree {
        let (stored, watchers) = state.withLock { state in
            state.version += 1
            var tree = tree
            tree["kind"] = .string(kind)
            tree["apiVersion"] = .string(api)
            tree["metadata"]["name"] = .string(name)
            tree["metadata"]["namespace"] = .string(namespace)
            tree["metadata"]["resourceVersion"] = .string("\(state.version)")
            if isNew {
                tree["metadata"]["uid"] = .string("c1490000-0000-4000-8000-00000000\(state.version)")
                tree["metadata"]["creationTimestamp"] = "2026-11-21T18:53:27Z"
            }
            state.objects[resource, default: [:]][name] = tree
            return (tree, state.watchers.filter { $0.resource == resource })
        }
        let event: JSONTree = ["type": isNew ? "ADDED" : "MODIFIED", "object": stored]
        for watcher in watchers { watcher.send(event.text) }
        return stored
    }

    @discardableResult
    func change(_ resource: String, _ name: String, _ body: (inout JSONTree) -> Void) -> JSONTree? {
        guard var tree = state.withLock({ $0.objects[resource]?[name] }) else { return nil }
        body(&tree)
        return store(
            resource, name, tree, tree["kind"].string ?? "", tree["apiVersion"].string ?? "", isNew: false)
    }
}
