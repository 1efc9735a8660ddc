internal import Glibc

/// The fewest replicas of a whole chain that keep its promise, for every load: the promise is end to end, so replicas go
/// where they shorten the whole response time most, and not to each service for a utilisation of its own.
///
/// Loads stand on a grid, each `step` above the one before. From one to the next the plan only grows: first the services
/// whose utilisation would be over `utilisationMost`, then, while the 95th percentile of the whole (Erlang-C waits, moments
/// added up along each class's visits, a gamma distribution) is over `latency`, the service that shortens it most for a
/// processor. So a plan for more load has no service with fewer replicas, and a load that rises changes no direction.
/// Made once: O(loads * replicas added * services). A lookup is O(log loads).
public struct ReplicaPlan: Sendable, Equatable {
    /// Growth from one load of the grid to the next.
    public static let step = 1.02
    /// Most loads of a grid.
    private static let loadsMax = 2_000

    /// Requests a second of the mix, growing.
    public let rates: [Double]
    /// Replicas of each service, for each load.
    public let replicas: [[Int]]

    /// Plans for a chain.
    /// - Parameters:
    ///   - latency: 95th percentile of the whole response time in seconds that a plan may have.
    ///   - utilisationMost: largest utilisation of any service, more than 0 and less than 1.
    public init(_ profile: ChainProfile, latency: Double, utilisationMost: Double) {
        precondition(utilisationMost > 0 && utilisationMost < 1 && latency > 0, "a plan has room to wait")
        var chain = PlannedChain(profile)
        var rates: [Double] = []
        var replicas: [[Int]] = []
        var rate = chain.smallestRate(utilisation: utilisationMost)
        while rates.count < Self.loadsMax {
            chain.grow(to: rate, latency: latency, utilisationMost: utilisationMost)
            rates.append(rate)
            replicas.append(chain.counts)
            if chain.isFull { break }
            rate *= Self.step
        }
        self.rates = rates
        self.replicas = replicas
    }

    /// The place of the first load that is at least `rate`; the last where none is.
    public func place(of rate: Double) -> Int {
        guard rate > rates[0] else { return 0 }
        let guess = Int((log(min(rate, rates[rates.count - 1]) / rates[0]) / log(Self.step)).rounded(.up))
        var place = min(rates.count - 1, max(0, guess))
        while place > 0, rates[place - 1] >= rate { place -= 1 }
        while place < rates.count - 1, rates[place] < rate { place += 1 }
        return place
    }
}

/// The chain while its plan grows.
private struct PlannedChain {
    let profile: ChainProfile
    private(set) var counts: [Int]
    private let models: [ResponseModel]
    private let visits: [Double]
    private var moments: [(mean: Double, variance: Double)]

    init(_ profile: ChainProfile) {
        self.profile = profile
        counts = profile.services.map { max(1, $0.bounds.lowerBound) }
        models = profile.services.map { ResponseModel($0) }
        visits = profile.services.indices.map { profile.visits(of: $0) }
        moments = Array(repeating: (0, 0), count: counts.count)
    }

    /// A hundredth of the rate at which the first replicas reach a utilisation.
    func smallestRate(utilisation: Double) -> Double {
        let limits = counts.indices.compactMap { index in
            visits[index] > 0 ? capacity(index, counts[index]) * utilisation / visits[index] : nil
        }
        return max((limits.min() ?? 1) / 100, 1e-9)
    }

    /// Whether no replica may be added.
    var isFull: Bool { counts.indices.allSatisfy { counts[$0] >= profile.services[$0].bounds.upperBound } }

    /// Adds replicas until the chain serves `rate`, or is full.
    mutating func grow(to rate: Double, latency: Double, utilisationMost: Double) {
        for index in counts.indices {
            let most = profile.services[index].bounds.upperBound
            while counts[index] < most, rate * visits[index] > utilisationMost * capacity(index, counts[index]) {
                counts[index] += 1
            }
            moments[index] = response(index, counts[index], rate)
        }
        // A service that is too busy with all its replicas makes the whole late whatever the others have.
        let isShort = counts.indices.contains { rate * visits[$0] > utilisationMost * capacity($0, counts[$0]) }
        var now = isShort ? 0 : p95(moments)
        while now > latency {
            var best: (gain: Double, index: Int)?
            for index in counts.indices where counts[index] < profile.services[index].bounds.upperBound {
                var with = moments
                with[index] = response(index, counts[index] + 1, rate)
                let gain = (now - p95(with)) / profile.services[index].processors
                if gain > best?.gain ?? 0 { best = (gain, index) }
            }
            guard let best else { return }
            counts[best.index] += 1
            moments[best.index] = response(best.index, counts[best.index], rate)
            now = p95(moments)
        }
    }

    private func capacity(_ index: Int, _ count: Int) -> Double {
        let service = profile.services[index]
        return Double(count) * service.capacity * service.sharing.efficiency(replicas: count)
    }

    private func response(_ index: Int, _ count: Int, _ rate: Double) -> (mean: Double, variance: Double) {
        let arrivals = rate * visits[index]
        let capacity = capacity(index, count)
        return models[index].moments(
            arrivals: arrivals, rate: capacity, replicas: count, workers: profile.services[index].workers,
            standing: max(0, arrivals / capacity - 0.99), timeout: 60)
    }

    /// 95th percentile of the class that takes longest.
    private func p95(_ moments: [(mean: Double, variance: Double)]) -> Double {
        var longest = 0.0
        for place in profile.classes.indices where profile.mix[place] > 0 {
            var (mean, variance) = (0.0, 0.0)
            for index in moments.indices {
                let visits = profile.services[index].visits[place]
                guard visits > 0 else { continue }
                mean += visits * moments[index].mean
                variance += visits * moments[index].variance
                if visits < 1 { variance += visits * (1 - visits) * moments[index].mean * moments[index].mean }
            }
            longest = max(longest, GammaFit(mean: mean, variance: variance).p95)
        }
        return longest
    }
}
