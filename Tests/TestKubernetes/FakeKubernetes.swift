import Actuation
import Synchronization

/// A Kubernetes API server as far as an autoscaler and kubectl need it, in this process, without storage.
///
/// Deployments with `/scale` and their pods, leases, HorizontalPodAutoscalers, events, discovery, lists in pages, watch;
/// resource versions with 409, merge patches, dry runs, RBAC, a token. It answers as a real 1.20.2 API server did in a
/// recorded transcript, and is checked with the real kubectl. Its time stands still where nobody sets it.
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

    typealias Watcher = (resource: String, selection: FakeSelection, send: @Sendable (String) -> Void)

    struct State {
        var version = 200
        var url = ""
        var objects: [String: [String: JSONTree]] = [:]
        var rules: [Rule]?
        var token: String?
        var requests: [String] = []
        var intercept: (@Sendable (FakeRequest) -> FakeReply?)?
        var watchers: [Watcher] = []
        /// Seconds since 1970 UTC: 2026-11-21T18:53:27Z.
        var time: Int64 = 1_795_287_207
        var templates: [String: @Sendable (String) -> FakePod] = [:]
        var podsMade = 0
        /// What is left of lists that were read in part, with their version, by continuation.
        var continuations: [String: (version: Int, rest: [JSONTree])] = [:]
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
        change("deployments", name, isTouched: true) { $0["spec"]["replicas"] = .integer(Int64(replicas)) }
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

    /// Sets the time of objects that are made or deleted from now on, seconds since 1970 UTC.
    public func setTime(_ seconds: Int64) { state.withLock { $0.time = seconds } }

    /// Forgets what lists read in part went on with, as a compaction of etcd does: their next pages are 410.
    public func expireContinuations() { state.withLock { $0.continuations = [:] } }

    // MARK: Objects

    /// Writes an object under the next version; hands it back.
    @discardableResult
    func store(
        _ resource: String, _ name: String, _ tree: JSONTree, _ kind: String, _ api: String, isNew: Bool
    ) -> JSONTree {
        let (stored, watchers) = state.withLock { state in
            var tree = tree
            tree["kind"] = .string(kind)
            tree["apiVersion"] = .string(api)
            tree["metadata"]["name"] = .string(name)
            tree["metadata"]["namespace"] = .string(namespace)
            if isNew {
                tree["metadata"]["uid"] = .string("c1490000-0000-4000-8000-00000000\(state.version + 1)")
                tree["metadata"]["creationTimestamp"] = .string(Self.timestamp(state.time))
            }
            return (Self.put(tree, resource, name, &state), state.watchers.filter { $0.resource == resource })
        }
        tell(watchers, isNew ? "ADDED" : "MODIFIED", stored)
        return stored
    }

    private static func put(_ tree: JSONTree, _ resource: String, _ name: String, _ state: inout State) -> JSONTree {
        state.version += 1
        var tree = tree
        tree["metadata"]["resourceVersion"] = .string("\(state.version)")
        state.objects[resource, default: [:]][name] = tree
        return tree
    }

    /// Changes an object under the next version; one that stays as it is keeps its own, unless it `isTouched`.
    @discardableResult
    func change(
        _ resource: String, _ name: String, isTouched: Bool = false, _ body: (inout JSONTree) -> Void
    ) -> JSONTree? {
        let (stored, watchers) = state.withLock { state -> (JSONTree?, [Watcher]) in
            guard let old = state.objects[resource]?[name] else { return (nil, []) }
            var tree = old
            body(&tree)
            guard isTouched || tree != old else { return (old, []) }
            return (Self.put(tree, resource, name, &state), state.watchers.filter { $0.resource == resource })
        }
        if let stored { tell(watchers, "MODIFIED", stored) }
        return stored
    }

    /// Takes an object away under the next version; hands it back as it was.
    @discardableResult
    func remove(_ resource: String, _ name: String) -> JSONTree? {
        let (removed, watchers) = state.withLock { state in
            var tree = state.objects[resource]?.removeValue(forKey: name)
            state.version += 1
            tree?["metadata"]["resourceVersion"] = .string("\(state.version)")
            return (tree, state.watchers.filter { $0.resource == resource })
        }
        if let removed { tell(watchers, "DELETED", removed) }
        return removed
    }

    private func tell(
        _ watchers: [Watcher], _ type: String, _ object: JSONTree
    ) {
        let event: JSONTree = ["type": .string(type), "object": object]
        for watcher in watchers where watcher.selection.takes(object) { watcher.send(event.text) }
    }

    /// A time as objects have it: RFC 3339 to the second.
    static func timestamp(_ seconds: Int64) -> String {
        MicroTime(microseconds: seconds * 1_000_000).text.prefix(19) + "Z"
    }
}
