internal import Glibc

/// A replica that takes all its waiting requests at once: what a reader of a stream or a loop over ready sockets does.
///
/// A batch of n takes `setup` + n · `work` seconds, and those that come meanwhile are the next one. With ρ = λ · work and
/// Poisson arrivals the mean batch is B = (setup + work · P) / (1 - ρ), P = exp(-λB) being the share of batches in which
/// nobody came, after which the replica idles for 1/λ. An arrival finds it busy with probability λB / (λB + P). It then
/// sees a batch longer than the mean one (length-biased, B* with mean B (1 + c²)), waits for the rest of it, and is
/// served with all that came in it: U · B* + ρB* beside the response time without a queue, U uniform. The variance of
/// batches is (s² B² + work · ρ · B) / (1 - ρ²), of their own times (coefficient of variation s) and of the arrivals.
/// As B* a gamma distribution is taken, so E[B³] = B³ (1 + c²) (1 + 2c²).
struct BatchQueue {
    /// Share of requests that find the replica busy.
    let busyShare: Double
    /// Mean of what those wait beside the response time without a queue, in seconds.
    let meanWait: Double
    /// Variance of the same.
    let variance: Double

    /// The queue of one replica at `rate` requests a second, `rate * work` being below 1; `square` is s².
    init(rate: Double, work: Double, setup: Double, square: Double) {
        let rho = rate * work
        guard rate > 0 else {
            (busyShare, meanWait, variance) = (0, 0, 0)
            return
        }
        // x = λB solves x = (λ setup + ρ exp(-x)) / (1 - ρ): increasing and concave, so Newton's method rises to it.
        let floor = rate * setup / (1 - rho)
        let gain = rho / (1 - rho)
        var arrivals = floor
        for _ in 0..<12 {
            let none = gain * exp(-arrivals)
            let step = (floor + none - arrivals) / (1 + none)
            arrivals += step
            if step < 1e-9 * arrivals { break }
        }
        let idle = exp(-arrivals)
        let batch = arrivals / rate
        let spread = (square + work * rho / batch) / (1 - rho * rho)
        busyShare = arrivals / (arrivals + idle)
        let seen = batch * (1 + spread)
        meanWait = (0.5 + rho) * seen
        let ofSeen = (1 / 3.0 + rho + rho * rho) * seen * batch * (1 + 2 * spread) - meanWait * meanWait
        variance = ofSeen + square * rho * rho * seen * seen
    }
}
