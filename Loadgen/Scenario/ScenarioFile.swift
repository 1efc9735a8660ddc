public import Engine
public import Settings

/// A scenario: what a YAML file and the options laid over it say, as a plan that the engine can run.
///
/// Reading is strict and happens before anything is sent: an unknown key, a wrong type, a name that stands for nothing
/// and a contradiction are errors with line and column. Two forms:
///
/// - full: `feeders`, `operations`, `flows`, `mixes` and `scenarios`, several of which may run side by side;
/// - short: the keys of one scenario (`stages`, `arrivals`, `mix`, ...) at the top; it is called `main`.
///
/// `time_scale: 60` makes everything that has a length of its own (stages, starts, steps, warm-up, delays of
/// thresholds, dwell times, periods) 60 times as short. Rates, think times, timeouts and recorded times stay.
public struct ScenarioFile: Sendable {
    /// What the file cannot know of the machine it is read on.
    public struct Surroundings {
        /// Descriptors this process may open: `RLIMIT_NOFILE`.
        public var descriptorsMax: Int
        /// Whether the target may be another machine.
        public var allowsRemote: Bool
        /// The text of a file that the scenario names.
        public var read: (String) throws -> String

        /// Surroundings.
        public init(descriptorsMax: Int, allowsRemote: Bool = false, read: @escaping (String) throws -> String) {
            self.descriptorsMax = descriptorsMax
            self.allowsRemote = allowsRemote
            self.read = read
        }
    }

    /// Descriptors kept for files, the poller and the terminal.
    public static let descriptorsKept = 32
    /// Largest name of a feeder, operation, flow, mix or scenario, bytes.
    public static let nameMax = 64

    /// What is run; it has passed `LoadPlan.validate`.
    public let plan: LoadPlan
    /// Files and pages to write.
    public let outputs: ScenarioOutputs
    /// What of the target's machine is watched.
    public let serverMetrics: [ServerMetric]
    /// Passwords, to be left out of reports.
    public let secrets: [String]
    /// How much shorter than written everything is.
    public let timeScale: Double

    /// The scenario in the text of a file.
    ///
    /// - Parameter name: the file's name, for messages.
    public init(text: String, name: String, _ surroundings: Surroundings) throws(SettingsError) {
        try self.init(SettingNode(yaml: text, name: name), surroundings)
    }

    /// The scenario in a tree of settings.
    public init(_ node: SettingNode, _ surroundings: Surroundings) throws(SettingsError) {
        let top = try SettingsSection(SettingValue(node, path: ""))
        try top.allow(ScenarioKeys.top)
        guard try top.required("version", "must be 1; this program reads no other").text() == "1" else {
            throw try top.required("version").must("be 1; this program reads no other")
        }
        var reader = try PlanReader(top, surroundings)
        let outputs = try ScenarioOutputs(top.section("outputs"))
        serverMetrics = try ServerMetric.list(top.value("server_metrics"))
        try reader.read()
        var plan = reader.plan
        if case .fix(var target) = plan.target.transport {
            target.ackLogPath = outputs.ackLog
            plan.target.transport = .fix(target)
        } else if outputs.ackLog != nil {
            throw try top.section("outputs").error("ack_log", "acknowledgements are those of FIX targets")
        }
        self.plan = plan
        self.outputs = outputs
        secrets = reader.secrets
        timeScale = reader.scale
    }
}

/// Keys of the file's mappings, in the order of its documentation.
enum ScenarioKeys {
    /// Keys of a scenario.
    static let scenario = [
        "executor", "start", "graceful_stop", "mix", "arrivals", "stages", "schedule", "day", "duration", "rate",
        "users",
        "think", "from", "to", "by", "settle", "hold", "until", "step", "tolerance", "attempts", "steps_max",
    ]
    /// Those that make a scenario of the file's top.
    static let short = scenario.filter { $0 != "mix" && $0 != "start" && $0 != "graceful_stop" }
    /// Keys of the top.
    static let top =
        [
            "version", "name", "seed", "time_scale", "target", "pacing", "record", "feeders", "operations", "flows",
            "mixes", "scenarios", "thresholds", "server_metrics", "outputs", "trace_every", "realtime", "coalesce",
            "accounts", "instruments", "orders",
        ] + scenario
}
