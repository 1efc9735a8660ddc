public import Engine

/// The address of a page of metrics on this machine.
public struct ScrapeURL: Sendable, Equatable, CustomStringConvertible {
    /// Where it is served.
    public let endpoint: Endpoint
    /// Path and query.
    public let path: String

    /// The address in `http://127.0.0.1:9400/metrics`; nil for other schemes and machines, names, user
    /// names, and control characters. Without a path it is `/metrics`.
    public init?(_ text: String) {
        let scheme = "http://"
        guard text.hasPrefix(scheme), text.utf8.count <= 2_048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        let rest = text.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let endpoint = Endpoint(String(rest[..<slash])), endpoint.isLoopback else { return nil }
        self.endpoint = endpoint
        path = slash == rest.endIndex ? "/metrics" : String(rest[slash...])
    }

    /// The form that `init` reads.
    public var description: String { "http://\(endpoint)\(path)" }
}

/// Something to watch during a run.
public enum WatchSource: Sendable, Equatable {
    /// The process whose number is in a file (read anew each second, so a restart is followed), and all below it.
    case pidFile(component: String, path: String)
    /// All processes of that name (as in `/proc/PID/comm`), and all below them.
    case process(component: String, name: String)
    /// That process, and all below it.
    case pid(component: String, Int32)
    /// A page of metrics in the Prometheus text format.
    case scrape(url: ScrapeURL)

    /// What its processes are called in reports; nil for pages.
    var component: String? {
        switch self {
        case .pidFile(let component, _), .process(let component, _), .pid(let component, _): component
        case .scrape: nil
        }
    }

    var needsProcessList: Bool {
        switch self {
        case .pidFile, .process: true
        case .pid(let component, _): component != Saturation.generator
        case .scrape: false
        }
    }
}
