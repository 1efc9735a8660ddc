internal import Synchronization

/// A `coordination.k8s.io/v1` Lease.
///
/// Updates are a PUT of the object as it was read with a new `spec`, so that labels and annotations of others stay.
public final class KubernetesLease: LeaseStore {
    private let client: KubernetesClient
    private let name: String
    private let last = Mutex<JSONTree?>(nil)

    /// The lease of that name in the client's namespace.
    public init(_ client: KubernetesClient, name: String) throws(ActuationFault) {
        guard KubernetesConfiguration.isName(name) else {
            throw ActuationFault(.configuration, "'\(name)' is no name of a Lease")
        }
        self.client = client
        self.name = name
    }

    private var path: String {
        "/apis/coordination.k8s.io/v1/namespaces/\(client.configuration.namespace)/leases"
    }

    public func read() async throws(ActuationFault) -> (record: LeaseRecord, version: String)? {
        do {
            let tree = try await client.call("GET", "\(path)/\(name)")
            return (try record(tree), try keep(tree))
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    public func create(_ record: LeaseRecord) async throws(ActuationFault) -> String {
        let namespace = client.configuration.namespace
        let lease: JSONTree = [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": ["name": .string(name), "namespace": .string(namespace)], "spec": Self.spec(record),
        ]
        return try keep(try await client.call("POST", path, lease))
    }

    public func update(_ record: LeaseRecord, version: String) async throws(ActuationFault) -> String {
        var lease = last.withLock { $0 } ?? .object([:])
        lease["apiVersion"] = "coordination.k8s.io/v1"
        lease["kind"] = "Lease"
        lease["metadata"]["name"] = .string(name)
        lease["metadata"]["namespace"] = .string(client.configuration.namespace)
        lease["metadata"]["resourceVersion"] = .string(version)
        var spec = lease["spec"].object ?? [:]
        spec.merge(Self.spec(record).object ?? [:]) { $1 }
        lease["spec"] = .object(spec)
        return try keep(try await client.call("PUT", "\(path)/\(name)", lease))
    }

    private func keep(_ tree: JSONTree) throws(ActuationFault) -> String {
        guard tree["kind"].string == "Lease", let version = tree["metadata"]["resourceVersion"].string,
            !version.isEmpty
        else { throw KubernetesClient.unreadable(path, "no Lease") }
        last.withLock { $0 = tree }
        return version
    }

    private func record(_ tree: JSONTree) throws(ActuationFault) -> LeaseRecord {
        let spec = tree["spec"]
        return LeaseRecord(
            holder: spec["holderIdentity"].string ?? "",
            durationSeconds: spec["leaseDurationSeconds"].integer ?? 1,
            acquireTime: spec["acquireTime"].string.flatMap(MicroTime.init),
            renewTime: spec["renewTime"].string.flatMap(MicroTime.init),
            transitions: max(0, spec["leaseTransitions"].integer ?? 0))
    }

    private static func spec(_ record: LeaseRecord) -> JSONTree {
        var spec: [String: JSONTree] = [
            "holderIdentity": .string(record.holder), "leaseDurationSeconds": .integer(Int64(record.durationSeconds)),
            "leaseTransitions": .integer(Int64(record.transitions)),
        ]
        spec["acquireTime"] = record.acquireTime.map { .string($0.text) }
        spec["renewTime"] = record.renewTime.map { .string($0.text) }
        return .object(spec)
    }
}
