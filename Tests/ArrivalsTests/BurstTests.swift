import Arrivals
import Testing

/// Derived figures of the bursty processes, against other derivations and against simulation.
@Suite("Bursty arrivals")
struct BurstTests {
    private func dispersion(_ process: ArrivalProcess, _ rate: Double, _ seconds: Double) -> Double? {
        switch ArrivalDispersion(process, .constant(rate, seconds: 100), seconds: seconds) {
        case .derived(let value), .chiSquare(let value): value
        case .within, .unknown: nil
        }
    }

    @Test("Two states: stationary shares, mean, and the dispersion of the formula")
    func twoStates() throws {
        let states = try MarkovStates(rates: [5_000, 40_000], dwellSeconds: [1, 0.2])
        #expect(abs(states.stationary[0] - 1 / 1.2) < 1e-12)
        // (5,000 x 1 + 40,000 x 0.2) / 1.2.
        #expect(abs(states.meanRate - 13_000 / 1.2) < 1e-8)
        // 1 + 2 r1 r2 (l1-l2)^2 / ((r1+r2)^2 (l1 r2 + l2 r1)), r = 1 and 5: 12.25e9 / (36 x 65,000) + 1.
        let above: Double = 2 * 1 * 5 * 35_000 * 35_000
        let below: Double = 36 * (5_000 * 5 + 40_000 * 1)
        let limit = 1 + above / below
        let long = try #require(dispersion(.mmpp(states), states.meanRate, 1e6))
        #expect(abs(long / limit - 1) < 1e-5, "1 - (1 - e^-x) / x with x = 6e6")
        let short = try #require(dispersion(.mmpp(states), states.meanRate, 1e-9))
        #expect(abs(short - 1) < 1e-3, "no time to switch in a nanosecond")
    }

    @Test("Three states of which two are the same are two states", arguments: [0.001, 0.01, 0.1, 1])
    func lumped(window: Double) throws {
        let two = try MarkovStates(rates: [1_000, 9_000], dwellSeconds: [0.1, 0.03])
        // Leaving either copy of the second state only for the first keeps its dwell time.
        let three = try MarkovStates(
            rates: [1_000, 9_000, 9_000], dwellSeconds: [0.1, 0.03, 0.03],
            transitions: [[0, 0.25, 0.75], [1, 0, 0], [1, 0, 0]])
        #expect(abs(three.meanRate - two.meanRate) < 1e-9)
        let expected = try #require(dispersion(.mmpp(two), two.meanRate, window))
        let found = try #require(dispersion(.mmpp(three), three.meanRate, window))
        #expect(abs(found / expected - 1) < 1e-4)
    }

    @Test("The stationary shares of a k-state chain solve its balance equations")
    func balance() throws {
        let rows = [[0, 0.5, 0.5, 0], [0.2, 0, 0.3, 0.5], [1, 0, 0, 0], [0, 0, 1, 0]]
        let dwell = [0.1, 0.5, 0.2, 1]
        let states = try MarkovStates(rates: [1, 2, 3, 4], dwellSeconds: dwell, transitions: rows)
        #expect(abs(states.stationary.reduce(0, +) - 1) < 1e-12)
        for state in 0..<4 {
            let leaving = states.stationary[state] / dwell[state]
            let entering = (0..<4).reduce(0.0) { $0 + states.stationary[$1] / dwell[$1] * rows[$1][state] }
            #expect(abs(leaving - entering) < 1e-12)
        }
    }

    @Test("States that do not fit are refused with what to do")
    func badStates() {
        func refuse(_ rates: [Double], _ dwell: [Double], _ word: String, _ rows: [[Double]]? = nil) {
            do {
                _ = try MarkovStates(rates: rates, dwellSeconds: dwell, transitions: rows)
                Issue.record("accepted: \(rates) \(dwell)")
            } catch { #expect("\(error)".contains(word), "\(error)") }
        }
        refuse([1], [1], "2 to 64")
        refuse([1, 2], [1], "dwell")
        refuse([0, 0], [1, 1], "not all 0")
        refuse([1, -1], [1, 1], "0 or more")
        refuse([1, 2], [1, 0], "dwell")
        refuse([1, 2], [1, 1], "rows", [[0, 1]])
        refuse([1, 2], [1, 1], "row 1", [[0.5, 0.5], [1, 0]])
        refuse([1, 2, 3, 4], [1, 1, 1, 1], "parts", [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
        refuse([1, 2, 3], [1, 1, 1], "never", [[0, 1, 0], [1, 0, 0], [0.5, 0.5, 0]])
        refuse([Double](repeating: 1, count: 65), [Double](repeating: 1, count: 65), "2 to 64")
    }

    @Test("Hawkes: the dispersion runs from 1 to 1 / (1 - n)^2")
    func hawkesDispersion() throws {
        let process = ArrivalProcess.hawkes(try SelfExcitation(branching: 0.8, decay: 200))
        // With g = 40/s: 25 - 24 (1 - e^-x) / x at x = 0.04, 0.4 and 4.
        for (window, expected) in [(0.001, 1.4737), (0.01, 5.2192), (0.1, 19.1099)] {
            #expect(abs(try #require(dispersion(process, 15_000, window)) - expected) < 1e-3)
        }
        #expect(abs(try #require(dispersion(process, 15_000, 1e6)) - 25) < 1e-4)
    }

    @Test("Hawkes on a ramp: the expected number is the mean over many seeds")
    func hawkesRamp() throws {
        let process = ArrivalProcess.hawkes(try SelfExcitation(branching: 0.6, decay: 5))
        let profile = try RateProfile(stages: "200:1s,>1000:2s,0:1s,>500:1s")
        let expected = process.expected(over: profile)
        // Lags the profile by 1 / (5 x 0.4) = 0.5 s, so part of the last stage's offspring is still to come.
        #expect(expected < profile.mass && expected > 0.8 * profile.mass)
        let runs = 400
        var total = 0
        for seed in 1...UInt64(runs) { total += Array(ArrivalSchedule(process, profile: profile, seed: seed)).count }
        let mean = Double(total) / Double(runs)
        // Deviation of a count about sqrt(expected) / 0.4; four standard errors of the mean.
        #expect(abs(mean - expected) < 4 * (expected / 0.16 / Double(runs)).squareRoot(), "\(mean) of \(expected)")
    }

    @Test("A branching ratio from 1 on, or no decay, is refused")
    func badHawkes() {
        for (branching, decay) in [(1, 1), (0.995, 1), (-0.1, 1), (0.5, 0), (0.5, .infinity), (.nan, 1)]
            as [(Double, Double)]
        {
            #expect(throws: ArrivalError.self) { try SelfExcitation(branching: branching, decay: decay) }
        }
        #expect(throws: Never.self) { try SelfExcitation(branching: 0.99, decay: 1) }
    }

    @Test("Gaps have mean 1 and the variation of their formula", arguments: GapDistribution.Family.allCases)
    func gaps(family: GapDistribution.Family) throws {
        let shapes: [GapDistribution.Family: Double] = [.pareto: 6, .lognormal: 0.8, .weibull: 0.7, .gamma: 3]
        let shape = try #require(shapes[family])
        let distribution = try GapDistribution(family, shape: shape)
        let times = Array(
            ArrivalSchedule(ArrivalProcess.renewal(distribution), profile: .constant(1_000, seconds: 1_000), seed: 3))
        let gaps = zip(times.dropFirst(), times).map { Double($0 - $1) / 1e6 }
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        let variance = gaps.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
        // A million gaps: four standard errors of the mean; the variance within 5 %.
        #expect(abs(mean - 1) < 4 * (distribution.squaredVariation / 1e6).squareRoot())
        #expect(abs(variance / distribution.squaredVariation - 1) < 0.05, "\(variance)")
        let range = family.shapes
        #expect(throws: ArrivalError.self) { try GapDistribution(family, shape: range.lowerBound * 0.99) }
        #expect(throws: ArrivalError.self) { try GapDistribution(family, shape: range.upperBound * 1.01) }
        #expect(throws: Never.self) { try GapDistribution(family, shape: range.lowerBound) }
    }

    @Test("An exact process has its number, in the profile's places; zero arrivals are none")
    func exact() throws {
        let profile = try RateProfile(stages: "0:1s,100:1s,0:1s,300:1s,0:1s")
        for count in [0, 1, 7, 1_000] {
            for seed in 1...20 as ClosedRange<UInt64> {
                let times = Array(
                    ArrivalSchedule(ArrivalProcess.poissonExact(count: count), profile: profile, seed: seed))
                #expect(times.count == count)
                #expect(
                    times.allSatisfy {
                        (1_000_000_000...2_000_000_000).contains($0) || (3_000_000_000...4_000_000_000).contains($0)
                    })
            }
        }
        #expect(throws: ArrivalError.self) { try ArrivalProcess.poissonExact(count: 5).check(.constant(0, seconds: 1)) }
        #expect(throws: ArrivalError.self) { try ArrivalProcess.poissonExact(count: -1).check(profile) }
    }

    @Test("A superposition is its streams merged in order, each as it is alone")
    func merged() throws {
        let profile = RateProfile.constant(500, seconds: 4)
        let late = RateProfile.constant(200, seconds: 2)
        let streams = [
            try ArrivalStream(.poisson, share: 0.5), try ArrivalStream(.even, share: 0.1),
            try ArrivalStream(.poisson, profile: late, startSeconds: 3),
        ]
        let merged = Array(ArrivalSchedule(ArrivalProcess.superposition(streams), profile: profile, seed: 9))
        var alone = Array(
            ArrivalSchedule(ArrivalProcess.poisson, profile: profile.scaled(by: 0.5), seed: 9, stream: "arrivals/0"))
        alone += Array(ArrivalSchedule(.even, profile: profile.scaled(by: 0.1), seed: 9))
        alone += ArrivalSchedule(ArrivalProcess.poisson, profile: late, seed: 9, stream: "arrivals/2")
            .map { $0 + 3_000_000_000 }.filter { $0 <= 4_000_000_000 }
        #expect(merged == alone.sorted())
        #expect(throws: ArrivalError.self) { try ArrivalProcess.superposition([]).check(profile) }
        #expect(throws: ArrivalError.self) { try ArrivalStream(.poisson, share: -1) }
        #expect(throws: ArrivalError.self) { try ArrivalStream(.poisson, profile: late, startSeconds: -1) }
    }

    @Test("Merged schedules say whose each arrival is, the lower number first at equal times")
    func labels() {
        let even = ArrivalSchedule(.even, profile: .constant(10, seconds: 1), seed: 1)
        let labels = Array(MergedSchedule([even, even, even]))
        #expect(labels.count == 27 && labels.prefix(6).map(\.stream) == [0, 1, 2, 0, 1, 2])
        #expect(MergedSchedule([ArrivalSchedule]()).reduce(0) { count, _ in count + 1 } == 0)
    }
}
