internal import Glibc
internal import Learning

/// One service in a simulation: its replicas, its queue and the M/M/c-like waits of one second at a time.
struct SimulatedService: Sendable {
    /// A replica that serves.
    struct Replica: Sendable {
        /// Speed over that of an ordinary replica.
        var speed: Double
        /// Share of its L1 hits still to be gained: exp(-age / warm-up).
        var coldness: Double
    }

    /// A replica that starts.
    struct Starting: Sendable {
        var orderedAt: Double
        /// Infinite where it never becomes ready.
        var readyAt: Double
        var speed: Double
    }

    /// The true profile, after randomisation.
    let profile: ServiceProfile
    /// Visits by one request of the mix.
    let visits: Double
    /// Replicas wanted.
    var target: Int
    /// The oldest first.
    var ready: [Replica] = []
    /// The oldest first.
    var pending: [Starting] = []
    /// Times at which the draining ones end.
    var draining: [Double] = []
    /// Visits that wait.
    var queue = 0.0
    /// Share of its processors that each replica may use.
    var quota = 1.0
    /// Weight where services compete for processors.
    var priority = 0.5
    /// What happened in the period so far.
    var period = PeriodSums()
    /// What happened since the last sample of metrics.
    var sample = PeriodSums()
    /// Result of the last second.
    private(set) var second = Second()

    /// Warm ordinary replicas that `ready` amounts to.
    private var effective = 0.0
    private var isWarming = false
    private let model: ResponseModel
    private let coldDecay: Double
    /// Slowdown of a replica without hits over a warm one, less 1.
    private let coldSlowdown: Double

    /// Figures of one second.
    struct Second: Sendable {
        var arrived = 0.0
        var served = 0.0
        var dropped = 0.0
        var mean = 0.0
        var variance = 0.0
        /// Work done over what could be done.
        var utilisation = 0.0
    }

    /// Sums over several seconds.
    struct PeriodSums: Sendable {
        var seconds = 0.0
        var arrived = 0.0
        var served = 0.0
        var dropped = 0.0
        var capacity = 0.0
        /// Σ served · response time, and of its square.
        var response = 0.0
        var square = 0.0
        var replicaSeconds = 0.0
        var started = 0
        var stopped = 0
        var failed = 0
    }

    init(_ profile: ServiceProfile, visits: Double, replicas: Int, random: inout ReplicaChance) {
        self.profile = profile
        self.visits = visits
        target = replicas
        model = ResponseModel(profile)
        coldDecay = exp(-1 / profile.cache.warmup)
        let miss = profile.cache.missFactor - 1
        let warm = 1 + (1 - profile.cache.hitRatio) * miss
        coldSlowdown = profile.cache.hitRatio * miss / warm
        for _ in 0..<replicas { ready.append(Replica(speed: random.speed(), coldness: 0)) }
        recount()
    }

    /// One second: `arrivals` visits come, each service time is multiplied by `slowdown`.
    ///
    /// The visits above what the replicas can do wait (fluid); those that would wait longer than `timeout` are dropped.
    /// Response times are those of `ResponseModel`.
    mutating func tick(arrivals: Double, slowdown: Double, timeout: Double) {
        let count = ready.count
        let rate = count > 0 ? effective * quota * profile.capacity / slowdown : 0
        let offered = queue + arrivals
        let served = min(offered, rate)
        let limit = timeout * (rate > 0 ? rate : arrivals)
        let left = offered - served
        let dropped = max(0, left - limit)
        let backlog = left - dropped
        second.arrived = arrivals
        second.served = served
        second.dropped = dropped
        second.utilisation = rate > 0 ? served / rate : (offered > 0 ? 1 : 0)
        respond(arrivals: arrivals, rate: rate, backlog: 0.5 * (queue + backlog), timeout: timeout)
        queue = backlog
        let ordered = Double(count + pending.count)
        period.add(second, rate: rate, ordered: ordered)
        sample.add(second, rate: rate, ordered: ordered)
        if isWarming { warm() }
    }

    /// Mean and variance of the response times of a second.
    private mutating func respond(arrivals: Double, rate: Double, backlog: Double, timeout: Double) {
        guard rate > 0 else {
            second.mean = timeout + profile.serviceTime
            second.variance = 0
            return
        }
        (second.mean, second.variance) = model.moments(
            arrivals: arrivals, rate: rate, replicas: ready.count, workers: profile.workers, standing: backlog / rate,
            timeout: timeout)
    }

    /// Lets the cold replicas gain a second of hits.
    private mutating func warm() {
        for index in ready.indices where ready[index].coldness > 0 {
            let next = ready[index].coldness * coldDecay
            ready[index].coldness = next > 1e-3 ? next : 0
        }
        recount()
    }

    /// Sums the speeds of the replicas, after one came, went or warmed up.
    mutating func recount() {
        var sum = 0.0
        var isCold = false
        for replica in ready {
            if replica.coldness > 0 {
                sum += replica.speed / (1 + coldSlowdown * replica.coldness)
                isCold = true
            } else {
                sum += replica.speed
            }
        }
        effective = sum * profile.sharing.efficiency(replicas: ready.count)
        isWarming = isCold
    }
}

extension SimulatedService.PeriodSums {
    mutating func add(_ second: SimulatedService.Second, rate: Double, ordered: Double) {
        seconds += 1
        arrived += second.arrived
        served += second.served
        dropped += second.dropped
        capacity += rate
        response += second.served * second.mean
        square += second.served * (second.variance + second.mean * second.mean)
        replicaSeconds += ordered
    }

    /// Work done over what could be done.
    var utilisation: Double { capacity > 0 ? min(1, served / capacity) : (arrived > 0 ? 1 : 0) }

    /// Response times over the seconds.
    var fit: GammaFit {
        guard served > 0 else { return GammaFit(mean: 0, variance: 0) }
        let mean = response / served
        return GammaFit(mean: mean, variance: max(0, square / served - mean * mean))
    }
}
