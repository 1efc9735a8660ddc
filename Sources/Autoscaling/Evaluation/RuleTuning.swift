/// Numbers of the rules, and how they were found.
public struct RuleTuning: Sendable, Equatable {
    /// Of the forecast rule that reads metrics directly and keeps the largest need of twelve minutes.
    public var forecast = ForecastRule.Settings()
    /// Of the forecast rule that reads metrics directly and keeps the largest need of twenty seconds, also near auctions.
    public var brief = ForecastRule.Settings()
    /// Of the forecast rule that reads metrics as a cluster gathers them.
    public var gathered = ForecastRule.Settings()
    /// Utilisation that KEDA's objects aim at.
    public var kedaUtilisation = 0.7
    /// Utilisation that Autopilot counts for.
    public var autopilotUtilisation = 0.7

    /// The rules' own defaults; the brief rule's are those that a calibration of the trading chain found.
    public init() {
        (brief.rule.utilisation, brief.quantile) = (0.78, 0.84)
        forecast.period = MetricsPath.direct.controlPeriod
        brief.period = MetricsPath.direct.controlPeriod
        brief.rule.downWindow = Self.briefWindow
        gathered.period = MetricsPath.gathered.controlPeriod
    }

    /// The candidates of a calibration for each of the other rules.
    static let utilisations = stride(from: 0.4, through: 0.851, by: 0.025).map { $0 }

    /// Part of each kind's goal that violations may reach on calibration days: a few days tell little of the rare ones.
    static let goalShare = 0.5

    /// Seconds of the brief rule's window.
    static let briefWindow = 20.0

    /// The shield of the brief rule, which lets replicas go as soon as the rule does, also while the load falls after the
    /// open.
    static var briefShield: Shield.Settings {
        var settings = Shield.Settings()
        settings.holdsNearAuctions = false
        settings.downCooldown = briefWindow
        return settings
    }

    /// Scores candidates by their index.
    public typealias Trials = (Int, @escaping @Sendable (Int) throws -> PolicyScore) throws -> [PolicyScore]

    /// The cheapest numbers that keep violations to `goalShare` of its goal on every kind of day, over `count` days of
    /// each from `DaySeeds.calibration`; about as many trials for one rule as for another.
    ///
    /// - Parameter trials: scores each of so many candidates, side by side if it likes, and gives the scores in order.
    public static func calibrated(
        _ profile: ChainProfile, kinds: [DayKind] = [.mild, .bursty], peak: Double, count: Int = 6,
        trials: Trials = { count, score in try (0..<count).map(score) }
    ) throws -> RuleTuning {
        let days = try CalibrationDays(profile, kinds, peak: peak, count: count)
        var tuning = RuleTuning()
        func calibrate(
            _ settings: inout ForecastRule.Settings, _ path: MetricsPath, _ shield: Shield.Settings,
            _ utilisations: [Double], _ quantiles: [Double]
        ) throws {
            var grid = ForecastRule.Grid()
            (grid.utilisations, grid.quantiles) = (utilisations, quantiles)
            grid.downWindows = [settings.rule.downWindow]
            grid.lookaheads = [0]
            settings = try days.best(grid.candidates(settings), path, shield: shield, trials) {
                try ForecastRule(profile, $0)
            }
        }
        // With smaller quantiles the shield, which counts with 0.9, would ask for more than a rule near its utilisation,
        // and for less soon after. A rule that forgets within seconds spares more by a quantile than by its utilisation.
        let (calm, quantiles) = ([0.84, 0.86, 0.88, 0.9, 0.92], [0.9, 0.92, 0.94])
        try calibrate(&tuning.forecast, .direct, Shield.Settings(), calm, quantiles)
        try calibrate(&tuning.brief, .direct, briefShield, [0.76, 0.78, 0.8, 0.82, 0.84], [0.84, 0.86, 0.88])
        try calibrate(&tuning.gathered, .gathered, Shield.Settings(), calm, quantiles)
        tuning.kedaUtilisation = try days.best(utilisations, .gathered, trials) {
            try KEDAPolicy(profile, utilisation: $0)
        }
        tuning.autopilotUtilisation = try days.best(utilisations, .gathered, trials) { utilisation in
            var settings = AutopilotPolicy.Settings()
            settings.utilisation = utilisation
            return try AutopilotPolicy(profile, settings)
        }
        return tuning
    }

    /// The numbers for people.
    public var text: String {
        func text(_ settings: ForecastRule.Settings) -> String {
            "at \(settings.rule.utilisation), quantile \(settings.quantile), window \(settings.rule.downWindow) s"
        }
        return "forecast rule \(text(forecast)); brief \(text(brief)); with gathered metrics \(text(gathered)); "
            + "keda at \(kedaUtilisation); autopilot at \(autopilotUtilisation)"
    }
}

/// Days that rules are calibrated on.
private struct CalibrationDays: Sendable {
    private let profile: ChainProfile
    private let kinds: [DayKind]
    private let count: Int
    private let days: [(load: LoadTrace, options: [MetricsPath: SimulatorOptions], kind: Int)]

    init(_ profile: ChainProfile, _ kinds: [DayKind], peak: Double, count: Int) throws(SimulationFault) {
        self.profile = profile
        self.kinds = kinds
        self.count = count
        var days: [(load: LoadTrace, options: [MetricsPath: SimulatorOptions], kind: Int)] = []
        for (place, kind) in kinds.enumerated() {
            var options: [MetricsPath: SimulatorOptions] = [:]
            for path in MetricsPath.allCases {
                var own = SimulatorOptions().reading(path)
                own.forecaster = try kind.forecaster(peak: peak, path: path)
                options[path] = own
            }
            for seed in DaySeeds.calibration.prefix(count) {
                let load = try kind.days(peak: peak).load(seed: seed)
                days.append((load, options.mapValues { $0.seeded(seed) }, place))
            }
        }
        self.days = days
    }

    /// The cheapest candidate that meets the goals.
    func best<Candidate: Sendable>(
        _ candidates: [Candidate], _ path: MetricsPath, shield: Shield.Settings? = nil, _ trials: RuleTuning.Trials,
        _ make: @escaping @Sendable (Candidate) throws -> any ScalingPolicy
    ) throws -> Candidate {
        let scores = try trials(candidates.count) { index in
            let entry = PolicyCatalogue.Entry("candidate", shield: shield, path: path) { _, _, _ in
                try make(candidates[index])
            }
            return try score(entry)
        }
        return try Calibration(Array(zip(candidates, scores)), violationsMax: RuleTuning.goalShare) { $0.1 }
            .best.candidate.0
    }

    /// Violations are the largest share of a kind's goal.
    private func score(_ entry: PolicyCatalogue.Entry) throws -> PolicyScore {
        var sum = PolicyScore(violations: 0, replicaHours: 0)
        var ofGoals = kinds.map { _ in 0.0 }
        for day in days {
            guard let options = day.options[entry.path] else { continue }
            let score = try entry.run(profile, day.load, options).score
            ofGoals[day.kind] += score.violationShare / Double(max(count, 1)) / kinds[day.kind].violationGoal
            sum.violations = ofGoals.max() ?? 0
            sum.replicaHours += score.replicaHours
            sum.reversals += score.reversalsPerHour * score.hours
        }
        return sum
    }
}
