internal import Glibc

/// When requests are meant to be sent: a pure, seeded sequence of times, without a clock.
///
/// The schedule is drawn first and sending follows it (`Engine`), so the arrivals can be tested alone and the
/// generator's own delay is a number of the run, not noise in it. The process is open: a slow answer never delays
/// the next arrival.
public struct ArrivalSchedule: Sendable, IteratorProtocol, Sequence {
    /// How the gaps between arrivals are drawn.
    public enum Process: String, Sendable, CaseIterable {
        /// A Poisson process: expected arrivals between two arrivals are exponential with mean 1.
        case poisson
        /// Evenly spaced: exactly one expected arrival between two arrivals.
        case even
    }

    private let process: Process
    private var walk: MassWalk
    private var random: Xoshiro256

    /// The arrivals of `profile`.
    ///
    /// - Parameters:
    ///   - process: Poisson or even.
    ///   - profile: the rate over time.
    ///   - seed: the run's seed; the stream is called `arrivals`.
    public init(_ process: Process, profile: RateProfile, seed: UInt64) {
        self.process = process
        walk = MassWalk(profile)
        random = Xoshiro256(seed: seed, stream: "arrivals")
    }

    /// The next arrival, nanoseconds after the start, ascending; nil after the profile's end.
    public mutating func next() -> UInt64? {
        switch process {
        case .poisson: walk.advance(by: -log(random.unit()))
        case .even: walk.advance(by: 1)
        }
    }
}
