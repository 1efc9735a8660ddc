public import Telemetry

extension HDRHistogram {
    /// A histogram of nanoseconds from 1 us to 120 s: what latencies use.
    ///
    /// - Parameter digits: 3 as `latency()` (155 KB), or 2 (20 KB).
    static func latency(digits: Int) -> HDRHistogram {
        HDRHistogram(lowest: 1_000, highest: 120_000_000_000, digits: digits)
    }
}

extension OperationResult {
    /// Requests that count as errors.
    public var errors: Int { Outcome.allCases.reduce(0) { $0 + ($1.isError ? count($1) : 0) } }
    /// Requests answered.
    public var answered: Int { Outcome.allCases.reduce(0) { $0 + ($1.isAnswered ? count($1) : 0) } }
    /// Requests refused by business rules.
    public var rejects: Int { count(.rejected) + count(.tooLate) }
    /// (satisfied + tolerated / 2) / total; nil without requests.
    public var apdex: Double? {
        total > 0 ? (Double(satisfied) + Double(tolerated) / 2) / Double(total) : nil
    }

    /// Adds the counts of another row.
    public mutating func add(_ other: OperationResult) {
        for index in counts.indices { counts[index] += other.counts[index] }
        response.add(other.response)
        service.add(other.service)
        lag.add(other.lag)
        satisfied += other.satisfied
        tolerated += other.tolerated
    }

    /// One histogram of several rows, without a copy where there is one row; nil without rows.
    static func merged(_ rows: [OperationResult], _ path: KeyPath<OperationResult, HDRHistogram>) -> HDRHistogram? {
        guard var merged = rows.first?[keyPath: path] else { return nil }
        for row in rows.dropFirst() { merged.add(row[keyPath: path]) }
        return merged
    }
}

extension RunResult {
    /// Requests with that outcome over all rows.
    public func count(_ outcome: Outcome) -> Int { rows.reduce(0) { $0 + $1.count(outcome) } }
    /// All requests.
    public var total: Int { rows.reduce(0) { $0 + $1.total } }
    /// Requests that count as errors.
    public var errors: Int { rows.reduce(0) { $0 + $1.errors } }
    /// Requests answered.
    public var answered: Int { rows.reduce(0) { $0 + $1.answered } }
    /// Response times over all rows.
    public var response: HDRHistogram { OperationResult.merged(rows, \.response) ?? .latency() }
    /// Service times over all rows.
    public var service: HDRHistogram { OperationResult.merged(rows, \.service) ?? .latency() }
    /// Send lags over all rows.
    public var lag: HDRHistogram { OperationResult.merged(rows, \.lag) ?? .latency() }

    /// All rows of one operation, or of one scenario, as one; nil where there is none.
    public func merged(scenario: Int? = nil, operation: Int? = nil) -> OperationResult? {
        let chosen = rows.filter {
            (scenario == nil || $0.scenario == scenario) && (operation == nil || $0.operation == operation)
        }
        guard var merged = chosen.first else { return nil }
        for row in chosen.dropFirst() { merged.add(row) }
        merged.scenario = scenario ?? -1
        merged.operation = operation ?? -1
        return merged
    }

    /// Why the figures are the generator's rather than the target's; empty for a valid measurement.
    ///
    /// p99 send lag above max(1 ms, 2 % of the objective); |sent - offered| above 4 sqrt(offered); CPU above 90 %;
    /// run-queue wait above 10 % of wall time. Requests that had to wait for a window or the in-flight cap are named,
    /// since they explain the lag. Spinning uses its core on purpose, so CPU does not count against it.
    public func generatorLimits(_ plan: LoadPlan) -> [String] {
        var limits = GeneratorBounds(plan).exceeded(lagP99: lag.value(atPercentile: 99), cpuRatio: cpuRatio)
        if !limits.isEmpty, held > 0 {
            limits.append("\(held) requests had to wait for a free window or the in-flight cap")
        }
        let missing = offered - sent - unsent
        if Double(abs(missing)) > 4 * Double(offered).squareRoot() {
            limits.append("\(sent) requests sent of \(offered) offered")
        }
        if runQueueWaitRatio > 0.1 {
            limits.append("generator thread waited \(Int(runQueueWaitRatio * 100)) % of the time for a CPU")
        }
        return limits
    }
}

/// Bounds beyond which the generator is what was measured (reference section 3.4).
struct GeneratorBounds {
    let lagMax: Int64
    let cpuMax: Double

    init(_ plan: LoadPlan) {
        lagMax = max(1_000_000, plan.objectiveNanoseconds / 50)
        cpuMax = plan.pacing.mode == .sleep ? 0.9 : .infinity
    }

    func exceeded(lagP99: Int64, cpuRatio: Double) -> [String] {
        var limits: [String] = []
        if lagP99 > lagMax {
            limits.append("send lag p99 \(Self.milliseconds(lagP99)) is above \(Self.milliseconds(lagMax))")
        }
        if cpuRatio > cpuMax { limits.append("generator thread used \(Int(cpuRatio * 100)) % of a core") }
        return limits
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String {
        let hundredths = nanoseconds / 10_000
        return hundredths % 100 == 0 ? "\(hundredths / 100) ms" : "\(Double(hundredths) / 100) ms"
    }
}
