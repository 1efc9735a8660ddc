/// The policies of an evaluation by name, each made anew for a run.
public struct PolicyCatalogue: Sendable {
    /// One policy of the evaluation.
    public struct Entry: Sendable {
        /// The name in tables.
        public let name: String
        /// Whether the shield stands behind it, as it does when it is served.
        public let isShielded: Bool
        /// The policy for a chain, the load of a run and its seed.
        public let make: @Sendable (ChainProfile, LoadTrace, UInt64) throws -> any ScalingPolicy

        /// A policy that `make` gives for a chain, the load of the run and its seed.
        public init(
            _ name: String, isShielded: Bool = false,
            make: @escaping @Sendable (ChainProfile, LoadTrace, UInt64) throws -> any ScalingPolicy
        ) {
            self.name = name
            self.isShielded = isShielded
            self.make = make
        }

        /// Runs the policy through a load.
        public func run(
            _ profile: ChainProfile, _ load: LoadTrace, _ options: SimulatorOptions
        ) throws -> PolicyRun {
            try PolicyRun(
                try make(profile, load, options.seed), profile, load, options,
                shield: isShielded ? try Shield(profile) : nil)
        }
    }

    /// In the order of tables.
    public var entries: [Entry]

    /// Rules, oracle, hybrid scheduler and learned policies.
    /// - Parameters:
    ///   - tuning: numbers of the rules, calibrated on days of their own.
    ///   - models: learned policies; each is run behind the shield, and alone as `<name> alone`.
    public init(_ tuning: RuleTuning = RuleTuning(), models: [ScalingModel] = []) {
        entries = [
            Entry("static") { profile, load, _ in try StaticPolicy(profile, peak: load.peak) },
            Entry("hpa") { profile, _, _ in try HPAPolicy(profile, .init(metrics: [.cpu(percent: 70)])) },
            Entry("hpa50") { profile, _, _ in
                try HPAPolicy(profile, .init(metrics: [.cpu(percent: 50)]), name: "hpa50")
            },
            Entry("keda") { profile, _, _ in try KEDAPolicy(profile, utilisation: tuning.kedaUtilisation) },
            Entry("autopilot") { profile, _, _ in
                var settings = AutopilotPolicy.Settings()
                settings.utilisation = tuning.autopilotUtilisation
                return try AutopilotPolicy(profile, settings)
            },
            Entry("forecast") { profile, _, _ in try ForecastRule(profile, tuning.forecast) },
            Entry("oracle") { profile, load, _ in try OraclePolicy(profile, rates: load.rates) },
            Entry("hybrid") { profile, _, seed in try HybridPolicy(profile, .init(seed: seed)) },
        ]
        for model in models {
            let name = model.isValueBased ? "dqn" : "ppo"
            entries.append(Entry(name, isShielded: true) { profile, _, _ in try LearnedPolicy(model, profile) })
            entries.append(Entry("\(name) alone") { profile, _, _ in try LearnedPolicy(model, profile) })
        }
    }

    /// All names, in the order of tables.
    public var names: [String] { entries.map(\.name) }
}

/// Numbers of the rules, and how they were found.
public struct RuleTuning: Sendable, Equatable {
    /// Of the forecast rule.
    public var forecast = ForecastRule.Settings()
    /// Utilisation that KEDA's objects aim at.
    public var kedaUtilisation = 0.7
    /// Utilisation that Autopilot counts for.
    public var autopilotUtilisation = 0.7

    /// The rules' own defaults.
    public init() {}

    /// The candidates of a calibration for each rule; as many for one as for another.
    static let utilisations = stride(from: 0.4, through: 0.851, by: 0.025).map { $0 }

    /// Part of each kind's goal that violations may reach on calibration days: a few days tell little of the rare ones.
    static let goalShare = 0.5

    /// The cheapest numbers that keep violations to `goalShare` of its goal on every kind of day, over `count` days of
    /// each from `DaySeeds.calibration`: no rule has more trials than another.
    public static func calibrated(
        _ profile: ChainProfile, kinds: [DayKind] = [.mild, .bursty], peak: Double, count: Int = 4
    ) throws -> RuleTuning {
        var days: [(load: LoadTrace, options: SimulatorOptions, kind: Int)] = []
        for (place, kind) in kinds.enumerated() {
            let forecaster = try kind.forecaster(peak: peak)
            for seed in DaySeeds.calibration.prefix(count) {
                var options = SimulatorOptions(seed: seed)
                options.forecaster = forecaster
                days.append((try kind.days(peak: peak).load(seed: seed), options, place))
            }
        }
        func score(_ make: () throws -> any ScalingPolicy) throws -> PolicyScore {
            var sum = PolicyScore(violations: 0, replicaHours: 0)
            var ofGoals = kinds.map { _ in 0.0 }
            for day in days {
                let score = try PolicyRun(try make(), profile, day.load, day.options).score
                ofGoals[day.kind] += score.violationShare / Double(max(count, 1)) / kinds[day.kind].violationGoal
                sum.violations = ofGoals.max() ?? 0
                sum.replicaHours += score.replicaHours
                sum.reversals += score.reversalsPerHour * score.hours
            }
            return sum
        }
        func best<Candidate: Sendable>(
            _ candidates: [Candidate], _ make: (Candidate) throws -> any ScalingPolicy
        ) throws -> Candidate {
            try Calibration(candidates, violationsMax: goalShare) { candidate throws(PolicyFault) in
                do { return try score { try make(candidate) } } catch { throw PolicyFault("Calibration", "\(error)") }
            }.best.candidate
        }
        var tuning = RuleTuning()
        var grid = ForecastRule.Grid()
        grid.utilisations = [0.72, 0.76, 0.8, 0.84]
        grid.quantiles = [0.75, 0.8, 0.85, 0.9]
        // Shorter windows are cheaper by up to a fifth on bursty days, at three to ten times the reversals.
        grid.downWindows = [600]
        grid.lookaheads = [0]
        tuning.forecast = try best(grid.candidates()) { try ForecastRule(profile, $0) }
        tuning.kedaUtilisation = try best(utilisations) { try KEDAPolicy(profile, utilisation: $0) }
        tuning.autopilotUtilisation = try best(utilisations) { utilisation in
            var settings = AutopilotPolicy.Settings()
            settings.utilisation = utilisation
            return try AutopilotPolicy(profile, settings)
        }
        return tuning
    }

    /// The numbers for people.
    public var text: String {
        "forecast rule at \(forecast.rule.utilisation), quantile \(forecast.quantile), window \(forecast.rule.downWindow) s; "
            + "keda at \(kedaUtilisation); autopilot at \(autopilotUtilisation)"
    }
}
