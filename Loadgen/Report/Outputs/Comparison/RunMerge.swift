internal import Engine

/// Adds the summaries of runs that shared one load, such as those of several machines.
///
/// Counts and histograms are added bucket by bucket: percentiles are those of one generator that had sent everything.
/// Thresholds are judged again on the sums. What limited the generator of one part limits the whole.
public enum RunMerge {
    /// The parts as one run.
    ///
    /// - Parameter parts: at least two, each with the name of its file.
    /// - Throws: `OutputError` for parts of different scenarios, seeds or precision.
    public static func merge(_ parts: [(name: String, report: RunReport)]) throws(OutputError) -> RunReport {
        guard let first = parts.first, parts.count > 1 else {
            throw OutputError(.mismatch, "merge needs at least two summaries")
        }
        for part in parts.dropFirst() { try check(first, part) }
        var (result, watch) = (first.report.result, first.report.watch)
        for part in parts.dropFirst() {
            result.merge(part.report.result)
            if watch.samples.isEmpty { watch = part.report.watch }
        }
        var context = first.report.context
        context.host.append(("merged", parts.map(\.name).joined(separator: ", ")))
        var facts = first.report.facts
        facts.connections = parts.reduce(0) { $0 + $1.report.facts.connections }
        let plan = try judgingPlan(first.report, facts)
        return RunReport(
            context: context, facts: facts, result: result, watch: watch,
            conditions: plan.thresholds.map { JudgedCondition($0.evaluate(result, plan: plan)) },
            stepConditions: steps(result, parts.map(\.report)), limits: limits(parts),
            objectiveNanoseconds: first.report.objectiveNanoseconds)
    }

    private static func check(
        _ first: (name: String, report: RunReport), _ other: (name: String, report: RunReport)
    ) throws(OutputError) {
        let (a, b) = (first.report.facts, other.report.facts)
        func refuse(_ what: String, _ left: String, _ right: String) -> OutputError {
            OutputError(
                .mismatch,
                "\(first.name) and \(other.name) are no parts of one run: \(what) \(left) and \(right)")
        }
        func require<Value: Equatable>(_ what: String, _ left: Value, _ right: Value) throws(OutputError) {
            if left != right { throw refuse(what, "\(left)", "\(right)") }
        }
        try require("scenario", first.report.context.name, other.report.context.name)
        try require("seed", a.seed, b.seed)
        try require("transport", a.transport, b.transport)
        try require("target", a.target, b.target)
        try require("digits", a.digits, b.digits)
        try require("warm-up of seconds", a.warmupSeconds, b.warmupSeconds)
        try require("intervals of seconds", a.intervalSeconds, b.intervalSeconds)
        try require("operations", a.operations, b.operations)
        try require("scenarios", a.scenarios.map(\.name), b.scenarios.map(\.name))
        guard a.scenarios == b.scenarios else { throw refuse("scenarios", "with one course", "with another") }
        try require(
            "thresholds", first.report.conditions.map(\.expression), other.report.conditions.map(\.expression))
        try require(
            "objective of nanoseconds", first.report.objectiveNanoseconds, other.report.objectiveNanoseconds)
    }

    /// As much of a plan as thresholds need: names, warm-up, conditions.
    private static func judgingPlan(_ report: RunReport, _ facts: PlanFacts) throws(OutputError) -> LoadPlan {
        guard let nowhere = Endpoint("127.0.0.1:1") else {
            throw OutputError(.mismatch, "the summaries cannot be judged")
        }
        var plan = LoadPlan(
            name: report.context.name, seed: facts.seed, target: TargetPlan(.inProcess(facts.target), at: nowhere))
        plan.operations = facts.operations.map { OperationPlan(name: $0, request: .call) }
        plan.scenarios = facts.scenarios.map {
            ScenarioPlan(name: $0.name, mix: 0, executor: .users(UserProfile([]), .none))
        }
        plan.recording.warmupSeconds = facts.warmupSeconds
        for condition in report.conditions {
            guard let threshold = try? Threshold.parse(condition.expression) else {
                throw OutputError(.mismatch, "the condition \"\(condition.expression)\" cannot be judged again")
            }
            plan.thresholds += threshold
        }
        return plan
    }

    /// The conditions of the merged steps: those of the part that did worst.
    private static func steps(_ result: RunResult, _ reports: [RunReport]) -> [[JudgedCondition]] {
        result.steps.map { step in
            var found: [JudgedCondition] = []
            for report in reports {
                for (index, other) in report.result.steps.enumerated()
                where other.scenario == step.scenario && other.index == step.index
                    && report.stepConditions.indices.contains(index)
                {
                    if found.isEmpty || !report.stepConditions[index].allSatisfy(\.isMet) {
                        found = report.stepConditions[index]
                    }
                }
            }
            return found
        }
    }

    private static func limits(_ parts: [(name: String, report: RunReport)]) -> [String] {
        parts.flatMap { part in part.report.limits.map { "\(part.name): \($0)" } }
    }
}
