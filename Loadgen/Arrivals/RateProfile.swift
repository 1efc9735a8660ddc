/// A rate over time, made of segments in which it is constant, changes linearly or swings as a sine.
///
/// Its integral, the expected number of arrivals up to a time, is what the arrival processes invert.
public struct RateProfile: Sendable, Equatable {
    /// A rate that swings around a mean: `mean + amplitude * sin(2 pi (t / period + phase))`.
    public struct Wave: Sendable, Equatable {
        /// Arrivals a second, averaged over whole periods.
        public let mean: Double
        /// The most it departs from the mean; at most the mean, so that the rate is never negative.
        public let amplitude: Double
        /// Seconds from one peak to the next.
        public let periodSeconds: Double
        /// Turns by which the wave is ahead at its beginning; 0.75 begins at the lowest rate.
        public let phase: Double

        /// A wave; nil unless 0 <= amplitude <= mean, the period is positive and all are finite.
        public init?(mean: Double, amplitude: Double, periodSeconds: Double, phase: Double = 0) {
            guard mean.isFinite, amplitude >= 0, amplitude <= mean, periodSeconds > 0, periodSeconds.isFinite,
                phase.isFinite, abs(phase) <= 1e6
            else { return nil }
            self.mean = mean
            self.amplitude = amplitude
            self.periodSeconds = periodSeconds
            self.phase = phase
        }

        func rate(at time: Double) -> Double {
            mean + amplitude * Elementary.sinTurns(time / periodSeconds + phase)
        }

        func mass(until time: Double) -> Double {
            let swing = Elementary.cosTurns(phase) - Elementary.cosTurns(time / periodSeconds + phase)
            return mean * time + amplitude * periodSeconds / (2 * Double.pi) * swing
        }

        func scaled(rate: Double, time: Double) -> Wave? {
            Wave(mean: mean * rate, amplitude: amplitude * rate, periodSeconds: periodSeconds * time, phase: phase)
        }
    }

    /// One stretch of time; the rate goes from `start` to `end` on a straight line, or along `wave`.
    public struct Segment: Sendable, Equatable {
        /// Arrivals a second at its beginning.
        public var start: Double
        /// Arrivals a second at its end.
        public var end: Double
        /// Its length in seconds.
        public var seconds: Double
        /// The wave it follows in place of the line, if any.
        public private(set) var wave: Wave?

        /// A segment; rates are not negative, the length is positive, all finite.
        public init(from start: Double, to end: Double, seconds: Double) {
            precondition(start >= 0 && end >= 0 && start.isFinite && end.isFinite, "rates are not negative")
            precondition(seconds > 0 && seconds.isFinite, "a segment takes time")
            self.start = start
            self.end = end
            self.seconds = seconds
        }

        /// A segment that follows a wave.
        public init(_ wave: Wave, seconds: Double) {
            self.init(from: max(0, wave.rate(at: 0)), to: max(0, wave.rate(at: seconds)), seconds: seconds)
            self.wave = wave
        }

        /// Expected arrivals within it.
        public var mass: Double { mass(until: seconds) }

        /// Arrivals a second, so many seconds after its beginning.
        public func rate(at time: Double) -> Double {
            if let wave { return max(0, wave.rate(at: time)) }
            return start + (end - start) * (time / seconds)
        }

        /// Expected arrivals in its first `time` seconds.
        func mass(until time: Double) -> Double {
            if let wave { return wave.mass(until: time) }
            return start * time + (end - start) / seconds * time * time / 2
        }

        /// The highest rate in it, or a bound on it for a wave.
        var peak: Double { wave.map { $0.mean + $0.amplitude } ?? max(start, end) }

        func scaled(rate: Double, time: Double) -> Segment {
            if let wave = wave?.scaled(rate: rate, time: time) { return Segment(wave, seconds: seconds * time) }
            return Segment(from: start * rate, to: end * rate, seconds: seconds * time)
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

    /// A rate that swings around a mean, as tides do.
    public static func sine(_ wave: Wave, seconds: Double) -> RateProfile {
        RateProfile([Segment(wave, seconds: seconds)])
    }

    /// A base rate with one burst of a higher rate that begins and ends at once.
    public static func spike(
        base: Double, peak: Double, beforeSeconds: Double, peakSeconds: Double, afterSeconds: Double
    ) -> RateProfile {
        RateProfile([
            Segment(from: base, to: base, seconds: beforeSeconds), Segment(from: peak, to: peak, seconds: peakSeconds),
            Segment(from: base, to: base, seconds: afterSeconds),
        ])
    }

    /// Length in seconds.
    public var seconds: Double { segments.reduce(0) { $0 + $1.seconds } }
    /// Expected arrivals in all.
    public var mass: Double { segments.reduce(0) { $0 + $1.mass } }
    /// The highest rate, arrivals a second; for a wave its mean and amplitude.
    public var peak: Double { segments.reduce(0) { max($0, $1.peak) } }
    /// The rate where it is the same throughout, else nil.
    public var constantRate: Double? {
        let rate = segments.first?.start
        return segments.allSatisfy { $0.wave == nil && $0.start == rate && $0.end == rate } ? rate : nil
    }

    /// Arrivals a second at a time; 0 outside the profile.
    public func rate(at time: Double) -> Double {
        guard time >= 0 else { return 0 }
        var rest = time
        for segment in segments {
            if rest < segment.seconds { return segment.rate(at: rest) }
            rest -= segment.seconds
        }
        return 0
    }

    /// Expected arrivals in `0..<time` seconds.
    public func mass(until time: Double) -> Double {
        var (rest, total) = (time, 0.0)
        for segment in segments where rest > 0 {
            total += segment.mass(until: min(rest, segment.seconds))
            rest -= segment.seconds
        }
        return total
    }

    /// All rates times `factor`.
    public func scaled(by factor: Double) -> RateProfile {
        precondition(factor >= 0 && factor.isFinite, "rates are not negative")
        return RateProfile(segments.map { $0.scaled(rate: factor, time: 1) })
    }

    /// All lengths times `factor`, rates as they are: 1/60 turns a minute into a second.
    public func stretched(by factor: Double) -> RateProfile {
        precondition(factor > 0 && factor.isFinite, "a segment takes time")
        return RateProfile(segments.map { $0.scaled(rate: 1, time: factor) })
    }
}
