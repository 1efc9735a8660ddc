/// What happened in one control period of a run, as far as a policy is judged by it.
public struct ControlRecord: Sendable, Equatable {
    /// Start of the period, in seconds from the start of the run, and its length.
    public var time: Double
    public var seconds: Double
    /// Requests that arrived.
    public var requests: Double
    /// Those of them that were dropped, and all of each second in which more than 5 % were answered after the promised
    /// time.
    public var violations: Double
    /// Replicas ready or starting, times seconds, over all services.
    public var replicaSeconds: Double
    /// Percentiles of the whole response time, in seconds.
    public var p95: Double
    public var p99: Double
    /// Work done over what could be done, mean over all ready replicas, 0...1.
    public var utilisation: Double
    /// Replicas in force in the period, by service.
    public var replicas: [Int]

    /// A period.
    public init(
        time: Double, seconds: Double = 10, requests: Double, violations: Double, replicaSeconds: Double, p95: Double,
        p99: Double, utilisation: Double, replicas: [Int]
    ) {
        self.time = time
        self.seconds = seconds
        self.requests = requests
        self.violations = violations
        self.replicaSeconds = replicaSeconds
        self.p95 = p95
        self.p99 = p99
        self.utilisation = utilisation
        self.replicas = replicas
    }
}

/// How a policy did on one run.
///
/// | figure | definition |
/// | --- | --- |
/// | violation share | requests dropped, and all of the seconds with more than 5 % late, over all requests |
/// | replica-hours | ready and starting replicas, summed over time |
/// | p95, p99 | mean over periods; an infinite one counts as `latencyMost` |
/// | worst minute | largest mean p95 of a whole minute |
/// | actions an hour | changes of one service's replicas |
/// | reversals an hour | changes of a service against its last change, at most 300 s before |
/// | utilisation | request-weighted mean over the day, and over the 3,600 s with the most requests |
public struct RunScore: Sendable, Equatable {
    public private(set) var requests = 0.0
    public private(set) var violations = 0.0
    public private(set) var replicaHours = 0.0
    public private(set) var p95 = 0.0
    public private(set) var p99 = 0.0
    public private(set) var worstMinute = 0.0
    public private(set) var actionsPerHour = 0.0
    public private(set) var reversalsPerHour = 0.0
    public private(set) var utilisation = 0.0
    public private(set) var utilisationPeakHour = 0.0
    /// Length of the run in hours.
    public private(set) var hours = 0.0

    /// A latency that is not finite, or longer, counts as this many seconds.
    public static let latencyMost = 60.0
    /// Seconds within which a change against the last one is a reversal.
    public static let reversalSeconds = 300.0

    /// Requests dropped, and all of the seconds with more than 5 % late, over all requests.
    public var violationShare: Double { requests > 0 ? violations / requests : 0 }

    /// Replica-hours and a price for violated requests: one replica-hour for each `requestsPerHour` of them.
    public func cost(requestsPerHour: Double = 10_000) -> Double { replicaHours + violations / requestsPerHour }

    /// The score of the periods of a run, in order; `initial` are the replicas in force before the first one.
    public init(_ records: [ControlRecord], initial: [Int]? = nil) {
        guard !records.isEmpty else { return }
        var utilised = 0.0
        var seconds = 0.0
        for record in records {
            requests += record.requests
            violations += record.violations
            replicaHours += record.replicaSeconds / 3_600
            seconds += record.seconds
            p95 += record.seconds * Self.latency(record.p95)
            p99 += record.seconds * Self.latency(record.p99)
            utilised += record.requests * record.utilisation
        }
        hours = seconds / 3_600
        p95 /= seconds
        p99 /= seconds
        utilisation = requests > 0 ? utilised / requests : 0
        worstMinute = Self.worstMinute(records)
        utilisationPeakHour = Self.peakHour(records)
        let changes = ReplicaChanges(records, initial: initial ?? records[0].replicas)
        actionsPerHour = Double(changes.actions) / hours
        reversalsPerHour = Double(changes.reversals) / hours
    }

    private static func latency(_ value: Double) -> Double {
        value.isFinite ? min(value, latencyMost) : latencyMost
    }

    private static func worstMinute(_ records: [ControlRecord]) -> Double {
        var worst = 0.0
        var sum = 0.0
        var seconds = 0.0
        var minute = Int.min
        for record in records {
            let now = Int((record.time / 60).rounded(.down))
            if now != minute {
                if seconds > 0 { worst = max(worst, sum / seconds) }
                (sum, seconds, minute) = (0, 0, now)
            }
            sum += record.seconds * latency(record.p95)
            seconds += record.seconds
        }
        return seconds > 0 ? max(worst, sum / seconds) : worst
    }

    private static func peakHour(_ records: [ControlRecord]) -> Double {
        var first = 0
        var requests = 0.0
        var utilised = 0.0
        var seconds = 0.0
        var most = -1.0
        var result = 0.0
        for record in records {
            requests += record.requests
            utilised += record.requests * record.utilisation
            seconds += record.seconds
            while seconds > 3_600 + 1e-6 {
                requests -= records[first].requests
                utilised -= records[first].requests * records[first].utilisation
                seconds -= records[first].seconds
                first += 1
            }
            guard requests > most else { continue }
            most = requests
            result = requests > 0 ? utilised / requests : 0
        }
        return result
    }

    /// Seconds from `time` until the 95th percentile kept the promise for a whole minute, counted to the start of that
    /// minute; nil where it never did.
    public static func recovery(_ records: [ControlRecord], after time: Double, target: Double) -> Double? {
        var start: Double?
        for record in records where record.time + record.seconds > time {
            guard record.p95 <= target, record.violations <= 0.05 * record.requests else {
                start = nil
                continue
            }
            let since = start ?? record.time
            start = since
            if record.time + record.seconds - since >= 60 { return max(0, since - time) }
        }
        return nil
    }
}

/// Changes of replicas in a run.
struct ReplicaChanges {
    private(set) var actions = 0
    private(set) var reversals = 0

    init(_ records: [ControlRecord], initial: [Int]) {
        for service in initial.indices {
            var replicas = initial[service]
            var lastSign = 0
            var lastTime = -Double.infinity
            for record in records where service < record.replicas.count && record.replicas[service] != replicas {
                let sign = record.replicas[service] > replicas ? 1 : -1
                actions += 1
                if sign == -lastSign, record.time - lastTime <= RunScore.reversalSeconds { reversals += 1 }
                (replicas, lastSign, lastTime) = (record.replicas[service], sign, record.time)
            }
        }
    }
}
