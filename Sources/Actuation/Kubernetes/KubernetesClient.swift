internal import Telemetry

/// An object whose replicas are decided.
public struct ScaleTarget: Sendable, Hashable {
    /// The kinds that have replicas here.
    public enum Kind: String, Sendable, CaseIterable {
        case deployment = "Deployment"
        case statefulSet = "StatefulSet"

        /// The word in URLs.
        public var resource: String { self == .deployment ? "deployments" : "statefulsets" }
    }

    /// Deployment or StatefulSet.
    public var kind: Kind
    /// The object's name.
    public var name: String

    /// A target.
    public init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }
}

/// The subresource `/scale` of a target, API `autoscaling/v1`.
public struct Scale: Sendable, Equatable {
    /// `spec.replicas`; the API leaves the field out where it is 0.
    public var replicas: Int
    /// `status.replicas`: pods that exist, ready or not.
    public var existing: Int
    /// `metadata.resourceVersion`, an opaque word.
    public var resourceVersion: String
    /// `status.selector`: which pods belong to it, e.g. `app=risk`; empty where the API does not tell.
    public var selector: String
}

/// What of Kubernetes' API is used: `/scale`, workloads, pods, HPAs, leases, events; one namespace.
///
/// Each call is one request with a deadline, a list one request a page with one deadline for all; `KubernetesActuator`
/// and `LeaseKeeper` do the trying again. A 401 reads the token anew and asks once more.
public final class KubernetesClient: Sendable {
    /// Where and as whom.
    public let configuration: KubernetesConfiguration
    private let transport: HTTPTransport
    private let token: BearerToken?
    let now: @Sendable () -> Double

    /// A client.
    ///
    /// - Parameter now: seconds on a clock that never goes back.
    /// - Throws: `ActuationFault.configuration`.
    public init(
        _ configuration: KubernetesConfiguration, transport: HTTPTransport, now: @escaping @Sendable () -> Double
    ) throws(ActuationFault) {
        if let fault = configuration.fault { throw ActuationFault(.configuration, fault) }
        self.configuration = configuration
        self.transport = transport
        self.now = now
        token = configuration.tokenFile.map { BearerToken(file: $0, now: now) }
    }

    /// Reads `/scale`.
    public func scale(of target: ScaleTarget) async throws(ActuationFault) -> Scale {
        let path = try scalePath(target)
        return try Self.scale(try await call("GET", path), path)
    }

    /// Sets the replicas where the object is still at `resourceVersion` (compare-and-set by a merge patch).
    ///
    /// - Parameter dryRun: the server checks and answers as if, and stores nothing.
    /// - Throws: `.conflict` where the object changed, `.invalid` where the server refuses the number.
    public func setReplicas(
        _ replicas: Int, of target: ScaleTarget, resourceVersion: String, dryRun: Bool = false
    ) async throws(ActuationFault) -> Scale {
        let path = try scalePath(target)
        let query = "?fieldManager=\(configuration.fieldManager)" + (dryRun ? "&dryRun=All" : "")
        let body: JSONTree = [
            "metadata": ["resourceVersion": .string(resourceVersion)],
            "spec": ["replicas": .integer(Int64(replicas))],
        ]
        return try Self.scale(
            try await call("PATCH", path + query, body, type: "application/merge-patch+json"), path)
    }

    /// Replicas that are ready, by the workload's own status; 0 where the field is absent.
    public func readyReplicas(of target: ScaleTarget) async throws(ActuationFault) -> Int {
        let path = try workloadPath(target)
        let tree = try await call("GET", path)
        guard tree["kind"].string == target.kind.rawValue else { throw Self.unreadable(path, "no \(target.kind)") }
        return max(0, tree["status"]["readyReplicas"].integer ?? 0)
    }

    /// The targets that HorizontalPodAutoscalers of the namespace act on, with the HPA's name; 500 are read at a time.
    public func autoscaled() async throws(ActuationFault) -> [(target: ScaleTarget, by: String)] {
        let path = "/apis/autoscaling/v1/namespaces/\(configuration.namespace)/horizontalpodautoscalers"
        var found: [(target: ScaleTarget, by: String)] = []
        for item in try await list(path, limit: 500) {
            let reference = item["spec"]["scaleTargetRef"]
            guard let kind = reference["kind"].string.flatMap(ScaleTarget.Kind.init(rawValue:)),
                let name = reference["name"].string,
                reference["apiVersion"].string.map({ $0.hasPrefix("apps/") }) ?? true
            else { continue }
            found.append((ScaleTarget(kind, name), item["metadata"]["name"].string ?? "?"))
        }
        return found
    }

    /// Records an event on a target (`events.k8s.io/v1`), as `kubectl describe` shows it; one try of a second at most,
    /// since nothing depends on it.
    ///
    /// - Parameters:
    ///   - reason: a word, e.g. `SuccessfulRescale`.
    ///   - id: makes the event's name unique; a-z, 0-9 and '-'.
    public func record(
        _ reason: String, _ note: String, of target: ScaleTarget, id: String, at time: MicroTime
    ) async throws(ActuationFault) {
        let namespace = configuration.namespace
        let event: JSONTree = [
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": ["name": .string("\(target.name).\(id)"), "namespace": .string(namespace)],
            "eventTime": .string(time.text), "type": "Normal", "action": "Scale", "reason": .string(reason),
            "note": .string(String(note.prefix(1_000))),
            "reportingController": .string(configuration.fieldManager), "reportingInstance": .string(id),
            "regarding": [
                "apiVersion": "apps/v1", "kind": .string(target.kind.rawValue), "name": .string(target.name),
                "namespace": .string(namespace),
            ],
        ]
        _ = try await call("POST", "/apis/events.k8s.io/v1/namespaces/\(namespace)/events", event, timeout: 1)
    }

    /// One request; its answer as a JSON object.
    func call(
        _ method: String, _ path: String, _ body: JSONTree? = nil, type: String = "application/json",
        timeout: Double? = nil
    ) async throws(ActuationFault) -> JSONTree {
        let isHeld = token != nil
        do {
            return try await send(method, path, body, type, timeout, rereading: false)
        } catch {
            guard error.code == .unauthorized, isHeld else { throw error }
            return try await send(method, path, body, type, timeout, rereading: true)
        }
    }

    private func send(
        _ method: String, _ path: String, _ body: JSONTree?, _ type: String, _ timeout: Double?, rereading: Bool
    ) async throws(ActuationFault) -> JSONTree {
        var fields = [("Accept", "application/json"), ("User-Agent", configuration.fieldManager)]
        if let token { fields.append(("Authorization", "Bearer \(try token.current(rereading: rereading))")) }
        if body != nil { fields.append(("Content-Type", type)) }
        let answer = try await transport.succeed(
            HTTPCall(
                method, configuration.server + path, fields: fields.map { (name: $0.0, value: $0.1) },
                body: body?.bytes ?? [], timeout: timeout ?? configuration.timeout),
            "\(method) \(path)")
        guard let tree = JSONTree(answer.body), tree.object != nil else {
            throw Self.unreadable(path, "no JSON object")
        }
        return tree
    }

    static func unreadable(_ path: String, _ what: String) -> ActuationFault {
        ActuationFault(.unreadable, "\(path) answered \(what)")
    }

    private func workloadPath(_ target: ScaleTarget) throws(ActuationFault) -> String {
        guard KubernetesConfiguration.isName(target.name) else {
            throw ActuationFault(.configuration, "'\(target.name)' is no name of a \(target.kind.rawValue)")
        }
        return "/apis/apps/v1/namespaces/\(configuration.namespace)/\(target.kind.resource)/\(target.name)"
    }

    private func scalePath(_ target: ScaleTarget) throws(ActuationFault) -> String {
        try workloadPath(target) + "/scale"
    }

    private static func scale(_ tree: JSONTree, _ path: String) throws(ActuationFault) -> Scale {
        guard tree["kind"].string == "Scale", let version = tree["metadata"]["resourceVersion"].string,
            !version.isEmpty, let spec = tree["spec"].object
        else { throw unreadable(path, "no Scale") }
        // `replicas,omitempty`: 0 is told by absence.
        let replicas = spec["replicas"] == nil ? 0 : spec["replicas"]?.integer
        let existing = tree["status"]["replicas"] == .null ? 0 : tree["status"]["replicas"].integer
        guard let replicas, let existing, replicas >= 0, existing >= 0 else {
            throw unreadable(path, "replicas that are no number")
        }
        return Scale(
            replicas: replicas, existing: existing, resourceVersion: version,
            selector: tree["status"]["selector"].string ?? "")
    }
}
