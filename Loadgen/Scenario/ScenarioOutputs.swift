public import Engine
public import Settings

/// What a run writes: the section `outputs`. Paths are relative to the working directory; `-` is standard output.
public struct ScenarioOutputs: Sendable, Equatable {
    /// Columns of the JTL file.
    public enum JTLDialect: String, Sendable, CaseIterable {
        /// JMeter 3 and later.
        case current = "5"
        /// JMeter 2.13, which knows no `sentBytes`.
        case old = "2"
    }

    /// From when on the times of the JTL file count.
    public enum JTLTime: String, Sendable, CaseIterable {
        /// When the request was due.
        case intended
        /// When it was sent, as JMeter counts.
        case service
    }

    /// The HTML report.
    public var html: String?
    /// The JSON summary.
    public var json: String?
    /// The series, a row an interval.
    public var csv: String?
    /// Histogram log, a line an interval.
    public var hlog: String?
    /// Percentile distribution of the whole run.
    public var hgrm: String?
    /// A line a request.
    public var jtl: String?
    /// How that line is made.
    public var jtlDialect = JTLDialect.current
    /// What its times count from.
    public var jtlTime = JTLTime.intended
    /// Where figures can be scraped while it runs; loopback.
    public var openMetrics: Endpoint?
    /// A line a final acknowledgement; FIX targets only.
    public var ackLog: String?

    /// Nothing is written.
    public init() {}

    /// The section `outputs`.
    public init(_ section: SettingsSection) throws(SettingsError) {
        try section.allow(["html", "json", "csv", "hlog", "hgrm", "jtl", "openmetrics", "ack_log"])
        html = try section.value("html")?.name()
        json = try section.value("json")?.name()
        csv = try section.value("csv")?.name()
        hlog = try section.value("hlog")?.name()
        hgrm = try section.value("hgrm")?.name()
        ackLog = try section.value("ack_log")?.name()
        if let value = section.value("jtl") { try readJTL(value) }
        if let value = section.value("openmetrics") {
            guard let endpoint = Endpoint(try value.text()), endpoint.isLoopback else {
                throw value.must("be a numeric loopback address with a port, such as 127.0.0.1:9401")
            }
            openMetrics = endpoint
        }
        try refuseSharedFiles(section)
    }

    private mutating func readJTL(_ value: SettingValue) throws(SettingsError) {
        if value.isScalar {
            jtl = try value.name()
            return
        }
        let keys = try value.section()
        try keys.allow(["file", "dialect", "time"])
        jtl = try keys.required("file").name()
        jtlDialect = try keys.value("dialect")?.choice(JTLDialect.self) ?? jtlDialect
        jtlTime = try keys.value("time")?.choice(JTLTime.self) ?? jtlTime
    }

    private func refuseSharedFiles(_ section: SettingsSection) throws(SettingsError) {
        var seen: [String: String] = [:]
        let files = [
            ("html", html), ("json", json), ("csv", csv), ("hlog", hlog), ("hgrm", hgrm), ("jtl", jtl),
            ("ack_log", ackLog),
        ]
        for (key, path) in files {
            guard let path else { continue }
            if let other = seen[path] {
                throw section.error(key, "\(path) is already written by \(section.path(of: other))")
            }
            seen[path] = key
        }
    }
}

/// Something of the target's machine that is watched during a run: the section `server_metrics`.
public enum ServerMetric: Sendable, Equatable {
    /// A page of metrics in the Prometheus text format, on this machine; read once an interval of the series.
    case scrape(url: String)
    /// The process whose number stands in a file, and its children.
    case pidFile(component: String, path: String)
    /// Processes by their name.
    case process(component: String, name: String)

    /// Most entries.
    public static let countMax = 64

    /// The entries of the section; none where it is absent.
    public static func list(_ value: SettingValue?) throws(SettingsError) -> [ServerMetric] {
        guard let value else { return [] }
        var found: [ServerMetric] = []
        for item in try value.list() {
            let section = try item.section()
            try section.allow(["scrape", "pid_file", "process", "component"])
            let kinds = ["scrape", "pid_file", "process"].filter { section.has($0) }
            guard kinds.count == 1 else { throw item.must("have one of scrape, pid_file, process") }
            guard kinds[0] != "scrape" || !section.has("component") else {
                throw section.error("component", "belongs to pid_file or process")
            }
            found.append(try read(kinds[0], section))
        }
        guard found.count <= countMax else { throw value.error("more than \(countMax) entries") }
        return found
    }

    private static func read(_ kind: String, _ section: SettingsSection) throws(SettingsError) -> ServerMetric {
        let value = try section.required(kind)
        let text = try value.name()
        switch kind {
        case "scrape":
            let rest = text.hasPrefix("http://") ? text.dropFirst(7) : ""
            guard let slash = rest.firstIndex(of: "/"), let endpoint = Endpoint(String(rest[..<slash])),
                endpoint.isLoopback
            else { throw value.must("be a page of this machine, such as http://127.0.0.1:9400/metrics") }
            return .scrape(url: text)
        case "pid_file": return .pidFile(component: try section.text("component", default: "services"), path: text)
        default: return .process(component: try section.text("component", default: text), name: text)
        }
    }
}
