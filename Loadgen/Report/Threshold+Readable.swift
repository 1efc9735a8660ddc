public import Engine

extension Threshold {
    /// What kind of number its values are.
    public var unit: JudgedCondition.Unit {
        if metric.isDuration { return .duration }
        return measure == .rate && metric != .throughput ? .ratio : .number
    }

    /// A value of this metric as people read it.
    public func format(_ value: Double) -> String { unit.format(value) }

    /// The limit as people read it, with its comparison.
    public var readableLimit: String { "\(comparison.rawValue) \(format(limit))" }

    /// What is measured, without comparison and limit.
    public var readableName: String {
        let name = metric.rawValue.replacing("_", with: " ")
        let scope = (operation.map { " of \($0)" } ?? "") + (scenario.map { " in \($0)" } ?? "")
        switch measure {
        case .percentile(let percentile): return "\(name) p\(Readable.plain(percentile))\(scope)"
        case .mean: return "mean \(name)\(scope)"
        case .least: return "shortest \(name)\(scope)"
        case .greatest: return "longest \(name)\(scope)"
        case .rate where metric != .throughput: return "share of \(name)\(scope)"
        case .rate, .perSecond: return "answers a second\(scope)"
        case .count: return "number of \(name)\(scope)"
        case .apdex: return "apdex(\(Readable.duration(objectiveNanoseconds ?? 0)))\(scope)"
        }
    }
}
