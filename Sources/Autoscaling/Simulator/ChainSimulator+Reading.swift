extension ChainSimulator {
    /// Samples are taken of all services at once, at whole sampling periods.
    mutating func takeSamples(at second: Int) {
        guard second % Int(options.samplingPeriod) == 0 else { return }
        let now = Double(second)
        for index in services.indices {
            let sums = services[index].sample
            services[index].sample = SimulatedService.PeriodSums()
            guard sums.seconds > 0 else { continue }
            let ended = sums.served + sums.dropped
            let numbers = MetricsFeed.Numbers(
                rate: sums.arrived / sums.seconds, utilisation: sums.utilisation, queue: services[index].queue,
                p95: sums.fit.p95, errorRatio: ended > 0 ? sums.dropped / ended : 0, counted: sums.arrived)
            feeds[index].send(numbers, at: now, random: &metricsRandom)
        }
        let sums = chainSample
        chainSample = ChainSums()
        guard sums.seconds > 0 else { return }
        let ended = sums.completed + sums.dropped
        let numbers = MetricsFeed.Numbers(
            rate: sums.arrived / sums.seconds, p95: sums.fit.p95, errorRatio: ended > 0 ? sums.dropped / ended : 0,
            counted: sums.arrived)
        chainFeed.send(numbers, at: now, random: &metricsRandom)
    }

    /// Takes in the metrics that can be read now and asks the forecaster.
    mutating func readMetrics() {
        let now = Double(second)
        for index in feeds.indices { _ = feeds[index].receive(at: now) }
        for numbers in chainFeed.receive(at: now) {
            if let rate = numbers?.rate ?? observedRates.last { observedRates.append(rate) }
        }
        latestForecast = nil
        guard !observedRates.isEmpty else { return }
        let view = LoadView(
            time: now, market: load.market(at: now), observed: observedRates,
            age: now - chainFeed.newestTakenAt + 0.5 * options.samplingPeriod, period: options.samplingPeriod,
            truth: load)
        latestForecast = forecaster?.forecast(view)
    }

    /// The moment as a reader of metrics sees it: replicas as they are, numbers late, noisy or missing.
    ///
    /// Numbers are nil where the newest sample that should be there was lost; `age` is then that of the sample before.
    public var observation: Observation {
        let now = Double(second)
        let chain = chainFeed.numbers
        return Observation(
            time: now, market: load.market(at: now), rate: chain?.rate, p95: chain?.p95,
            errorRatio: chain?.errorRatio, forecast: latestForecast,
            services: services.indices.map { index in
                let service = services[index]
                let numbers = feeds[index].numbers
                return ServiceObservation(
                    ready: service.ready.count, pending: service.pending.map { now - $0.orderedAt },
                    draining: service.draining.count, rate: numbers?.rate, utilisation: numbers?.utilisation,
                    queue: numbers?.queue, p95: numbers?.p95, errorRatio: numbers?.errorRatio,
                    age: now - feeds[index].takenAt)
            })
    }

    /// Figures of the period that ends now.
    func outcome(seconds: Int) -> StepOutcome {
        var outcome = StepOutcome()
        outcome.time = Double(second)
        outcome.duration = Double(seconds)
        outcome.requests = chainPeriod.arrived
        outcome.completed = chainPeriod.completed
        outcome.dropped = chainPeriod.dropped
        outcome.violations = chainPeriod.violations
        outcome.late = chainPeriod.late
        outcome.processorSeconds = chainPeriod.processorSeconds
        outcome.services.reserveCapacity(services.count)
        for service in services {
            outcome.waiting += service.queue / max(1, service.visits)
            outcome.replicaSeconds += service.period.replicaSeconds
            outcome.services.append(ServiceOutcome(service))
        }
        let mixture = GammaMixture(
            parts: classMoments.compactMap { $0.weight > 0 ? ($0.weight, $0.fit) : nil })
        outcome.mean = chainPeriod.fit.mean
        outcome.p50 = mixture.p50
        outcome.p95 = mixture.p95
        outcome.p99 = mixture.p99
        return outcome
    }
}

extension ServiceOutcome {
    /// Figures of the period of a service.
    init(_ service: SimulatedService) {
        let sums = service.period
        let fit = sums.fit
        arrived = sums.arrived
        served = sums.served
        dropped = sums.dropped
        queue = service.queue
        utilisation = sums.utilisation
        mean = fit.mean
        p95 = fit.p95
        ready = service.ready.count
        pending = service.pending.count
        draining = service.draining.count
        started = sums.started
        stopped = sums.stopped
        failed = sums.failed
        replicaSeconds = sums.replicaSeconds
    }
}
