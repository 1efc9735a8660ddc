internal import Learning

/// The result of one policy on one run of one trace.
public struct EvaluationEntry: Sendable, Equatable {
    /// The policy's name, `+shield` behind it where the shield was on.
    public var policy: String
    public var trace: String
    public var seed: UInt64
    public var score: RunScore
    /// Decisions the shield changed, and observations the policy could not decide on.
    public var shielded: Int
    public var faults: Int
    /// Seconds until the promise was kept again after the trace's step; nil where it has none or it never was.
    public var recovery: Double?

    /// An entry.
    public init(
        policy: String, trace: String, seed: UInt64, score: RunScore, shielded: Int = 0, faults: Int = 0,
        recovery: Double? = nil
    ) {
        self.policy = policy
        self.trace = trace
        self.seed = seed
        self.score = score
        self.shielded = shielded
        self.faults = faults
        self.recovery = recovery
    }
}

/// The mean and 95 % interval over seeds of each figure of one policy on one trace.
public struct EvaluationSummary: Sendable, Equatable {
    public var policy: String
    public var trace: String
    public var runs: Int
    public var violationShare: Interval
    public var replicaHours: Interval
    public var p95: Interval
    public var p99: Interval
    public var worstMinute: Interval
    public var actionsPerHour: Interval
    public var reversalsPerHour: Interval
    public var utilisation: Interval
    public var utilisationPeakHour: Interval
    /// Replica-hours and priced violations, and how much more than the oracle's on the same run; nil without an oracle.
    public var cost: Interval
    public var regret: Interval?
    /// Replica-hours over the oracle's and over those of a static peak, on the same runs; nil without them.
    public var ofOracle: Interval?
    public var ofStatic: Interval?
    /// Mean over the runs that recovered; nil where the trace has no step.
    public var recovery: Double?
    public var shielded: Double
    public var faults: Int
}

/// All results of an evaluation: policies beside each other on the same runs.
public struct EvaluationTable: Sendable {
    /// In the order they were run.
    public private(set) var entries: [EvaluationEntry]
    /// Requests over the promise that cost as much as one replica-hour.
    public let requestsPerHour: Double
    /// Names of the policies that others are compared with.
    public static let oracle = "oracle"
    public static let staticPeak = "static"
    public static let hpa = "hpa"

    /// A table of `entries`.
    public init(_ entries: [EvaluationEntry], requestsPerHour: Double = 10_000) {
        self.entries = entries
        self.requestsPerHour = requestsPerHour
    }

    /// Traces and policies in the order they first occur.
    public var traces: [String] { Self.firsts(entries.map(\.trace)) }
    public var policies: [String] { Self.firsts(entries.map(\.policy)) }

    /// Entries of one policy on one trace.
    public func runs(_ policy: String, _ trace: String) -> [EvaluationEntry] {
        entries.filter { $0.policy == policy && $0.trace == trace }
    }

    /// Means and intervals of one policy on one trace; nil where it was not run.
    public func summary(_ policy: String, _ trace: String) -> EvaluationSummary? {
        let runs = runs(policy, trace)
        guard !runs.isEmpty else { return nil }
        func interval(_ value: (RunScore) -> Double) -> Interval { Interval(bootstrap: runs.map { value($0.score) }) }
        let price = requestsPerHour
        let recovered = runs.compactMap(\.recovery)
        return EvaluationSummary(
            policy: policy, trace: trace, runs: runs.count, violationShare: interval(\.violationShare),
            replicaHours: interval(\.replicaHours), p95: interval(\.p95), p99: interval(\.p99),
            worstMinute: interval(\.worstMinute), actionsPerHour: interval(\.actionsPerHour),
            reversalsPerHour: interval(\.reversalsPerHour), utilisation: interval(\.utilisation),
            utilisationPeakHour: interval(\.utilisationPeakHour), cost: interval { $0.cost(requestsPerHour: price) },
            regret: paired(runs, with: Self.oracle) {
                $0.cost(requestsPerHour: price) - $1.cost(requestsPerHour: price)
            },
            ofOracle: paired(runs, with: Self.oracle) { $0.replicaHours / $1.replicaHours },
            ofStatic: paired(runs, with: Self.staticPeak) { $0.replicaHours / $1.replicaHours },
            recovery: recovered.isEmpty ? nil : recovered.reduce(0, +) / Double(recovered.count),
            shielded: Double(runs.reduce(0) { $0 + $1.shielded }) / Double(runs.count),
            faults: runs.reduce(0) { $0 + $1.faults })
    }

    /// All summaries of a trace, in the order of the policies.
    public func summaries(_ trace: String) -> [EvaluationSummary] { policies.compactMap { summary($0, trace) } }

    /// Policies that no other beats on violations and replica-hours at once, by growing replica-hours.
    public func paretoFront(_ trace: String) -> [String] {
        let all = summaries(trace)
        let front = all.filter { one in
            !all.contains { other in
                other.policy != one.policy && other.violationShare.mean <= one.violationShare.mean
                    && other.replicaHours.mean <= one.replicaHours.mean
                    && (other.violationShare.mean < one.violationShare.mean
                        || other.replicaHours.mean < one.replicaHours.mean)
            }
        }
        return front.sorted { ($0.replicaHours.mean, $0.policy) < ($1.replicaHours.mean, $1.policy) }.map(\.policy)
    }

    /// Figures of runs beside those of another policy on the runs of the same seeds; nil where a seed has none.
    private func paired(
        _ runs: [EvaluationEntry], with other: String, _ figure: (RunScore, RunScore) -> Double
    ) -> Interval? {
        var values: [Double] = []
        for run in runs {
            guard
                let peer = entries.first(where: {
                    $0.policy == other && $0.trace == run.trace && $0.seed == run.seed
                })
            else { return nil }
            values.append(figure(run.score, peer.score))
        }
        return Interval(bootstrap: values)
    }

    private static func firsts(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }
}
