/// Expected arrivals between neighbours given the past: exponential with mean 1 and independent for every process
/// with an intensity (time-rescaling theorem; Brown, Barbieri, Ventura, Kass and Frank 2002).
///
/// | process | intensity it integrates |
/// |---|---|
/// | poisson | the profile's rate |
/// | poisson-exact | arrivals left over mass left, times the rate: gaps are -K ln(1 - gap / mass left) |
/// | renewal | hazard of the gap since the last arrival, in expected arrivals |
/// | mmpp | the rate of the state, along the states' path redrawn from the seed |
/// | hawkes | base and excitation |
/// | superposition | the sum over the streams, each knowing its own arrivals (merged again from the seed) |
///
/// Even arrivals and replays have no intensity; `ArrivalCheck` tests their gaps and counts directly.
public struct Compensator: Sendable {
    private var parts: [ConditionalMass]
    private let starts: [Double]
    private var merged: MergedSchedule?

    /// The compensator of a schedule made with the same arguments; nil where the process has none.
    public init?(_ process: ArrivalProcess, profile: RateProfile, seed: UInt64, stream: String = "arrivals") {
        guard case .superposition(let streams) = process else {
            guard let part = ConditionalMass(process, profile, seed, stream) else { return nil }
            (parts, starts, merged) = ([part], [0], nil)
            return
        }
        var parts: [ConditionalMass] = []
        for (index, one) in streams.enumerated() {
            let name = "\(stream)/\(index)"
            guard let part = ConditionalMass(one.process, one.profile(in: profile), seed, name) else {
                return nil
            }
            parts.append(part)
        }
        self.parts = parts
        starts = streams.map(\.startSeconds)
        merged = MergedSchedule(streams, profile: profile, seed: seed, stream: stream)
    }

    /// Takes in the arrival at `time` nanoseconds; times ascend.
    ///
    /// - Parameters:
    ///   - time: of the arrival.
    ///   - last: the arrival before it, 0 for the first.
    ///   - resolution: gaps shorter than this many nanoseconds give nil; longer ones are measured from it on,
    ///   which by the lack of memory changes nothing for an exponential. It keeps the rounding of times out of tests
    ///   of processes whose intensity right after an arrival is very high.
    /// - Returns: expected arrivals since the one before.
    public mutating func step(to time: UInt64, after last: UInt64, resolution: UInt64 = 0) -> Double? {
        let isMeasured = time >= last + resolution
        // Times are rounded, so a gap of `resolution` stands for gaps from half a nanosecond less.
        if resolution > 0, isMeasured { _ = advance(to: Double(last + resolution) - 0.5) }
        let sum = advance(to: Double(time))
        let owner = merged?.next()?.stream ?? 0
        if parts.indices.contains(owner) { parts[owner].absorb() }
        return isMeasured ? sum : nil
    }

    private mutating func advance(to time: Double) -> Double {
        var sum = 0.0
        for index in parts.indices { sum += parts[index].advance(to: time / 1e9 - starts[index]) }
        return sum
    }
}

/// The integral of one stream's intensity along its own past.
struct ConditionalMass: Sendable {
    private enum Kind: Sendable {
        case poisson
        case exact(remaining: Int)
        case renewal(GapDistribution, hazard: Double)
        case modulated(MarkovPath)
        case excited(decay: Double, jump: Double, excitation: Double)
    }

    private var kind: Kind
    private var cursor: MassCursor
    private let massMax: Double
    private var mass = 0.0
    private var time = 0.0
    /// Mass of the profile at the last own arrival.
    private var lastMass = 0.0

    init?(_ process: ArrivalProcess, _ profile: RateProfile, _ seed: UInt64, _ stream: String) {
        cursor = MassCursor(profile)
        massMax = profile.mass
        switch process {
        case .poisson: kind = .poisson
        case .poissonExact(let count): kind = .exact(remaining: count ?? Int(profile.mass.rounded()))
        case .renewal(let gaps): kind = .renewal(gaps, hazard: 0)
        case .mmpp(let states): kind = .modulated(MarkovPath(states, seed: seed, stream: stream))
        case .hawkes(let process):
            cursor = MassCursor(profile, factor: 1 - process.branching)
            let excitation = process.branching * (profile.segments.first?.start ?? 0)
            kind = .excited(decay: process.decay, jump: process.jump, excitation: excitation)
        case .even, .replay, .replayCounts, .superposition: return nil
        }
    }

    /// The integral from the last time to `next` seconds.
    mutating func advance(to next: Double) -> Double {
        guard next > time else { return 0 }
        var modulated: (sum: Double, from: Double) = (0, mass)
        if case .modulated(var path) = kind {
            while path.untilSeconds < next {
                let to = cursor.mass(until: path.untilSeconds)
                modulated.sum += (to - modulated.from) * path.level
                modulated.from = to
                path.advance()
            }
            kind = .modulated(path)
        }
        let reached = cursor.mass(until: next)
        defer { (mass, time) = (reached, next) }
        switch kind {
        case .poisson: return reached - mass
        case .exact(let remaining):
            let (left, leaving) = (massMax - mass, massMax - reached)
            return leaving > 0 ? -Double(remaining) * Elementary.log(leaving / left) : 0
        case .renewal(let gaps, let hazard):
            let total = gaps.cumulativeHazard(reached - lastMass)
            kind = .renewal(gaps, hazard: total)
            return total - hazard
        case .modulated(let path): return modulated.sum + (reached - modulated.from) * path.level
        case .excited(let decay, let jump, let excitation):
            let left = excitation * Elementary.exp(-decay * (next - time))
            kind = .excited(decay: decay, jump: jump, excitation: left)
            return reached - mass - excitation * Elementary.expm1(-decay * (next - time)) / decay
        }
    }

    /// An arrival of this stream at the time reached.
    mutating func absorb() {
        lastMass = mass
        switch kind {
        case .poisson, .modulated: return
        case .exact(let remaining): kind = .exact(remaining: max(0, remaining - 1))
        case .renewal(let gaps, _): kind = .renewal(gaps, hazard: 0)
        case .excited(let decay, let jump, let excitation):
            kind = .excited(decay: decay, jump: jump, excitation: excitation + jump)
        }
    }
}
