/// How arrivals come about; with a rate profile and a seed it is an `ArrivalSchedule`.
///
/// The profile says how many arrivals are expected when; the process says how they scatter around it. Every process
/// but the replays has the profile's rate as its mean.
///
/// | process | scatter | variance over mean of counts in long windows |
/// |---|---|---|
/// | `poisson` | independent arrivals | 1 |
/// | `poissonExact` | independent arrivals, their number given | 1 - window / length |
/// | `even` | one expected arrival apart | 0 |
/// | `renewal` | independent gaps of another distribution | squared variation of the gap |
/// | `mmpp` | Poisson, the rate switched by a Markov chain | grows with the dwell times |
/// | `hawkes` | arrivals trigger arrivals | 1 / (1 - branching)^2 |
/// | `replay`, `replayCounts` | as recorded | as recorded |
/// | `superposition` | streams of any kind merged | of the streams, weighted by rate |
public enum ArrivalProcess: Sendable, Equatable {
    /// Gaps in expected arrivals are exponential with mean 1.
    case poisson
    /// A Poisson process given its number of arrivals: `count`, or the profile's expectation rounded.
    case poissonExact(count: Int?)
    /// Exactly one expected arrival between two arrivals.
    case even
    /// Gaps in expected arrivals are independent draws of a distribution of mean 1.
    case renewal(GapDistribution)
    /// Poisson with a rate that a Markov chain switches.
    case mmpp(MarkovStates)
    /// Self-exciting.
    case hawkes(SelfExcitation)
    /// Recorded times; of the profile only the length counts.
    case replay(TimeRecording)
    /// Recorded counts; of the profile only the length counts.
    case replayCounts(CountRecording)
    /// Streams merged by time.
    case superposition([ArrivalStream])

    /// The name that options and scenarios use; a renewal process has its distribution's.
    public var name: String {
        switch self {
        case .poisson: "poisson"
        case .poissonExact: "poisson-exact"
        case .even: "even"
        case .renewal(let gaps): gaps.family.rawValue
        case .mmpp: "mmpp"
        case .hawkes: "hawkes"
        case .replay: "replay"
        case .replayCounts: "replay-counts"
        case .superposition: "superposition"
        }
    }

    /// Its parameters in the order they are declared, for reports.
    public var parameters: [(name: String, value: Double)] {
        switch self {
        case .poisson, .even: []
        case .poissonExact(let count): count.map { [("count", Double($0))] } ?? []
        case .renewal(let gaps): [("shape", gaps.shape)]
        case .mmpp(let states):
            zip(states.rates, states.dwellSeconds).enumerated().flatMap { index, state in
                [("rate_\(index + 1)", state.0), ("dwell_seconds_\(index + 1)", state.1)]
            }
        case .hawkes(let excitation): [("branching", excitation.branching), ("decay", excitation.decay)]
        case .replay(let recording):
            [
                ("times", Double(recording.times.count)), ("speed", recording.speed),
                ("repeats", recording.repeats ? 1 : 0), ("jitter_seconds", recording.jitterSeconds),
            ]
        case .replayCounts(let recording):
            [
                ("buckets", Double(recording.counts.count)), ("bucket_seconds", recording.bucketSeconds),
                ("speed", recording.speed), ("repeats", recording.repeats ? 1 : 0),
            ]
        case .superposition(let streams): [("streams", Double(streams.count))]
        }
    }

    /// Throws what makes the process impossible or useless over a profile.
    public func check(_ profile: RateProfile) throws(ArrivalError) {
        try require(profile.seconds <= 1e9, "a schedule lasts at most 1e9 s")
        try require(profile.peak <= 1e9, "a rate is at most 1e9 a second")
        switch self {
        case .replay, .replayCounts: return
        case .poissonExact(let count?):
            try require(count >= 0 && count <= 1 << 53, "poisson-exact: the count must be 0 to 2^53")
            try require(
                count == 0 || profile.mass > 0, "poisson-exact: \(count) arrivals need a rate above 0 somewhere")
        case .superposition(let streams):
            try require(!streams.isEmpty, "superposition: no stream is given")
            try require(streams.count <= 65_536, "superposition: at most 65,536 streams")
            for stream in streams { try stream.process.check(stream.profile(in: profile)) }
        default: break
        }
    }

    /// Expected arrivals over a profile, given nothing of the past.
    public func expected(over profile: RateProfile) -> Double {
        switch self {
        case .poisson, .renewal, .mmpp: profile.mass
        case .poissonExact(let count): Double(count ?? Int(profile.mass.rounded()))
        case .even: profile.mass.rounded(.down)
        case .hawkes(let excitation): excitation.expected(profile)
        case .replay(let recording): Double(recording.count(within: profile.seconds))
        case .replayCounts(let recording): recording.expected(within: profile.seconds)
        case .superposition(let streams):
            streams.reduce(0) { $0 + $1.process.expected(over: $1.profile(in: profile)) }
        }
    }
}

/// One stream of a superposition.
public struct ArrivalStream: Sendable, Equatable {
    /// Its process.
    public let process: ArrivalProcess
    /// Its rates; nil takes `share` of those of the schedule.
    public let ownProfile: RateProfile?
    /// What it takes of the schedule's rates where it has none of its own.
    public let share: Double
    /// When it starts, in seconds of the schedule.
    public let startSeconds: Double

    /// A stream with a share of the schedule's rates, from its start on.
    public init(_ process: ArrivalProcess, share: Double) throws(ArrivalError) {
        try require(share >= 0 && share <= 1e9, "superposition: a share is 0 or more")
        self.process = process
        self.share = share
        ownProfile = nil
        startSeconds = 0
    }

    /// A stream with rates of its own; what reaches beyond the schedule's end is left out.
    public init(_ process: ArrivalProcess, profile: RateProfile, startSeconds: Double = 0) throws(ArrivalError) {
        try require(startSeconds >= 0 && startSeconds <= 1e9, "superposition: a start is 0 to 1e9 s")
        self.process = process
        ownProfile = profile
        share = 1
        self.startSeconds = startSeconds
    }

    /// Its rates within a schedule of `whole`.
    func profile(in whole: RateProfile) -> RateProfile { ownProfile ?? whole.scaled(by: share) }
}
