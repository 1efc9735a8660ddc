import Actuation
import Synchronization

/// Which object a path names.
struct FakePlace {
    var group: String
    var version: String
    var resource: String
    var name: String?
    var subresource: String?

    /// `/apis/GROUP/VERSION/namespaces/NS/RESOURCE[/NAME[/SUBRESOURCE]]`, or `/api/VERSION/...` of the core group.
    init?(_ path: String, namespace: String) {
        var parts = path.split(separator: "/").map(String.init)
        if parts.first == "api" { parts.insert("", at: 1) }
        guard parts.count >= 6, parts.count <= 8, (parts[0] == "apis") != parts[1].isEmpty, parts[3] == "namespaces",
            parts[4] == namespace
        else { return nil }
        group = parts[1]
        version = parts[2]
        resource = parts[5]
        name = parts.count > 6 ? parts[6] : nil
        subresource = parts.count > 7 ? parts[7] : nil
    }

    var full: String { subresource.map { "\(resource)/\($0)" } ?? resource }
    /// As messages name it, e.g. `deployments/scale.apps` or `pods`.
    var qualified: String { group.isEmpty ? full : "\(full).\(group)" }
    var api: String { group.isEmpty ? version : "\(group)/\(version)" }
}

extension FakeKubernetes {
    static let kinds: [String: (kind: String, group: String, version: String)] = [
        "deployments": ("Deployment", "apps", "v1"), "leases": ("Lease", "coordination.k8s.io", "v1"),
        "horizontalpodautoscalers": ("HorizontalPodAutoscaler", "autoscaling", "v1"),
        "events": ("Event", "events.k8s.io", "v1"), "pods": ("Pod", "", "v1"),
    ]

    func answer(_ request: FakeRequest) -> FakeReply {
        let (intercept, token) = state.withLock { state in
            state.requests.append("\(request.method) \(request.path)")
            return (state.intercept, state.token)
        }
        if let reply = intercept?(request) { return reply }
        if let token, request.authorization != "Bearer \(token)" {
            return Self.failure(401, "Unauthorized", "Unauthorized")
        }
        if request.method == "GET", let document = FakeDiscovery.document(request.path) {
            return .answer(status: 200, body: document)
        }
        guard let place = FakePlace(request.path, namespace: namespace), let known = Self.kinds[place.resource],
            known.group == place.group, known.version == place.version
        else { return Self.failure(404, "NotFound", "the server could not find the requested resource") }
        if let refusal = refusal(request, place) { return refusal }
        if place.subresource != nil { return scale(request, place) }
        switch (request.method, place.name) {
        case ("GET", nil): return list(request, place)
        case ("GET", let name?): return get(place, name)
        case ("POST", nil): return create(request, place)
        case ("PUT", let name?): return replace(request, place, name)
        case ("PATCH", let name?): return patch(request, place, name)
        case ("DELETE", let name?) where place.resource == "pods": return delete(request, place, name)
        default: return Self.failure(405, "MethodNotAllowed", "the server does not allow this method")
        }
    }

    private func refusal(_ request: FakeRequest, _ place: FakePlace) -> FakeReply? {
        guard let rules = state.withLock({ $0.rules }) else { return nil }
        let isWatch = request.query["watch"] == "1" || request.query["watch"] == "true"
        let verb =
            switch request.method {
            case "GET": isWatch ? "watch" : place.name == nil ? "list" : "get"
            case "POST": "create"
            case "PUT": "update"
            case "PATCH": "patch"
            default: "delete"
            }
        let isAllowed = rules.contains { rule in
            rule.groups.contains(place.group) && rule.resources.contains(place.full) && rule.verbs.contains(verb)
                && (rule.names.isEmpty || place.name.map { rule.names.contains($0) } ?? false)
        }
        guard !isAllowed else { return nil }
        let whole = place.group.isEmpty ? place.resource : "\(place.resource).\(place.group)"
        let what = place.name.map { "\(whole) \"\($0)\"" } ?? whole
        return Self.failure(
            403, "Forbidden",
            "\(what) is forbidden: User \"autoscaler\" cannot \(verb) resource \"\(place.full)\" in API group "
                + "\"\(place.group)\" in the namespace \"\(namespace)\"",
            details: [
                "name": .string(place.name ?? ""), "group": .string(place.group), "kind": .string(place.resource),
            ])
    }

    private func get(_ place: FakePlace, _ name: String) -> FakeReply {
        guard let tree = state.withLock({ $0.objects[place.resource]?[name] }) else { return missing(place, name) }
        return .answer(status: 200, body: tree.text)
    }

    private func create(_ request: FakeRequest, _ place: FakePlace) -> FakeReply {
        guard let tree = JSONTree(request.body), let name = tree["metadata"]["name"].string else {
            return Self.failure(400, "BadRequest", "the body is no object with a name")
        }
        if let fault = Self.timeFault(tree, place) { return fault }
        guard state.withLock({ $0.objects[place.resource]?[name] }) == nil else {
            return Self.failure(
                409, "AlreadyExists", "\(place.qualified) \"\(name)\" already exists",
                details: ["name": .string(name), "group": .string(place.group), "kind": .string(place.resource)])
        }
        let known = Self.kinds[place.resource]
        let stored = store(
            place.resource, name, tree, known?.kind ?? "", place.api, isNew: true)
        return .answer(status: 201, body: stored.text)
    }

    private func replace(_ request: FakeRequest, _ place: FakePlace, _ name: String) -> FakeReply {
        guard let tree = JSONTree(request.body), tree.object != nil else {
            return Self.failure(400, "BadRequest", "the body is no object")
        }
        if let fault = Self.timeFault(tree, place) { return fault }
        guard let old = state.withLock({ $0.objects[place.resource]?[name] }) else { return missing(place, name) }
        let version = tree["metadata"]["resourceVersion"].string
        if let version, !version.isEmpty, version != old["metadata"]["resourceVersion"].string {
            return conflict(place, name)
        }
        var new = tree
        new["metadata"]["uid"] = old["metadata"]["uid"]
        new["metadata"]["creationTimestamp"] = old["metadata"]["creationTimestamp"]
        let known = Self.kinds[place.resource]
        let stored = store(
            place.resource, name, new, known?.kind ?? "", place.api, isNew: false)
        return .answer(status: 200, body: stored.text)
    }

    /// A merge patch (RFC 7396) of the whole object; kubectl's strategic one is the same where no lists are patched.
    private func patch(_ request: FakeRequest, _ place: FakePlace, _ name: String) -> FakeReply {
        guard let old = state.withLock({ $0.objects[place.resource]?[name] }) else { return missing(place, name) }
        guard ["application/merge-patch+json", "application/strategic-merge-patch+json"].contains(request.contentType),
            let patch = JSONTree(request.body)
        else { return Self.failure(415, "UnsupportedMediaType", "the body of the request was in an unknown format") }
        if let version = patch["metadata"]["resourceVersion"].string,
            version != old["metadata"]["resourceVersion"].string
        {
            return conflict(place, name)
        }
        let new = Self.merge(old, patch)
        guard request.query["dryRun"] != "All" else { return .answer(status: 200, body: new.text) }
        let stored = change(place.resource, name) { $0 = new }
        return .answer(status: 200, body: (stored ?? new).text)
    }

    static func merge(_ old: JSONTree, _ patch: JSONTree) -> JSONTree {
        guard let members = patch.object else { return patch }
        var result = old.object ?? [:]
        for (name, value) in members { result[name] = value == .null ? nil : merge(result[name] ?? .null, value) }
        return .object(result)
    }

    /// The API server refuses times without six decimals.
    private static func timeFault(_ tree: JSONTree, _ place: FakePlace) -> FakeReply? {
        let times =
            place.resource == "leases"
            ? [tree["spec"]["acquireTime"].string, tree["spec"]["renewTime"].string] : [tree["eventTime"].string]
        for case let time? in times where time.utf8.count != 27 || !time.hasSuffix("Z") || MicroTime(time) == nil {
            return failure(
                400, "BadRequest", "parsing time \"\(time)\": cannot parse as \"2006-01-02T15:04:05.000000Z07:00\"")
        }
        return nil
    }

    func missing(_ place: FakePlace, _ name: String) -> FakeReply {
        Self.failure(
            404, "NotFound", "\(place.qualified) \"\(name)\" not found",
            details: ["name": .string(name), "group": .string(place.group), "kind": .string(place.full)])
    }

    func conflict(_ place: FakePlace, _ name: String) -> FakeReply {
        Self.failure(
            409, "Conflict",
            "Operation cannot be fulfilled on \(place.resource).\(place.group) \"\(name)\": the object has been "
                + "modified; please apply your changes to the latest version and try again",
            details: ["name": .string(name), "group": .string(place.group), "kind": .string(place.resource)])
    }

    /// A `Status` of the API.
    public static func failure(_ code: Int, _ reason: String, _ message: String) -> FakeReply {
        failure(code, reason, message, details: [:])
    }

    static func failure(_ code: Int, _ reason: String, _ message: String, details: JSONTree) -> FakeReply {
        let status: JSONTree = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "details": details, "code": .integer(Int64(code)),
        ]
        return .answer(status: code, body: status.text)
    }
}
