public import Engine
public import Telemetry

/// A run, judged: what the JSON summary, the page and the terminal's text are made from.
public struct RunReport: Sendable {
    /// Name, text, revision and machine.
    public let context: RunContext
    /// Names and lengths of the plan.
    public let facts: PlanFacts
    /// The figures.
    public let result: RunResult
    /// What was seen of the machine and of the target's processes.
    public let watch: WatchSeries
    /// Each condition with its outcome.
    public let conditions: [JudgedCondition]
    /// The conditions of each step of `result.steps`.
    public let stepConditions: [[JudgedCondition]]
    /// Why the generator limited the run; empty if it did not.
    public let limits: [String]
    /// The verdict.
    public let verdict: Verdict
    /// The response time promised, from the thresholds: nanoseconds.
    public let objectiveNanoseconds: Int64
    /// The answers of capacity searches.
    public let capacities: [CapacityAnswer]
    /// Response times over all rows.
    public let response: HDRHistogram
    /// Service times over all rows.
    public let service: HDRHistogram
    /// Send lags over all rows.
    public let lag: HDRHistogram

    /// Judges a run by the thresholds of its plan.
    ///
    /// An interrupt outranks a failed threshold, that outranks the generator's limits.
    public init(context: RunContext, plan: LoadPlan, result: RunResult, watch: WatchSeries = WatchSeries()) {
        self.init(
            context: context, facts: PlanFacts(plan), result: result, watch: watch,
            conditions: plan.thresholds.map { JudgedCondition($0.evaluate(result, plan: plan)) },
            stepConditions: result.steps.map { $0.thresholds.map(JudgedCondition.init) },
            limits: Self.limits(plan, result), objectiveNanoseconds: Self.objective(plan))
    }

    /// A report of facts that were judged before; the verdict follows from them.
    init(
        context: RunContext, facts: PlanFacts, result: RunResult, watch: WatchSeries, conditions: [JudgedCondition],
        stepConditions: [[JudgedCondition]], limits: [String], objectiveNanoseconds: Int64
    ) {
        self.context = context
        self.facts = facts
        self.result = result
        self.watch = watch
        self.conditions = conditions
        self.stepConditions = stepConditions
        self.objectiveNanoseconds = objectiveNanoseconds
        self.limits = limits
        response = result.response
        service = result.service
        lag = result.lag
        capacities = facts.scenarios.indices.filter { facts.scenarios[$0].executor == .findCapacity }
            .map { CapacityAnswer.find($0, facts, result, stepConditions, watch) }
        let isFailed = conditions.contains { !$0.isMet } || result.abortedBy != nil
        if result.isInterrupted {
            verdict = .interrupted
        } else if isFailed || capacities.contains(where: { $0.rate == nil }) {
            verdict = .fail
        } else {
            verdict = limits.isEmpty ? .pass : .generatorLimited
        }
    }

    /// The bound of a search's condition counts as the objective where the plan has no threshold of its own.
    private static func objective(_ plan: LoadPlan) -> Int64 {
        let promised = plan.thresholds.contains { $0.objectiveNanoseconds ?? $0.responseLimitNanoseconds != nil }
        guard !promised else { return plan.objectiveNanoseconds }
        for scenario in plan.scenarios {
            guard case .findCapacity(let search) = scenario.executor else { continue }
            if let limit = search.until.compactMap(\.responseLimitNanoseconds).first { return limit }
        }
        return plan.objectiveNanoseconds
    }

    /// In a search for a capacity the steps that failed are beyond somebody's ability by design: only the best that
    /// met the condition is judged, which by its own rule is none of the generator's.
    private static func limits(_ plan: LoadPlan, _ result: RunResult) -> [String] {
        let best = result.steps.filter { $0.isMet && $0.users == 0 }.max { $0.rate < $1.rate }
        let isSearch = plan.scenarios.contains { scenario in
            if case .findCapacity = scenario.executor { true } else { false }
        }
        if isSearch, let best { return best.limits }
        return result.generatorLimits(plan)
    }

    /// Send lag p99 from which on a measurement is the generator's own, nanoseconds.
    var lagLimitNanoseconds: Int64 { max(1_000_000, objectiveNanoseconds / 50) }

    /// Share of the processors above which what the hypervisor withheld is told.
    static let stealMin = 0.01

    /// Share of the processors of the generator's machine that the hypervisor withheld over the run; nil where it was not
    /// watched.
    public var steal: Double? {
        watch.mean(facts.warmupSeconds...max(facts.warmupSeconds, result.wallSeconds)).machineSteal
    }

    /// The same as a clause, nil below 1 %.
    var stealText: String? {
        guard let steal, steal >= Self.stealMin else { return nil }
        return "the hypervisor withheld \(Readable.percent(steal)) of the processors (steal)"
    }

    // MARK: Sums

    /// Requests with that outcome over all rows.
    public func count(_ outcome: Outcome) -> Int { result.count(outcome) }
    /// All requests.
    public var total: Int { result.total }
    /// Requests that count as errors.
    public var errors: Int { result.errors }
    /// Requests refused by business rules, too late ones included.
    public var rejects: Int { result.rows.reduce(0) { $0 + $1.rejects } }
    /// Requests answered.
    public var answered: Int { result.answered }
    /// Seconds whose requests are in the totals.
    public var measuredSeconds: Double { max(result.wallSeconds - facts.warmupSeconds, 0) }
    /// Answers a second.
    public var answeredPerSecond: Double { measuredSeconds > 0 ? Double(answered) / measuredSeconds : 0 }

    /// Operations over all scenarios, by index of the operation, those that no scenario can send left out.
    public var operations: [OperationResult] { facts.operations.indices.compactMap { result.merged(operation: $0) } }

    /// The verdict in one sentence.
    public var sentence: String {
        let p99 = Readable.duration(response.value(atPercentile: 99))
        let rate = Readable.number(answeredPerSecond)
        let failures = errors == 1 ? "1 error" : "\(Readable.count(errors)) errors"
        let figures = "\(Readable.count(answered)) requests answered, \(rate) a second, p99 \(p99)"
        if verdict != .interrupted, !capacities.isEmpty {
            return capacities.map(\.sentence).joined(separator: " ")
        }
        switch verdict {
        case .pass: return "\(figures), \(failures)."
        case .fail:
            var causes = conditions.filter { !$0.isMet }.map {
                "\($0.subject) is \($0.readableActual) (limit \($0.readableLimit))"
            }
            if let aborted = result.abortedBy { causes.append("stopped early by \(aborted)") }
            return "\(figures), \(failures): " + causes.joined(separator: "; ") + "."
        case .generatorLimited: return "\(figures), but the generator was the limit: \(limits.joined(separator: "; "))."
        case .interrupted: return "Stopped before the end: \(figures), \(failures)."
        }
    }
}
