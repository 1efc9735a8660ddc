/// A pod as far as scaling needs it: `v1` Pod, fields that are absent or of another form are as good as not there.
public struct Pod: Sendable, Equatable {
    /// What a pod is to the service it belongs to.
    public enum State: String, Sendable, CaseIterable {
        /// Condition Ready is True, and nobody has asked it to end.
        case ready
        /// It does not serve, or not now: without a node, pulling, starting, restarting, its probe fails, its node is away.
        case pending
        /// It was asked to end and finishes what it has.
        case draining
        /// Failed, evicted, succeeded; or it should have ended long ago, as on a node that is gone.
        case ended
    }

    /// `metadata.name`.
    public var name: String
    /// When it was made, seconds since 1970 UTC; nil where that cannot be read.
    public var created: Double?
    /// When it has ended at the latest, seconds since 1970 UTC: `metadata.deletionTimestamp`, which includes the grace
    /// period; nil where nobody has asked for it.
    public var deadline: Double?
    /// `status.podIP`, IPv4 or IPv6; nil before it has one.
    public var address: String?
    /// TCP ports of its containers that have a name.
    public var ports: [String: Int]
    /// The annotations `prometheus.io/scrape`, `/port` and `/path`, by their last word.
    public var annotations: [String: String]
    private var isReady: Bool
    private var isOver: Bool

    /// Seconds after `deadline` for which a pod is still believed to end.
    static let drainMax = 60.0

    /// A pod of the API; nil where the tree has no name.
    package init?(_ tree: JSONTree) {
        let metadata = tree["metadata"]
        guard let name = metadata["name"].string, !name.isEmpty else { return nil }
        self.name = name
        created = Self.time(metadata["creationTimestamp"])
        deadline = metadata["deletionTimestamp"] == .null ? nil : Self.time(metadata["deletionTimestamp"]) ?? .infinity
        let status = tree["status"]
        address = [status["podIP"].string, status["podIPs"].array?.first?["ip"].string].lazy
            .compactMap { $0 }.first(where: Self.isAddress)
        isReady = (status["conditions"].array ?? []).contains {
            $0["type"].string == "Ready" && $0["status"].string == "True"
        }
        isOver = ["Failed", "Succeeded"].contains(status["phase"].string)
        ports = Self.ports(tree["spec"])
        annotations = [:]
        for word in ["scrape", "port", "path"] {
            annotations[word] = metadata["annotations"]["prometheus.io/\(word)"].string
        }
    }

    /// What it is at a time in seconds since 1970 UTC.
    public func state(at wall: Double) -> State {
        if isOver { return .ended }
        if let deadline { return wall < deadline + Self.drainMax ? .draining : .ended }
        return isReady ? .ready : .pending
    }

    /// Named ports of containers, and of init containers that run all the while (`restartPolicy: Always`).
    private static func ports(_ spec: JSONTree) -> [String: Int] {
        let beside = (spec["initContainers"].array ?? []).filter { $0["restartPolicy"].string == "Always" }
        var found: [String: Int] = [:]
        for port in ((spec["containers"].array ?? []) + beside).flatMap({ $0["ports"].array ?? [] }) {
            guard let name = port["name"].string, let number = port["containerPort"].integer,
                (port["protocol"].string ?? "TCP") == "TCP", (1...65_535).contains(number)
            else { continue }
            found[name] = found[name] ?? number
        }
        return found
    }

    private static func time(_ tree: JSONTree) -> Double? {
        tree.string.flatMap(MicroTime.init).map { Double($0.microseconds) / 1e6 }
    }

    /// Digits of IPv4 or IPv6 only: nothing else goes into a URL.
    private static func isAddress(_ text: String) -> Bool {
        guard (2...45).contains(text.utf8.count) else { return false }
        let isV6 = text.contains(":")
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 46, 48...57: true
            case 58, 65...70, 97...102: isV6
            default: false
            }
        }
    }
}
