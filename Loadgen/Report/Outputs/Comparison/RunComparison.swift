internal import Engine
internal import Telemetry

/// Two runs side by side, and whether they differ beyond chance.
///
/// For each operation and percentile: the value of both runs with a 95 % confidence interval from the ranks
/// n p +- 1.96 sqrt(e n p (1 - p)), `e` the design effect of `Clustering`; and a test whether both runs have the same
/// share of requests up to the percentile of both together, which needs no interval of the values. Shares of errors and
/// refusals are tested likewise. All tests together wrongly find a difference in at most 5 % of pairs of equal runs (Holm's
/// procedure). A percentile with fewer than ten independent requests beyond it in either run is not tested.
///
/// Sources: Lancet (Kogias et al., USENIX ATC 2019) for the ranks; Holm, Scand. J. Statist. 6 (1979).
public struct RunComparison: Sendable {
    /// The percentiles compared unless others are asked for.
    public static let percentiles = [50, 90, 95, 99, 99.9]
    /// How often equal runs may be called different.
    static let falseAlarms = 0.05
    /// Requests beyond a percentile that a test needs.
    static let beyondMin = 10.0

    /// A figure with its confidence interval.
    public struct Estimate: Sendable, Equatable {
        /// Nanoseconds or a ratio.
        public var value: Double
        /// Lower end of the 95 % interval.
        public var low: Double
        /// Upper end.
        public var high: Double
    }

    /// One figure of both runs.
    public struct Row: Sendable {
        /// Name of the operation, `all` for all.
        public var operation: String
        /// `p99`, `errors`, `rejects`.
        public var measure: String
        /// Whether the figures are nanoseconds rather than ratios.
        public var isTime: Bool
        /// Of the first run.
        public var a: Estimate
        /// Of the second run.
        public var b: Estimate
        /// The chance of such a difference between equal runs; nil where it was not tested.
        public var chance: Double?
        /// Whether it counts as a difference, all tests considered.
        public var isDifferent = false

        /// The second over the first, less 1; nil where the first is 0.
        public var change: Double? { a.value > 0 ? b.value / a.value - 1 : nil }
    }

    /// All operations first, then each where there are several.
    public private(set) var rows: [Row] = []
    /// What limits the comparison.
    public private(set) var notes: [String] = []

    /// Whether any figure differs beyond chance.
    public var isDifferent: Bool { rows.contains(where: \.isDifferent) }

    /// Compares two runs.
    ///
    /// - Parameter tolerance: relative differences up to this do not count, however certain they are.
    /// - Throws: `OutputError` for runs that recorded to different precision, or without requests.
    public init(
        _ a: RunReport, _ b: RunReport, percentiles: [Double] = RunComparison.percentiles, tolerance: Double = 0
    ) throws(OutputError) {
        guard a.facts.digits == b.facts.digits else {
            throw OutputError(
                .mismatch, "the runs cannot be compared: latencies to \(a.facts.digits) and \(b.facts.digits) digits")
        }
        for report in [a, b] where report.response.count == 0 {
            throw OutputError(.mismatch, "the runs cannot be compared: \(report.context.name) has no answers")
        }
        let pair = RunPair(a, b)
        notes = pair.notes
        let names = a.facts.operations.filter { b.facts.operations.contains($0) }
        let common = names.compactMap { name in pair.operation(name) }
        rows = pair.rows("all", pair.all, percentiles)
        if common.count > 1 || a.operations.count != common.count || b.operations.count != common.count {
            for (name, figures) in common { rows += pair.rows(name, figures, percentiles) }
        }
        judge(tolerance)
    }

    /// Holm: the smallest chance must be below alpha / m, the next below alpha / (m - 1), and so on.
    private mutating func judge(_ tolerance: Double) {
        let order = rows.indices.filter { rows[$0].chance != nil }.sorted {
            (rows[$0].chance ?? 1, $0) < (rows[$1].chance ?? 1, $1)
        }
        for (place, index) in order.enumerated() {
            guard rows[index].chance ?? 1 <= Self.falseAlarms / Double(order.count - place) else { break }
            rows[index].isDifferent = abs(rows[index].change ?? .infinity) > tolerance
        }
    }
}
