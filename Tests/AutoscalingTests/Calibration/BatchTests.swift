import Autoscaling
import Testing

@Suite struct BatchTests {
    @Test(
        "Batches as the model has them are those simulated one by one: mean within 8 %, p95 within 12 %",
        arguments: [(0.005, 0.001), (0.001, 0.001)])
    func model(setup: Double, work: Double) {
        var profile = ServiceProfile(
            name: "batch", bounds: 1...4, serviceTime: work, serviceVariation: 0, latencyBudget: 1)
        profile.discipline = .batch
        // A request that waits for nothing is a batch of its own.
        profile.unloaded = .init(mean: setup + work, variation: 0, pause: setup)
        for (index, load) in [0.1, 0.3, 0.5, 0.7, 0.85].enumerated() {
            for replicas in [1, 3] {
                let rate = load * Double(replicas) / work
                let model = ServiceFit(profile).predict(rate: rate, replicas: replicas)
                let step = BatchSimulation(setup: setup, work: work).step(
                    rate: rate, replicas: replicas, requests: 40_000, seed: UInt64(index + 1))
                #expect(abs(model.mean / step.mean - 1) < 0.08, "\(load) x \(replicas): \(model) \(step)")
                #expect(abs(model.p95 / step.p95 - 1) < 0.12, "\(load) x \(replicas): \(model) \(step)")
            }
        }
    }

    @Test("Steps of batches are fitted as batches; p95 at other loads and replicas is within 15 %") func fit() throws {
        let truth = BatchSimulation(setup: 0.004, work: 0.0002)
        func measure(_ loads: [Double], _ replicas: Int, _ seed: UInt64) -> [StepMeasurement] {
            loads.enumerated().map { index, load in
                truth.step(
                    rate: load * Double(replicas) / truth.work, replicas: replicas, requests: 40_000,
                    seed: seed + UInt64(index))
            }
        }
        var evidence = ChainCalibration.Evidence()
        evidence.steps = measure([0.02, 0.05, 0.15, 0.3, 0.5, 0.7], 1, 1) + measure([0.1, 0.4], 2, 20)
        let calibration = try ChainCalibration(evidence)
        #expect(calibration.fits[0].discipline == .batch && calibration.profile.services[0].discipline == .batch)
        let checks = try calibration.check(measure([0.1, 0.4, 0.6], 1, 40) + measure([0.2, 0.5], 3, 60))
        #expect(checks.count == 5)
        for check in checks { #expect(abs(check.p95Deviation) < 0.15 && !check.isExtrapolated, "\(check)") }
        let beyond = try calibration.check(measure([0.8], 1, 80))
        #expect(beyond.count == 1 && beyond[0].isExtrapolated, "0.8 was not fitted")
    }

    @Test("Of capacities that loads far below cannot tell apart the smallest counts, and it is said to be a guess")
    func unseen() throws {
        // A replica that could do 5,000 a second, measured up to 750.
        let truth = BatchSimulation(setup: 0.004, work: 0.0002)
        func measure(_ loads: [Double], _ seed: UInt64) -> [StepMeasurement] {
            loads.enumerated().map { index, load in
                truth.step(rate: load / truth.work, replicas: 1, requests: 40_000, seed: seed + UInt64(index))
            }
        }
        let steps = measure([0.01, 0.02, 0.04, 0.07, 0.1, 0.15], 1)
        let exact = try ServiceFit(steps)
        #expect(exact.capacity <= 4.01 * exact.kneeRate, "no more than four times what was measured: \(exact)")
        // As a machine that others share measures them.
        let factors = [1.08, 0.94, 1.05, 0.93, 1.06, 0.95]
        let fit = try ServiceFit(
            zip(steps, factors).map { step, factor in
                var step = step
                step.mean *= factor
                step.p95 *= factor
                return step
            })
        #expect(fit.capacity >= fit.kneeRate && fit.capacity <= 2.81 * fit.kneeRate, "\(fit)")
        for step in measure([0.03, 0.12], 40) {
            #expect(abs(fit.predict(rate: step.rate, replicas: 1).p95 / step.p95 - 1) < 0.15, "\(step), \(fit)")
        }
        let seen = try ServiceFit(measure([0.02, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9], 60))
        #expect(seen.reach > ServiceFit.reachMin && abs(seen.capacity * truth.work - 1) < 0.15, "\(seen)")
    }
}
