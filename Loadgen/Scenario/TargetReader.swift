internal import Engine
internal import Settings

/// The section `target`.
struct TargetReader {
    private(set) var plan: TargetPlan
    private(set) var secrets: [String] = []
    private(set) var hasConnectionPerUser = false

    private static let common = [
        "transport", "address", "connections", "sessions", "pipeline", "max_in_flight", "timeout", "on_saturation",
        "reconnect", "tls",
    ]
    private static let fix = [
        "sender_prefix", "target_comp_id", "username", "password", "heartbeat", "open_orders",
    ]
    private static let http = ["host", "headers", "reply_max"]

    init(_ section: SettingsSection, _ surroundings: ScenarioFile.Surroundings) throws(SettingsError) {
        try section.allow(Self.common + Self.fix + Self.http + ["function"])
        let word = try section.word("transport", default: "fix", among: ["fix", "tcp", "http", "inproc"])
        let strangers: [String]
        switch word {
        case "http":
            strangers = Self.fix + ["function"]
            plan = TargetPlan(.http(try Self.http(section)), at: try Self.endpoint(section, surroundings))
            plan.window = 1
        case "inproc":
            strangers = Self.fix + Self.http + ["address", "tls"]
            let name = try section.required("function", "is missing: the name of the function to call").name()
            guard let nowhere = Endpoint("127.0.0.1:1") else { throw section.error("address", "no address") }
            plan = TargetPlan(.inProcess(name), at: nowhere)
        default:
            strangers = Self.http + ["function"]
            plan = TargetPlan(.fix(try Self.fix(section)), at: try Self.endpoint(section, surroundings))
        }
        for key in strangers where section.has(key) {
            throw section.error(key, "has no meaning for transport \(word)")
        }
        if case .fix(let target) = plan.transport, !target.password.isEmpty { secrets = [target.password] }
        try readLimits(section)
        plan.tls = try Self.tls(section)
    }

    private mutating func readLimits(_ section: SettingsSection) throws(SettingsError) {
        if section.has("connections"), section.has("sessions") {
            throw section.error("sessions", "is another name of connections; only one of them")
        }
        if let value = section.value("connections") ?? section.value("sessions") {
            if case .scalar("users") = value.node.content {
                hasConnectionPerUser = true
            } else {
                plan.connections = try value.integer(in: 1...20_000)
            }
        }
        plan.window = try section.integer("pipeline", default: plan.window, in: 1...65_536)
        plan.maxInFlight = try section.integer("max_in_flight", default: plan.maxInFlight, in: 1...200_000)
        if let value = section.value("timeout") {
            plan.timeoutNanoseconds = UInt64(try value.nanoseconds(in: 1_000_000...600_000_000_000))
        }
        plan.onSaturation = try section.value("on_saturation")?.choice(TargetPlan.Saturation.self) ?? plan.onSaturation
        plan.reconnects = try section.flag("reconnect", default: false)
    }

    mutating func connect(users: Int) { plan.connections = users }

    private static func endpoint(
        _ section: SettingsSection, _ surroundings: ScenarioFile.Surroundings
    ) throws(SettingsError) -> Endpoint {
        let value = try section.required(
            "address", "is missing: where the target listens, such as 127.0.0.1:9880 (option --target)")
        let text = try value.text()
        guard let endpoint = Endpoint(text) else {
            throw value.error("\(text) is not a numeric address with a port, such as 127.0.0.1:9880")
        }
        guard endpoint.isLoopback || surroundings.allowsRemote else {
            throw value.error("\(endpoint) is not on this machine; --allow-remote permits that")
        }
        return endpoint
    }

    private static func fix(_ section: SettingsSection) throws(SettingsError) -> FIXTarget {
        var target = FIXTarget()
        target.senderPrefix = try section.value("sender_prefix")?.name() ?? target.senderPrefix
        target.targetCompID = try section.value("target_comp_id")?.name() ?? target.targetCompID
        target.username = try section.text("username", default: "")
        target.password = try section.text("password", default: "")
        if let value = section.value("heartbeat") {
            target.heartbeatSeconds = Int64(try PlanReader.seconds(value, in: 1...3_600))
        }
        target.openOrdersPerSession = try section.integer(
            "open_orders", default: target.openOrdersPerSession, in: 1...1_024)
        return target
    }

    private static func http(_ section: SettingsSection) throws(SettingsError) -> HTTPTarget {
        var target = HTTPTarget()
        target.host = try section.text("host", default: "")
        target.replyMax = try section.value("reply_max")?.bytes(in: 1_024...(1 << 30)) ?? target.replyMax
        let headers = try section.section("headers")
        for (key, _) in headers.openKeys() {
            guard let value = headers.value(key) else { continue }
            try OperationReader.checkHeader(key, value)
            target.headers.append(.init(name: key, value: try value.text()))
        }
        return target
    }

    /// `tls: true`, or the files and names of it.
    private static func tls(_ section: SettingsSection) throws(SettingsError) -> TLSPlan? {
        guard let value = section.value("tls") else { return nil }
        var tls = TLSPlan()
        if value.isScalar { return try value.flag() ? tls : nil }
        let keys = try value.section()
        try keys.allow(["ca_file", "cert_file", "key_file", "server_name", "verify"])
        tls.authorityFile = try keys.value("ca_file")?.name()
        tls.certificateFile = try keys.value("cert_file")?.name()
        tls.keyFile = try keys.value("key_file")?.name()
        tls.serverName = try keys.value("server_name")?.name()
        tls.verifies = try keys.flag("verify", default: true)
        guard (tls.certificateFile == nil) == (tls.keyFile == nil) else {
            throw value.error("cert_file and key_file come together")
        }
        return tls
    }
}
