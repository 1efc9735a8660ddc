internal import Engine
internal import Glibc
internal import Report
internal import Scenario
internal import Settings

/// What a run shall be, from the scenario file and the options that override it.
struct RunSettings {
    let file: ScenarioFile
    let context: RunContext
    let serverJSON: String?
    let serverJSONWait: Int
    let workers: Int

    var plan: LoadPlan { file.plan }

    init(_ options: RunCommand) throws(SettingsError) {
        func refuse(_ option: String, _ why: String) -> SettingsError {
            SettingsError(.option(option), "\(option) \(why)")
        }
        guard options.scenario != nil || options.target != nil else {
            throw refuse(
                "run",
                """
                needs a scenario or a target:
                  loadgen run --scenario config/scenarios/smoke.yaml --instruments instruments.csv
                  loadgen run --target 127.0.0.1:9880 --rate 1000 --duration 10s --instruments instruments.csv
                loadgen run --help shows all options.
                """)
        }
        guard (0...3_600).contains(options.serverJSONWait) else {
            throw refuse("--server-json-wait", "must be 0 to 3600 seconds")
        }
        guard (1...RunExecution.workersMax).contains(options.workers) else {
            throw refuse("--workers", "must be 1 to \(RunExecution.workersMax)")
        }
        var node = SettingNode.empty(named: "options")
        var text = ""
        if let path = options.scenario { (text, node) = try Self.scenario(path) }
        node = try Self.overrides(options).applied(to: node)
        file = try ScenarioFile(node, Self.surroundings(allowsRemote: options.allowRemote))
        serverJSON = options.serverJSON
        serverJSONWait = options.serverJSONWait
        workers = options.workers
        context = RunContext(
            name: file.plan.name, scenario: Self.description(text, file.secrets), revision: options.revision ?? "",
            host: HostFacts.list())
    }

    /// The text of a scenario file and its tree.
    static func scenario(_ path: String) throws(SettingsError) -> (text: String, node: SettingNode) {
        let text: String
        do { text = try TextFile.read(path) } catch {
            throw SettingsError(.file(path, line: 0, column: 0), "cannot be read: \(error.reason)")
        }
        return (text, try SettingNode(yaml: text, name: path))
    }

    private static func overrides(_ options: RunCommand) -> ScenarioOptions {
        var result = ScenarioOptions()
        if options.scenario == nil {
            result.set("version", "--version", 1)
            result.set(
                "name", "--name", options.users.map { "\($0) users" } ?? "\(options.rate ?? "Some") requests a second")
        }
        (result.rate, result.duration, result.schedule) = (options.rate, options.duration, options.schedule)
        (result.users, result.arrivals, result.mix) = (options.users, options.arrivals, options.mix)
        (result.replay, result.thresholds) = (options.replay, options.threshold)
        result.set("time_scale", "--time-scale", options.timeScale)
        result.set("seed", "--seed", options.seed)
        setTarget(options, &result)
        result.set("accounts.count", "--accounts", options.accounts)
        result.set("accounts.first", "--account-first", options.accountFirst)
        result.set("accounts.exponent", "--account-exponent", options.accountExponent)
        result.set("accounts.holdings_stride", "--holdings-stride", options.holdingsStride)
        result.set("accounts.holdings_per_account", "--holdings-per-account", options.holdingsPerAccount)
        result.set("instruments.file", "--instruments", options.instruments)
        result.set("instruments.exponent", "--instrument-exponent", options.instrumentExponent)
        result.set("orders.marketable", "--marketable", options.marketable)
        if options.realtime { result.set("pacing.realtime", "--realtime", true) }
        result.set("pacing.coalesce", "--coalesce", options.coalesce)
        result.set("outputs.json", "--json", options.json)
        result.set("outputs.html", "--html", options.html)
        result.set("outputs.ack_log", "--ack-log", options.ackLog)
        return result
    }

    private static func setTarget(_ options: RunCommand, _ result: inout ScenarioOptions) {
        result.set("target.address", "--target", options.target)
        result.set("target.connections", "--sessions", options.sessions)
        result.set("target.sender_prefix", "--sender-prefix", options.senderPrefix)
        result.set("target.target_comp_id", "--target-comp-id", options.targetCompID)
        result.set("target.username", "--username", options.username)
        result.set("target.password", "--password", options.password)
        result.set("target.timeout", "--timeout", options.timeout)
        result.set("target.max_in_flight", "--max-in-flight", options.maxInFlight)
        result.set("target.on_saturation", "--on-saturation", options.onSaturation)
        if options.reconnect { result.set("target.reconnect", "--reconnect", true) }
    }

    /// This machine: as many descriptors as this process may ask for, and asks for.
    static func surroundings(allowsRemote: Bool) -> ScenarioFile.Surroundings {
        var limit = rlimit()
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        if unsafe getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            _ = unsafe setrlimit(kind, &limit)
        }
        let read = unsafe getrlimit(kind, &limit) == 0 ? limit.rlim_cur : 1_024
        return ScenarioFile.Surroundings(
            descriptorsMax: Int(min(read, 1 << 30)), allowsRemote: allowsRemote, read: TextFile.read)
    }

    /// The scenario's text and the command line, without passwords.
    private static func description(_ text: String, _ secrets: [String]) -> String {
        let words = CommandLine.arguments.dropFirst().map { $0.contains(" ") ? "\"\($0)\"" : $0 }
        let command = "loadgen " + words.joined(separator: " ")
        let whole = text.isEmpty ? command : "# \(command)\n\(text)"
        return secrets.reduce(whole) { $0.replacing($1, with: "***") }
    }
}
