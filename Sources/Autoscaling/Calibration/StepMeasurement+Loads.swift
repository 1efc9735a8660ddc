internal import Glibc

extension StepMeasurement {
    /// Rates at the same replicas that differ by less than this share are repeats of one load.
    public static let sameLoad = 0.08

    /// The loads among steps of one service, by replicas and rate: each one step for all its repeats, and how many they
    /// are.
    ///
    /// Its times are the means of the repeats' logarithms, which the fit compares too, without a tenth of the repeats at
    /// either end, at least one where there are three: a stall of the machine in one of three tells nothing of the load,
    /// and of many repeats more than the middle one counts.
    static func loads(_ steps: [StepMeasurement]) -> [(step: StepMeasurement, repeats: Int)] {
        var loads: [[StepMeasurement]] = []
        for step in steps.sorted(by: { ($0.replicas, $0.rate) < ($1.replicas, $1.rate) }) {
            if let first = loads.last?.first, first.replicas == step.replicas,
                step.rate <= first.rate * (1 + sameLoad)
            {
                loads[loads.count - 1].append(step)
            } else {
                loads.append([step])
            }
        }
        return loads.map { (trimmed($0), $0.count) }
    }

    /// One step for several of a load; a percentile that some do not know is unknown.
    private static func trimmed(_ steps: [StepMeasurement]) -> StepMeasurement {
        func kept(_ values: [Double]) -> ArraySlice<Double> {
            let left = values.count < 3 ? 0 : max(1, values.count / 10)
            return values.sorted()[left..<values.count - left]
        }
        func arithmetic(_ values: [Double]) -> Double { kept(values).reduce(0, +) / Double(kept(values).count) }
        func middle(_ values: [Double]) -> Double {
            exp(kept(values).reduce(0) { $0 + log($1) } / Double(kept(values).count))
        }
        func middle(_ values: [Double?]) -> Double? {
            let known = values.compactMap { $0 }
            return known.count == values.count ? middle(known) : nil
        }
        var step = steps[0]
        step.rate = arithmetic(steps.map(\.rate))
        step.mean = middle(steps.map(\.mean))
        step.p50 = middle(steps.map(\.p50))
        step.p95 = middle(steps.map(\.p95))
        step.p99 = middle(steps.map(\.p99))
        step.answered = arithmetic(steps.map(\.answered))
        return step
    }
}
