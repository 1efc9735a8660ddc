internal import Engine
internal import Telemetry

/// The figures that a comparison is made from.
struct RunPair {
    /// Counts and response times of the same requests in both runs.
    struct Figures {
        var a: OperationResult
        var b: OperationResult
    }

    let a: RunReport
    let b: RunReport
    let all: Figures
    private let isPaired: Bool
    private let seriesA: [LoadInterval]
    private let seriesB: [LoadInterval]

    init(_ a: RunReport, _ b: RunReport) {
        (self.a, self.b) = (a, b)
        all = Figures(a: Self.whole(a), b: Self.whole(b))
        (seriesA, seriesB) = (Self.judged(a), Self.judged(b))
        isPaired =
            a.facts.scenarios == b.facts.scenarios && a.facts.intervalSeconds == b.facts.intervalSeconds
            && a.facts.warmupSeconds == b.facts.warmupSeconds && abs(seriesA.count - seriesB.count) <= 1
    }

    /// What limits the comparison, in sentences.
    var notes: [String] {
        var notes: [String] = []
        if a.facts.scenarios != b.facts.scenarios { notes.append("The scenarios differ: the loads were not the same.") }
        if a.facts.target != b.facts.target {
            notes.append("The targets differ: \(a.facts.target) and \(b.facts.target).")
        }
        for (name, report) in [("first", a), ("second", b)] where !report.limits.isEmpty {
            notes.append("The \(name) run was limited by its generator: \(report.limits.joined(separator: "; ")).")
        }
        for (name, report) in [("first", a), ("second", b)] where report.verdict == .interrupted {
            notes.append("The \(name) run was interrupted.")
        }
        for (name, report) in [("first", a), ("second", b)] {
            if let steal = report.stealText { notes.append("In the \(name) run \(steal).") }
        }
        if min(seriesA.count, seriesB.count) < Clustering.batchesMin {
            notes.append(
                "Fewer than \(Clustering.batchesMin) intervals: requests are taken as independent, so that differences "
                    + "are found too easily.")
        }
        return notes
    }

    /// An operation of both runs by its name.
    func operation(_ name: String) -> (String, Figures)? {
        guard let left = a.facts.operations.firstIndex(of: name), let right = b.facts.operations.firstIndex(of: name),
            let one = a.result.merged(operation: left), let two = b.result.merged(operation: right),
            one.response.count > 0, two.response.count > 0
        else { return nil }
        return (name, Figures(a: one, b: two))
    }

    func rows(_ name: String, _ figures: Figures, _ percentiles: [Double]) -> [RunComparison.Row] {
        var rows = percentiles.map { percentile(name, figures, $0) }
        rows.append(share(name, "errors", figures, \.errors) { Double($0.errors) })
        rows.append(share(name, "rejects", figures, \.rejects) { Double($0.rejected) })
        return rows
    }

    // MARK: Percentiles

    private func percentile(_ name: String, _ figures: Figures, _ percentile: Double) -> RunComparison.Row {
        let (one, two) = (figures.a.response, figures.b.response)
        var both = one
        both.add(two)
        let bound = both.value(atPercentile: percentile)
        let (shareA, shareB) = (Self.share(one, bound), Self.share(two, bound))
        let (n, m) = (Double(one.count), Double(two.count))
        let share = (shareA * n + shareB * m) / (n + m)
        let wholeBound = Self.bound(seriesA + seriesB, percentile)
        let effect = Clustering(Self.counts(seriesA, wholeBound), Self.counts(seriesB, wholeBound), isPaired: isPaired)
        let part = (n + m) / max(Double(all.a.response.count + all.b.response.count), 1)
        let scaled = effect.effect(ofShare: part)
        var row = RunComparison.Row(
            operation: name, measure: "p\(Readable.plain(percentile))", isTime: true,
            a: estimate(one, percentile, seriesA, n / max(Double(all.a.response.count), 1)),
            b: estimate(two, percentile, seriesB, m / max(Double(all.b.response.count), 1)))
        let beyond = min(n, m) * min(share, 1 - share) / scaled
        guard beyond >= RunComparison.beyondMin else { return row }
        let deviation = (share * (1 - share) * (1 / n + 1 / m) * scaled).squareRoot()
        row.chance = StudentT.twoSided((shareA - shareB) / deviation, degrees: effect.degrees)
        return row
    }

    private func estimate(
        _ histogram: HDRHistogram, _ percentile: Double, _ series: [LoadInterval], _ part: Double
    ) -> RunComparison.Estimate {
        let effect = Clustering(Self.counts(series, Self.bound(series, percentile))).effect(ofShare: part)
        let (n, p) = (Double(histogram.count), percentile / 100)
        let width = 1.96 * (effect * p * (1 - p) / n).squareRoot()
        func value(_ share: Double) -> Double {
            Double(min(histogram.value(atPercentile: min(max(share, 0), 1) * 100), histogram.greatest))
        }
        return RunComparison.Estimate(value: value(p), low: value(p - width), high: value(p + width))
    }

    private static func share(_ histogram: HDRHistogram, _ bound: Int64) -> Double {
        Double(histogram.count(atOrBelow: bound)) / Double(max(histogram.count, 1))
    }

    // MARK: Shares

    private func share(
        _ name: String, _ measure: String, _ figures: Figures, _ count: (OperationResult) -> Int,
        _ part: (LoadInterval) -> Double
    ) -> RunComparison.Row {
        let (n, m) = (Double(max(figures.a.total, 1)), Double(max(figures.b.total, 1)))
        let (x, y) = (Double(count(figures.a)), Double(count(figures.b)))
        func counts(_ series: [LoadInterval]) -> Clustering.Counts {
            series.map { (part($0), Double($0.done + $0.errors)) }
        }
        let effect = Clustering(counts(seriesA), counts(seriesB), isPaired: isPaired)
        let scaled = effect.effect(ofShare: (n + m) / max(Double(all.a.total + all.b.total), 1))
        func estimate(_ found: Double, _ all: Double) -> RunComparison.Estimate {
            // Wilson's interval, which has a width also where nothing was found; the sample is as small as its effect.
            let (p, size, z2) = (found / all, all / scaled, 1.96 * 1.96)
            let middle = (p + z2 / (2 * size)) / (1 + z2 / size)
            let half = 1.96 * (p * (1 - p) / size + z2 / (4 * size * size)).squareRoot() / (1 + z2 / size)
            return RunComparison.Estimate(value: p, low: max(0, middle - half), high: min(1, middle + half))
        }
        var row = RunComparison.Row(
            operation: name, measure: measure, isTime: false, a: estimate(x, n), b: estimate(y, m))
        guard x + y > 0, x + y < n + m else { return row }
        // Given how many there are in all, those of the first run are binomial; half a request for continuity.
        let expected = (x + y) * n / (n + m)
        let rest = 1 - (x + y) / (n + m)
        let deviation = ((x + y) * n * m / ((n + m) * (n + m)) * rest * scaled).squareRoot()
        let distance = max(0, abs(x - expected) - 0.5)
        row.chance = StudentT.twoSided(distance / deviation, degrees: effect.degrees)
        return row
    }

    // MARK: Intervals

    private static func whole(_ report: RunReport) -> OperationResult {
        var whole =
            report.result.rows.first ?? OperationResult(scenario: -1, operation: -1, digits: report.facts.digits)
        for row in report.result.rows.dropFirst() { whole.add(row) }
        return whole
    }

    /// The intervals after the warm-up.
    private static func judged(_ report: RunReport) -> [LoadInterval] {
        report.result.series.filter {
            Double($0.index) * report.facts.intervalSeconds >= report.facts.warmupSeconds - 1e-9
        }
    }

    /// The percentile of the intervals together, to two digits.
    private static func bound(_ series: [LoadInterval], _ percentile: Double) -> Int64 {
        var sum = LatencyCounts()
        for interval in series { sum.add(interval.response) }
        return sum.value(atPercentile: percentile)
    }

    private static func counts(_ series: [LoadInterval], _ bound: Int64) -> Clustering.Counts {
        series.map { interval in
            var (part, all) = (0.0, 0.0)
            for (value, count) in zip(interval.response.values, interval.response.counts) {
                all += Double(count)
                if value <= bound { part += Double(count) }
            }
            return (part, all)
        }
    }
}
