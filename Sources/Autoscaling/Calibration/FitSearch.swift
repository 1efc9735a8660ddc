internal import Glibc

/// The search for the numbers of a `ServiceFit` with the least error.
struct FitSearch {
    /// Steps below the knee.
    let steps: [StepMeasurement]
    /// Where they are known.
    let workers: Int?

    /// What is fitted beside the workers, from the plainest on.
    enum Form: CaseIterable {
        /// Service time and its variation.
        case queue
        /// Also mean and variation of the response time without a queue.
        case unloaded
        /// Also the pause of those that wait.
        case paused
        /// The same numbers for a replica that takes all that waits at once.
        case batched

        /// Numbers that the simplex moves.
        var parameters: Int {
            switch self {
            case .queue: 2
            case .unloaded: 4
            case .paused, .batched: 5
            }
        }
    }

    /// Variance of the logarithms that is taken for noise of the measurement: 3 % each.
    private static let noise = 0.0009

    /// A capacity is at most so many times the greatest rate of a replica: loads that hardly queue fit any greater one as
    /// well, and a profile without a limit would never ask for a second replica.
    private var capacityMost = 4.0
    /// Limits tried where the steps end below half of the capacity that fits best.
    private static let careful = [1.1, 1.4, 2, 2.8]

    /// Numbers of workers tried: all to 16, then by steps of about 12 %.
    private static let candidates: [Int] = {
        var list = Array(1...16)
        while let last = list.last, last < 1_024 { list.append(min(1_024, max(last + 1, last * 9 / 8))) }
        return list
    }()
    /// Those of the richer forms, in which workers only say how rare waiting is; the best is then refined.
    private static let coarse = [1, 2, 3, 4, 6, 8, 12, 16, 24, 36, 54, 81, 121, 256]

    /// Those of batches.
    private static let batchWorkers = [1, 2, 4, 8, 16, 32]

    /// The search over steps below the knee.
    init(steps: [StepMeasurement], workers: Int?) {
        self.steps = steps
        self.workers = workers
    }

    /// The best fit of the form that the steps bear out; `start` names the service and its arrivals.
    ///
    /// Of the capacities that explain the steps as well, up to noise, the smallest of a few counts: one that is too small
    /// costs replicas, one that is too large breaks the promise.
    func best(_ start: ServiceFit) -> ServiceFit {
        guard let best = bestForm(start) else { return start }
        guard peak < ServiceFit.reachMin * best.fit.capacity else { return best.fit }
        for limit in Self.careful {
            var search = self
            search.capacityMost = limit
            let (fit, loss) = search.fit(best.form, start)
            if loss <= best.loss + Double(2 * steps.count) * Self.noise { return fit }
        }
        return best.fit
    }

    /// The form whose error pays for its numbers.
    private func bestForm(_ start: ServiceFit) -> (fit: ServiceFit, form: Form, loss: Double)? {
        let values = Double(2 * steps.count)
        var best: (fit: ServiceFit, form: Form, loss: Double, score: Double)?
        // Fewer measured values than numbers and workers would be met by anything.
        for form in Form.allCases where form == .queue || 2 * steps.count >= form.parameters + 3 {
            let (fit, loss) = fit(form, start)
            let score = values * log(loss / values + Self.noise) + Double(form.parameters + 1) * log(values)
            if score < best?.score ?? .infinity { best = (fit, form, loss, score) }
            // What is left is noise: no richer form can pay for its numbers.
            if loss / values < Self.noise { break }
        }
        return best.map { ($0.fit, $0.form, $0.loss) }
    }

    /// The best fit of one form.
    private func fit(_ form: Form, _ start: ServiceFit) -> (fit: ServiceFit, loss: Double) {
        form == .batched ? batches(start) : search(start, form)
    }

    /// The workers with the least error: among the candidates, then among the numbers around the best.
    private func search(_ start: ServiceFit, _ form: Form) -> (fit: ServiceFit, loss: Double) {
        var best = (fit: start, loss: Double.infinity)
        func attempt(_ count: Int) {
            var fit = start
            fit.workers = count
            let found = simplex(fit, form)
            if found.loss < best.loss { best = found }
        }
        if let workers {
            attempt(workers)
            return best
        }
        for count in form == .queue ? Self.candidates : Self.coarse where isWithin(count, form) { attempt(count) }
        var reach = best.fit.workers / (form == .queue ? 8 : 3)
        while reach > 0 {
            let step = max(1, reach / 4)
            let middle = best.fit.workers
            for count in stride(from: middle - reach, through: middle + reach, by: step)
            where count != middle && (1...1_024).contains(count) && isWithin(count, form) { attempt(count) }
            reach = step > 1 ? step : 0
        }
        return best
    }

    /// Whether so many workers may have the service time that a plain queue shows; the other forms' is bounded itself.
    private func isWithin(_ count: Int, _ form: Form) -> Bool {
        let least = steps.map(\.mean).min() ?? 1
        return form != .queue || count == 1 || Double(count) / least <= capacityMost * peak
    }

    /// The best batches from several first guesses, of capacities from a little to far above the greatest rate.
    private func batches(_ start: ServiceFit) -> (fit: ServiceFit, loss: Double) {
        let least = steps.map(\.mean).min() ?? 1
        var fit = start
        fit.discipline = .batch
        var best = (fit: fit, loss: Double.infinity)
        for count in workers.map({ [$0] }) ?? Self.batchWorkers {
            fit.workers = count
            for load in [0.85, 0.5, 0.2] {
                for setup in [0.3, 2.0] {
                    let first = [log(load * Double(count) / peak), 0.4, log(least) - 0.1, 0.5, log(setup * least)]
                    // A second simplex from where the first has shrunk to.
                    let near = simplex(fit, .batched, from: first).fit
                    let unloaded = near.unloaded ?? .init(mean: least, variation: 0.5)
                    let found = simplex(
                        fit, .batched,
                        from: [
                            log(near.serviceTime), near.serviceVariation, log(unloaded.mean), unloaded.variation,
                            log(unloaded.pause),
                        ])
                    if found.loss < best.loss { best = found }
                }
            }
        }
        return best
    }

    /// Greatest rate of a replica.
    private var peak: Double { steps.map { $0.rate / Double($0.replicas) }.max() ?? 1 }

    /// The other numbers for the workers of `start`.
    private func simplex(_ start: ServiceFit, _ form: Form) -> (fit: ServiceFit, loss: Double) {
        let least = steps.map(\.mean).min() ?? 1
        // A plain queue's service time is at most the least mean; else the capacity is a little above the greatest rate.
        let time = form == .queue ? least : Double(start.workers) / peak
        let point = [log(time) - 0.1, 0.8, log(least) - 0.1, 0.5, log(least)].prefix(form.parameters)
        return simplex(start, form, from: Array(point))
    }

    /// The numbers near `point` with the least error: logarithms of times, and variations.
    private func simplex(_ start: ServiceFit, _ form: Form, from point: [Double]) -> (fit: ServiceFit, loss: Double) {
        func fit(_ point: [Double]) -> ServiceFit {
            var fit = start
            fit.serviceTime = exp(point[0])
            fit.serviceVariation = point[1].magnitude
            guard form != .queue else { return fit }
            fit.serviceTime = max(fit.serviceTime, Double(fit.workers) / (capacityMost * peak))
            fit.unloaded = ServiceProfile.Unloaded(
                mean: exp(point[2]), variation: point[3].magnitude, pause: form == .unloaded ? 0 : exp(point[4]))
            return fit
        }
        let size = [0.2, 0.3, 0.2, 0.3, 0.7].prefix(form.parameters)
        let found = NelderMead.minimum(
            from: point, size: Array(size), evaluations: form == .queue ? 160 : 160 * form.parameters
        ) { fit($0).loss(on: steps) }
        return (fit(found.point), found.value)
    }
}

extension ServiceFit {
    /// Errors of the logarithms are squared up to this one, and count in proportion beyond.
    private static let outlier = 0.3

    /// The fit with another service time and, as the simulator has it, all other times grown with it.
    func timed(_ serviceTime: Double) -> ServiceFit {
        var fit = self
        fit.unloaded = unloaded?.slowed(by: serviceTime / self.serviceTime)
        fit.serviceTime = serviceTime
        return fit
    }

    /// Σ of the errors of means and 95th percentiles (Huber's function); grows fast where the model is overloaded.
    func loss(on steps: [StepMeasurement]) -> Double {
        func huber(_ error: Double) -> Double {
            let size = error.magnitude
            return size <= Self.outlier ? size * size : Self.outlier * (2 * size - Self.outlier)
        }
        var sum = 0.0
        for step in steps {
            let (mean, p95) = predict(rate: step.rate, replicas: step.replicas)
            let load = step.rate * serviceTime / Double(step.replicas * workers)
            sum += huber(log(mean / step.mean)) + huber(log(max(1e-12, p95) / step.p95)) + 100 * max(0, load - 0.985)
        }
        return sum
    }
}
