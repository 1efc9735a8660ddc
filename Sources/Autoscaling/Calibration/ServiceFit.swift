internal import Glibc

/// Service time, workers and variation of a service, fitted to the steps of a load test.
///
/// Least squares of the logarithms of mean and 95th percentile against the simulator's own response model, over the
/// steps below the knee. For each number of workers the service time and its variation are found by a downhill simplex;
/// the workers with the least error win. With steps at three or more replica counts the steps of the least count tell
/// workers and variation; the service time is then fitted at each count, and the capacities give the losses of sharing
/// (Gunther's law).
public struct ServiceFit: Sendable, Equatable {
    /// The service's name.
    public var service: String
    /// Requests that a replica works on at once.
    public var workers: Int
    /// Mean time of one request on one worker, in seconds.
    public var serviceTime: Double
    /// Coefficient of variation of the service time.
    public var serviceVariation: Double
    /// Coefficient of variation of the time between arrivals that was presumed.
    public var arrivalVariation: Double
    /// What replicas lose to each other.
    public var sharing: ServiceProfile.Sharing
    /// Mean of |model / measured - 1| of the means, over the steps below the knee.
    public var meanError: Double
    /// The same of the 95th percentiles.
    public var p95Error: Double
    /// Steps below the knee.
    public var steps: Int
    /// Greatest rate of a replica that stayed below the knee.
    public var kneeRate: Double

    /// A step is over the knee where it answered less than this share.
    public static let answeredMin = 0.99
    /// A step is over the knee where its mean is more than so many times the least at the same replicas.
    public static let slowdownMax = 6.0

    /// Requests a second that a replica serves at utilisation 1.
    public var capacity: Double { Double(workers) / serviceTime }

    /// The steps below the knee.
    public static func belowKnee(_ steps: [StepMeasurement]) -> [StepMeasurement] {
        steps.filter { step in
            let least = steps.filter { $0.replicas == step.replicas }.map(\.mean).min() ?? step.mean
            return step.answered >= answeredMin && step.mean <= slowdownMax * least
        }
    }

    /// Mean and 95th percentile of the response time that the fit expects of `replicas` at `rate` requests a second.
    public func predict(rate: Double, replicas: Int) -> (mean: Double, p95: Double) {
        let moments = Self.moments(
            rate: rate, replicas: replicas, workers: workers,
            serviceTime: serviceTime / sharing.efficiency(replicas: replicas), serviceVariation: serviceVariation,
            arrivalVariation: arrivalVariation)
        return (moments.mean, GammaFit(mean: moments.mean, variance: moments.variance).p95)
    }

    /// Mean of |model / measured - 1| of means and of 95th percentiles over other steps of the same service.
    public func errors(on steps: [StepMeasurement]) -> (mean: Double, p95: Double) {
        guard !steps.isEmpty else { return (0, 0) }
        var sums = (mean: 0.0, p95: 0.0)
        for step in steps {
            let model = predict(rate: step.rate, replicas: step.replicas)
            sums.mean += abs(model.mean / step.mean - 1)
            sums.p95 += abs(model.p95 / step.p95 - 1)
        }
        return (sums.mean / Double(steps.count), sums.p95 / Double(steps.count))
    }

    private static func moments(
        rate: Double, replicas: Int, workers: Int, serviceTime: Double, serviceVariation: Double,
        arrivalVariation: Double
    ) -> (mean: Double, variance: Double) {
        let model = ResponseModel(
            serviceSquare: serviceVariation * serviceVariation, arrivalSquare: arrivalVariation * arrivalVariation,
            discipline: .queue)
        return model.moments(
            arrivals: rate, rate: Double(replicas * workers) / serviceTime, replicas: replicas, workers: workers,
            standing: 0, timeout: 3_600)
    }
}

extension ServiceFit {
    /// Fits one service.
    ///
    /// - Parameters:
    ///   - steps: of one service, at least 3 below the knee with different rates.
    ///   - workers: where they are known.
    ///   - arrivalVariation: 1 for a load generator with Poisson arrivals.
    /// - Throws: where the steps are of several services, unusable, or too few.
    public init(
        _ steps: [StepMeasurement], workers known: Int? = nil, arrivalVariation: Double = 1
    ) throws(SimulationFault) {
        guard let service = steps.first?.service else { throw SimulationFault(.measurement, "no steps to fit") }
        for step in steps {
            if let fault = step.fault { throw SimulationFault(.measurement, "service '\(service)': \(fault)") }
            guard step.service == service else {
                throw SimulationFault(.measurement, "steps of '\(service)' and of '\(step.service)' in one fit")
            }
        }
        let used = Self.belowKnee(steps)
        guard Set(used.map { $0.rate / Double($0.replicas) }).count >= 3 else {
            throw SimulationFault(
                .measurement,
                "service '\(service)' has \(used.count) steps below the knee (answered at least "
                    + "\(Self.answeredMin), mean at most \(Self.slowdownMax) times the least); 3 with different rates "
                    + "a replica are needed")
        }
        let best = Self.search(Self.anchor(used), workers: known, arrivalVariation: arrivalVariation)
        self.init(
            service: service, workers: best.workers, serviceTime: best.serviceTime,
            serviceVariation: best.serviceVariation, arrivalVariation: arrivalVariation,
            sharing: ServiceProfile.Sharing(), meanError: 0, p95Error: 0, steps: used.count,
            kneeRate: used.map { $0.rate / Double($0.replicas) }.max() ?? 0)
        try fitSharing(used)
        (meanError, p95Error) = errors(on: used)
    }

    /// The steps that tell workers and variation: all, or those of the least replicas where sharing is to be fitted.
    private static func anchor(_ steps: [StepMeasurement]) -> [StepMeasurement] {
        let counts = Set(steps.map(\.replicas)).sorted()
        guard counts.count >= 3 else { return steps }
        let enough = counts.first { count in Set(steps.filter { $0.replicas == count }.map(\.rate)).count >= 3 }
        return enough.map { count in steps.filter { $0.replicas == count } } ?? steps
    }

    /// Numbers of workers tried: all to 16, then by steps of about 12 %.
    private static let candidates: [Int] = {
        var list = Array(1...16)
        while let last = list.last, last < 1_024 { list.append(min(1_024, max(last + 1, last * 9 / 8))) }
        return list
    }()

    private struct Candidate {
        var workers: Int
        var serviceTime: Double
        var serviceVariation: Double
        var error: Double
    }

    /// The workers with the least error: among the candidates, then among the numbers around the best.
    private static func search(
        _ steps: [StepMeasurement], workers: Int?, arrivalVariation: Double
    ) -> Candidate {
        var best = Candidate(workers: 1, serviceTime: 1, serviceVariation: 1, error: .infinity)
        func attempt(_ count: Int) {
            let found = candidate(steps, workers: count, arrivalVariation: arrivalVariation)
            if found.error < best.error { best = found }
        }
        if let workers {
            attempt(workers)
            return best
        }
        for count in candidates { attempt(count) }
        var reach = best.workers / 8
        while reach > 0 {
            let step = max(1, reach / 4)
            let middle = best.workers
            for count in stride(from: middle - reach, through: middle + reach, by: step)
            where count != middle && (1...1_024).contains(count) { attempt(count) }
            reach = step > 1 ? step : 0
        }
        return best
    }

    /// Service time and variation for a number of workers.
    private static func candidate(
        _ steps: [StepMeasurement], workers: Int, arrivalVariation: Double
    ) -> Candidate {
        let least = steps.map(\.mean).min() ?? 1
        // The service time is at most the least mean; the variation starts at that of an ordinary tail.
        let found = NelderMead.minimum(from: [log(least) - 0.1, 0.8], size: [0.2, 0.3], evaluations: 160) { point in
            error(
                steps, workers: workers, serviceTime: exp(point[0]), serviceVariation: point[1].magnitude,
                arrivalVariation: arrivalVariation)
        }
        return Candidate(
            workers: workers, serviceTime: exp(found.point[0]), serviceVariation: found.point[1].magnitude,
            error: found.value)
    }

    /// Σ of squared log errors of means and 95th percentiles; grows fast where the model is overloaded.
    private static func error(
        _ steps: [StepMeasurement], workers: Int, serviceTime: Double, serviceVariation: Double,
        arrivalVariation: Double
    ) -> Double {
        var sum = 0.0
        for step in steps {
            let moments = moments(
                rate: step.rate, replicas: step.replicas, workers: workers, serviceTime: serviceTime,
                serviceVariation: serviceVariation, arrivalVariation: arrivalVariation)
            let mean = log(moments.mean / step.mean)
            let p95 = log(max(1e-12, GammaFit(mean: moments.mean, variance: moments.variance).p95) / step.p95)
            let load = step.rate * serviceTime / Double(step.replicas * workers)
            let excess = max(0, load - 0.985)
            sum += mean * mean + p95 * p95 + 100 * excess
        }
        return sum
    }

    /// Fits the service time at each replica count, and what replicas lose to each other where there are three counts.
    private mutating func fitSharing(_ steps: [StepMeasurement]) throws(SimulationFault) {
        let counts = Set(steps.map(\.replicas)).sorted()
        guard counts.count >= 3 else { return }
        var points: [(replicas: Int, throughput: Double)] = []
        for count in counts {
            let own = steps.filter { $0.replicas == count }
            let found = NelderMead.minimum(from: [log(serviceTime)], size: [0.1], evaluations: 80) { point in
                Self.error(
                    own, workers: workers, serviceTime: exp(point[0]), serviceVariation: serviceVariation,
                    arrivalVariation: arrivalVariation)
            }
            points.append((count, Double(count * workers) / exp(found.point[0])))
        }
        let law = try ScalabilityFit(points)
        sharing = law.sharing
        serviceTime = Double(workers) / law.single
    }
}
