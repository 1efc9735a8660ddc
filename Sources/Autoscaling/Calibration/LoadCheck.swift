/// What a fit expects of a load it has not seen, beside what was measured there.
public struct LoadCheck: Sendable, Equatable {
    /// The load, with the trimmed means of its repeats.
    public var measured: StepMeasurement
    /// Steps that were the same load.
    public var repeats: Int
    /// What the fit expects.
    public var predicted: GammaFit
    /// Whether the rate of a replica is above every rate that was fitted, so that nothing measured bears the prediction.
    public var isExtrapolated: Bool

    /// Predicted over measured 95th percentile, less 1.
    public var p95Deviation: Double { predicted.p95 / measured.p95 - 1 }
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
            for (measured, repeats) in StepMeasurement.loads(used) {
                checks.append(
                    LoadCheck(
                        measured: measured, repeats: repeats,
                        predicted: fit.response(rate: measured.rate, replicas: measured.replicas),
                        isExtrapolated: measured.rate / Double(measured.replicas) > fit.kneeRate))
            }
        }
        return checks
    }
}
