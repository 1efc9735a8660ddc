/// Where the pods of a service answer `/metrics`: `http://ADDRESS:PORT/PATH`, IPv6 addresses in brackets.
///
/// A port or path that is said here goes before the pod's annotations `prometheus.io/port` and `prometheus.io/path`;
/// without either the path is `/metrics`, and there is no port. A pod with `prometheus.io/scrape: "false"` is left out.
public struct PodPages: Sendable, Equatable {
    /// A port of a pod.
    public enum Port: Sendable, Equatable {
        /// This number, whatever the pod's containers name.
        case number(Int)
        /// The port of that name of one of its containers.
        case named(String)
    }

    /// The port of all pods; nil for that of their annotations.
    public var port: Port?
    /// The path of all pods, with its first slash; nil for that of their annotations.
    public var path: String?

    /// Pages at a port and path.
    public init(port: Port? = nil, path: String? = nil) {
        self.port = port
        self.path = path
    }

    /// Whether a text can be the path of a URL, with its query.
    public static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count <= 1_024
            && text.utf8.allSatisfy {
                (33...126).contains($0) && ![34, 35, 60, 62, 92, 94, 96, 123, 124, 125].contains($0)
            }
    }

    /// Whether a text can be the name of a port: 1 to 15 of a-z, 0-9 and '-', a letter among them (RFC 6335).
    public static func isPortName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...15).contains(bytes.count), bytes.first != 45, bytes.last != 45, !text.contains("--") else {
            return false
        }
        return bytes.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
            && bytes.contains { (97...122).contains($0) }
    }

    /// The URL of a pod's page, or why it has none.
    package func url(of pod: Pod) -> Result<String, Absence> {
        if pod.annotations["scrape"]?.lowercased() == "false" { return .failure(.leftOut) }
        guard let address = pod.address else { return .failure(.noAddress) }
        let number: Int
        switch port {
        case .number(let fixed): number = fixed
        case .named(let name):
            guard let own = pod.ports[name] else { return .failure(.noPort("no container has a port named '\(name)'")) }
            number = own
        case nil:
            guard let text = pod.annotations["port"] else {
                return .failure(.noPort("kubernetes.metrics_port is not set, nor annotation prometheus.io/port"))
            }
            guard let own = Int(text), (1...65_535).contains(own) else {
                return .failure(.noPort("annotation prometheus.io/port is no port"))
            }
            number = own
        }
        var place = path ?? pod.annotations["path"] ?? "/metrics"
        if !place.hasPrefix("/") { place = "/" + place }
        guard Self.isPath(place) else { return .failure(.noPath) }
        return .success("http://\(address.contains(":") ? "[\(address)]" : address):\(number)\(place)")
    }

    /// Why a pod has no page.
    package enum Absence: Error, Equatable, CustomStringConvertible {
        /// Its annotation says so.
        case leftOut
        case noAddress
        case noPort(String)
        case noPath

        package var description: String {
            switch self {
            case .leftOut: "annotation prometheus.io/scrape leaves it out"
            case .noAddress: "it has no address"
            case .noPort(let why): why
            case .noPath: "annotation prometheus.io/path is no path"
            }
        }
    }
}
