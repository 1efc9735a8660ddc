/// Mean and variance of a service's response time at a steady rate: what simulator and calibration share.
struct ResponseModel: Sendable {
    /// Square of the coefficient of variation of the service time.
    var serviceSquare: Double
    /// Square of the coefficient of variation of the time between arrivals.
    var arrivalSquare: Double
    var discipline: ServiceProfile.Discipline
    /// Response times without a queue in units of the mean service time; nil where they are the service times.
    var unloaded: ServiceProfile.Unloaded?

    /// Mean and variance for `arrivals` a second where `replicas` of `workers` each serve `rate` a second at most,
    /// `standing` being the time that a backlog takes; waits are at most `timeout`.
    ///
    /// Utilisation is taken at 0.99 at most, above it the backlog tells. A queue is M/M/c with Allen and Cunneen's
    /// factor (CVa² + CVs²) / 2; those that wait do so nearly exponentially. Processor sharing is one M/G/k-PS queue a
    /// replica: the mean of M/M/k whatever the distribution, the variance that of Coffman, Muntz and Trotter (1970) for
    /// M/M/1-PS with the service time's own variation. Where the times without a queue are known apart they stand in
    /// for the service time, the queue being as before; all of it grows with the service time. Batches are a
    /// `BatchQueue` a replica, the pause being what a batch costs beside its requests; a request waits with Erlang's
    /// probability that all workers are busy, so that with more of them (batches that a quota lets through at full speed
    /// before it runs out) waiting is rare until the replica is nearly busy.
    func moments(
        arrivals: Double, rate: Double, replicas: Int, workers: Int, standing: Double, timeout: Double
    ) -> (mean: Double, variance: Double) {
        let servers = replicas * workers
        let serviceTime = Double(servers) / rate
        let rho = min(arrivals / rate, 0.99)
        var (base, square) = (serviceTime, serviceSquare)
        var pause = 0.0
        if let unloaded = unloaded?.slowed(by: serviceTime) {
            (base, square, pause) = (unloaded.mean, unloaded.variation * unloaded.variation, unloaded.pause)
        }
        switch discipline {
        case .queue:
            let wait = ErlangC.waitProbability(servers: servers, offered: rho * Double(servers))
            let conditional = 0.5 * (serviceSquare + arrivalSquare) / (rate * (1 - rho)) + pause
            return (
                base + min(wait * conditional + standing, timeout),
                square * base * base + min(wait * (2 - wait) * conditional * conditional, timeout * timeout)
            )
        case .batch:
            let work = Double(replicas) / rate
            let batch = BatchQueue(rate: rho / work, work: work, setup: pause, square: serviceSquare)
            let busy = ErlangC.waitProbability(servers: workers, offered: batch.busyShare * Double(workers))
            let wait = batch.meanWait
            return (
                base + min(busy * wait + standing, timeout),
                square * base * base
                    + min(busy * (batch.variance + (1 - busy) * wait * wait), timeout * timeout)
            )
        case .processorSharing:
            let stretch = 1 + ErlangC.meanWait(servers: workers, rho: rho)
            let extra = 2 * (1 - 1 / stretch) / (2 - rho)
            return (
                min(base * stretch + standing, timeout + base),
                min(base * base * stretch * stretch * (square + extra), timeout * timeout)
            )
        }
    }
}

extension ResponseModel {
    init(_ profile: ServiceProfile) {
        self.init(
            serviceSquare: profile.serviceVariation * profile.serviceVariation,
            arrivalSquare: profile.arrivalVariation * profile.arrivalVariation, discipline: profile.discipline,
            unloaded: profile.unloaded?.slowed(by: 1 / profile.serviceTime))
    }
}
