/// One segment of a profile with the figures the walks need at every arrival.
struct ProfilePiece: Sendable, Equatable {
    let rate: Double
    let slope: Double
    let seconds: Double
    let mass: Double
    /// Seconds and expected arrivals before it.
    let secondsBefore: Double
    let massBefore: Double
    let wave: RateProfile.Wave?

    /// The pieces of a profile whose rates are multiplied by `factor`.
    static func list(_ profile: RateProfile, factor: Double) -> [ProfilePiece] {
        var (seconds, mass) = (0.0, 0.0)
        return profile.scaled(by: factor).segments.map { segment in
            let piece = ProfilePiece(
                rate: segment.start, slope: (segment.end - segment.start) / segment.seconds, seconds: segment.seconds,
                mass: segment.mass, secondsBefore: seconds, massBefore: mass, wave: segment.wave)
            seconds += segment.seconds
            mass += segment.mass
            return piece
        }
    }

    /// Expected arrivals in its first `time` seconds.
    func mass(until time: Double) -> Double {
        wave.map { $0.mass(until: time) } ?? rate * time + slope * time * time / 2
    }

    /// The time at which `mass` arrivals are expected, from its beginning.
    ///
    /// Inverse of `r t + k t^2 / 2`: `2m / (r + sqrt(r^2 + 2km))`, which also holds for k = 0 and loses no digits where
    /// k is small. A wave is inverted by Newton's method from `guess`, a time not after the answer.
    @inline(__always)
    func time(ofMass mass: Double, guess: Double) -> Double {
        if wave != nil { return waveTime(ofMass: mass, guess: guess) }
        if slope == 0 { return rate > 0 ? min(mass / rate, seconds) : 0 }
        let divisor = rate + max(0, rate * rate + 2 * slope * mass).squareRoot()
        return divisor > 0 ? min(2 * mass / divisor, seconds) : 0
    }

    /// Newton's method within a bracket that halves where a step would leave it, as it would where the rate is near 0;
    /// ends when a step moves less than a thousandth of a nanosecond or a unit in the last place.
    private func waveTime(ofMass target: Double, guess: Double) -> Double {
        guard let wave else { return 0 }
        var (low, high) = (min(guess, seconds), seconds)
        var time = low
        for _ in 0..<200 {
            let excess = wave.mass(until: time) - target
            if excess > 0 { high = time } else { low = time }
            let slope = wave.rate(at: time)
            var next = slope > 0 ? time - excess / slope : .infinity
            if !(next >= low && next <= high) { next = low + (high - low) / 2 }
            let step = abs(next - time)
            time = next
            if step <= max(1e-12, time * 0x1p-52) { break }
        }
        return time
    }
}

/// Walks a profile by mass: the time at which a number of further arrivals is expected.
///
/// Mass is summed from the start of the segment, not rounded in between; what is left over when a segment ends is
/// carried into the next one. Times are seconds; infinity once the profile has ended.
struct MassWalk: Sendable {
    private let pieces: [ProfilePiece]
    private var index = 0
    private var massInPiece = 0.0
    private var timeInPiece = 0.0
    /// Expected arrivals of the whole profile.
    let mass: Double

    init(_ profile: RateProfile, factor: Double = 1) {
        pieces = ProfilePiece.list(profile, factor: factor)
        mass = pieces.last.map { $0.massBefore + $0.mass } ?? 0
    }

    /// The time `mass` further arrivals on.
    mutating func advance(by mass: Double) -> Double {
        massInPiece += mass
        return locate()
    }

    /// The time at which `total` arrivals are expected from the profile's start; totals must ascend.
    mutating func advance(to total: Double) -> Double {
        guard index < pieces.count else { return .infinity }
        massInPiece = max(0, total - pieces[index].massBefore)
        return locate()
    }

    private mutating func locate() -> Double {
        while index < pieces.count {
            if massInPiece < pieces[index].mass {
                timeInPiece = pieces[index].time(ofMass: massInPiece, guess: timeInPiece)
                return pieces[index].secondsBefore + timeInPiece
            }
            massInPiece -= pieces[index].mass
            timeInPiece = 0
            index += 1
        }
        return .infinity
    }
}

/// Walks a profile by time: expected arrivals from its start until ascending times.
struct MassCursor: Sendable {
    private let pieces: [ProfilePiece]
    private var index = 0

    init(_ profile: RateProfile, factor: Double = 1) { pieces = ProfilePiece.list(profile, factor: factor) }

    /// Expected arrivals before `time` seconds; times must not fall by more than a segment's beginning.
    mutating func mass(until time: Double) -> Double {
        while index + 1 < pieces.count, time >= pieces[index + 1].secondsBefore { index += 1 }
        let piece = pieces[index]
        return piece.massBefore + piece.mass(until: max(0, min(time - piece.secondsBefore, piece.seconds)))
    }
}

/// Times of arrivals as the programs write them.
enum Nanoseconds {
    /// Seconds rounded to whole nanoseconds, nil for infinity.
    @inline(__always)
    static func rounded(_ seconds: Double) -> UInt64? {
        seconds < 1e10 ? UInt64(max(0, seconds) * 1e9 + 0.5) : nil
    }
}
