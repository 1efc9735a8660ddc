extension StepMeasurement {
    /// Rates at the same replicas that differ by less than this share are repeats of one load.
    public static let sameLoad = 0.08

    /// The loads among steps of one service, by replicas and rate: each the medians of its repeats, and how many they are.
    ///
    /// A stall of the machine in one of three repeats then tells nothing of the load.
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
        return loads.map { (median($0), $0.count) }
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
