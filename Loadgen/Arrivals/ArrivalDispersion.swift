/// Variance over mean of the counts of a process in windows of one length, as far as it can be derived.
public enum ArrivalDispersion: Sendable, Equatable {
    /// Counts are Poisson or nearly so: the squares follow a chi-square distribution, and a score is exact.
    case chiSquare(Double)
    /// No count departs from its mean by more than one.
    case within(Double)
    /// A derived value; how far an estimate scatters has to be estimated too.
    case derived(Double)
    /// Not derived, with the reason.
    case unknown(String)

    /// The dispersion of a process over a profile in windows of `seconds`.
    public init(_ process: ArrivalProcess, _ profile: RateProfile, seconds: Double) {
        switch process {
        case .poisson: self = .chiSquare(1)
        case .poissonExact: self = .chiSquare(1 - seconds / profile.seconds)
        case .even: self = .within(1)
        case .renewal(let gaps): self = Self.renewal(gaps, rate: profile.constantRate, seconds)
        case .mmpp(let states):
            guard let rate = profile.constantRate, rate > 0 else {
                self = .unknown("derived for a constant rate only")
                return
            }
            self = .derived(states.dispersion(windowSeconds: seconds, rate: rate))
        case .hawkes(let process):
            guard profile.constantRate != nil else {
                self = .unknown("derived for a constant rate only")
                return
            }
            self = .derived(process.dispersion(windowSeconds: seconds))
        case .replay, .replayCounts: self = .unknown("as recorded")
        case .superposition(let streams): self = Self.superposition(streams, profile, seconds)
        }
    }

    /// Squared variation of the gap: the limit for long windows, approached as one over the gaps in a window.
    private static func renewal(_ gaps: GapDistribution, rate: Double?, _ seconds: Double) -> ArrivalDispersion {
        if gaps.family == .pareto, gaps.shape <= 4 { return .unknown("the gap's fourth moment is infinite") }
        guard let rate else { return .unknown("derived for a constant rate only") }
        let variation = gaps.squaredVariation
        let correlated = 100 * max(1, variation)
        guard rate * seconds >= correlated else { return .unknown("derived for windows of many gaps only") }
        return .derived(variation)
    }

    /// Independent streams: variances add.
    private static func superposition(
        _ streams: [ArrivalStream], _ profile: RateProfile, _ seconds: Double
    ) -> ArrivalDispersion {
        var (mass, variance, isPoisson) = (0.0, 0.0, true)
        for stream in streams {
            let own = stream.profile(in: profile)
            if stream.startSeconds > 0 || own.seconds != profile.seconds {
                guard stream.process == .poisson else { return .unknown("derived for streams of one length only") }
            }
            mass += own.mass
            switch ArrivalDispersion(stream.process, own, seconds: seconds) {
            case .chiSquare(let value):
                variance += value * own.mass
                isPoisson = isPoisson && stream.process == .poisson
            case .derived(let value):
                variance += value * own.mass
                isPoisson = false
            case .within, .unknown: return .unknown("not derived for one of the streams")
            }
        }
        guard mass > 0 else { return .unknown("no arrival is expected") }
        return isPoisson ? .chiSquare(1) : .derived(variance / mass)
    }
}

extension ArrivalProcess {
    /// Variance over mean of the total count, where it is finite and derived.
    func totalDispersion(_ profile: RateProfile) -> Double? {
        switch self {
        case .poisson: return 1
        case .poissonExact, .even: return 0
        case .renewal(let gaps): return gaps.squaredVariation.isFinite ? gaps.squaredVariation : nil
        case .mmpp(let states):
            return states.dispersion(windowSeconds: profile.seconds, rate: profile.mass / profile.seconds)
        case .hawkes(let process): return process.dispersionLimit
        case .replay, .replayCounts: return nil
        case .superposition(let streams):
            var (mass, variance) = (0.0, 0.0)
            for stream in streams {
                let own = stream.profile(in: profile)
                guard let value = stream.process.totalDispersion(own) else { return nil }
                mass += own.mass
                variance += value * own.mass
            }
            return mass > 0 ? variance / mass : nil
        }
    }
}
