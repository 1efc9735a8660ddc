/// When requests are meant to be sent: a pure, seeded sequence of times, without a clock.
///
/// The schedule is drawn first and sending follows it (`Engine`), so the arrivals can be tested alone and the
/// generator's own delay is a number of the run, not noise in it. The process is open: a slow answer never delays
/// the next arrival. Memory is constant but for replays; an arrival takes no allocation. Times are summed in floating
/// point and rounded once to whole nanoseconds; with `Elementary` they are the same on every machine.
public struct ArrivalSchedule: Sendable, IteratorProtocol, Sequence {
    /// The processes without parameters.
    public enum Process: String, Sendable, CaseIterable {
        /// A Poisson process: expected arrivals between two arrivals are exponential with mean 1.
        case poisson
        /// Evenly spaced: exactly one expected arrival between two arrivals.
        case even

        /// The process it names.
        public var process: ArrivalProcess {
            switch self {
            case .poisson: .poisson
            case .even: .even
            }
        }
    }

    /// Which of a schedule's arrivals a worker takes: every `count`th, from `index` on.
    ///
    /// Every worker draws the whole schedule, so the union over all workers is the same for any number of them.
    public struct Stripe: Sendable, Equatable {
        /// All arrivals.
        public static let whole = Stripe(index: 0, count: 1)

        let index: Int
        let count: Int

        /// Worker `index` of `count`, from 0.
        public init(worker index: Int, of count: Int) throws(ArrivalError) {
            try require(count >= 1 && count <= 1 << 20, "workers: 1 to 2^20; \(count) are asked for")
            try require((0..<count).contains(index), "worker \(index): workers are numbered 0 to \(count - 1)")
            self.init(index: index, count: count)
        }

        private init(index: Int, count: Int) {
            self.index = index
            self.count = count
        }
    }

    private enum Kind { case poisson, even, exact, renewal, modulated, excited, times, counts, merged }

    private let kind: Kind
    private let endSeconds: Double
    private let endNanoseconds: Double
    private let stripe: Stripe
    private var wait: Int
    private var walk: MassWalk
    private var random: Xoshiro256
    private var gaps: GapDistribution?
    private var order = OrderStatistics(count: 0)
    private var modulated: ModulatedWalk?
    private var excited: ExcitedWalk?
    private var times: TimeReplay?
    private var counts: CountReplay?
    private var merged: MergedSchedule?

    /// The arrivals of `profile` under a process without parameters.
    public init(_ process: Process, profile: RateProfile, seed: UInt64) {
        self.init(process.process, profile: profile, seed: seed, stripe: .whole, stream: "arrivals")
    }

    /// The arrivals of a process over `profile`.
    ///
    /// - Parameters:
    ///   - process: how they scatter; `ArrivalProcess.check` says whether it suits the profile.
    ///   - profile: the rate over time; no arrival is later than its end.
    ///   - seed: the run's seed.
    ///   - stripe: the part of one of several workers.
    ///   - stream: name of the random stream; schedules of one run take different names.
    public init(
        _ process: ArrivalProcess, profile: RateProfile, seed: UInt64, stripe: Stripe = .whole,
        stream: String = "arrivals"
    ) {
        endSeconds = profile.seconds
        endNanoseconds = profile.seconds * 1e9
        self.stripe = stripe
        wait = stripe.index
        walk = MassWalk(profile)
        random = Xoshiro256(seed: seed, stream: stream)
        switch process {
        case .poisson: kind = .poisson
        case .even: kind = .even
        case .poissonExact(let count):
            kind = .exact
            order = OrderStatistics(count: count ?? Int(profile.mass.rounded()))
        case .renewal(let distribution):
            kind = .renewal
            gaps = distribution
        case .mmpp(let states):
            kind = .modulated
            modulated = ModulatedWalk(MarkovPath(states, seed: seed, stream: stream), profile)
        case .hawkes(let excitation):
            kind = .excited
            excited = ExcitedWalk(excitation, profile, using: &random)
        case .replay(let recording):
            kind = .times
            times = TimeReplay(recording, random)
        case .replayCounts(let recording):
            kind = .counts
            counts = CountReplay(recording, random)
        case .superposition(let streams):
            kind = .merged
            merged = MergedSchedule(streams, profile: profile, seed: seed, stream: stream)
        }
    }

    /// The next arrival, nanoseconds after the start, ascending; nil after the profile's end.
    public mutating func next() -> UInt64? {
        while wait > 0 {
            guard following() != nil else { return nil }
            wait -= 1
        }
        wait = stripe.count - 1
        return following()
    }

    private mutating func following() -> UInt64? {
        switch kind {
        case .poisson: return Nanoseconds.rounded(walk.advance(by: -Elementary.log(random.unit())))
        case .even: return Nanoseconds.rounded(walk.advance(by: 1))
        case .exact:
            guard order.remaining > 0 else { return nil }
            let mass = Swift.min(walk.mass * order.next(using: &random), walk.mass * (1 - 0x1p-50))
            return Nanoseconds.rounded(walk.advance(to: mass))
        case .renewal:
            guard let gap = gaps?.next(using: &random) else { return nil }
            return Nanoseconds.rounded(walk.advance(by: gap))
        case .modulated:
            let draw = -Elementary.log(random.unit())
            let mass = modulated?.advance(by: draw, massMax: walk.mass, endSeconds: endSeconds)
            return Nanoseconds.rounded(walk.advance(to: mass ?? .infinity))
        case .excited:
            return Nanoseconds.rounded(excited?.advance(endSeconds: endSeconds, using: &random) ?? .infinity)
        case .times: return times?.next().flatMap { Double($0) < endNanoseconds ? $0 : nil }
        case .counts:
            return counts?.next(endNanoseconds: endNanoseconds).flatMap { Double($0) < endNanoseconds ? $0 : nil }
        case .merged: return merged?.next().flatMap { Double($0.time) <= endNanoseconds ? $0.time : nil }
        }
    }
}
