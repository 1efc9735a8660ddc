internal import Engine
internal import Telemetry

/// The series of a run as CSV, a row an interval; a cell is empty where nothing was measured.
public enum SeriesTable {
    /// The first line.
    public static let header =
        "t_s,users,offered_rps,sent_rps,done_rps,err_rps,p50_us,p95_us,p99_us,max_us,lag_p99_us,in_flight,"
        + "cpu_gen,cpu_srv,rss_srv,replicas,l1_hit,l2_hit,l3_hit"

    /// The table's text: `t_s` is the interval's begin, CPU is in cores, RSS in bytes, hits are ratios.
    public static func text(_ report: RunReport) -> String {
        let length = report.facts.intervalSeconds
        let watched = WatchedCells.byInterval(report.watch, length)
        let rows = report.result.series.map { interval in
            func rate(_ count: Int) -> String { Readable.decimal(Double(count) / length) }
            func time(_ nanoseconds: Int64) -> String {
                interval.greatest > 0 ? Readable.decimal(Double(nanoseconds) / 1e3) : ""
            }
            return [
                Readable.decimal(Double(interval.index) * length), "\(interval.users)", rate(interval.offered),
                rate(interval.sent), rate(interval.done), rate(interval.errors), time(interval.p50),
                time(interval.p95), time(interval.p99), time(interval.greatest),
                interval.sent > 0 ? Readable.decimal(Double(interval.lagP99) / 1e3) : "", "\(interval.inFlight)",
                Readable.decimal(interval.cpuRatio),
            ] + (watched[interval.index] ?? WatchedCells.none)
        }
        return ([header] + rows.map { $0.joined(separator: ",") }).joined(separator: "\n") + "\n"
    }
}

/// The steps of a run as CSV.
public enum StepTable {
    /// The first line.
    public static let header =
        "scenario,step,users,rate,begin_s,end_s,offered_rps,done_rps,avg_us,p50_us,p95_us,p99_us,p999_us,max_us,"
        + "err_ratio,reject_ratio,lag_p99_us,cpu_gen,cpu_srv,rss_srv,replicas,l1_hit,l2_hit,l3_hit,verdict"

    /// The table's text; nil for runs without steps.
    public static func text(_ report: RunReport) -> String? {
        guard !report.result.steps.isEmpty else { return nil }
        let rows = report.result.steps.map { step in
            let seconds = max(step.end - step.begin, .leastNonzeroMagnitude)
            let (figures, total) = (step.figures, Double(max(step.figures.total, 1)))
            func time(_ nanoseconds: Double) -> String {
                figures.response.count > 0 ? Readable.decimal(nanoseconds / 1e3) : ""
            }
            let times = [50, 95, 99, 99.9].map { time(Double(figures.response.value(atPercentile: $0))) }
            let asked = [
                report.facts.scenario(step.scenario), "\(step.index)", step.users > 0 ? "\(step.users)" : "",
                step.rate > 0 ? Readable.decimal(step.rate) : "", Readable.decimal(step.begin),
                Readable.decimal(step.end), Readable.decimal(Double(step.offered) / seconds),
                Readable.decimal(Double(figures.answered) / seconds), time(figures.response.mean),
            ]
            let shares = [
                time(Double(figures.response.greatest)), Readable.decimal(Double(figures.errors) / total),
                Readable.decimal(Double(figures.rejects) / total),
                figures.lag.count > 0 ? Readable.decimal(Double(figures.lag.value(atPercentile: 99)) / 1e3) : "",
                Readable.decimal(step.cpuRatio),
            ]
            let watched = WatchedCells.cells(report.watch, report.watch.mean(step.begin...max(step.begin, step.end)))
            let verdict = step.isMet ? "met" : step.limits.isEmpty ? "not met" : "generator-limited"
            return asked + times + shares + watched + [verdict]
        }
        return ([header] + rows.map { $0.joined(separator: ",") }).joined(separator: "\n") + "\n"
    }
}

/// The columns about the target's machine: `cpu_srv,rss_srv,replicas,l1_hit,l2_hit,l3_hit`.
enum WatchedCells {
    static let none = [String](repeating: "", count: 6)

    /// The cells of each interval: of the sample that ends nearest to the interval's end.
    static func byInterval(_ watch: WatchSeries, _ length: Double) -> [Int: [String]] {
        var found: [Int: [String]] = [:]
        for sample in watch.samples where sample.time >= length / 2 {
            found[Int((sample.time / length - 0.5).rounded(.down))] = cells(watch, sample)
        }
        return found
    }

    static func cells(_ watch: WatchSeries, _ sample: WatchSample) -> [String] {
        let served = zip(watch.components, sample.loads).filter { $0.0 != "generator" }.compactMap(\.1)
        let tiers = ["l1", "l2", "l3"].map { name -> String in
            guard let index = watch.tiers.firstIndex(of: name), sample.tiers.indices.contains(index),
                let tier = sample.tiers[index], tier.requests > 0
            else { return "" }
            return Readable.decimal(tier.hits / tier.requests)
        }
        return [
            served.isEmpty ? "" : Readable.decimal(served.reduce(0) { $0 + $1.cpu }),
            served.isEmpty ? "" : "\(Int(served.reduce(0) { $0 + $1.residentBytes }))",
            sample.replicas.map { Readable.decimal($0) } ?? "",
        ] + tiers
    }
}

extension Readable {
    /// A number for machines: at most four decimals, none that say nothing.
    static func decimal(_ value: Double) -> String { plain((value * 1e4).rounded() / 1e4) }
}
