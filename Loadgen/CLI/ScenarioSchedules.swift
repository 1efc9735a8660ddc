internal import Engine
internal import Scenario
internal import Settings

/// The arrivals of a scenario file, each as its open scenario would send them.
enum ScenarioSchedules {
    /// Reads the file; ends the program with what is wrong where it cannot be used.
    static func read(_ path: String, _ options: ScheduleCommand) throws -> [NamedSchedule] {
        do {
            if let option = foreign(options) {
                throw ScenarioError(option, "has no meaning beside a scenario file, which says all of it")
            }
            var overrides = ScenarioOptions()
            overrides.set("time_scale", "--time-scale", options.timeScale)
            overrides.set("seed", "--seed", options.seed)
            overrides.set("instruments.file", "--instruments", options.instruments)
            let node = try overrides.applied(to: RunSettings.scenario(path).node)
            return try schedules(ScenarioFile(node, RunSettings.surroundings(allowsRemote: true)).plan, path)
        } catch let error where error is ScenarioError || error is SettingsError {
            Terminal.complain("loadgen: \(error)")
            throw ProgramExit.badScenario
        }
    }

    private static func schedules(_ plan: LoadPlan, _ path: String) throws(ScenarioError) -> [NamedSchedule] {
        let found = plan.scenarios.enumerated().compactMap { index, scenario -> NamedSchedule? in
            guard case .arrivals(let process, let profile) = scenario.executor else { return nil }
            return NamedSchedule(
                name: scenario.name, process: process, profile: profile, seed: plan.seed,
                stream: scenario.stream(at: index))
        }
        guard !found.isEmpty else {
            throw ScenarioError(path, "has no scenario of arrivals: users and searches have no schedule of their own")
        }
        return found
    }

    /// The first option that speaks of a process or of files.
    private static func foreign(_ options: ScheduleCommand) -> String? {
        let given: [(String, String?)] = [
            ("--process", options.process), ("--rate", options.rate), ("--duration", options.duration),
            ("--stages", options.stages), ("--schedule", options.schedule), ("--count", options.count),
            ("--amplitude", options.amplitude), ("--period", options.period), ("--phase", options.phase),
            ("--day", options.day), ("--shape", options.shape), ("--erlang-stages", options.erlangStages),
            ("--rates", options.rates), ("--dwell", options.dwell), ("--transitions", options.transitions),
            ("--branching", options.branching), ("--decay", options.decay), ("--input", options.input),
            ("--column", options.column), ("--bucket", options.bucket), ("--placement", options.placement),
            ("--speed", options.speed), ("--repeat", options.repeats ? "" : nil), ("--jitter", options.jitter),
            ("--length", options.length), ("--streams", options.streams), ("--workers", options.workers),
            ("--worker", options.worker), ("--out", options.out), ("--format", options.format),
        ]
        return given.first { $0.1 != nil }?.0
    }
}
