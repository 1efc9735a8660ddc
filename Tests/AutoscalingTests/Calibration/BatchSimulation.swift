import Autoscaling
import Foundation
import TestData

/// Replicas that each take all that waits at once, simulated batch by batch; requests go to them at random.
///
/// A batch of n takes `setup` + n · `work` seconds and all of it is answered at its end.
struct BatchSimulation {
    /// Seconds of a batch beside its requests.
    let setup: Double
    /// Seconds of a request.
    let work: Double

    /// Response times at `rate` requests a second in sum.
    func step(rate: Double, replicas: Int = 1, requests: Int, seed: UInt64) -> StepMeasurement {
        var random = SplitMix64(seed: seed)
        var responses: [Double] = []
        for _ in 0..<replicas {
            var arrivals: [Double] = []
            var time = 0.0
            for _ in 0..<requests {
                time -= log((Double(random.below(1 << 40)) + 0.5) / Double(1 << 40)) * Double(replicas) / rate
                arrivals.append(time)
            }
            var (now, first) = (0.0, 0)
            while first < arrivals.count {
                now = max(now, arrivals[first])
                var last = first
                while last < arrivals.count, arrivals[last] <= now { last += 1 }
                now += setup + Double(last - first) * work
                if first > requests / 20 { responses += arrivals[first..<last].map { now - $0 } }
                first = last
            }
        }
        responses.sort()
        return StepMeasurement(
            service: "batch", replicas: replicas, rate: rate, mean: responses.reduce(0, +) / Double(responses.count),
            p95: responses[responses.count * 95 / 100])
    }
}
