/// What a policy costs on training loads.
public struct PolicyScore: Sendable, Equatable {
    /// Share of requests that missed the objective, 0...1.
    public var violations: Double
    /// Replicas paid for times hours.
    public var replicaHours: Double
    /// Changes of direction within five minutes.
    public var reversals: Double

    /// A score.
    public init(violations: Double, replicaHours: Double, reversals: Double = 0) {
        self.violations = violations
        self.replicaHours = replicaHours
        self.reversals = reversals
    }

    /// Whether this is the better score: the target met, then replica-hours (within a part in a million: reversals);
    /// where neither meets the target, violations. Scores that are not finite are the worst.
    func isBetter(than other: PolicyScore, violationsMax: Double) -> Bool {
        let sound = violations.isFinite && replicaHours.isFinite
        guard sound, other.violations.isFinite, other.replicaHours.isFinite else {
            return sound && !(other.violations.isFinite && other.replicaHours.isFinite)
        }
        switch (violations <= violationsMax, other.violations <= violationsMax) {
        case (true, false): return true
        case (false, true): return false
        case (false, false) where violations != other.violations: return violations < other.violations
        default: break
        }
        if abs(replicaHours - other.replicaHours) > 1e-6 * max(replicaHours, other.replicaHours) {
            return replicaHours < other.replicaHours
        }
        return reversals < other.reversals
    }
}

/// A search over settings: every candidate scored once, the cheapest that meets the target kept.
public struct Calibration<Candidate: Sendable>: Sendable {
    /// One candidate with its score.
    public struct Trial: Sendable {
        /// The settings tried.
        public var candidate: Candidate
        /// What they cost.
        public var score: PolicyScore
    }

    /// All trials in the order of the candidates.
    public let trials: [Trial]
    /// The trial with the fewest replica-hours among those with at most `violationsMax`; the one with the fewest
    /// violations where there is none.
    public let best: Trial
    /// Whether the best meets the target.
    public let isMet: Bool

    /// Scores each candidate; the first of equals wins. `score` runs the candidate on training loads.
    /// - Throws: `PolicyFault` `Calibration` without candidates, and what `score` throws.
    public init(
        _ candidates: [Candidate], violationsMax: Double, score: (Candidate) throws(PolicyFault) -> PolicyScore
    ) throws(PolicyFault) {
        var trials: [Trial] = []
        var best: Trial?
        for candidate in candidates {
            let trial = Trial(candidate: candidate, score: try score(candidate))
            trials.append(trial)
            if best.map({ trial.score.isBetter(than: $0.score, violationsMax: violationsMax) }) ?? true {
                best = trial
            }
        }
        guard let best else { throw PolicyFault("Calibration", "there are no candidates to score") }
        self.trials = trials
        self.best = best
        isMet = best.score.violations <= violationsMax
    }
}

extension ForecastRule {
    /// The values a calibration tries; all combinations.
    public struct Grid: Sendable, Equatable {
        /// Utilisations that replicas are counted for.
        public var utilisations = [0.6, 0.65, 0.7, 0.75, 0.8, 0.85]
        /// Quantiles of the forecast.
        public var quantiles = [0.5, 0.7, 0.9, 0.95]
        /// Seconds of which the largest need is kept.
        public var downWindows = [60.0, 120, 180]
        /// Seconds looked ahead beyond start-up and two periods.
        public var lookaheads = [0.0, 15]

        /// 144 combinations.
        public init() {}

        /// All combinations, the other settings as in `base`.
        public func candidates(_ base: Settings = Settings()) -> [Settings] {
            var all: [Settings] = []
            for utilisation in utilisations {
                for quantile in quantiles {
                    for downWindow in downWindows {
                        for lookahead in lookaheads {
                            var settings = base
                            settings.rule.utilisation = utilisation
                            settings.rule.downWindow = downWindow
                            settings.quantile = quantile
                            settings.lookahead = lookahead
                            all.append(settings)
                        }
                    }
                }
            }
            return all
        }
    }

    /// The settings with the fewest replica-hours among those that keep violations to a target.
    ///
    /// - Parameters:
    ///   - violationsMax: share of requests that may miss the objective, 0...1.
    ///   - score: runs a rule with the settings on training loads, never on those it is evaluated on.
    /// - Throws: `PolicyFault` `ForecastRule` for settings that contradict themselves, and what `score` throws.
    public static func calibrate(
        _ grid: Grid = Grid(), from base: Settings = Settings(), violationsMax: Double = 0.001,
        score: (Settings) throws(PolicyFault) -> PolicyScore
    ) throws(PolicyFault) -> Calibration<Settings> {
        let candidates = grid.candidates(base)
        if let fault = candidates.lazy.compactMap(\.fault).first { throw PolicyFault("ForecastRule", fault) }
        return try Calibration(candidates, violationsMax: violationsMax, score: score)
    }
}
