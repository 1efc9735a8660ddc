internal import Engine
internal import Settings

/// Turns the sections of a file into a plan, part by part; each part's reader is an extension in a file of its own.
struct PlanReader {
    let top: SettingsSection
    let surroundings: ScenarioFile.Surroundings
    let scale: Double
    var plan: LoadPlan
    var secrets: [String] = []
    /// Which operations a mix or flow uses, by index.
    var usedOperations: Set<Int> = []
    /// Whether `target.connections` is `users`.
    let hasConnectionPerUser: Bool

    init(_ top: SettingsSection, _ surroundings: ScenarioFile.Surroundings) throws(SettingsError) {
        self.top = top
        self.surroundings = surroundings
        scale = try top.number("time_scale", default: 1, in: 0.001...100_000)
        let name = try top.value("name")?.name() ?? "Unnamed"
        let seed = try top.value("seed")?.unsigned() ?? 7
        let target = try TargetReader(try top.section("target"), surroundings)
        secrets = target.secrets
        hasConnectionPerUser = target.hasConnectionPerUser
        plan = LoadPlan(name: name, seed: seed, target: target.plan)
    }

    mutating func read() throws(SettingsError) {
        plan.pacing = try pacing()
        plan.recording = try recording()
        plan.traceEvery = try top.integer("trace_every", default: 0, in: 0...1_000_000_000)
        try readFeeders()
        try readOperations()
        try readFlows()
        try readMixes()
        plan.orders = try orders()
        try readScenarios()
        try readThresholds()
        try checkConnections()
        try checkWarmup()
        do throws(LoadError) {
            try plan.validate()
        } catch { throw SettingsError(top.place, error.message) }
    }

    // MARK: Shared readings

    /// The index of a name in a list, or an error with the nearest one.
    func index(
        of name: String, in names: [String], _ kind: String, _ value: SettingValue
    ) throws(SettingsError) -> Int {
        if let index = names.firstIndex(of: name) { return index }
        let nearest = NearestName.nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        throw value.error("there is no \(kind) \(name)\(nearest)")
    }

    /// Seconds of a length that `time_scale` shrinks.
    func scaled(_ value: SettingValue, zero isAllowed: Bool = true) throws(SettingsError) -> Double {
        try Lengths.scaled(value, scale, zero: isAllowed)
    }

    /// Seconds of a length that is taken as it stands.
    static func seconds(_ value: SettingValue, in range: ClosedRange<Double>) throws(SettingsError) -> Double {
        Double(try value.nanoseconds(in: Int64(range.lowerBound * 1e9)...Int64(range.upperBound * 1e9))) / 1e9
    }

    /// A name that a threshold or report can carry.
    static func check(_ name: String, _ place: SettingPlace, _ path: String) throws(SettingsError) {
        let isRight =
            !name.isEmpty && name.utf8.count <= ScenarioFile.nameMax
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 32)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-".utf8.contains(byte)
            }
        guard isRight else {
            throw SettingsError(
                place, "\(path): a name has 1 to \(ScenarioFile.nameMax) letters, digits, \".\", \"_\" or \"-\"")
        }
    }
}

/// Lengths of stages and steps.
enum Lengths {
    /// The shortest, seconds; timers and series are no finer.
    static let resolution = 0.001

    /// Seconds of a length after `time_scale`.
    static func scaled(_ value: SettingValue, _ scale: Double, zero isAllowed: Bool) throws(SettingsError) -> Double {
        let seconds = Double(try value.nanoseconds(in: 0...8_640_000_000_000_000)) / 1e9
        guard seconds > 0 || isAllowed else { throw value.must("be longer than 0s") }
        let result = seconds / scale
        guard result == 0 || result >= resolution else {
            let why = scale == 1 ? "" : " after time_scale"
            throw value.error("\(text(result))\(why) is below the resolution of 1 ms")
        }
        return result
    }

    /// Seconds in words.
    static func text(_ seconds: Double) -> String {
        if seconds < 0.001 { return "\(Int((seconds * 1e9).rounded())) ns" }
        return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}
