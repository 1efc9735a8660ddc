/// Response times of one class over some seconds.
struct ClassMoments: Sendable {
    var weight = 0.0
    var response = 0.0
    var square = 0.0

    mutating func add(weight: Double, mean: Double, variance: Double) {
        self.weight += weight
        response += weight * mean
        square += weight * (variance + mean * mean)
    }

    var fit: GammaFit {
        guard weight > 0 else { return GammaFit(mean: 0, variance: 0) }
        let mean = response / weight
        return GammaFit(mean: mean, variance: max(0, square / weight - mean * mean))
    }
}

/// Sums over the whole chain.
struct ChainSums: Sendable {
    var seconds = 0.0
    var arrived = 0.0
    var completed = 0.0
    var dropped = 0.0
    var violations = 0.0
    var late = 0.0
    var response = 0.0
    var square = 0.0
    var processorSeconds = 0.0

    mutating func add(_ other: ChainSums) {
        seconds += other.seconds
        arrived += other.arrived
        completed += other.completed
        dropped += other.dropped
        violations += other.violations
        late += other.late
        response += other.response
        square += other.square
        processorSeconds += other.processorSeconds
    }

    /// Response times over the seconds, all classes as one.
    var fit: GammaFit {
        guard completed > 0 else { return GammaFit(mean: 0, variance: 0) }
        let mean = response / completed
        return GammaFit(mean: mean, variance: max(0, square / completed - mean * mean))
    }
}

extension ChainSimulator {
    /// One second of all services at `rate` requests a second.
    mutating func passSecond(rate: Double, now: Double) {
        let arrived = rate * (1 + options.retries * dropShare)
        var flow = arrived
        var dropped = 0.0
        var busy = 0.0
        var given = 0.0
        updateSlowdowns()
        for index in services.indices {
            let visits = services[index].visits
            services[index].tick(arrivals: flow * visits, slowdown: slowdowns[index], timeout: options.timeout)
            let result = services[index].second
            // A request that visits once or more is held up once; of those that visit seldom only the visitors are.
            let perRequest = 1 / max(1, visits)
            dropped += result.dropped * perRequest
            flow = max(0, flow - (result.arrived - result.served) * perRequest)
            let size = services[index].profile.processors * services[index].quota
            busy += result.utilisation * Double(services[index].ready.count) * size
            given += Double(services[index].ordered) * size
        }
        nodeLoad = (options.nodeProcessors ?? profile.processorBudget).map { busy / $0 } ?? 0
        dropShare = arrived > 0 ? min(1, dropped / arrived) : 0
        judge(arrived: arrived, completed: flow, dropped: dropped, processors: given)
    }

    /// Service times grow where nodes are busy, most where the priority is low.
    private mutating func updateSlowdowns() {
        let excess = options.contention * max(0, nodeLoad - 0.7)
        guard excess > 0 else {
            for index in slowdowns.indices { slowdowns[index] = 1 }
            return
        }
        var sum = 0.0
        for service in services { sum += service.priority }
        let mean = sum / Double(services.count)
        for index in slowdowns.indices {
            let share = min(4, max(0.25, mean / services[index].priority))
            slowdowns[index] = 1 + excess * share
        }
    }

    /// Mean and variance of the whole response time of a class in the last second.
    ///
    /// Services one after another add up; of those a request is at together the last to answer counts.
    private func wholeResponse(ofClass index: Int) -> (mean: Double, variance: Double) {
        var sum = (mean: 0.0, variance: 0.0)
        var stage = sum
        for service in services.indices {
            let visits = classVisits[index * services.count + service]
            let result = services[service].second
            var own = (mean: visits * result.mean, variance: visits * result.variance)
            if visits < 1 { own.variance += visits * (1 - visits) * result.mean * result.mean }
            if services[service].profile.isParallel, service > 0 {
                let fit = GammaFit(mean: stage.mean, variance: stage.variance)
                let both = fit.larger(of: GammaFit(mean: own.mean, variance: own.variance))
                stage = (both.mean, both.variance)
            } else {
                sum.mean += stage.mean
                sum.variance += stage.variance
                stage = own
            }
        }
        return (sum.mean + stage.mean, sum.variance + stage.variance)
    }

    /// Adds the second to the sums and compares its response times with the target.
    private mutating func judge(arrived: Double, completed: Double, dropped: Double, processors: Double) {
        var late = 0.0
        var response = 0.0
        var square = 0.0
        for index in mix.indices {
            let (mean, variance) = wholeResponse(ofClass: index)
            let weight = mix[index]
            late += weight * GammaFit(mean: mean, variance: variance).survival(profile.latencyTarget)
            response += weight * mean
            square += weight * (variance + mean * mean)
            classMoments[index].add(weight: weight * completed, mean: mean, variance: variance)
        }
        var sums = ChainSums()
        sums.seconds = 1
        sums.arrived = arrived
        sums.completed = completed
        sums.dropped = dropped
        sums.violations = dropped + (late > 0.05 ? completed : 0)
        sums.late = dropped + late * completed
        sums.response = completed * response
        sums.square = completed * square
        sums.processorSeconds = processors
        chainPeriod.add(sums)
        chainSample.add(sums)
    }
}
