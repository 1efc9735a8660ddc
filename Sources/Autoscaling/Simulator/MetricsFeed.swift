internal import Learning

/// Metrics on their way from where they are measured to who reads them: sampled, noisy, late, sometimes lost.
struct MetricsFeed: Sendable {
    /// What one sample says; nil where it was lost.
    struct Numbers: Sendable {
        var rate = 0.0
        var utilisation = 0.0
        var queue = 0.0
        var p95 = 0.0
        var errorRatio = 0.0
        /// Requests that the sample counted.
        var counted = Double.infinity
    }

    /// A sample on its way.
    private struct Sample: Sendable {
        var takenAt: Double
        var readableAt: Double
        var numbers: Numbers?
    }

    /// The newest sample that can be read; nil numbers where it was lost.
    private(set) var numbers: Numbers?
    /// When the numbers were taken; minus infinity where there never were any.
    private(set) var takenAt = -Double.infinity
    /// When the newest sample was taken, lost or not.
    private(set) var newestTakenAt = -Double.infinity
    private var underway: [Sample] = []
    private let lag: ClosedRange<Double>
    private let loss: Double
    private let noise: Double

    init(lag: ClosedRange<Double>, loss: Double, noise: Double) {
        self.lag = lag
        self.loss = loss
        self.noise = noise
        underway.reserveCapacity(8)
    }

    /// A sample was taken at `now`.
    mutating func send(_ numbers: Numbers, at now: Double, random: inout Xoshiro256StarStar) {
        let isLost = random.uniform() < loss
        let delay = lag.lowerBound + (lag.upperBound - lag.lowerBound) * random.uniform()
        var noisy = numbers
        // What is counted has the noise of counting, and no sample counts fewer than one.
        noisy.rate *= factor(&random, counting: 1 / max(1, numbers.counted))
        noisy.utilisation = min(1, noisy.utilisation * factor(&random))
        noisy.queue *= factor(&random)
        noisy.p95 *= factor(&random)
        underway.append(Sample(takenAt: now, readableAt: now + delay, numbers: isLost ? nil : noisy))
    }

    private func factor(_ random: inout Xoshiro256StarStar, counting variance: Double = 0) -> Double {
        let normal = random.normal()
        // Exact metrics are exact.
        return noise > 0 ? max(0, 1 + (noise * noise + variance).squareRoot() * normal) : 1
    }

    /// Reads what has come by `now`: one entry for each sample newer than those before, oldest first, nil where it was
    /// lost. A sample that a newer one has overtaken is left out.
    mutating func receive(at now: Double) -> [Numbers?] {
        var received: [Numbers?] = []
        var index = 0
        while index < underway.count {
            guard underway[index].readableAt <= now else {
                index += 1
                continue
            }
            let sample = underway.remove(at: index)
            guard sample.takenAt > newestTakenAt else { continue }
            newestTakenAt = sample.takenAt
            numbers = sample.numbers
            if sample.numbers != nil { takenAt = sample.takenAt }
            received.append(sample.numbers)
        }
        return received
    }
}
