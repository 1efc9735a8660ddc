/// A Hawkes process with an exponential kernel: every arrival raises the rate by branching x decay, and the rise dies
/// away at `decay` a second, so that an arrival triggers `branching` others on average.
///
/// The base rate is `(1 - branching)` times the profile's. The excitation begins at its mean under the profile's first
/// rate, so a constant profile has its own mean from the start; after a change of rate the mean follows within
/// 1 / (decay (1 - branching)) seconds.
public struct SelfExcitation: Sendable, Equatable {
    /// Mean number of arrivals that one arrival triggers directly, 0...0.99.
    public let branching: Double
    /// How fast an excitation dies away, per second.
    public let decay: Double

    /// Parameters of a Hawkes process.
    public init(branching: Double, decay: Double) throws(ArrivalError) {
        try require(
            branching >= 0 && branching <= 0.99,
            "hawkes: the branching ratio must be 0 to 0.99; from 1 on the arrivals explode")
        try require(decay >= 1e-6 && decay <= 1e9, "hawkes: the decay must be 0.000001 to 1e9 a second")
        self.branching = branching
        self.decay = decay
    }

    /// Rate added by an arrival.
    var jump: Double { branching * decay }

    /// Variance over mean of the counts in windows of `seconds` of the stationary process (Hawkes 1971): with
    /// g = decay (1 - branching), `L - (L - 1) (1 - e^(-g w)) / (g w)`, L = 1 / (1 - branching)^2.
    func dispersion(windowSeconds: Double) -> Double {
        let limit = dispersionLimit
        let x = decay * (1 - branching) * windowSeconds
        return limit + (limit - 1) * Elementary.expm1(-x) / x
    }

    var dispersionLimit: Double { 1 / ((1 - branching) * (1 - branching)) }

    /// Expected arrivals of a profile: base and mean excitation y, which follows y' = jump x base - g y with
    /// g = decay (1 - branching). Integrated over the profile: total = base mass + integral of y, and
    /// g x integral = jump x base mass - (y(end) - y(0)).
    func expected(_ profile: RateProfile) -> Double {
        let base = 1 - branching
        let g = decay * base
        let first = branching * (profile.segments.first?.start ?? 0)
        var y = first
        for segment in profile.segments {
            let steps = segment.wave == nil ? 1 : 2_000
            let step = segment.seconds / Double(steps)
            for index in 0..<steps {
                let from = base * segment.rate(at: Double(index) * step)
                let slope = (base * segment.rate(at: Double(index + 1) * step) - from) / step
                // Under a base rate a + b t: jump / g (a + b t - b / g), and what y differs from it by dies away.
                let start = jump / g * (from - slope / g)
                let end = jump / g * (from + slope * step - slope / g)
                y = end + (y - start) * Elementary.exp(-g * step)
            }
        }
        return base * profile.mass + (jump * base * profile.mass - (y - first)) / g
    }
}

/// Exact simulation after Dassios and Zhao (2013), with the base as an independent Poisson process of its own.
///
/// The next arrival is the earlier of the base's next one, found through the inverse of its mass, and the
/// excitation's: an exponential draw E falls at -ln(1 - E decay / excitation) / decay, or never where that has no
/// value. After a base arrival the excitation's is drawn anew, which changes nothing for an exponential.
struct ExcitedWalk: Sendable {
    private let decay: Double
    private let jump: Double
    private var base: MassWalk
    private var baseTime: Double
    private var excitation: Double
    private var time = 0.0

    init(_ process: SelfExcitation, _ profile: RateProfile, using random: inout Xoshiro256) {
        decay = process.decay
        jump = process.jump
        base = MassWalk(profile, factor: 1 - process.branching)
        excitation = process.branching * (profile.segments.first?.start ?? 0)
        baseTime = base.advance(by: -Elementary.log(random.unit()))
    }

    /// Seconds of the next arrival; infinity from `endSeconds` on.
    mutating func advance(endSeconds: Double, using random: inout Xoshiro256) -> Double {
        let remaining = excitation > 0 ? 1 + decay / excitation * Elementary.log(random.unit()) : 0
        if remaining > 0 {
            let offspring = time - Elementary.log(remaining) / decay
            if offspring < baseTime {
                time = offspring
                excitation = excitation * remaining + jump
                return time < endSeconds ? time : .infinity
            }
        }
        guard baseTime < .infinity else { return .infinity }
        excitation = excitation * Elementary.exp(-decay * (baseTime - time)) + jump
        time = baseTime
        baseTime = base.advance(by: -Elementary.log(random.unit()))
        return time
    }
}
