internal import Yams

/// A scenario file: the values it sets, all optional, as text where options have text.
///
/// Unknown keys, wrong types and repeated keys are errors with file, line and column.
public struct Scenario: Sendable {
    /// A stage of the schedule: `rate` held for, or approached in a straight line over, some seconds.
    public struct Stage: Sendable, Equatable {
        /// Requests a second, at its end.
        public var rate: Double
        /// Its length.
        public var seconds: Double
        /// Whether the rate changes from the stage before (0 before the first).
        public var isRamp: Bool
    }

    /// Plain values by their path, such as `target.sessions`.
    public private(set) var values: [String: String] = [:]
    /// The stages, in order.
    public private(set) var stages: [Stage] = []
    /// Threshold expressions.
    public private(set) var thresholds: [String] = []

    private let name: String

    /// Keys of each mapping; the empty path is the file itself.
    static let keys: [String: [String]] = [
        "": [
            "version", "name", "seed", "arrivals", "realtime", "coalesce", "target", "accounts", "instruments",
            "orders", "mix",
            "stages",
            "thresholds", "outputs",
        ],
        "target": [
            "address", "sessions", "sender_prefix", "target_comp_id", "username", "password", "timeout",
            "max_in_flight", "on_saturation", "reconnect",
        ],
        "accounts": ["first", "count", "exponent", "holdings_stride", "holdings_per_account"],
        "instruments": ["file", "exponent"],
        "orders": ["marketable", "aggressive_ticks", "passive_ticks_mean", "quantity_median", "quantity_max"],
        "mix": ["new", "cancel", "replace"],
        "outputs": ["json", "html", "ack_log"],
    ]

    /// The scenario in the text of a file.
    ///
    /// - Parameters:
    ///   - text: YAML.
    ///   - name: the file's name, for messages.
    public init(text: String, name: String) throws(ScenarioError) {
        self.name = name
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ScenarioError(Self.place(of: error, name), "not YAML: \(Self.firstLine(of: error))")
        }
        guard let root, case .mapping(let mapping) = root else {
            throw ScenarioError("\(name):1:1", "a scenario is a mapping of keys to values")
        }
        try readMapping(mapping, path: "")
        guard values["version"] == "1" else {
            throw ScenarioError("\(name):1:1", "version: 1 is required; this program reads no other")
        }
    }

    private mutating func readMapping(_ mapping: Node.Mapping, path: String) throws(ScenarioError) {
        let known = Self.keys[path] ?? []
        var seen = Set<String>()
        for (keyNode, value) in mapping {
            guard let key = keyNode.string, known.contains(key) else {
                throw unknown(keyNode, known)
            }
            guard seen.insert(key).inserted else { throw ScenarioError(place(keyNode), "\"\(key)\" appears twice") }
            let full = path.isEmpty ? key : "\(path).\(key)"
            if full == "stages" {
                try readStages(value)
            } else if full == "thresholds" {
                try readThresholds(value)
            } else if Self.keys[full] != nil {
                guard case .mapping(let inner) = value else {
                    throw ScenarioError(place(value), "\"\(key)\" is a mapping")
                }
                try readMapping(inner, path: full)
            } else {
                guard case .scalar(let scalar) = value else {
                    throw ScenarioError(place(value), "\"\(key)\" is a single value")
                }
                values[full] = scalar.string
                places[full] = place(value)
            }
        }
    }

    private var places: [String: String] = [:]

    /// Where a value stands, for messages about it.
    public func place(of path: String) -> String { places[path] ?? name }

    private mutating func readStages(_ node: Node) throws(ScenarioError) {
        guard case .sequence(let sequence) = node, sequence.count > 0 else {
            throw ScenarioError(place(node), "\"stages\" is a list of {rate: R, hold: T} or {rate: R, over: T}")
        }
        for item in sequence { stages.append(try stage(item)) }
    }

    private func stage(_ node: Node) throws(ScenarioError) -> Stage {
        guard case .mapping(let mapping) = node else {
            throw ScenarioError(place(node), "a stage is {rate: R, hold: T} or {rate: R, over: T}")
        }
        var fields: [String: Node] = [:]
        for (keyNode, value) in mapping {
            guard let key = keyNode.string, ["rate", "hold", "over"].contains(key) else {
                throw unknown(keyNode, ["rate", "hold", "over"])
            }
            fields[key] = value
        }
        guard let rateNode = fields["rate"], let text = rateNode.string, let rate = Double(text), rate >= 0,
            rate.isFinite
        else { throw ScenarioError(place(fields["rate"] ?? node), "\"rate\" is a number of requests a second") }
        guard (fields["hold"] == nil) != (fields["over"] == nil), let time = fields["hold"] ?? fields["over"] else {
            throw ScenarioError(place(node), "a stage has either \"hold\" or \"over\"")
        }
        guard let length = time.string, let seconds = TimeText.seconds(length), seconds > 0 else {
            throw ScenarioError(place(time), "a time such as 60s, 15m or 500ms")
        }
        return Stage(rate: rate, seconds: seconds, isRamp: fields["over"] != nil)
    }

    private mutating func readThresholds(_ node: Node) throws(ScenarioError) {
        guard case .sequence(let sequence) = node else {
            throw ScenarioError(place(node), "\"thresholds\" is a list of conditions")
        }
        for item in sequence {
            guard let text = item.string else { throw ScenarioError(place(item), "a condition such as \"p(99)<50ms\"") }
            thresholds.append(text)
        }
    }

    // MARK: Messages

    private func place(_ node: Node) -> String {
        guard let mark = node.mark else { return name }
        return "\(name):\(mark.line):\(mark.column)"
    }

    private func unknown(_ node: Node, _ known: [String]) -> ScenarioError {
        let key = node.string ?? "?"
        let nearest = known.min { NearestName.distance(key, $0) < NearestName.distance(key, $1) } ?? ""
        return ScenarioError(place(node), "unknown key \"\(key)\"; did you mean \"\(nearest)\"?")
    }

    private static func place(of error: any Error, _ name: String) -> String {
        switch error {
        case YamlError.scanner(_, _, let mark, _), YamlError.parser(_, _, let mark, _),
            YamlError.composer(_, _, let mark, _):
            "\(name):\(mark.line):\(mark.column)"
        case YamlError.duplicatedKeysInMapping(_, let context): "\(name):\(context.mark.line):\(context.mark.column)"
        default: name
        }
    }

    private static func firstLine(of error: any Error) -> String {
        switch error {
        case YamlError.scanner(_, let problem, _, _), YamlError.parser(_, let problem, _, _),
            YamlError.composer(_, let problem, _, _):
            problem
        case YamlError.duplicatedKeysInMapping(let keys, _):
            "repeated key \(keys.map { "\($0)" }.joined(separator: ", "))"
        default: "\(error)"
        }
    }
}

/// Distances between names, for suggestions.
enum NearestName {
    /// Levenshtein distance.
    static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
