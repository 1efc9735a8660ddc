/// The states of a Markov-modulated Poisson process (MMPP): a rate and an exponential dwell time each.
///
/// Rates are relative: the process runs at `profile rate * rate of the state / mean rate`, so its mean is the
/// profile's. A profile whose rate is `meanRate` gives the states' rates as they stand. The first state is drawn from
/// the stationary distribution.
public struct MarkovStates: Sendable, Equatable {
    /// The most states.
    public static let countMax = 64

    /// Relative rate of each state.
    public let rates: [Double]
    /// Mean seconds spent in each state at a time.
    public let dwellSeconds: [Double]
    /// Row i: probability of each state to follow i.
    public let transitions: [[Double]]
    /// Share of time in each state.
    public let stationary: [Double]

    /// Two or more states.
    ///
    /// - Parameters:
    ///   - rates: not negative, not all 0; relative, see the type.
    ///   - dwellSeconds: positive; one for each rate.
    ///   - transitions: rows of probabilities with 0 on the diagonal; nil goes to any other state alike (with two
    ///     states: to the other).
    /// - Throws: what does not fit, or a state that others cannot reach.
    public init(rates: [Double], dwellSeconds: [Double], transitions: [[Double]]? = nil) throws(ArrivalError) {
        let count = rates.count
        try require((2...Self.countMax).contains(count), "mmpp: 2 to \(Self.countMax) states; \(count) rates are given")
        try require(
            dwellSeconds.count == count, "mmpp: \(count) rates need \(count) dwell times, not \(dwellSeconds.count)")
        try require(
            rates.allSatisfy { $0 >= 0 && $0 <= 1e12 } && rates.contains { $0 > 0 },
            "mmpp: rates are 0 or more and not all 0")
        try require(
            dwellSeconds.allSatisfy { $0 >= 1e-9 && $0 <= 1e9 }, "mmpp: dwell times are 1 ns to 1e9 s")
        let rows = transitions ?? Self.uniform(count)
        try require(
            rows.count == count && rows.allSatisfy { $0.count == count },
            "mmpp: transitions are \(count) rows of \(count) probabilities")
        for (index, row) in rows.enumerated() {
            let sum = row.reduce(0, +)
            try require(
                row.allSatisfy { $0 >= 0 } && abs(sum - 1) < 1e-9 && row[index] == 0,
                "mmpp: row \(index + 1) of the transitions must sum to 1 with 0 on the diagonal")
        }
        self.rates = rates
        self.dwellSeconds = dwellSeconds
        self.transitions = rows
        stationary = try Self.stationary(rows, dwellSeconds)
    }

    /// The states' mean rate.
    public var meanRate: Double { zip(rates, stationary).reduce(0) { $0 + $1.0 * $1.1 } }

    private static func uniform(_ count: Int) -> [[Double]] {
        (0..<count).map { row in (0..<count).map { $0 == row ? 0 : 1 / Double(count - 1) } }
    }

    /// Solves v P = v by eliminating states from the last to the first without a subtraction (Grassmann, Taksar and
    /// Heyman 1985), then weighs by dwell times.
    private static func stationary(_ rows: [[Double]], _ dwell: [Double]) throws(ArrivalError) -> [Double] {
        var p = rows
        let count = p.count
        for state in stride(from: count - 1, to: 0, by: -1) {
            let leaving = p[state][..<state].reduce(0, +)
            try require(leaving > 0, "mmpp: the states fall into parts without a way between them")
            for row in 0..<state {
                p[row][state] /= leaving
                for column in 0..<state { p[row][column] += p[row][state] * p[state][column] }
            }
        }
        var visits = [Double](repeating: 1, count: count)
        for state in 1..<count { visits[state] = (0..<state).reduce(0) { $0 + visits[$1] * p[$1][state] } }
        try require(visits.allSatisfy { $0 > 0 }, "mmpp: a state is never reached")
        let weights = zip(visits, dwell).map { $0 * $1 }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }

    /// Variance over mean of the counts in windows of `seconds`, of the stationary process at mean rate `rate`.
    ///
    /// `1 + 2 / (rate w) * integral of (w - s) C(s) ds`, C the autocovariance of the rate; the integral is
    /// Simpson's, v(s) = e^(Qs) rates followed by fourth-order Runge-Kutta steps of a 20th of the shortest dwell or less, until
    /// the covariance has faded to 1e-10 of its beginning for 1,000 steps.
    /// Two states have a closed form (Fischer and Meier-Hellstern 1993).
    func dispersion(windowSeconds: Double, rate: Double) -> Double {
        let mean = meanRate
        let factor = rate / mean
        if rates.count == 2 {
            let (r1, r2) = (1 / dwellSeconds[0], 1 / dwellSeconds[1])
            let gap = (rates[0] - rates[1]) * factor
            let (l1, l2) = (rates[0] * factor, rates[1] * factor)
            let limit = 2 * r1 * r2 * gap * gap / ((r1 + r2) * (r1 + r2) * (l1 * r2 + l2 * r1))
            let x = (r1 + r2) * windowSeconds
            return 1 + limit * (1 + Elementary.expm1(-x) / x)
        }
        let steps = 2 * min(1_000_000, max(100, Int(windowSeconds / (dwellSeconds.min() ?? 1) * 10)))
        let step = windowSeconds / Double(steps)
        var v = rates.map { $0 * factor }
        let weights = zip(stationary, v).map { $0 * $1 }
        func covariance() -> Double { zip(weights, v).reduce(0) { $0 + $1.0 * $1.1 } - rate * rate }
        let first = covariance()
        var integral = windowSeconds * first
        var faded = 0
        for index in 1...steps where faded < 1_000 {
            v = advanced(v, step)
            let value = covariance()
            integral += (windowSeconds - Double(index) * step) * value * (index % 2 == 1 ? 4 : 2)
            faded = abs(value) < 1e-10 * abs(first) ? faded + 1 : 0
        }
        return 1 + 2 * integral * step / 3 / (rate * windowSeconds)
    }

    /// One Runge-Kutta step of v' = Q v.
    private func advanced(_ v: [Double], _ step: Double) -> [Double] {
        func slope(_ v: [Double]) -> [Double] {
            v.indices.map { row in
                (zip(transitions[row], v).reduce(0) { $0 + $1.0 * $1.1 } - v[row]) / dwellSeconds[row]
            }
        }
        func moved(_ by: Double, _ k: [Double]) -> [Double] { zip(v, k).map { $0 + by * $1 } }
        let k1 = slope(v)
        let k2 = slope(moved(step / 2, k1))
        let k3 = slope(moved(step / 2, k2))
        let k4 = slope(moved(step, k3))
        return v.indices.map { v[$0] + step / 6 * (k1[$0] + 2 * k2[$0] + 2 * k3[$0] + k4[$0]) }
    }
}

/// A path of the states: which one holds until when. It draws from its own stream, so that the compensator can follow
/// the same path.
struct MarkovPath: Sendable {
    private let states: MarkovStates
    private let levels: [Double]
    private var random: Xoshiro256
    private(set) var state: Int
    /// When the state ends, seconds.
    private(set) var untilSeconds: Double

    init(_ states: MarkovStates, seed: UInt64, stream: String) {
        self.states = states
        let mean = states.meanRate
        levels = states.rates.map { $0 / mean }
        random = Xoshiro256(seed: seed, stream: stream + "/states")
        state = Self.pick(states.stationary, random.unit())
        untilSeconds = -Elementary.log(random.unit()) * states.dwellSeconds[state]
    }

    /// The rate of the state, over the mean rate.
    var level: Double { levels[state] }

    mutating func advance() {
        state = states.rates.count == 2 ? 1 - state : Self.pick(states.transitions[state], random.unit())
        untilSeconds -= Elementary.log(random.unit()) * states.dwellSeconds[state]
    }

    /// The index at which the running sum of the weights reaches `unit` in (0, 1].
    private static func pick(_ weights: [Double], _ unit: Double) -> Int {
        var sum = 0.0
        for (index, weight) in weights.enumerated() {
            sum += weight
            if unit <= sum && weight > 0 { return index }
        }
        return weights.lastIndex { $0 > 0 } ?? 0
    }
}

/// A Poisson process through the states: the time until the next switch is turned into mass, and what is left of an
/// exponential draw at a switch is carried into the next state.
struct ModulatedWalk: Sendable {
    private var path: MarkovPath
    private var cursor: MassCursor
    private var level: Double
    private var switchMass: Double
    private var mass = 0.0

    init(_ path: MarkovPath, _ profile: RateProfile) {
        self.path = path
        cursor = MassCursor(profile)
        level = path.level
        switchMass = cursor.mass(until: path.untilSeconds)
    }

    /// The profile's mass at the next arrival, an exponential `draw` on; infinity past `massMax`.
    mutating func advance(by draw: Double, massMax: Double, endSeconds: Double) -> Double {
        var rest = draw
        while true {
            let reach = level > 0 ? mass + rest / level : .infinity
            if reach < switchMass || path.untilSeconds >= endSeconds {
                mass = reach
                return reach < massMax ? reach : .infinity
            }
            rest = max(0, rest - (switchMass - mass) * level)
            mass = switchMass
            path.advance()
            level = path.level
            switchMass = cursor.mass(until: path.untilSeconds)
        }
    }
}
