internal import Forecasting

/// What a served policy is to reach on a trace, and whether it does.
public struct EvaluationGoal: Sendable, Equatable {
    /// The claim, with its limit.
    public var claim: String
    /// What was measured, in the words of the claim.
    public var measured: String
    public var isMet: Bool
}

/// The limits of the goals.
public struct GoalLimits: Sendable, Equatable {
    /// Largest share of requests over the promise.
    public var violationShare: Double
    /// Largest replica-hours over those of the oracle, and of a static peak.
    public var ofOracle = 1.25
    public var ofStatic = 0.4
    /// How many times fewer violations than HPA, and its share of HPA's reversals at most.
    public var fewerThanHPA = 10.0
    public var reversalsOfHPA = 0.5

    /// Limits with a largest share of violations: 0.001 for mild days, 0.01 for bursty ones.
    public init(violationShare: Double) { self.violationShare = violationShare }
}

/// One policy beside another on violations and replica-hours.
public enum PolicyStanding: String, Sendable, CaseIterable {
    /// No more of either.
    case notWorseOnEither = "not worse on violations and replica-hours"
    /// No more violations, at more replica-hours.
    case moreReplicaHours = "fewer violations at more replica-hours"
    /// More violations, at no more replica-hours.
    case moreViolations = "more violations at fewer replica-hours"
    /// More of both.
    case worseOnBoth = "worse on both"
}

extension EvaluationTable {
    /// The goals of `policy` on `trace`; empty where it was not run. Claims about peers that were not run are left out.
    public func goals(_ policy: String, _ trace: String, _ limits: GoalLimits) -> [EvaluationGoal] {
        guard let own = summary(policy, trace) else { return [] }
        let percent = { (share: Double) in FixedText.decimals(100 * share, 3) + " %" }
        var goals = [
            EvaluationGoal(
                claim: "violations at most \(percent(limits.violationShare))",
                measured: percent(own.violationShare.mean),
                isMet: own.violationShare.mean <= limits.violationShare)
        ]
        if let ratio = own.ofOracle {
            goals.append(
                EvaluationGoal(
                    claim: "replica-hours at most \(FixedText.decimals(limits.ofOracle, 2)) x oracle",
                    measured: "\(FixedText.decimals(ratio.mean, 3)) x", isMet: ratio.mean <= limits.ofOracle))
        }
        if let ratio = own.ofStatic {
            goals.append(
                EvaluationGoal(
                    claim: "replica-hours at most \(FixedText.decimals(100 * limits.ofStatic, 0)) % of static",
                    measured: FixedText.decimals(100 * ratio.mean, 1) + " %", isMet: ratio.mean <= limits.ofStatic))
        }
        guard let hpa = summary(Self.hpa, trace), policy != Self.hpa else { return goals }
        goals.append(
            EvaluationGoal(
                claim: "at least \(FixedText.decimals(limits.fewerThanHPA, 0)) x fewer violations than hpa",
                measured: "\(percent(own.violationShare.mean)) against \(percent(hpa.violationShare.mean))",
                isMet: limits.fewerThanHPA * own.violationShare.mean <= hpa.violationShare.mean))
        goals.append(
            EvaluationGoal(
                claim: "no more replica-hours than hpa",
                measured: FixedText.decimals(own.replicaHours.mean, 1) + " against "
                    + FixedText.decimals(hpa.replicaHours.mean, 1),
                isMet: own.replicaHours.mean <= hpa.replicaHours.mean))
        goals.append(
            EvaluationGoal(
                claim: "at most half of hpa's reversals",
                measured: FixedText.decimals(own.reversalsPerHour.mean, 1) + " an hour against "
                    + FixedText.decimals(hpa.reversalsPerHour.mean, 1),
                isMet: own.reversalsPerHour.mean <= limits.reversalsOfHPA * hpa.reversalsPerHour.mean))
        return goals
    }

    /// Whether `policy` costs at most as much as `rule` with no more violations, on every trace both ran on: replica-hours
    /// and violation shares of the means, `slack` as a share of the rule's replica-hours.
    public func isNotWorse(_ policy: String, than rule: String, slack: Double = 0) -> Bool {
        traces.allSatisfy { trace in
            guard let own = summary(policy, trace), let other = summary(rule, trace) else { return true }
            return own.replicaHours.mean <= other.replicaHours.mean * (1 + slack)
                && own.violationShare.mean <= max(other.violationShare.mean, 1e-5)
        }
    }

    /// How `policy` stands beside `other` on one trace, on violations and replica-hours at once; nil where one was not run.
    public func standing(_ policy: String, beside other: String, on trace: String) -> PolicyStanding? {
        guard let own = summary(policy, trace), let peer = summary(other, trace) else { return nil }
        let isLater = own.violationShare.mean > max(peer.violationShare.mean, 1e-5)
        let isDearer = own.replicaHours.mean > peer.replicaHours.mean
        return switch (isLater, isDearer) {
        case (false, false): .notWorseOnEither
        case (false, true): .moreReplicaHours
        case (true, false): .moreViolations
        case (true, true): .worseOnBoth
        }
    }

    /// The table for people: a block for each trace, a line for each policy.
    public var text: String {
        var out = ""
        let columns = [
            "policy", "violations %", "95 % interval", "replica-h", "of oracle", "of static %", "p95 ms", "p99 ms",
            "worst min ms", "actions/h", "reversals/h", "util peak/day %", "regret",
        ]
        for trace in traces {
            let runs = summaries(trace).map(\.runs).max() ?? 0
            out += "\(trace), \(runs) runs\n"
            var rows = [columns]
            for summary in summaries(trace) { rows.append(Self.cells(summary)) }
            let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            for row in rows {
                let cells = row.enumerated().map { column, cell in
                    FixedText.padded(cell, widths[column], right: column > 0)
                }
                out += "  " + cells.joined(separator: "  ") + "\n"
            }
            out += "  Pareto front: \(paretoFront(trace).joined(separator: ", "))\n\n"
        }
        return out
    }

    private static func cells(_ summary: EvaluationSummary) -> [String] {
        let d = FixedText.decimals
        return [
            summary.policy, d(100 * summary.violationShare.mean, 3),
            "\(d(100 * summary.violationShare.low, 3))..\(d(100 * summary.violationShare.high, 3))",
            d(summary.replicaHours.mean, 1), summary.ofOracle.map { d($0.mean, 3) } ?? "-",
            summary.ofStatic.map { d(100 * $0.mean, 1) } ?? "-", d(1_000 * summary.p95.mean, 1),
            d(1_000 * summary.p99.mean, 1), d(1_000 * summary.worstMinute.mean, 0),
            d(summary.actionsPerHour.mean, 1), d(summary.reversalsPerHour.mean, 1),
            "\(d(100 * summary.utilisationPeakHour.mean, 0))/\(d(100 * summary.utilisation.mean, 0))",
            summary.regret.map { d($0.mean, 1) } ?? "-",
        ]
    }
}
