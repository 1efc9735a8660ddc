public import Settings

/// Options of a command line, laid over a scenario file before it is read: an option wins over the file.
///
/// Plain options set one key. Those about the load (`rate`, `duration`, `schedule`, `users`, `arrivals`, `mix`,
/// `replay`) apply to the file's only scenario; a file with several refuses them.
public struct ScenarioOptions: Sendable {
    /// Keys to set: path, the option's name, its text.
    public var keys: [(path: [String], option: String, text: String)] = []
    /// Requests a second, held for `duration`, else for as long as the file's stages, else for 60 s.
    public var rate: String?
    /// Length, at `rate` or the file's highest rate.
    public var duration: String?
    /// JMeter's one-liner in place of stages.
    public var schedule: String?
    /// A constant number of users in place of the file's executor.
    public var users: String?
    /// Name of the arrival process.
    public var arrivals: String?
    /// Weights: `new=70,cancel=20`.
    public var mix: String?
    /// File of the recording that is replayed.
    public var replay: String?
    /// Conditions in place of the file's.
    public var thresholds: [String] = []

    /// No options.
    public init() {}

    /// Sets a key where the option was given.
    public mutating func set(_ path: String, _ option: String, _ value: (some CustomStringConvertible)?) {
        guard let value else { return }
        keys.append((path.split(separator: ".").map { String($0) }, option, "\(value)"))
    }

    /// Seconds of a load that names none.
    private static let usualLength = "60s"

    /// The file's tree with the options in it.
    public func applied(to file: SettingNode) throws(SettingsError) -> SettingNode {
        var node = file
        for (path, option, text) in keys { node.set(path, to: .option(option, text)) }
        if !thresholds.isEmpty {
            let place = SettingPlace.option("--threshold")
            node.set(["thresholds"], to: SettingNode(.list(thresholds.map { .option("--threshold", $0) }), at: place))
        }
        let load = [
            ("--rate", rate), ("--duration", duration), ("--schedule", schedule), ("--users", users),
            ("--arrivals", arrivals), ("--mix", mix), ("--replay", replay),
        ].filter { $0.1 != nil }
        guard let first = load.first else { return node }
        let base = try Self.onlyScenario(of: node, first.0)
        try applyLoad(to: &node, base)
        return node
    }

    /// Path of the mapping that describes the only scenario.
    private static func onlyScenario(of node: SettingNode, _ option: String) throws(SettingsError) -> [String] {
        guard let scenarios = node.value(at: ["scenarios"]) else { return [] }
        guard case .mapping(let entries) = scenarios.content, entries.count == 1 else {
            var names = ""
            if case .mapping(let entries) = scenarios.content {
                names = ": " + entries.map(\.key).joined(separator: ", ")
            }
            throw SettingsError(
                .option(option), "\(option) needs a file with one scenario, this one has several\(names)")
        }
        return ["scenarios", entries[0].key]
    }

    private func applyLoad(to node: inout SettingNode, _ base: [String]) throws(SettingsError) {
        let executor: String
        if case .scalar(let word)? = node.value(at: base + ["executor"])?.content {
            executor = word
        } else {
            executor = "arrivals"
        }
        func refuse(_ option: String, _ why: String) -> SettingsError {
            SettingsError(.option(option), "\(option) \(why)")
        }
        if let arrivals {
            guard executor == "arrivals" || executor == "find-capacity" else {
                throw refuse("--arrivals", "has no meaning for executor \(executor)")
            }
            node.set(base + ["arrivals"], to: .option("--arrivals", arrivals))
        }
        if let mix { node.set(base + ["mix"], to: try Self.mix(mix)) }
        if let replay {
            guard node.value(at: base + ["arrivals", "process"]) != nil else {
                throw refuse("--replay", "needs a file whose arrivals are replay or replay-counts")
            }
            drop(["counts"], from: &node, base + ["arrivals"])
            node.set(base + ["arrivals", "file"], to: .option("--replay", replay))
        }
        if let users {
            for (name, value) in [("--rate", rate), ("--schedule", schedule), ("--arrivals", arrivals)]
            where value != nil {
                throw refuse(name, "and --users are two models; choose one")
            }
            let length = Self.length(node.value(at: base + ["stages"]))
            let kept = node.value(at: base + ["duration"])
            drop(
                ScenarioKeys.scenario.filter { !["mix", "start", "graceful_stop", "think"].contains($0) }, from: &node,
                base)
            node.set(base + ["executor"], to: .option("--users", "constant-users"))
            node.set(base + ["users"], to: .option("--users", users))
            node.set(
                base + ["duration"],
                to: duration.map { .option("--duration", $0) } ?? kept ?? .option("--users", length ?? Self.usualLength)
            )
        } else if let schedule {
            for (name, value) in [("--rate", rate), ("--duration", duration)] where value != nil {
                throw refuse(name, "and --schedule are two schedules; choose one")
            }
            guard executor == "arrivals" else { throw refuse("--schedule", "has no meaning for executor \(executor)") }
            drop(["stages", "day", "duration", "arrivals"], from: &node, base)
            node.set(base + ["schedule"], to: .option("--schedule", schedule))
        } else if rate != nil || duration != nil {
            try applyRate(to: &node, base, executor)
        }
    }

    private func applyRate(to node: inout SettingNode, _ base: [String], _ executor: String) throws(SettingsError) {
        let name = rate == nil ? "--duration" : "--rate"
        let isReplay: Bool
        if case .scalar(let process)? = node.value(at: base + ["arrivals", "process"])?.content {
            isReplay = process.hasPrefix("replay")
        } else {
            isReplay = false
        }
        if executor == "constant-users" || isReplay, rate == nil, let duration {
            node.set(base + ["duration"], to: .option("--duration", duration))
            return
        }
        guard executor == "arrivals", !isReplay else {
            throw SettingsError(
                .option(name), "\(name) has no meaning for \(isReplay ? "a replay" : "executor \(executor)")")
        }
        let stages = node.value(at: base + ["stages"])
        var entries: [SettingNode.Entry] = []
        if let rate {
            entries.append(.init("rate", at: .option("--rate"), .option("--rate", rate)))
        } else {
            guard let highest = Self.highestRate(stages) else {
                throw SettingsError(
                    .option("--duration"), "--duration needs --rate, or stages in the scenario")
            }
            entries.append(.init("rate", at: .option("--duration"), highest))
        }
        let length: SettingNode =
            duration.map { .option("--duration", $0) } ?? .option(name, Self.length(stages) ?? Self.usualLength)
        entries.append(.init("hold", at: .option(name), length))
        let place = SettingPlace.option(name)
        drop(["day", "schedule"], from: &node, base)
        node.set(base + ["stages"], to: SettingNode(.list([SettingNode(.mapping(entries), at: place)]), at: place))
    }

    private func drop(_ keys: [String], from node: inout SettingNode, _ base: [String]) {
        guard var scenario = node.value(at: base) else { return }
        for key in keys { scenario.remove(key) }
        node.set(base, to: scenario)
    }

    // MARK: What the file says

    private static func stages(_ node: SettingNode?) -> [SettingNode] {
        guard case .list(let items)? = node?.content else { return [] }
        return items
    }

    /// Length of the stages together; nil where there are none or one cannot be read.
    private static func length(_ node: SettingNode?) -> String? {
        var total: Int64 = 0
        for stage in stages(node) {
            let length = stage.value(at: ["hold"]) ?? stage.value(at: ["over"]) ?? stage.value(at: ["pause"])
            guard case .scalar(let text)? = length?.content, let nanoseconds = QuantityText.nanoseconds(text) else {
                return nil
            }
            total += nanoseconds
        }
        return total > 0 ? "\(total)ns" : nil
    }

    /// The highest rate of the stages, as it was written.
    private static func highestRate(_ node: SettingNode?) -> SettingNode? {
        var best: (rate: Double, node: SettingNode)?
        for stage in stages(node) {
            guard let value = stage.value(at: ["rate"]), case .scalar(let text) = value.content,
                let rate = QuantityText.rate(text), rate > best?.rate ?? 0
            else { continue }
            best = (rate, value)
        }
        return best?.node
    }

    private static func mix(_ text: String) throws(SettingsError) -> SettingNode {
        let place = SettingPlace.option("--mix")
        var entries: [SettingNode.Entry] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty, QuantityText.number(String(pair[1])) != nil,
                !entries.contains(where: { $0.key == pair[0] })
            else { throw SettingsError(place, "--mix must be weights such as new=70,cancel=20,replace=10") }
            entries.append(.init(String(pair[0]), at: place, .option("--mix", String(pair[1]))))
        }
        return SettingNode(.mapping(entries), at: place)
    }
}
