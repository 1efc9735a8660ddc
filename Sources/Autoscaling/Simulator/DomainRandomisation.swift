internal import Learning

/// How far a simulated system may be from the profile its policy was given, for training that lasts.
///
/// Each simulation draws once from each range, services one by one; the profile the policy knows stays as it was.
public struct DomainRandomisation: Sendable, Equatable {
    /// Factor on what a replica serves.
    public var capacity: ClosedRange<Double> = 0.7...1.3
    /// Upper end of the start-up time in seconds; the lower end keeps its ratio.
    public var startup: ClosedRange<Double> = 5...60
    /// Mean metric lag in seconds; the spread keeps its width as far as it stays above 0.
    public var lag: ClosedRange<Double> = 5...30
    /// Factor on visits.
    public var visits: ClosedRange<Double> = 0.8...1.2
    /// Share of start-ups that fail.
    public var failures: ClosedRange<Double> = 0...0.05

    /// The ranges of training: capacity and visits by 30 and 20 %, start-up to 60 s, lag to 30 s, failures to 5 %.
    public init() {}

    var fault: SimulationFault? {
        let faults: [(Bool, String)] = [
            (capacity.lowerBound > 0 && capacity.upperBound <= 100, "factors on capacity are more than 0, at most 100"),
            (startup.lowerBound >= 0 && startup.upperBound <= 3_600, "start-up times are 0...3600 s"),
            (lag.lowerBound >= 0 && lag.upperBound <= 600, "lags are 0...600 s"),
            (visits.lowerBound >= 0 && visits.upperBound <= 100, "factors on visits are 0...100"),
            (failures.lowerBound >= 0 && failures.upperBound < 1, "shares of failures are 0..<1"),
        ]
        return faults.first { !$0.0 }.map { SimulationFault(.option, $0.1) }
    }

    /// Changes a profile and a metric lag by draws of `random`.
    func apply(
        to profile: inout ChainProfile, lag metricLag: inout ClosedRange<Double>, random: inout Xoshiro256StarStar
    ) {
        func draw(_ range: ClosedRange<Double>) -> Double {
            range.lowerBound + (range.upperBound - range.lowerBound) * random.uniform()
        }
        for index in profile.services.indices {
            profile.services[index].serviceTime /= draw(capacity)
            let range = profile.services[index].startup.range
            let upper = draw(startup)
            let ratio = range.upperBound > 0 ? range.lowerBound / range.upperBound : 0
            profile.services[index].startup.range = upper * ratio...upper
            profile.services[index].startup.failureShare = draw(failures)
            let factor = draw(visits)
            for visit in profile.services[index].visits.indices {
                profile.services[index].visits[visit] *= factor
            }
        }
        let half = 0.5 * (metricLag.upperBound - metricLag.lowerBound)
        let centre = draw(lag)
        metricLag = max(0, centre - half)...centre + half
    }
}
