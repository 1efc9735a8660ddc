/// What is known of one service before it is observed: its limits, what a replica costs and serves, how it starts.
///
/// Times are in seconds, rates in requests a second.
public struct ServiceProfile: Sendable, Equatable {
    /// The service's name, as metrics and actuators know it.
    public var name: String
    /// Replicas allowed, both ends included; the lower end is at least 0, the upper at least the lower and 1.
    public var bounds: ClosedRange<Int>
    /// Processors a replica is given, more than 0.
    public var processors: Double
    /// Requests a replica works on at once, at least 1 (k_j).
    public var workers: Int
    /// Mean time of one request on one worker, caches warm (S_j), more than 0.
    public var serviceTime: Double
    /// Coefficient of variation of the service time.
    public var serviceVariation: Double
    /// Coefficient of variation of the time between arrivals; 1 for Poisson.
    public var arrivalVariation: Double
    /// Visits of this service by one request of each class, in the order of `ChainProfile.classes`.
    public var visits: [Double]
    /// 95th percentile of response time this service may take of the whole.
    public var latencyBudget: Double
    /// Time from the order for a replica to its readiness.
    public var startup: Startup
    /// What L1 does to the service time.
    public var cache: Cache
    /// How the workers of a service share its requests.
    public var discipline = Discipline.queue
    /// What replicas lose to each other on what they share, e.g. a database.
    public var sharing = Sharing()
    /// Whether a request is at this service and the one before it at the same time (fork and join); not for the first.
    public var isParallel = false
    /// Response times without a queue where they are not the service times; nil where they are.
    public var unloaded: Unloaded?

    /// Time from the order for a replica to its readiness: uniform in `range`, but for a share of failures.
    public struct Startup: Sendable, Equatable {
        /// Shortest and longest ordinary time.
        public var range: ClosedRange<Double>
        /// Share of replicas that never become ready, 0..<1.
        public var failureShare: Double

        /// A distribution of start-up times.
        public init(range: ClosedRange<Double> = 5...30, failureShare: Double = 0.01) {
            self.range = range
            self.failureShare = failureShare
        }

        /// The time that 95 of 100 replicas need at most.
        public var p95: Double { range.lowerBound + 0.95 * (range.upperBound - range.lowerBound) }
    }

    /// L1 is in the process, so a new replica begins without it: after `age` seconds its hit ratio is
    /// `hitRatio * (1 - exp(-age / warmup))`, and a miss takes `missFactor` times as long as a hit.
    public struct Cache: Sendable, Equatable {
        /// Hit ratio of a replica that has run for long, 0...1.
        public var hitRatio: Double
        /// Time in which a new replica gains 63 % of its hit ratio.
        public var warmup: Double
        /// Service time of a miss over that of a hit, at least 1.
        public var missFactor: Double

        /// The effect of a replica's own cache.
        public init(hitRatio: Double = 0.8, warmup: Double = 30, missFactor: Double = 1.5) {
            self.hitRatio = hitRatio
            self.warmup = warmup
            self.missFactor = missFactor
        }
    }

    /// How the workers of a service share its requests.
    public enum Discipline: String, Sendable, Equatable, CaseIterable {
        /// Requests wait for the next free worker of any replica.
        case queue
        /// Each replica takes its share of the requests at once and works on all of them at the same time.
        case processorSharing
        /// Each replica takes all of its share that waits at once, which costs it the pause of `Unloaded` and
        /// `serviceTime / workers` for each; whoever comes meanwhile is in the next batch.
        case batch

        /// Its name in files.
        public var name: String {
            switch self {
            case .queue: "queue"
            case .processorSharing: "processor-sharing"
            case .batch: "batch"
            }
        }
    }

    /// Gunther's Universal Scalability Law: n replicas do the work of n / (1 + contention (n - 1) + coherence n (n - 1)).
    public struct Sharing: Sendable, Equatable {
        /// Share of the work that only one replica can do at a time (sigma), 0...1.
        public var contention: Double
        /// Cost of each pair of replicas to each other (kappa), 0...1.
        public var coherence: Double

        /// What replicas lose to each other; nothing without arguments.
        public init(contention: Double = 0, coherence: Double = 0) {
            self.contention = contention
            self.coherence = coherence
        }

        /// What `replicas` do over what as many alone would do.
        public func efficiency(replicas: Int) -> Double {
            let others = Double(max(0, replicas - 1))
            return 1 / (1 + contention * others + coherence * Double(replicas) * others)
        }
    }

    /// Response times without a queue, of a service whose capacity is not one request after another on its workers.
    ///
    /// A replica with a quota of a processor answers a single request faster than it can go on answering, and one that
    /// waits for a commit takes longer than the request costs it. Then `workers / serviceTime` is the capacity alone.
    public struct Unloaded: Sendable, Equatable {
        /// Mean response time of a request that waits for nothing, in seconds, more than 0.
        public var mean: Double
        /// Its coefficient of variation.
        public var variation: Double
        /// Seconds that a request which waits does so beside the queue: the rest of a throttled period, of a batch.
        public var pause: Double

        /// Response times without a queue.
        public init(mean: Double, variation: Double, pause: Double = 0) {
            self.mean = mean
            self.variation = variation
            self.pause = pause
        }

        /// The same of a service `factor` times as slow.
        func slowed(by factor: Double) -> Unloaded {
            Unloaded(mean: mean * factor, variation: variation, pause: pause * factor)
        }
    }

    /// A profile; `serviceTime` is in seconds with warm caches.
    public init(
        name: String, bounds: ClosedRange<Int>, processors: Double = 1, workers: Int = 1, serviceTime: Double,
        serviceVariation: Double = 1, arrivalVariation: Double = 1, visits: [Double] = [1], latencyBudget: Double,
        startup: Startup = Startup(), cache: Cache = Cache()
    ) {
        self.name = name
        self.bounds = bounds
        self.processors = processors
        self.workers = workers
        self.serviceTime = serviceTime
        self.serviceVariation = serviceVariation
        self.arrivalVariation = arrivalVariation
        self.visits = visits
        self.latencyBudget = latencyBudget
        self.startup = startup
        self.cache = cache
    }

    /// Requests a second that one warm replica serves at utilisation 1.
    public var capacity: Double { Double(workers) / serviceTime }
}

/// The services that one request passes, and what the whole promises.
public struct ChainProfile: Sendable, Equatable {
    /// Names of the classes of requests, e.g. order, cancel, query.
    public var classes: [String]
    /// Share of each class in the offered rate; the sum is 1.
    public var mix: [Double]
    /// The services, in the order a request passes them.
    public var services: [ServiceProfile]
    /// 95th percentile of the whole response time that is promised, in seconds.
    public var latencyTarget: Double
    /// Processors that all replicas together may be given; nil for no limit.
    public var processorBudget: Double?

    /// A chain; `validate` tells what contradicts itself.
    public init(
        classes: [String] = ["order"], mix: [Double] = [1], services: [ServiceProfile], latencyTarget: Double = 0.05,
        processorBudget: Double? = nil
    ) {
        self.classes = classes
        self.mix = mix
        self.services = services
        self.latencyTarget = latencyTarget
        self.processorBudget = processorBudget
    }

    /// Visits of service `index` by one request of the mix.
    public func visits(of index: Int) -> Double {
        zip(mix, services[index].visits).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// Replicas of service `index` that serve `rate` requests a second of the mix at `utilisation`, at least 0.
    ///
    /// Not bounded by the profile: the caller clamps.
    public func replicas(of index: Int, rate: Double, utilisation: Double) -> Int {
        let needed = rate * visits(of: index) / (services[index].capacity * utilisation)
        // A quotient that is whole but for rounding does not buy a replica.
        return needed.isFinite ? max(0, Int(min(needed - 1e-9, 1e9).rounded(.up))) : 0
    }
}

extension ChainProfile {
    /// The first contradiction in the profile, told so that its author can mend it; nil where there is none.
    public var fault: String? {
        if services.isEmpty { return "a chain has at least one service" }
        if classes.isEmpty || classes.count != mix.count {
            return "\(classes.count) classes have \(mix.count) shares in the mix"
        }
        if mix.contains(where: { !($0 >= 0 && $0.isFinite) }) || abs(mix.reduce(0, +) - 1) > 1e-6 {
            return "the shares of the mix are not negative and their sum is 1, not \(mix.reduce(0, +))"
        }
        if !(latencyTarget > 0 && latencyTarget.isFinite) { return "latencyTarget is more than 0 s" }
        if let processorBudget, !(processorBudget > 0) { return "the budget of processors is more than 0" }
        if let repeated = services.indices.first(where: { index in
            services[..<index].contains { $0.name == services[index].name }
        }) {
            return "two services are called '\(services[repeated].name)'"
        }
        return services.lazy.compactMap { $0.fault(classes: classes.count) }.first
    }
}

extension ServiceProfile {
    fileprivate func fault(classes: Int) -> String? {
        func isPositive(_ value: Double) -> Bool { value > 0 && value.isFinite }
        let faults: [(Bool, String)] = [
            (!name.isEmpty, "a service has a name"),
            (bounds.lowerBound >= 0 && bounds.upperBound >= 1, "bounds are at least 0...1"),
            (bounds.upperBound <= 1_000, "bounds end at 1,000 replicas at most"),
            (isPositive(processors), "processors is more than 0"),
            ((1...1_024).contains(workers), "workers is 1...1024"),
            (isPositive(serviceTime), "serviceTime is more than 0 s"),
            (serviceVariation >= 0 && serviceVariation.isFinite, "serviceVariation is at least 0"),
            (arrivalVariation >= 0 && arrivalVariation.isFinite, "arrivalVariation is at least 0"),
            (visits.count == classes, "visits has one number for each of \(classes) classes, not \(visits.count)"),
            (visits.allSatisfy { $0 >= 0 && $0.isFinite }, "visits are not negative"),
            (isPositive(latencyBudget), "latencyBudget is more than 0 s"),
            (startup.range.lowerBound >= 0 && startup.range.upperBound.isFinite, "startup is 0 s or more"),
            ((0..<1).contains(startup.failureShare), "failureShare is 0..<1"),
            ((0...1).contains(cache.hitRatio), "hitRatio is 0...1"),
            (isPositive(cache.warmup), "warmup is more than 0 s"),
            (cache.missFactor >= 1 && cache.missFactor.isFinite, "missFactor is at least 1"),
            ((0...1).contains(sharing.contention), "contention is 0...1"),
            ((0...1).contains(sharing.coherence), "coherence is 0...1"),
            (unloaded.map { isPositive($0.mean) } ?? true, "the unloaded mean is more than 0 s"),
            (unloaded.map { $0.variation >= 0 && $0.variation.isFinite } ?? true, "its variation is at least 0"),
            (unloaded.map { $0.pause >= 0 && $0.pause.isFinite } ?? true, "its pause is at least 0 s"),
        ]
        return faults.first { !$0.0 }.map { "service '\(name)': \($0.1)" }
    }
}
