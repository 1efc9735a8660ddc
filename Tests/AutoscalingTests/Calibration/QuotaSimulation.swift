import Autoscaling
import Foundation
import TestData

/// A replica under a kernel's quota: in each period of 10 ms it may work for so long, then it stands until the next.
///
/// Requests come as a Poisson process and are served in turn; each takes exponential work on top of 0.3 ms that costs
/// no processor time. It is not the response model: what is fitted to it has to find its own way.
struct QuotaSimulation {
    /// Mean processor seconds of a request.
    let work: Double
    /// Processors the replica may use.
    let share: Double
    private static let period = 0.01
    private static let latency = 0.0003

    init(work: Double, share: Double) {
        self.work = work
        self.share = share
    }

    /// Response times at `rate` requests a second.
    func step(rate: Double, requests: Int, seed: UInt64) -> StepMeasurement {
        var random = SplitMix64(seed: seed)
        func exponential(_ mean: Double) -> Double {
            -mean * log((Double(random.below(1 << 40)) + 0.5) / Double(1 << 40))
        }
        var (arrival, free) = (0.0, 0.0)
        var (current, left) = (0, share * Self.period)
        var responses: [Double] = []
        for _ in 0..<requests {
            arrival += exponential(1 / rate)
            var now = max(arrival, free)
            var need = exponential(work)
            while true {
                let index = Int(now / Self.period)
                if index > current { (current, left) = (index, share * Self.period) }
                let part = min(need, left, Double(current + 1) * Self.period - now)
                now += part
                left -= part
                need -= part
                if need <= 1e-15 { break }
                // The quota or the period is used up: on with the next one.
                (now, current, left) = (Double(current + 1) * Self.period, current + 1, share * Self.period)
            }
            free = now
            responses.append(now + Self.latency - arrival)
        }
        let sorted = responses.dropFirst(requests / 20).sorted()
        return StepMeasurement(
            service: "quota", replicas: 1, rate: rate, mean: sorted.reduce(0, +) / Double(sorted.count),
            p95: sorted[sorted.count * 95 / 100])
    }
}
