internal import Arrivals
internal import Engine
internal import Settings

/// The section `scenarios`, or the one scenario of the file's top.
extension PlanReader {
    /// Most scenarios of a file.
    static let scenariosMax = 64

    private enum Executor: String, CaseIterable {
        case arrivals
        case constantUsers = "constant-users"
        case rampingUsers = "ramping-users"
        case steppedUsers = "stepped-users"
        case findCapacity = "find-capacity"

        var keys: [String] {
            switch self {
            case .arrivals: ["arrivals", "stages", "schedule", "day", "duration"]
            case .constantUsers: ["users", "duration", "think"]
            case .rampingUsers: ["stages", "think"]
            case .steppedUsers: ["from", "to", "by", "settle", "hold", "think"]
            case .findCapacity: ["rate", "until", "step", "settle", "tolerance", "attempts", "steps_max", "arrivals"]
            }
        }
    }

    mutating func readScenarios() throws(SettingsError) {
        guard top.has("scenarios") else {
            plan.scenarios = [try scenario(top, named: "main")]
            return
        }
        for key in ScenarioKeys.scenario where top.has(key) {
            throw top.error(key, "belongs into one of the scenarios, since the file has that section")
        }
        let section = try top.section("scenarios")
        let names = section.openKeys()
        guard !names.isEmpty else { throw top.error("scenarios", "none is given") }
        guard names.count <= Self.scenariosMax else { throw top.error("scenarios", "more than \(Self.scenariosMax)") }
        for (name, place) in names {
            try Self.check(name, place, section.path(of: name))
            let scenario = try section.section(name)
            try scenario.allow(ScenarioKeys.scenario)
            plan.scenarios.append(try self.scenario(scenario, named: name))
        }
    }

    private mutating func scenario(_ section: SettingsSection, named name: String) throws(SettingsError) -> ScenarioPlan
    {
        let executor = try section.value("executor")?.choice(Executor.self) ?? .arrivals
        let common = ["executor", "start", "graceful_stop", "mix"]
        for key in ScenarioKeys.scenario where section.has(key) && !(common + executor.keys).contains(key) {
            throw section.error(key, "has no meaning for executor \(executor.rawValue)")
        }
        let mix = try mixIndex(section.value("mix"), of: name, section)
        usedOperations.formUnion(operations(of: mix))
        var result = ScenarioPlan(name: name, mix: mix, executor: try self.executor(executor, section))
        if let value = section.value("start") { result.start = try scaled(value) }
        if let value = section.value("graceful_stop") { result.gracefulStop = try Self.seconds(value, in: 0...600) }
        guard result.start + result.executor.seconds <= 86_400 else {
            throw section.error(section.has("start") ? "start" : "executor", "a run lasts at most a day")
        }
        return result
    }

    private func executor(_ kind: Executor, _ section: SettingsSection) throws(SettingsError) -> ExecutorPlan {
        switch kind {
        case .arrivals:
            let (process, profile) = try ArrivalReader(section, scale, surroundings).read()
            return .arrivals(process, profile)
        case .constantUsers:
            let users = try section.required("users", "is missing: how many").integer(in: 1...UserProfile.usersMax)
            let duration = try section.required("duration", "is missing: how long, such as 60s")
            let seconds = try scaled(duration, zero: false)
            return .users(
                UserProfile([.init(users: users, seconds: 0), .init(users: users, seconds: seconds)]),
                try think(section))
        case .rampingUsers: return .users(try users(section), try think(section))
        case .steppedUsers: return .steppedUsers(try userSteps(section), try think(section))
        case .findCapacity: return .findCapacity(try search(section))
        }
    }

    private func think(_ section: SettingsSection) throws(SettingsError) -> ThinkTime {
        guard let value = section.value("think") else { return .none }
        return try ThinkReader.read(value)
    }

    /// Stages `{to: 1000, over: 15m}` (a straight line; `over: 0s` jumps) and `{hold: 5m}`.
    private func users(_ section: SettingsSection) throws(SettingsError) -> UserProfile {
        let list = try section.required("stages", "is missing: a list of {to: USERS, over: TIME}")
        var stages: [UserProfile.Stage] = []
        var last = 0
        for item in try list.list() {
            let stage = try item.section()
            try stage.allow(["to", "over", "hold"])
            if let value = stage.value("to") { last = try value.integer(in: 0...UserProfile.usersMax) }
            guard stage.has("over") != stage.has("hold"), let length = stage.value("over") ?? stage.value("hold"),
                stage.has("to") || stage.has("hold")
            else { throw item.must("be {to: USERS, over: TIME} or {hold: TIME}") }
            if stage.has("to"), stage.has("hold") { stages.append(.init(users: last, seconds: 0)) }
            stages.append(.init(users: last, seconds: try scaled(length, zero: stage.has("over"))))
        }
        guard stages.contains(where: { $0.users > 0 }) else { throw list.error("no stage has a user") }
        guard stages.contains(where: { $0.seconds > 0 }) else { throw list.error("the stages take no time") }
        return UserProfile(stages)
    }

    private func userSteps(_ section: SettingsSection) throws(SettingsError) -> UserSteps {
        let range = 1...UserProfile.usersMax
        let from = try section.required("from").integer(in: range)
        let to = try section.required("to").integer(in: range)
        let by = try section.required("by").integer(in: range)
        guard abs(to - from) / by < 1_000 else { throw section.error("by", "more than 1000 steps") }
        let settle =
            try section.value("settle").map { (value) throws(SettingsError) in try scaled(value) } ?? 10 / scale
        let hold = try scaled(try section.required("hold", "is missing: how long a step is judged"), zero: false)
        return UserSteps(from: from, to: to, by: by, settleSeconds: settle, holdSeconds: hold)
    }

    private func search(_ section: SettingsSection) throws(SettingsError) -> CapacitySearch {
        let rate = try section.required("rate", "is missing: the least and the greatest rate, such as [1000, 60000]")
        let bounds = try rate.list()
        guard bounds.count == 2 else { throw rate.must("be a list of the least and the greatest rate") }
        let low = try bounds[0].rate(in: 0.1...1_000_000)
        let high = try bounds[1].rate(in: 0.1...1_000_000)
        guard low < high else { throw rate.error("the least rate is not below the greatest") }
        let until = try section.required("until", "is missing: what a step must meet, such as \"p(99)<50ms\"")
        let conditions = try ThresholdReader.conditions(until, hasShortNames: isFIX)
        for condition in conditions where condition.scenario != nil {
            throw until.error("a search judges its own scenario; leave the filter out")
        }
        let process = try ArrivalReader(section, scale, surroundings).process()
        switch process {
        case .replay, .replayCounts: throw section.error("arrivals", "a search sets its own rates; a replay has some")
        default: break
        }
        var search = CapacitySearch(rates: low...high, until: conditions, process: process)
        if let value = section.value("step") {
            search.stepSeconds = try scaled(value, zero: false)
        } else {
            search.stepSeconds /= scale
        }
        if let value = section.value("settle") {
            search.settleSeconds = try scaled(value)
        } else {
            search.settleSeconds /= scale
        }
        search.tolerance = try section.value("tolerance")?.share(in: 0.001...0.5) ?? search.tolerance
        search.stepsMax = try section.integer("steps_max", default: search.stepsMax, in: 2...64)
        search.attempts = try section.integer("attempts", default: search.attempts, in: 1...10)
        return search
    }

    /// Whether operations have the short names new, cancel and replace.
    var isFIX: Bool {
        if case .fix = plan.target.transport { return true }
        return false
    }
}
