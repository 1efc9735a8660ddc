internal import Engine
internal import Telemetry

/// Reads a JSON summary back into the report it was written from.
///
/// The histograms come back to their sub-buckets, with the extremes that the statistics name; nothing else is lost.
/// The verdict is not believed but follows again from figures and conditions. Unknown fields are passed over.
public enum SummaryReader {
    /// Limits on what a file may ask this process to hold.
    enum Limit {
        static let rows = 10_000
        static let series = 1_000_000
    }

    /// The report in the text of a summary.
    ///
    /// - Parameter name: of the file, for messages.
    public static func read(_ text: String, name: String) throws(SummaryError) -> RunReport {
        let value: JSONValue
        do {
            value = try JSONParser.parse(text)
        } catch {
            throw SummaryError(
                description: "\(name), line \(error.line), column \(error.column): expected \(error.expected)")
        }
        let root = JSONCursor(value: value, path: "\(name): ")
        let version = try root["schema_version"].whole
        guard version == SummaryDocument.schemaVersion else {
            throw SummaryError(
                description: "\(name): schema_version \(version) cannot be read, only \(SummaryDocument.schemaVersion)")
        }
        let facts = try SummaryReader.facts(root)
        let (steps, stepConditions) = try SummaryReader.steps(root, facts)
        var result = try SummaryReader.result(root, facts)
        result.steps = steps
        return RunReport(
            context: try context(root), facts: facts, result: result, watch: try watch(root["watch"]),
            conditions: try array(root["thresholds"], condition), stepConditions: stepConditions,
            limits: try strings(root["generator"]["limits"]), objectiveNanoseconds: try root["objective_us"].nanoseconds
        )
    }

    // MARK: What was run

    private static func context(_ root: JSONCursor) throws(SummaryError) -> RunContext {
        var host: [(name: String, value: String)] = []
        for (name, value) in try root["host"].fields { host.append((name, try value.string)) }
        return RunContext(
            name: try root["name"].string, scenario: try root["scenario"]["text"].string,
            revision: try root["revision"].string, host: host)
    }

    private static func facts(_ root: JSONCursor) throws(SummaryError) -> PlanFacts {
        let schedule = try root["schedule"]
        guard let seed = UInt64(try root["seed"].string) else { throw try root["seed"].failure("a seed") }
        let interval = try schedule["interval_seconds"].number
        guard interval > 0 else { throw try schedule["interval_seconds"].failure("a positive number") }
        let digits = try schedule["digits"].whole
        guard (1...5).contains(digits) else { throw try schedule["digits"].failure("1 to 5") }
        return PlanFacts(
            seed: seed, target: try root["target"].string, transport: try root["transport"].string,
            connections: try root["connections"].count, warmupSeconds: try schedule["warmup_seconds"].number,
            intervalSeconds: interval, digits: digits,
            operations: try strings(schedule["operations"]),
            scenarios: try array(schedule["scenarios"], scenario))
    }

    private static func scenario(_ cursor: JSONCursor) throws(SummaryError) -> ScenarioFacts {
        let executor = try cursor["executor"]
        guard let kind = ScenarioFacts.Executor(rawValue: try executor.string) else {
            throw executor.failure("one of \(ScenarioFacts.Executor.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return ScenarioFacts(
            name: try cursor["name"].string, start: try cursor["start"].number,
            seconds: try cursor["seconds"].number, executor: kind, mix: try cursor["mix"].string,
            course: try cursor["course"].string, isSteadyPoisson: try cursor["steady_poisson"].flag,
            condition: try cursor["condition"].string)
    }

    static func condition(_ cursor: JSONCursor) throws(SummaryError) -> JudgedCondition {
        guard let unit = JudgedCondition.Unit(rawValue: try cursor["unit"].string) else {
            throw try cursor["unit"].failure("\"us\", \"ratio\" or \"\"")
        }
        let scale = unit == .duration ? 1e3 : 1
        let actual = try cursor.optional("actual")
        return JudgedCondition(
            expression: try cursor["expression"].string, subject: try cursor["subject"].string,
            comparison: try cursor["comparison"].string, limit: try cursor["limit"].number * scale,
            actual: try actual.map { field throws(SummaryError) in try field.number * scale },
            isMet: try cursor["ok"].flag, unit: unit)
    }

    private static func steps(
        _ root: JSONCursor, _ facts: PlanFacts
    ) throws(SummaryError) -> ([StepResult], [[JudgedCondition]]) {
        var steps: [StepResult] = []
        var conditions: [[JudgedCondition]] = []
        for cursor in try limited(root["steps"], Limit.rows) {
            let scenario = try index(cursor["scenario"], facts.scenarios.map(\.name))
            var step = StepResult(scenario: scenario, index: try cursor["index"].count, digits: facts.digits)
            step.users = try cursor["users"].count
            step.rate = try cursor["rate"].number
            (step.begin, step.end) = (try cursor["begin"].number, try cursor["end"].number)
            guard step.begin <= step.end else { throw try cursor["end"].failure("an end after the begin") }
            step.offered = try cursor["offered"].count
            step.isMet = try cursor["ok"].flag
            step.cpuRatio = try cursor["cpu_ratio"].number
            step.limits = try strings(cursor["limits"])
            step.figures = try row(cursor, scenario: scenario, operation: -1, facts)
            steps.append(step)
            conditions.append(try array(cursor["thresholds"], condition))
        }
        return (steps, conditions)
    }

    // MARK: Common forms

    /// The elements, at most so many.
    static func limited(_ cursor: JSONCursor, _ most: Int) throws(SummaryError) -> [JSONCursor] {
        let elements = try cursor.elements
        guard elements.count <= most else { throw cursor.failure("at most \(most) elements") }
        return elements
    }

    static func array<Element>(
        _ cursor: JSONCursor, limit: Int = Limit.rows,
        _ element: (JSONCursor) throws(SummaryError) -> Element
    ) throws(SummaryError) -> [Element] {
        var elements: [Element] = []
        for cursor in try limited(cursor, limit) { elements.append(try element(cursor)) }
        return elements
    }

    static func strings(_ cursor: JSONCursor) throws(SummaryError) -> [String] {
        try array(cursor) { element throws(SummaryError) in try element.string }
    }

    /// The place of a name in a list; -1 for `all`.
    static func index(_ cursor: JSONCursor, _ names: [String]) throws(SummaryError) -> Int {
        let name = try cursor.string
        if let index = names.firstIndex(of: name) { return index }
        guard name == "all" else { throw cursor.failure("a name from schedule") }
        return -1
    }

    static func outcome(_ cursor: JSONCursor) throws(SummaryError) -> Outcome {
        let name = try cursor.string
        guard let outcome = Outcome.allCases.first(where: { $0.name == name }) else {
            throw cursor.failure("an outcome")
        }
        return outcome
    }
}
