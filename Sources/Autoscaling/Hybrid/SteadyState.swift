/// The chain under one unchanging load: what a plan comes to once its replicas serve and their caches are warm.
///
/// The formulas are those of `ChainSimulator` without backlog: Erlang-C waits with Allen and Cunneen's factor, moments
/// added up along the visits of each class, the 95th percentile of a gamma distribution with these moments. A quota
/// scales a replica's speed. Where nodes are busy, service times grow by contention · max(0, load - 0.7) times the mean
/// priority over the service's own, cut to 0.25...4. Response times of (service, replicas, quota) are remembered, so an
/// evaluation without contention is a sum of K remembered pairs for each class that no other class contains.
public struct SteadyState: Sendable {
    /// Requests a second offered to each service.
    public let rates: [Double]
    private let space: PlanSpace
    private let contention: Double
    private let nodeProcessors: Double?
    private let visits: [[Double]]
    private let starts: [Int]
    private var known: [Station]
    private let tail: GammaTail

    /// Response time of one visit of one service.
    private struct Station {
        var mean: Double
        var variance: Double
        var utilisation: Double
    }

    /// The steady state of `space` under `rates`, one number a service, not negative and finite.
    /// - Parameters:
    ///   - contention: Growth of service times by the load of the nodes above 0.7; 0 for none.
    ///   - nodeProcessors: Processors of all nodes together; nil for the profile's budget, without which nodes are
    ///     never busy.
    public init(_ space: PlanSpace, rates: [Double], contention: Double = 0, nodeProcessors: Double? = nil) {
        precondition(rates.count == space.count && rates.allSatisfy { $0 >= 0 && $0.isFinite }, "one rate a service")
        self.space = space
        self.rates = rates
        self.contention = contention
        self.nodeProcessors = nodeProcessors ?? space.profile.processorBudget
        visits = Self.longestClasses(space.profile)
        var starts: [Int] = []
        var count = 0
        for range in space.replicas {
            starts.append(count)
            count += (range.upperBound + 1) * space.quotas.count
        }
        self.starts = starts
        known = [Station](repeating: Station(mean: -1, variance: 0, utilisation: 0), count: count)
        tail = .shared
    }

    /// Visits of each class that no other class passes at least as often everywhere, so that it may take longest.
    private static func longestClasses(_ profile: ChainProfile) -> [[Double]] {
        let all = profile.classes.indices.filter { profile.mix[$0] > 0 }
            .map { index in profile.services.map { $0.visits[index] } }
        return all.indices.filter { one in
            !all.indices.contains { other in
                other != one && zip(all[one], all[other]).allSatisfy { $0 <= $1 }
                    && (all[one] != all[other] || other < one)
            }
        }.map { all[$0] }
    }

    /// What the plan `genome` comes to.
    public mutating func outcome(_ genome: [Int]) -> PlanOutcome {
        let count = space.count
        let slowdowns = self.slowdowns(genome)
        var means = [Double](repeating: 0, count: count)
        var utilisations = means
        var variances = means
        for index in 0..<count {
            let station = self.station(index, genome, slowdowns?[index] ?? 1)
            means[index] = station.mean
            variances[index] = station.variance
            utilisations[index] = station.utilisation
        }
        var longest = 0.0
        for visits in visits {
            var mean = 0.0
            var variance = 0.0
            for index in 0..<count where visits[index] > 0 {
                mean += visits[index] * means[index]
                variance += visits[index] * variances[index]
                if visits[index] < 1 { variance += visits[index] * (1 - visits[index]) * means[index] * means[index] }
            }
            longest = max(longest, tail.p95(mean: mean, variance: variance))
        }
        return PlanOutcome(
            responseTime: longest, means: means, utilisations: utilisations, processors: space.processors(genome))
    }

    private mutating func station(_ index: Int, _ genome: [Int], _ slowdown: Double) -> Station {
        let place = starts[index] + genome[index] * space.quotas.count + genome[2 * space.count + index]
        if slowdown == 1, known[place].mean >= 0 { return known[place] }
        let station = makeStation(index, replicas: genome[index], speed: space.quota(genome, index) / slowdown)
        if slowdown == 1 { known[place] = station }
        return station
    }

    private func makeStation(_ index: Int, replicas: Int, speed: Double) -> Station {
        let profile = space.profile.services[index]
        guard rates[index] > 0 || replicas > 0 else { return Station(mean: 0, variance: 0, utilisation: .nan) }
        guard replicas > 0 else { return Station(mean: 1, variance: 0, utilisation: 1e9) }
        let servers = replicas * profile.workers
        let serviceTime = profile.serviceTime / speed
        let utilisation = rates[index] * serviceTime / Double(servers)
        let moments = ResponseModel(profile).moments(
            arrivals: rates[index], rate: Double(servers) / serviceTime, replicas: replicas,
            workers: profile.workers, standing: 0, timeout: .infinity)
        return Station(mean: moments.mean, variance: moments.variance, utilisation: utilisation)
    }

    /// Factors on service times where the nodes are busy; nil where they are not.
    ///
    /// The load depends on the factors and they on it: four rounds from no contention.
    private func slowdowns(_ genome: [Int]) -> [Double]? {
        guard contention > 0, let nodeProcessors else { return nil }
        let count = space.count
        let mean = (0..<count).reduce(0) { $0 + space.priority(genome, $1) } / Double(count)
        var factors = [Double](repeating: 1, count: count)
        for _ in 0..<4 {
            var busy = 0.0
            for index in 0..<count {
                let profile = space.profile.services[index]
                let size = profile.processors * space.quota(genome, index)
                let work =
                    rates[index] * profile.serviceTime * factors[index]
                    / (Double(profile.workers) * space.quota(genome, index))
                busy += min(work, Double(genome[index])) * size
            }
            let excess = contention * max(0, busy / nodeProcessors - 0.7)
            guard excess > 0 else { return factors[0] == 1 ? nil : factors }
            for index in 0..<count {
                factors[index] = 1 + excess * min(4, max(0.25, mean / space.priority(genome, index)))
            }
        }
        return factors
    }
}

/// 95th percentiles of gamma distributions at the cost of a table look-up where the shape is below 1.
struct GammaTail: Sendable {
    /// p95 over the mean at shapes 0, 1/32, …, 1, with that of 1/32 in place of 0.
    private let ratios: [Double]

    static let shared = GammaTail()

    private init() {
        ratios = (0...32).map { step in
            let shape = Double(max(step, 1)) / 32
            return GammaFit(mean: 1, variance: 1 / shape).p95
        }
    }

    /// The 95th percentile of the distribution with these moments.
    func p95(mean: Double, variance: Double) -> Double {
        let fit = GammaFit(mean: mean, variance: variance)
        guard mean > 0, variance > mean * mean else { return fit.p95 }
        let place = fit.shape * 32
        let step = min(31, Int(place))
        return mean * (ratios[step] + (ratios[step + 1] - ratios[step]) * (place - Double(step)))
    }
}
