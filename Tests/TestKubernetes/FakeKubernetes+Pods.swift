import Actuation
import Synchronization

/// What a test says of a pod that a deployment's controller makes.
public struct FakePod: Sendable {
    /// Its address once it runs.
    public var address: String
    /// Named TCP ports of its container.
    public var ports: [String: Int]
    public var annotations: [String: String]

    /// A pod.
    public init(address: String, ports: [String: Int] = [:], annotations: [String: String] = [:]) {
        self.address = address
        self.ports = ports
        self.annotations = annotations
    }
}

extension FakeKubernetes {
    /// The name that all ReplicaSets of the fake have behind their deployment's.
    static let hash = "7d4b9c6f5d"

    /// Says what a deployment's pods are; without it they have addresses 10.0.x.y and no ports.
    public func template(_ deployment: String, _ make: @escaping @Sendable (_ pod: String) -> FakePod) {
        state.withLock { $0.templates[deployment] = make }
    }

    /// Names of a deployment's pods that exist, with those that end.
    public func pods(_ deployment: String) -> [String] {
        owned(deployment).compactMap { $0["metadata"]["name"].string }
    }

    /// Names of a deployment's pods that are ready and not asked to end.
    public func readyPods(_ deployment: String) -> [String] {
        owned(deployment).filter { Self.isActive($0) && Self.isReady($0) }.compactMap { $0["metadata"]["name"].string }
    }

    /// What ReplicaSets do: make the pods that are missing, and ask as many as there are too many to end, first those
    /// that are not ready, then the youngest. What has failed is replaced.
    public func reconcile() {
        for name in state.withLock({ $0.objects["deployments", default: [:]].keys.sorted() }) {
            let wanted = replicas(name) ?? 0
            let active = owned(name).filter(Self.isActive)
            for _ in active.count..<max(active.count, wanted) { make(name) }
            let inOrder = active.enumerated().sorted { a, b in
                let (left, right) = (Self.isReady(a.element), Self.isReady(b.element))
                return left == right ? a.offset > b.offset : !left
            }
            for (_, pod) in inOrder.prefix(max(0, active.count - wanted)) {
                if let pod = pod["metadata"]["name"].string { end(pod: pod, grace: 30) }
            }
            showStatus(name)
        }
    }

    /// What kubelets do: pods that were made run and become ready, pods that end are gone.
    public func runPods() {
        let all = state.withLock { $0.objects["pods", default: [:]].sorted { $0.key < $1.key } }
        for (name, pod) in all {
            if pod["metadata"]["deletionTimestamp"] != .null {
                remove("pods", name)
            } else if pod["status"]["phase"].string == "Pending" {
                setReady(pod: name, true)
            }
        }
        for name in state.withLock({ $0.objects["deployments", default: [:]].keys.sorted() }) { showStatus(name) }
    }

    /// ReplicaSets and kubelets until nothing is left to do: statuses are as the specs.
    public func settle() {
        reconcile()
        runPods()
    }

    /// Whether a pod's probe succeeds.
    public func setReady(pod name: String, _ isReady: Bool) {
        let time = state.withLock { Self.timestamp($0.time) }
        change("pods", name) { pod in
            let address = pod["metadata"]["annotations"]["fake/address"].string ?? ""
            pod["status"]["phase"] = "Running"
            pod["status"]["podIP"] = .string(address)
            pod["status"]["podIPs"] = .array([["ip": .string(address)]])
            pod["status"]["startTime"] = .string(time)
            pod["status"]["conditions"] = Self.conditions(isReady: isReady, at: time)
        }
    }

    /// Ends a pod as a node under pressure does: it stays, failed.
    public func evict(pod name: String) {
        change("pods", name) { pod in
            pod["status"] = [
                "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
                "startTime": pod["status"]["startTime"],
            ]
        }
    }

    /// Takes a pod away at once, as after its grace period.
    public func remove(pod name: String) { remove("pods", name) }

    /// DELETE of a pod: it ends within its grace period, or at once where that is 0.
    func delete(_ request: FakeRequest, _ place: FakePlace, _ name: String) -> FakeReply {
        guard let pod = state.withLock({ $0.objects["pods"]?[name] }) else { return missing(place, name) }
        let options = JSONTree(request.body) ?? .null
        if let uid = options["preconditions"]["uid"].string, uid != pod["metadata"]["uid"].string {
            return conflict(place, name)
        }
        let asked = request.query["gracePeriodSeconds"].flatMap(Int.init)
        let grace = options["gracePeriodSeconds"].integer ?? asked ?? 30
        let stored = grace == 0 ? remove("pods", name) : end(pod: name, grace: Int64(grace))
        return .answer(status: 200, body: (stored ?? pod).text)
    }

    @discardableResult
    private func end(pod name: String, grace: Int64) -> JSONTree? {
        let time = state.withLock { $0.time }
        return change("pods", name) { pod in
            guard pod["metadata"]["deletionTimestamp"] == .null else { return }
            pod["metadata"]["deletionTimestamp"] = .string(Self.timestamp(time + grace))
            pod["metadata"]["deletionGracePeriodSeconds"] = .integer(grace)
        }
    }

    private func owned(_ deployment: String) -> [JSONTree] {
        state.withLock { state in
            state.objects["pods", default: [:]].sorted { $0.key < $1.key }.map(\.value).filter {
                $0["metadata"]["labels"]["app"].string == deployment
            }
        }
    }

    private static func isActive(_ pod: JSONTree) -> Bool {
        pod["metadata"]["deletionTimestamp"] == .null && pod["status"]["phase"].string != "Failed"
    }

    private static func isReady(_ pod: JSONTree) -> Bool {
        pod["status"]["conditions"].array?.contains { $0["type"].string == "Ready" && $0["status"].string == "True" }
            ?? false
    }

    private func make(_ deployment: String) {
        let (number, template) = state.withLock { state in
            state.podsMade += 1
            return (state.podsMade, state.templates[deployment])
        }
        let digits = "\(number)"
        let set = "\(deployment)-\(Self.hash)"
        let name = "\(set)-\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits)"
        let pod = template?(name) ?? FakePod(address: "10.0.\(number / 250).\(number % 250 + 1)")
        var annotations: [String: JSONTree] = ["fake/address": .string(pod.address)]
        for (key, value) in pod.annotations { annotations[key] = .string(value) }
        let ports = pod.ports.sorted { $0.key < $1.key }.map { name, number -> JSONTree in
            ["name": .string(name), "containerPort": .integer(Int64(number)), "protocol": "TCP"]
        }
        let tree: JSONTree = [
            "metadata": [
                "generateName": .string("\(set)-"), "annotations": .object(annotations),
                "labels": ["app": .string(deployment), "pod-template-hash": .string(Self.hash)],
                "ownerReferences": .array([
                    ["apiVersion": "apps/v1", "kind": "ReplicaSet", "name": .string(set), "controller": .bool(true)]
                ]),
            ],
            "spec": [
                "containers": .array([
                    ["name": .string(deployment), "image": .string("\(deployment):1"), "ports": .array(ports)]
                ]),
                "nodeName": "node-1", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            ],
            "status": ["phase": "Pending", "qosClass": "BestEffort"],
        ]
        store("pods", name, tree, "Pod", "v1", isNew: true)
    }

    private static func conditions(isReady: Bool, at time: String) -> JSONTree {
        let words = [("Initialized", true), ("Ready", isReady), ("ContainersReady", isReady), ("PodScheduled", true)]
        return .array(
            words.map { type, holds in
                [
                    "type": .string(type), "status": .string(holds ? "True" : "False"), "lastProbeTime": .null,
                    "lastTransitionTime": .string(time),
                ]
            })
    }

    /// A deployment's status is that of its pods; counts of 0 are left out, but for the replicas.
    private func showStatus(_ deployment: String) {
        let active = owned(deployment).filter(Self.isActive)
        let ready = active.count(where: Self.isReady)
        change("deployments", deployment) { tree in
            tree["status"] = ["replicas": .integer(Int64(active.count))]
            guard ready > 0 else { return }
            tree["status"]["readyReplicas"] = .integer(Int64(ready))
            tree["status"]["availableReplicas"] = .integer(Int64(ready))
        }
    }
}
