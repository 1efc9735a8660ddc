public import Autoscaling
public import Telemetry

/// Makes a service's numbers from the pages of its replicas: rates from counters, percentiles from histograms.
///
/// Pure: pages and times in, numbers out. A number is nil where it is not known now, never 0 and never an old one;
/// `age` says for how long. Where some replicas did not answer, what adds up over replicas is scaled by the share that
/// did, which errs upwards when a replica has died and its work goes to the others; below `coverageMin` all is missing.
public struct ServiceSampler: Sendable {
    /// A page with the time it was read at.
    public typealias Reading = (page: Result<PrometheusText, ActuationFault>, at: Double)

    /// What came of a round.
    public struct Outcome: Sendable {
        /// Requests a second, failures and so on; `ready` and `pending` are left to the caller.
        public var numbers: ServiceObservation
        /// What was wrong, by replica.
        public var faults: [(replica: String, fault: ActuationFault)]
    }

    /// Seconds over which rates and percentiles are taken.
    public let window: Double
    /// Share of the replicas that must answer, more than 0 and at most 1.
    public let coverageMin: Double
    /// Pages further apart than this are not compared, seconds.
    public let gapMax: Double
    private let metrics: ServiceMetrics
    private var windows: [String: ReplicaWindow] = [:]
    private var goodAt: Double?

    /// A sampler that has seen nothing.
    public init(_ metrics: ServiceMetrics, window: Double = 10, coverageMin: Double = 0.5, gapMax: Double = 60) {
        precondition(window > 0 && coverageMin > 0 && coverageMin <= 1 && gapMax > 0, "limits are positive")
        self.metrics = metrics
        self.window = window
        self.coverageMin = coverageMin
        self.gapMax = gapMax
    }

    /// Takes one reading of each replica that should answer; replicas not named are forgotten.
    ///
    /// - Parameter silent: replicas that serve and cannot be read; they count as not answering.
    public mutating func take(_ readings: [String: Reading], silent: Int = 0, at now: Double) -> Outcome {
        windows = windows.filter { readings[$0.key] != nil }
        var faults: [(replica: String, fault: ActuationFault)] = []
        var fresh: [String] = []
        var seen: [ReplicaFigures] = []
        var newcomers = 0
        for (replica, reading) in readings.sorted(by: { $0.key < $1.key }) {
            switch reading.page {
            case .failure(let fault): faults.append((replica, fault))
            case .success(let page):
                let figures = ReplicaFigures(page, metrics)
                let isNew = windows[replica] == nil
                if isNew { newcomers += 1 }
                let fault = windows[replica, default: ReplicaWindow()].take(
                    figures, at: reading.at, window: window, gapMax: gapMax, rateMax: metrics.rateMax)
                if let fault { faults.append((replica, fault)) } else if !isNew { fresh.append(replica) }
                if fault == nil { seen.append(figures) }
            }
        }
        var numbers = ServiceObservation(ready: 0)
        addGauges(seen, of: readings.count + silent, &numbers)
        addCounts(fresh, of: readings.count - newcomers + silent, &numbers)
        let all = [numbers.rate, numbers.utilisation, numbers.queue, numbers.p95]
        if all.contains(where: { $0 != nil }) { goodAt = now }
        numbers.age = goodAt.map { max(0, now - $0) } ?? .infinity
        return Outcome(numbers: numbers, faults: faults)
    }

    private func scale(_ part: Int, of whole: Int) -> Double? {
        guard part > 0, Double(part) >= coverageMin * Double(whole) else { return nil }
        return Double(whole) / Double(part)
    }

    private func addGauges(_ seen: [ReplicaFigures], of count: Int, _ numbers: inout ServiceObservation) {
        let queues = seen.compactMap(\.queue)
        if let scale = scale(queues.count, of: count) { numbers.queue = queues.reduce(0, +) * scale }
        let shares = seen.compactMap(\.utilisation)
        if scale(shares.count, of: count) != nil {
            numbers.utilisation = shares.reduce(0, +) / Double(shares.count)
        }
    }

    private func addCounts(_ fresh: [String], of count: Int, _ numbers: inout ServiceObservation) {
        let intervals = fresh.compactMap { windows[$0]?.intervals }.filter { !$0.isEmpty }
        numbers.rate = sum(intervals, of: count, \.requests)
        if case .busySeconds(_, let perSecond) = metrics.utilisation,
            let busy = sum(intervals, of: count, \.busy), perSecond > 0
        {
            numbers.utilisation = min(1, busy / (perSecond * Double(count)))
        }
        if let failed = sum(intervals, of: count, \.failures), let rate = numbers.rate, rate > 0 {
            numbers.errorRatio = min(1, failed / rate)
        }
        guard scale(intervals.count, of: count) != nil, metrics.latency != nil else { return }
        var all: BucketCounts?
        for interval in intervals.joined() {
            guard let counts = interval.latency, let sum = all.map({ $0.adding(counts) }) ?? counts else { return }
            all = sum
        }
        numbers.p95 = all?.quantile(0.95)
    }

    /// Sum over the replicas of a counter's growth a second, scaled to all replicas.
    private func sum(
        _ replicas: [[ReplicaWindow.Interval]], of count: Int, _ path: KeyPath<ReplicaWindow.Interval, Double?>
    ) -> Double? {
        var known = 0
        var rate = 0.0
        for intervals in replicas {
            let growth = intervals.compactMap { interval in
                interval[keyPath: path].map { (growth: $0, seconds: interval.seconds) }
            }
            guard growth.count == intervals.count else { continue }
            known += 1
            rate += growth.reduce(0) { $0 + $1.growth } / growth.reduce(0) { $0 + $1.seconds }
        }
        return scale(known, of: count).map { rate * $0 }
    }
}
