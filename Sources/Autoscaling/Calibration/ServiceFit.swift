internal import Glibc

/// Service time, workers and variation of a service, fitted to the steps of a load test.
///
/// Least squares of the logarithms of mean and 95th percentile against the simulator's own response model, over the
/// loads below the knee, repeats of a load as one; from errors of 0.3 on they count in proportion, so that a
/// stalled step does not bend the fit.
/// For each number of workers the other numbers are found by a downhill simplex; the workers with the least error win.
///
/// **Form.** The plain queue (service time, its variation) is fitted first, then the queue with response times of its
/// own where nothing waits (`ServiceProfile.Unloaded`: mean, variation), then with a pause too, then batches
/// (`ServiceProfile.Discipline.batch`). A richer form wins where Schwarz's criterion says that its error pays for its
/// numbers, errors of 3 % being taken for noise.
///
/// **Capacity.** What no step came near is a guess: where the steps end below half of the capacity that fits best, the
/// smallest that explains them as well counts, at most four times their greatest rate; `reach` says how much was seen.
///
/// **Replicas.** With steps at three or more replica counts the steps of the least count tell workers and variation; the
/// service time is then fitted at each count, and the capacities give the losses of sharing (Gunther's law).
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
    /// Response times without a queue, nil where they are the service times.
    public var unloaded: ServiceProfile.Unloaded?
    /// How a replica takes its requests.
    public var discipline = ServiceProfile.Discipline.queue
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
    public static let slowdownMax = 20.0

    /// Requests a second that a replica serves at utilisation 1.
    public var capacity: Double { Double(workers) / serviceTime }

    /// Share of its capacity up to which a replica was measured; below `reachMin` the capacity is little more than a guess.
    public var reach: Double { kneeRate / capacity }
    /// The least share at which queues show where the capacity ends.
    public static let reachMin = 0.5

    /// The steps below the knee.
    public static func belowKnee(_ steps: [StepMeasurement]) -> [StepMeasurement] {
        steps.filter { step in
            let least = steps.filter { $0.replicas == step.replicas }.map(\.mean).min() ?? step.mean
            return step.answered >= answeredMin && step.mean <= slowdownMax * least
        }
    }

    /// Response times that the fit expects of `replicas` at `rate` requests a second: the simulator's stand-in.
    public func response(rate: Double, replicas: Int) -> GammaFit {
        let time = serviceTime / sharing.efficiency(replicas: replicas)
        let model = ResponseModel(
            serviceSquare: serviceVariation * serviceVariation, arrivalSquare: arrivalVariation * arrivalVariation,
            discipline: discipline, unloaded: unloaded?.slowed(by: 1 / serviceTime))
        let moments = model.moments(
            arrivals: rate, rate: Double(replicas * workers) / time, replicas: replicas, workers: workers,
            standing: 0, timeout: 3_600)
        return GammaFit(mean: moments.mean, variance: moments.variance)
    }

    /// Mean and 95th percentile of the response time that the fit expects of `replicas` at `rate` requests a second.
    public func predict(rate: Double, replicas: Int) -> (mean: Double, p95: Double) {
        let response = response(rate: rate, replicas: replicas)
        return (response.mean, response.p95)
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
        let start = ServiceFit(
            service: service, workers: known ?? 0, serviceTime: 1, serviceVariation: 1,
            arrivalVariation: arrivalVariation, sharing: ServiceProfile.Sharing(), meanError: 0, p95Error: 0,
            steps: used.count, kneeRate: used.map { $0.rate / Double($0.replicas) }.max() ?? 0)
        let loads = StepMeasurement.loads(Self.anchor(used)).map(\.step)
        // Rates so near to each other that they pass for one load are taken one by one.
        self = FitSearch(steps: loads.count < 3 ? Self.anchor(used) : loads, workers: known).best(start)
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

    /// Fits the service time at each replica count, and what replicas lose to each other where there are three counts.
    private mutating func fitSharing(_ steps: [StepMeasurement]) throws(SimulationFault) {
        let counts = Set(steps.map(\.replicas)).sorted()
        guard counts.count >= 3 else { return }
        var points: [(replicas: Int, throughput: Double)] = []
        for count in counts {
            let own = steps.filter { $0.replicas == count }
            let alone = self
            let found = NelderMead.minimum(from: [log(serviceTime)], size: [0.1], evaluations: 80) { point in
                alone.timed(exp(point[0])).loss(on: own)
            }
            points.append((count, Double(count * workers) / exp(found.point[0])))
        }
        let law = try ScalabilityFit(points)
        sharing = law.sharing
        serviceTime = Double(workers) / law.single
    }
}
