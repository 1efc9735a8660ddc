internal import Actuation
internal import Autoscaling
internal import Settings

extension RunConfiguration {
    /// Actuator, leadership, journal, listener.
    mutating func readOutside(_ top: SettingsSection) throws(SettingsError) {
        let kubernetes = try Self.kubernetes(try top.section("kubernetes"))
        let acting = try top.section("actuator")
        switch try acting.word("kind", default: "dry-run", among: ["dry-run", "processes", "kubernetes"]) {
        case "processes": actuation = .processes(server: try acting.required("server").url())
        case "kubernetes": actuation = .kubernetes(kubernetes, targets: try targets(try acting.section("targets")))
        default: actuation = .dryRun
        }
        let leading = try top.section("leadership")
        switch try leading.word("kind", default: "none", among: ["none", "file", "kubernetes"]) {
        case "file": leadership = .file(try leading.required("file").name())
        case "kubernetes":
            leadership = .lease(kubernetes, name: try leading.text("lease", default: "springtide-autoscaler"))
        default: leadership = .none
        }
        identity = try leading.text("identity", default: "")
        election.leaseDuration = Int(try leading.seconds("lease_duration", default: 15, in: 1...3_600))
        election.renewDeadline = try leading.seconds("renew_deadline", default: 10, in: 0.1...3_600)
        election.retryPeriod = try leading.seconds("retry_period", default: 2, in: 0.05...3_600)
        guard Double(election.leaseDuration) > election.renewDeadline else {
            let key = leading.has("lease_duration") ? "lease_duration" : "renew_deadline"
            throw leading.error(
                key,
                "lease_duration (\(election.leaseDuration)s) must be longer than renew_deadline "
                    + "(\(election.renewDeadline)s)")
        }
        guard election.fault == nil else {
            throw leading.error(
                leading.has("retry_period") ? "retry_period" : "renew_deadline",
                "renew_deadline (\(election.renewDeadline)s) must be longer than \(1 + election.jitter) times "
                    + "retry_period (\(election.retryPeriod)s)")
        }
        let journal = try top.section("journal")
        journalFile = try journal.text("file", default: "")
        journalSync = try journal.seconds("sync", default: 1, in: 0...3_600)
        rotation.bytesMax = try journal.value("bytes_max")?.bytes(in: 65_536...1 << 40) ?? 64 << 20
        rotation.filesMax = try journal.integer("files_max", default: 8, in: 1...1_000)
        outcomeAfter = try journal.seconds("outcome_after", default: 60, in: 0.05...3_600)
        if let value = top.value("listen") { listen = try value.address() }
    }

    private static func kubernetes(_ section: SettingsSection) throws(SettingsError) -> Kubernetes {
        Kubernetes(
            server: try section.text("server", default: ""), namespace: try section.text("namespace", default: ""),
            tokenFile: try section.text("token_file", default: ""),
            authorityFile: try section.text("ca_file", default: ""), pages: try pages(section))
    }

    /// Port and path of the pods' `/metrics`; empty texts are as good as absent.
    private static func pages(_ section: SettingsSection) throws(SettingsError) -> PodPages {
        var pages = PodPages()
        if let value = section.value("metrics_port"), case let text = try value.text(), !text.isEmpty {
            if let number = Int(text), (1...65_535).contains(number) {
                pages.port = .number(number)
            } else if PodPages.isPortName(text) {
                pages.port = .named(text)
            } else {
                throw value.must("be a port in 1...65535 or the name of one, such as metrics")
            }
        }
        if let value = section.value("metrics_path"), case let text = try value.text(), !text.isEmpty {
            guard PodPages.isPath(text) else { throw value.must("be a path such as /metrics") }
            pages.path = text
        }
        return pages
    }

    private func targets(_ section: SettingsSection) throws(SettingsError) -> [String: ScaleTarget] {
        let names = profile.services.map(\.name)
        var targets = Dictionary(uniqueKeysWithValues: names.map { ($0, ScaleTarget(.deployment, $0)) })
        for (key, place) in section.openKeys() {
            guard names.contains(key) else {
                throw SettingsError.stranger(key, place, section.path(of: key), names)
            }
            guard let value = section.value(key) else { continue }
            let parts = try value.name().split(separator: "/").map(String.init)
            guard parts.count == 2, let kind = ScaleTarget.Kind.allCases.first(where: { $0.resource == parts[0] })
            else { throw value.must("be deployments/NAME or statefulsets/NAME") }
            targets[key] = ScaleTarget(kind, parts[1])
        }
        return targets
    }

    /// Which series say what, of every service and of the chain as a whole.
    mutating func readMetrics(_ top: SettingsSection) throws(SettingsError) {
        let section = try top.section("metrics")
        let timeout = try section.seconds("timeout", default: 2, in: 0.05...60)
        let source = try section.word("source", default: "scrape", among: ["scrape", "prometheus"])
        hasWhole = section.has("whole")
        if source == "prometheus" {
            let server = try section.required("server").url()
            let queries = try section.section("queries")
            var services: [PrometheusReader.Service] = []
            for service in profile.services {
                services.append(
                    .init(
                        name: service.name, queries: try Self.queries(queries, service.name),
                        rateMax: Double(service.bounds.upperBound) * service.capacity))
            }
            if hasWhole {
                let queries = try Self.queries(try section.section("whole"), "")
                services.append(.init(name: "(chain)", queries: queries, rateMax: wholeRateMax))
            }
            let coverage = try section.share("coverage", default: 0.5, in: 0.01...1)
            metrics = .prometheus(server: server, services: services, timeout: timeout, coverage: coverage)
            return
        }
        let urls = try endpoints(try section.section("endpoints"))
        var limits = ScrapeReader.Limits()
        limits.timeout = timeout
        limits.gapMax = max(60, 3 * ladder.period)
        limits.window = try section.seconds("window", default: min(ladder.period, 600), in: 0.05...600)
        limits.coverageMin = try section.share("coverage", default: 0.5, in: 0.01...1)
        let series = try section.section("series")
        var services: [ScrapeReader.Service] = []
        for service in profile.services {
            var metrics = try Self.series(series, service)
            metrics.rateMax = Double(min(4, service.bounds.upperBound)) * service.capacity
            services.append(.init(name: service.name, metrics: metrics, endpoints: urls[service.name] ?? [:]))
        }
        if hasWhole {
            let whole = try section.section("whole")
            var metrics = try Self.series(whole, nil)
            metrics.rateMax = wholeRateMax
            services.append(
                .init(name: "(chain)", metrics: metrics, endpoints: try Self.urls(whole.value("endpoints"))))
        }
        metrics = .scrape(services: services, limits: limits)
    }

    /// URLs of services' pages.
    private func endpoints(_ section: SettingsSection) throws(SettingsError) -> [String: [String: String]] {
        var urls: [String: [String: String]] = [:]
        for (key, place) in section.openKeys() {
            guard profile.services.contains(where: { $0.name == key }) else {
                throw SettingsError.stranger(key, place, section.path(of: key), profile.services.map(\.name))
            }
            urls[key] = try Self.urls(section.value(key))
        }
        return urls
    }

    /// Requests of the whole a second that the chain could serve with all replicas there may be.
    private var wholeRateMax: Double? {
        profile.services.indices.compactMap { index in
            let service = profile.services[index]
            let visits = profile.visits(of: index)
            return visits > 0 ? Double(service.bounds.upperBound) * service.capacity / visits : nil
        }.min()
    }

    private static func urls(_ value: SettingValue?) throws(SettingsError) -> [String: String] {
        var urls: [String: String] = [:]
        for item in try value?.list() ?? [] { urls[try item.url()] = try item.url() }
        return urls
    }

    private static func queries(
        _ section: SettingsSection, _ service: String
    ) throws(SettingsError) -> [PrometheusReader.Number: String] {
        var queries: [PrometheusReader.Number: String] = [:]
        for number in PrometheusReader.Number.allCases {
            let key = number.rawValue.snakeCased
            let query = try section.text(key, default: "").replacing("$service", with: service)
            if !query.isEmpty { queries[number] = query }
        }
        return queries
    }

    private static func series(
        _ section: SettingsSection, _ service: ServiceProfile?
    ) throws(SettingsError) -> ServiceMetrics {
        func selection(_ key: String, _ fallback: String) throws(SettingsError) -> MetricSelection? {
            let value = section.value(key)
            let text = (try value?.text() ?? fallback).replacing("$service", with: service?.name ?? "")
            guard !text.isEmpty else { return nil }
            if let selection = MetricSelection(text: text) { return selection }
            throw section.error(key, "must be a series such as name{label=\"value\"}")
        }
        let calls = "rpc_server_call_duration_seconds"
        let label = service == nil ? "" : "{service=\"$service\"}"
        let gauge = try selection("utilisation", "")
        let busy = try selection("busy_seconds", service == nil ? "" : "process_cpu_seconds_total")
        return ServiceMetrics(
            requests: try selection("requests", "\(calls)_count\(label)"), failures: try selection("failures", ""),
            latency: try selection("latency", "\(calls)\(label)"), queue: try selection("queue", ""),
            utilisation: gauge.map { .gauge($0) }
                ?? busy.map { .busySeconds($0, perSecond: service?.processors ?? 1) })
    }
}

extension MetricSelection {
    /// A series as it is written: `name` or `name{label="value",other="value"}`; nil where it is not so written.
    init?(text: String) {
        guard let brace = text.firstIndex(of: "{") else {
            guard !text.isEmpty, !text.contains(where: { " \"=},".contains($0) }) else { return nil }
            self.init(text)
            return
        }
        guard text.hasSuffix("}"), brace > text.startIndex else { return nil }
        var labels: [String: String] = [:]
        for part in text[text.index(after: brace)...].dropLast().split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[1].count >= 2, pair[1].hasPrefix("\""), pair[1].hasSuffix("\"") else {
                return nil
            }
            labels[String(pair[0])] = String(pair[1].dropFirst().dropLast())
        }
        self.init(String(text[..<brace]), labels)
    }
}

extension String {
    /// `errorRatio` as `error_ratio`.
    fileprivate var snakeCased: String {
        reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
    }
}
