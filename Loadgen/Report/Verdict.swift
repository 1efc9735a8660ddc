public import Engine
internal import Telemetry

/// What a run proves, and the exit code that says so.
@frozen
public enum Verdict: Sendable, Equatable {
    /// All thresholds hold and the generator kept up.
    case pass
    /// A threshold does not hold.
    case fail
    /// All thresholds hold, but the figures are the generator's: the measurement is invalid.
    case generatorLimited
    /// Ended by a signal.
    case interrupted

    /// Exit codes of the program; 99, 104 and 105 are those of k6.
    public var exitCode: Int32 {
        switch self {
        case .pass: 0
        case .fail: 99
        case .interrupted: 105
        case .generatorLimited: 120
        }
    }

    /// Its name in summaries.
    public var name: String {
        switch self {
        case .pass: "pass"
        case .fail: "fail"
        case .generatorLimited: "generator_limited"
        case .interrupted: "interrupted"
        }
    }
}

/// What the report tells beside the figures.
public struct RunContext: Sendable {
    /// Name of the scenario.
    public var name: String
    /// The scenario's text, or the options in words.
    public var scenario: String
    /// Version of the sources, empty where unknown.
    public var revision: String
    /// Machine: name, kernel, processors.
    public var host: [(name: String, value: String)]
    /// What was run.
    public var configuration: LoadConfiguration

    /// A context.
    public init(
        name: String, scenario: String, revision: String = "", host: [(name: String, value: String)] = [],
        configuration: LoadConfiguration
    ) {
        self.name = name
        self.scenario = scenario
        self.revision = revision
        self.host = host
        self.configuration = configuration
    }
}

/// A run, judged: what the JSON summary and the page are made from.
public struct RunReport: Sendable {
    /// The response time promised, where no threshold names one.
    public static let defaultObjectiveNanoseconds: Int64 = 50_000_000

    /// What was run, and where.
    public let context: RunContext
    /// The figures.
    public let result: LoadResult
    /// Each condition with its outcome.
    public let thresholds: [ThresholdResult]
    /// Why the generator limited the run; empty if it did not.
    public let limits: [String]
    /// The verdict.
    public let verdict: Verdict
    /// The response time promised, from the thresholds: nanoseconds.
    public let objectiveNanoseconds: Int64

    /// Judges a run.
    ///
    /// An interrupt outranks a failed threshold, that outranks the generator's limits.
    public init(context: RunContext, result: LoadResult, thresholds: [Threshold]) {
        self.context = context
        self.result = result
        self.thresholds = thresholds.map { $0.evaluate(result) }
        objectiveNanoseconds =
            thresholds.compactMap(\.responseLimitNanoseconds).first ?? Self.defaultObjectiveNanoseconds
        limits = result.generatorLimits(objectiveNanoseconds: objectiveNanoseconds)
        if result.isInterrupted {
            verdict = .interrupted
        } else if self.thresholds.contains(where: { !$0.isMet }) {
            verdict = .fail
        } else {
            verdict = limits.isEmpty ? .pass : .generatorLimited
        }
    }

    /// The verdict in one sentence.
    public var sentence: String {
        let p99 = Readable.duration(result.response.value(atPercentile: 99))
        let rate = Readable.number(result.wallSeconds > 0 ? Double(result.answered) / result.wallSeconds : 0)
        let figures = "\(Readable.count(result.answered)) requests answered, \(rate) a second, p99 \(p99)"
        let errors = result.errors == 1 ? "1 error" : "\(Readable.count(result.errors)) errors"
        switch verdict {
        case .pass: return "\(figures), \(errors)."
        case .fail:
            let failed = thresholds.filter { !$0.isMet }
            let causes = failed.map { result in
                let actual = result.actual.map { result.threshold.format($0) } ?? "no data"
                return "\(result.threshold.readableName) is \(actual) (limit \(result.threshold.readableLimit))"
            }
            return "\(figures), \(errors): " + causes.joined(separator: "; ") + "."
        case .generatorLimited: return "\(figures), but the generator was the limit: \(limits.joined(separator: "; "))."
        case .interrupted: return "Stopped before the end: \(figures), \(errors)."
        }
    }
}
