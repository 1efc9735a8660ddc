internal import Foundation

/// What `demo --autoscale` does, from its options: a trading day of minutes, and who decides replicas in it.
struct AutoscalePlan: Sendable {
    /// Who acts for the sidecar.
    enum Policy: String, Sendable, CaseIterable {
        /// The calibrated rule on a forecast made of past days.
        case forecast
        /// The rule on the rate now, for comparison: it cannot be early.
        case reactive
    }

    /// Length of the whole day, from the quiet before the open to the end, seconds.
    var seconds: Int
    /// Largest rate of the day, requests a second; nil for what `replicasAtPeak` replicas serve.
    var peak: Double?
    var seed: UInt64
    var policy: Policy
    /// Processors of one replica.
    var quota: Double
    /// Directory of the report.
    var report: String
    /// Whether the sidecar is killed (SIGKILL) in mid-morning and started again.
    var killsSidecar = false

    /// Days that the sidecar knows, none of them today.
    static let pastDays = 12
    /// Replicas that the peak needs at the most where its rate is not given, and that the warm-up measures.
    static let replicasAtPeak = 5
    /// Most replicas that the supervisor may run.
    static let replicasMax = 10
    /// Replicas that run when the day begins.
    static let replicasAtStart = 2
    /// Largest rate that is chosen by itself.
    static let peakMax = 1_500.0
    /// Utilisation that replicas are counted for. Partitions are not spread evenly over replicas, so it is lower than
    /// the default.
    static let utilisation = 0.6
    /// Seconds of which the rule keeps the largest need before it takes replicas away.
    static let downWindow = 12.0
    /// How much shorter than their defaults limits, holds and cool-downs are, and all times of HPA.
    static let controlScale = 10.0
    /// Length of the real session that the day is compressed from, seconds.
    static let realSession = 19_800.0
    /// Promised 95th percentile of the response time, milliseconds.
    static let responseLimitMilliseconds = 50
    /// Largest rate of a trading day over its mean one (`TradingDay`: weight 6 at the open over 1.454).
    static let peakOverMean = 6 / 1.4542

    /// Seconds of quiet before the open: long enough for a replica to start ahead of it.
    var preOpen: Int { max(25, seconds * 3 / 20) }
    /// Seconds after the close.
    var afterClose: Int { 5 }
    /// Seconds from the open to the close, the break included.
    var session: Int { seconds - preOpen - afterClose }

    /// Rate before the open and after the close of a day with that peak, requests a second.
    static func quiet(_ peak: Double) -> Double { max(5, peak / 20) }

    /// The largest rate that `replicasAtPeak` replicas serve at `utilisation` and the machine beside its other work, in
    /// two digits.
    static func peak(_ capacity: ReplicaCapacity) -> Double {
        let served = min(peakMax, capacity.machineRate, Double(replicasAtPeak) * capacity.capacity * utilisation)
        guard served >= 100 else { return max(10, served.rounded(.down)) }
        let unit = served >= 1_000 ? 100.0 : 10
        return (served / unit).rounded(.down) * unit
    }

    /// Size of a past day against today: lognormal about 1, the same for the same number (CV 0.2).
    static func scale(pastDay number: Int) -> Double {
        // Quantiles of the normal distribution at (k + 1/2) / 8, in an order that alternates.
        let normal = [-0.157, 0.489, -1.534, 0.157, 0.887, -0.489, 1.534, -0.887]
        return exp(0.2 * normal[number % normal.count])
    }

    /// What of the plain demo this one needs.
    var base: DemoPlan {
        var plan = DemoPlan(
            rate: 0, seconds: seconds, accounts: 20_000, instruments: 500, sessions: 4, seed: seed, report: report,
            correctnessOnly: true, kills: 0, redisStop: 0)
        plan.replicas = """
            replicas:
              http: 127.0.0.1:0
              scope: demo
              partitions: 128
              screen: true
              risk: {initial: \(Self.replicasAtStart), minimum: 1, maximum: \(Self.replicasMax), quota: \(quota)}
              notifications: {initial: 0, minimum: 0, maximum: 1}

            """
        return plan
    }
}
