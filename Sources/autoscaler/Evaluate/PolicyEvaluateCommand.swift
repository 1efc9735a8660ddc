internal import ArgumentParser
internal import Autoscaling
internal import Dispatch
internal import Forecasting
internal import Learning
internal import Synchronization

/// `autoscaler evaluate`: policies beside each other on days that none of them has seen.
struct PolicyEvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Judge scaling policies in the simulator, beside each other on the same days.",
        discussion: """
            Policies: static, hpa (CPU at 70 %), hpa50, keda, autopilot, forecast (the calibrated rule, which keeps the
            largest need of twelve minutes), forecast-brief (of twenty seconds), oracle (knows the future), hybrid, and those of
            --model files behind the shield and alone. What replaces Kubernetes' autoscalers reads the services themselves
            and decides every 2 s, behind the shield, as the sidecar does; the others read what a cluster has gathered:
            samples of 10 s, 5 to 15 s late. hpa-direct and forecast-gathered are the other way round. Traces: day:mild, day:bursty,
            day:eventful, day:china, day:flash, or a CSV file with the columns time and value: requests in the interval that
            begins at its row, any interval. Rates run along lines between the middles of intervals, each second has a
            Poisson number of arrivals, and gaps longer than --gap-most are an error. The file is cut into days from its
            first row; the last --seeds ones are judged, up to ten before them fit the forecast. Its 99th percentile
            becomes --peak, or less where the most replicas of the chain could not serve its largest rate at 80 %.
            --policies may leave the names of --model files out: a file that is given is judged.

            Example:
              autoscaler evaluate --policies all --model policy.safetensors --trace day:mild --trace day:bursty \\
                --seeds 10 --json evaluation.json --html evaluation.html
            """)

    @Option(help: "all, or names between commas.")
    var policies = "all"
    @Option(help: "Trace to judge on; repeatable (default: day:mild and day:bursty).")
    var trace: [String] = []
    @Option(help: "File of a learned policy; repeatable.")
    var model: [String] = []
    @Option(help: "Chain to judge on, such as `autoscaler calibrate` writes (default: the trading chain).")
    var profile: String?
    @Option(help: "Runs of each policy on each trace.")
    var seeds = 10
    @Option(help: "Number of the first simulated day; days before it may have been looked at when policies were made.")
    var firstSeed = 1
    @Option(help: "Largest rate, requests a second; of a file the 99th percentile.")
    var peak = 15_000.0
    @Option(help: "Column of the time in files.")
    var timeColumn = "time"
    @Option(help: "Column of the value in files.")
    var valueColumn = "value"
    @Option(help: "Seconds of a file's day; shorter ones give more runs.")
    var secondsOfDay = 86_400
    @Option(help: "Longest gap between two rows of a file, in seconds.")
    var gapMost = 3_600.0
    @Flag(help: "Take the rules' own defaults instead of calibrating them first.")
    var uncalibrated = false
    @Option(help: "Threads; the results are the same.")
    var threads = 2
    @Option(help: "JSON report; - for standard output.")
    var json: String?
    @Option(help: "HTML report.")
    var html: String?

    func validate() throws {
        if !(1...1_000).contains(seeds) { throw ValidationError("--seeds is 1...1000") }
        if !(1...8_999).contains(firstSeed) { throw ValidationError("--first-seed is 1...8999") }
        if !(1...64).contains(threads) { throw ValidationError("--threads is 1...64") }
        if !(peak > 0 && peak <= 1e9) { throw ValidationError("--peak is more than 0 and at most 1e9") }
        if !(gapMost > 0) { throw ValidationError("--gap-most is more than 0") }
        if secondsOfDay < 3_600 { throw ValidationError("--seconds-of-day is at least 3600") }
    }

    func run() throws {
        try InputFile.requireWritable([json, html])
        let profile = try ChainReader.read(self.profile)
        let models = try model.map { try Self.model($0, profile) }
        let names = trace.isEmpty ? ["day:mild", "day:bursty"] : trace
        let days = try names.map { try self.days(named: $0, profile) }
        let wanted = policies.split(separator: ",").map(String.init)
        let known = PolicyCatalogue(models: models).names
        if policies != "all", let unknown = wanted.first(where: { !known.contains($0) }) {
            throw UserError("no policy is called '\(unknown)'; there are \(known.joined(separator: ", "))")
        }
        let tuning =
            uncalibrated
            ? RuleTuning() : try RuleTuning.calibrated(profile, peak: peak) { try sideBySide($0, $1) }
        Terminal.complain("evaluate: \(tuning.text)")
        let given = Set(PolicyCatalogue(models: models).names).subtracting(PolicyCatalogue().names)
        let entries = PolicyCatalogue(tuning, models: models).entries.filter {
            policies == "all" || wanted.contains($0.name) || given.contains($0.name)
        }
        let results = try evaluate(entries, days, profile)
        try report(EvaluationTable(results.map(\.entry)), results.map(\.timeline), days, tuning)
    }

    /// The model of a file that fits the chain.
    private static func model(_ path: String, _ profile: ChainProfile) throws -> ScalingModel {
        do {
            let model = try ScalingModel(try TensorFile(path: path))
            _ = try LearnedPolicy(model, profile)
            return model
        } catch let error as LearningError {
            throw UserError("\(path): \(error.message)")
        } catch let fault as PolicyFault {
            throw UserError("\(path): \(fault.description)")
        }
    }

    private func days(named name: String, _ profile: ChainProfile) throws -> EvaluationDays {
        do {
            if name.hasPrefix("day:") {
                guard let kind = DayKind(rawValue: String(name.dropFirst(4))) else {
                    let kinds = DayKind.allCases.map { "day:\($0.rawValue)" }.joined(separator: ", ")
                    throw UserError("--trace '\(name)': simulated days are \(kinds)")
                }
                return try EvaluationDays(kind, peak: peak, count: seeds, first: UInt64(firstSeed))
            }
            var reader = LoadReader()
            reader.timeColumn = timeColumn
            reader.valueColumn = valueColumn
            reader.unit = .perInterval
            reader.gapMost = gapMost
            let text = String(decoding: try InputFile.read(name), as: UTF8.self)
            let title = name.split(separator: "/").last.map(String.init) ?? name
            return try EvaluationDays(
                try reader.read(text, name: title), peak: peak, most: profile.rateMost(),
                count: seeds, secondsOfDay: secondsOfDay)
        } catch let fault as SimulationFault {
            throw UserError("\(fault)")
        }
    }

    /// All runs, on some threads, in the order of traces, policies and seeds.
    private func evaluate(
        _ entries: [PolicyCatalogue.Entry], _ days: [EvaluationDays], _ profile: ChainProfile
    ) throws -> [(entry: EvaluationEntry, timeline: RunTimeline)] {
        var jobs: [(EvaluationDays, PolicyCatalogue.Entry, EvaluationDays.Run)] = []
        for day in days { for entry in entries { for run in day.runs { jobs.append((day, entry, run)) } } }
        let work = jobs
        return try sideBySide(work.count) { index in
            let (day, entry, run) = work[index]
            return try day.evaluate(entry, profile, run)
        }
    }

    /// Results in the order of indices, made on some threads.
    private func sideBySide<Value: Sendable>(
        _ count: Int, _ make: @escaping @Sendable (Int) throws -> Value
    ) throws -> [Value] {
        typealias Outcome = Result<Value, any Error>
        let outcomes = Mutex([Outcome?](repeating: nil, count: count))
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                let outcome = Outcome { try make(index) }
                outcomes.withLock { $0[index] = outcome }
            }
        }
        return try outcomes.withLock { $0 }.compactMap { try $0?.get() }
    }

    private func report(
        _ table: EvaluationTable, _ timelines: [RunTimeline], _ days: [EvaluationDays], _ tuning: RuleTuning
    ) throws {
        Terminal.say(table.text)
        var verdicts: [(trace: String, policy: String, goals: [EvaluationGoal])] = []
        for day in days {
            for policy in ["forecast", "forecast-brief", "ppo", "dqn", "hybrid"] where table.policies.contains(policy) {
                let goals = table.goals(policy, day.name, GoalLimits(violationShare: day.violationGoal))
                verdicts.append((day.name, policy, goals))
                for goal in goals {
                    Terminal.say(
                        "\(day.name) \(policy): \(goal.isMet ? "met" : "MISSED") \(goal.claim): \(goal.measured)\n")
                }
            }
        }
        for day in days {
            guard let standing = table.standing("forecast", beside: EvaluationTable.hpa, on: day.name) else { continue }
            Terminal.say("\(day.name): forecast beside hpa: \(standing.rawValue)\n")
        }
        for policy in ["ppo", "dqn", "hybrid"]
        where table.policies.contains(policy) && table.policies.contains("forecast") {
            let verdict = table.isNotWorse(policy, than: "forecast") ? "is not worse than" : "is worse than"
            Terminal.say("\(policy) \(verdict) the forecast rule on replica-hours at equal violations\n")
        }
        if let json { try InputFile.write(table.json, to: json) }
        guard let html else { return }
        var seen: Set<String> = []
        let drawn = timelines.filter { !$0.policy.contains(" ") && seen.insert($0.policy + " " + $0.trace).inserted }
        let page = EvaluationPage(
            title: "Scaling policies",
            note: "\(seeds) runs each, peak \(FixedText.decimals(peak, 0))/s; \(tuning.text)",
            timelines: drawn, goals: verdicts)
        try InputFile.write(page.html(table), to: html)
    }
}
