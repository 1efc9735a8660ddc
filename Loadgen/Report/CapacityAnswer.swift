internal import Engine

/// The greatest rate of a capacity search that met its condition, and what stood in the way of more.
public struct CapacityAnswer: Sendable, Equatable {
    /// Name of the scenario.
    public var scenario: String
    /// What a step had to meet.
    public var condition: String
    /// Iterations a second of the greatest step that met it; nil where none did.
    public var rate: Double?
    /// The least rate above it that failed; nil where none did.
    public var failedRate: Double?
    /// Why that step failed.
    public var failure: String
    /// What was saturated in it; nil where nothing that was watched was.
    public var saturation: Saturation?

    /// The answer in one sentence.
    public var sentence: String {
        guard let rate else {
            return "No rate met \(condition)" + (failure.isEmpty ? "." : ": \(failure).") + cause
        }
        let found = "Capacity under \(condition): \(Readable.number(rate)) a second."
        guard let failedRate else { return found + " No step failed: the true capacity may be higher." }
        return found + " At \(Readable.number(failedRate)) \(failure)." + cause
    }

    private var cause: String {
        guard let saturation else { return failedRate == nil ? "" : " Nothing that was watched was saturated." }
        return " Saturated: \(saturation.component), \(saturation.evidence)."
    }
}

extension CapacityAnswer {
    /// The answer of one search: the greatest rate that met the condition, and the least above it that did not.
    static func find(
        _ scenario: Int, _ facts: PlanFacts, _ result: RunResult, _ conditions: [[JudgedCondition]],
        _ watch: WatchSeries
    ) -> CapacityAnswer {
        let own = result.steps.indices.filter { result.steps[$0].scenario == scenario }
        let met = own.filter { result.steps[$0].isMet }.map { result.steps[$0].rate }.max()
        let above = own.filter { !result.steps[$0].isMet && result.steps[$0].rate > (met ?? 0) }
        let index = above.min { result.steps[$0].rate < result.steps[$1].rate }
        let failed = index.map { result.steps[$0] }
        let reasons = index.map { conditions.indices.contains($0) ? conditions[$0] : [] } ?? []
        return CapacityAnswer(
            scenario: facts.scenario(scenario), condition: facts.scenarios[scenario].condition, rate: met,
            failedRate: failed?.rate,
            failure: reasons.filter { !$0.isMet }.map { "\($0.subject) was \($0.readableActual)" }.joined(
                separator: " and "),
            saturation: failed.flatMap { step in
                Saturation.find(in: watch, step.begin...max(step.begin, step.end), generatorCPU: step.cpuRatio)
            })
    }
}
