/// One step of a load test: a service with some replicas under a steady rate.
public struct StepMeasurement: Sendable, Equatable {
    /// Name of the service.
    public var service: String
    /// Replicas that served.
    public var replicas: Int
    /// Requests offered to the service a second.
    public var rate: Double
    /// Mean response time in seconds, from the intended time of each request.
    public var mean: Double
    /// 95th percentile of the response time in seconds.
    public var p95: Double
    /// Share of the requests that were answered in time, 0...1.
    public var answered: Double
    /// Median of the response time in seconds, where it is known; not fitted, only compared.
    public var p50: Double?
    /// 99th percentile of the response time in seconds, where it is known; not fitted, only compared.
    public var p99: Double?

    /// A step; all requests answered unless said otherwise.
    public init(
        service: String, replicas: Int, rate: Double, mean: Double, p95: Double, answered: Double = 1,
        p50: Double? = nil, p99: Double? = nil
    ) {
        self.service = service
        self.replicas = replicas
        self.rate = rate
        self.mean = mean
        self.p95 = p95
        self.answered = answered
        self.p50 = p50
        self.p99 = p99
    }

    /// What makes the step unusable, nil where nothing does.
    var fault: String? {
        if service.isEmpty { return "a step names its service" }
        if !(1...1_000).contains(replicas) { return "replicas is 1...1000, not \(replicas)" }
        if !(rate > 0 && rate <= 1e9) { return "rate is more than 0, not \(rate)" }
        if !(mean > 0 && mean <= 3_600) { return "mean is more than 0 s, not \(mean)" }
        if !(p95 > 0 && p95 <= 36_000) { return "p95 is more than 0 s, not \(p95)" }
        if !(0...1).contains(answered) { return "answered is 0...1, not \(answered)" }
        if let p50, !(p50 > 0 && p50 <= p95) { return "p50 is more than 0 s and at most p95, not \(p50)" }
        if let p99, !(p99 >= p95 && p99 <= 36_000) { return "p99 is at least p95, not \(p99)" }
        return nil
    }
}

extension StepMeasurement {
    /// What a time in a file counts.
    public enum TimeUnit: String, Sendable, CaseIterable {
        case seconds = "s"
        case milliseconds = "ms"
        case microseconds = "us"

        /// Seconds in one.
        public var seconds: Double {
            switch self {
            case .seconds: 1
            case .milliseconds: 1e-3
            case .microseconds: 1e-6
            }
        }
    }

    /// The steps in comma-separated text with the columns `service,replicas,rate,mean,p95` and perhaps `answered`, `p50`
    /// and `p99`, in any order; `name` is the file in messages, which name the line.
    public static func read(
        _ text: String, name: String, times unit: TimeUnit = .seconds
    ) throws(SimulationFault) -> [StepMeasurement] {
        let table = try CommaTable(
            text, name: name, columns: ["service", "replicas", "rate", "mean", "p95"],
            optional: ["answered", "p50", "p99"])
        var steps: [StepMeasurement] = []
        for row in table.rows {
            guard let replicas = Int(row.cells[1]) else {
                throw SimulationFault(.malformed, "\(row.place): '\(row.cells[1])' is no number of replicas")
            }
            let step = StepMeasurement(
                service: row.cells[0], replicas: replicas, rate: try row.number(2),
                mean: try row.number(3) * unit.seconds, p95: try row.number(4) * unit.seconds,
                answered: row.cells[5].isEmpty ? 1 : try row.number(5),
                p50: row.cells[6].isEmpty ? nil : try row.number(6) * unit.seconds,
                p99: row.cells[7].isEmpty ? nil : try row.number(7) * unit.seconds)
            if let fault = step.fault { throw SimulationFault(.malformed, "\(row.place): \(fault)") }
            steps.append(step)
        }
        guard !steps.isEmpty else { throw SimulationFault(.malformed, "\(name) has no steps below its header") }
        return steps
    }
}
