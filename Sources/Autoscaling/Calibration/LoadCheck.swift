/// What a fit expects of a load it has not seen, beside what was measured there.
public struct LoadCheck: Sendable, Equatable {
    /// The load, with the medians of its repeats.
    public var measured: StepMeasurement
    /// Steps that were the same load.
    public var repeats: Int
    /// What the fit expects.
    public var predicted: GammaFit
    /// Whether the rate of a replica is above every rate that was fitted, so that nothing measured bears the prediction.
    public var isExtrapolated: Bool

    /// Predicted over measured 95th percentile, less 1.
    public var p95Deviation: Double { predicted.p95 / measured.p95 - 1 }

    /// Rates of the same service and replicas that differ by less than this share are repeats of one load.
    public static let sameLoad = 0.08
}

extension ChainCalibration {
    /// Compares the fits with steps they have not seen, by service, replicas and rate; steps over the knee are left out.
    ///
    /// - Throws: where a step is of a service without a fit, unusable, or all steps of a service are over the knee.
    public func check(_ steps: [StepMeasurement]) throws(SimulationFault) -> [LoadCheck] {
        for step in steps {
            if let fault = step.fault { throw SimulationFault(.measurement, "service '\(step.service)': \(fault)") }
            guard fits.contains(where: { $0.service == step.service }) else {
                throw SimulationFault(
                    .measurement, "service '\(step.service)' was not calibrated and cannot be checked")
            }
        }
        var checks: [LoadCheck] = []
        for fit in fits {
            let own = steps.filter { $0.service == fit.service }
            let used = ServiceFit.belowKnee(own)
            guard own.isEmpty || !used.isEmpty else {
                throw SimulationFault(.measurement, "no step of service '\(fit.service)' to check is below the knee")
            }
            for load in Self.loads(used) {
                let measured = Self.median(load)
                checks.append(
                    LoadCheck(
                        measured: measured, repeats: load.count,
                        predicted: fit.response(rate: measured.rate, replicas: measured.replicas),
                        isExtrapolated: measured.rate / Double(measured.replicas) > fit.kneeRate))
            }
        }
        return checks
    }

    /// Steps of one service in groups of the same load, by replicas and rate.
    private static func loads(_ steps: [StepMeasurement]) -> [[StepMeasurement]] {
        var loads: [[StepMeasurement]] = []
        for step in steps.sorted(by: { ($0.replicas, $0.rate) < ($1.replicas, $1.rate) }) {
            if let first = loads.last?.first, first.replicas == step.replicas,
                step.rate <= first.rate * (1 + LoadCheck.sameLoad)
            {
                loads[loads.count - 1].append(step)
            } else {
                loads.append([step])
            }
        }
        return loads
    }

    /// One step with the medians of several; a percentile that some do not know is unknown.
    private static func median(_ steps: [StepMeasurement]) -> StepMeasurement {
        func middle(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            let half = sorted.count / 2
            return sorted.count % 2 == 1 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half])
        }
        func middle(_ values: [Double?]) -> Double? {
            let known = values.compactMap { $0 }
            return known.count == values.count ? middle(known) : nil
        }
        var step = steps[0]
        step.rate = middle(steps.map(\.rate))
        step.mean = middle(steps.map(\.mean))
        step.p50 = middle(steps.map(\.p50))
        step.p95 = middle(steps.map(\.p95))
        step.p99 = middle(steps.map(\.p99))
        step.answered = middle(steps.map(\.answered))
        return step
    }
}
