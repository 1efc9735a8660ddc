import Actuation
import Synchronization

extension FakeKubernetes {
    /// GET, PUT and PATCH of `/scale`.
    func scale(_ request: FakeRequest, _ place: FakePlace) -> FakeReply {
        guard place.subresource == "scale", place.resource == "deployments", let name = place.name else {
            return Self.failure(404, "NotFound", "the server could not find the requested resource")
        }
        guard let deployment = state.withLock({ $0.objects["deployments"]?[name] }) else {
            return missing(place, name)
        }
        switch request.method {
        case "GET": return .answer(status: 200, body: Self.view(deployment).text)
        case "PUT", "PATCH":
            let types = ["application/merge-patch+json", "application/apply-patch+yaml"]
            guard request.method == "PUT" || types.contains(request.contentType) else {
                return Self.failure(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
            }
            return write(request, place, name, deployment)
        default: return Self.failure(405, "MethodNotAllowed", "the server does not allow this method")
        }
    }

    private func write(
        _ request: FakeRequest, _ place: FakePlace, _ name: String, _ deployment: JSONTree
    ) -> FakeReply {
        guard let body = JSONTree(request.body), body.object != nil else {
            return Self.failure(400, "BadRequest", "the body is no object")
        }
        if let version = body["metadata"]["resourceVersion"].string, !version.isEmpty,
            version != deployment["metadata"]["resourceVersion"].string
        {
            return conflict(place, name)
        }
        // A PUT without replicas means 0, a patch without them leaves them alone.
        let replicas =
            body["spec"]["replicas"].integer
            ?? (request.method == "PUT" ? 0 : deployment["spec"]["replicas"].integer ?? 0)
        guard replicas >= 0 else {
            return Self.failure(
                422, "Invalid",
                "Scale.autoscaling \"\(name)\" is invalid: spec.replicas: Invalid value: \(replicas): must be greater "
                    + "than or equal to 0",
                details: ["name": .string(name), "group": "autoscaling", "kind": "Scale"])
        }
        var changed = deployment
        changed["spec"]["replicas"] = .integer(Int64(replicas))
        guard request.query["dryRun"] != "All" else { return .answer(status: 200, body: Self.view(changed).text) }
        let stored = change("deployments", name) { $0["spec"]["replicas"] = .integer(Int64(replicas)) }
        return .answer(status: 200, body: Self.view(stored ?? changed).text)
    }

    /// The Scale of a deployment; replicas of 0 are left out of the spec, not of the status.
    private static func view(_ deployment: JSONTree) -> JSONTree {
        let metadata = deployment["metadata"]
        let replicas = deployment["spec"]["replicas"].integer ?? 0
        let app = deployment["spec"]["selector"]["matchLabels"]["app"].string ?? ""
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": [
                "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
            ],
            "spec": replicas == 0 ? [:] : ["replicas": .integer(Int64(replicas))],
            "status": [
                "replicas": .integer(Int64(deployment["status"]["replicas"].integer ?? 0)),
                "selector": .string("app=\(app)"),
            ],
        ]
    }
}
