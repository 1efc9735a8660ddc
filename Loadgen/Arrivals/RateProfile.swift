internal import Glibc

/// A rate over time, made of segments in which it is constant or changes linearly.
///
/// Its integral, the expected number of arrivals up to a time, is what both arrival processes invert.
public struct RateProfile: Sendable, Equatable {
    /// One stretch of time; the rate goes from `start` to `end` on a straight line.
    public struct Segment: Sendable, Equatable {
        /// Arrivals a second at its beginning.
        public var start: Double
        /// Arrivals a second at its end.
        public var end: Double
        /// Its length in seconds.
        public var seconds: Double

        /// A segment; rates are not negative, the length is positive, all finite.
        public init(from start: Double, to end: Double, seconds: Double) {
            precondition(start >= 0 && end >= 0 && start.isFinite && end.isFinite, "rates are not negative")
            precondition(seconds > 0 && seconds.isFinite, "a segment takes time")
            self.start = start
            self.end = end
            self.seconds = seconds
        }

        /// Expected arrivals within it.
        public var mass: Double { (start + end) / 2 * seconds }

        /// The time at which `mass` arrivals are expected, from its beginning.
        ///
        /// Inverse of `start * t + k * t^2 / 2` with k the slope: `2m / (start + sqrt(start^2 + 2km))`, which also
        /// holds for k = 0 and loses no digits where k is small.
        func time(ofMass mass: Double) -> Double {
            let slope = (end - start) / seconds
            let root = max(0, start * start + 2 * slope * mass).squareRoot()
            let divisor = start + root
            return divisor > 0 ? min(2 * mass / divisor, seconds) : 0
        }
    }

    /// The segments, in order.
    public var segments: [Segment]

    /// A profile of one or more segments.
    public init(_ segments: [Segment]) {
        precondition(!segments.isEmpty, "a profile has a segment")
        self.segments = segments
    }

    /// One constant rate.
    public static func constant(_ rate: Double, seconds: Double) -> RateProfile {
        RateProfile([Segment(from: rate, to: rate, seconds: seconds)])
    }

    /// Length in seconds.
    public var seconds: Double { segments.reduce(0) { $0 + $1.seconds } }
    /// Expected arrivals in all.
    public var mass: Double { segments.reduce(0) { $0 + $1.mass } }
    /// The highest rate, arrivals a second.
    public var peak: Double { segments.reduce(0) { max($0, $1.start, $1.end) } }

    /// Expected arrivals in `0..<time` seconds.
    public func mass(until time: Double) -> Double {
        var (rest, total) = (time, 0.0)
        for segment in segments where rest > 0 {
            let part = min(rest, segment.seconds)
            let slope = (segment.end - segment.start) / segment.seconds
            total += segment.start * part + slope * part * part / 2
            rest -= part
        }
        return total
    }
}

/// Walks a profile by mass: the time at which a number of further arrivals is expected.
///
/// Mass is summed from the start of the segment, not rounded in between; what is left over when a segment ends is
/// carried into the next one.
struct MassWalk {
    private let segments: [RateProfile.Segment]
    private var index = 0
    private var segmentStart = 0.0
    private var massInSegment = 0.0

    init(_ profile: RateProfile) { segments = profile.segments }

    /// Nanoseconds after the start, or nil once the profile has ended.
    mutating func advance(by mass: Double) -> UInt64? {
        massInSegment += mass
        while index < segments.count {
            let segment = segments[index]
            if massInSegment < segment.mass {
                return UInt64(((segmentStart + segment.time(ofMass: massInSegment)) * 1e9).rounded())
            }
            massInSegment -= segment.mass
            segmentStart += segment.seconds
            index += 1
        }
        return nil
    }
}
