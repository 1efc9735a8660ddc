import Arrivals
import Testing

/// Bounds are at 0.1 % a side; seeds are fixed, so a pass is a pass for ever.
@Suite("Arrival schedules")
struct ArrivalScheduleTests {
    private static let seeds = Array(1...20 as ClosedRange<UInt64>)
    private let rate = 15_000.0

    @Test("Poisson arrivals have exponential, uncorrelated gaps and the right number", arguments: seeds)
    func poissonGaps(seed: UInt64) {
        let profile = RateProfile.constant(rate, seconds: 4)
        let times = Array(ArrivalSchedule(.poisson, profile: profile, seed: seed))
        // N is Poisson(60,000): within four standard deviations.
        #expect(abs(Double(times.count) - 60_000) < 4 * 60_000.0.squareRoot(), "seed \(seed)")
        let gaps = ArrivalStatistics.rescaledGaps(of: times, profile: profile)
        #expect(ArrivalStatistics.exponentialDistance(of: gaps) < 1.95, "seed \(seed)")
        #expect(abs(ArrivalStatistics.lagOneCorrelation(of: gaps)) < 3.3 / Double(gaps.count).squareRoot())
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test("Poisson counts are as dispersed as a Poisson process at 1, 10, 100 ms and 1 s", arguments: seeds)
    func poissonDispersion(seed: UInt64) throws {
        let times = Array(ArrivalSchedule(.poisson, profile: .constant(rate, seconds: 60), seed: seed))
        for window: UInt64 in [1_000_000, 10_000_000, 100_000_000, 1_000_000_000] {
            let (index, windows) = try #require(
                ArrivalStatistics.dispersion(of: times, window: window, length: 60_000_000_000))
            let score = ArrivalStatistics.dispersionScore(index: index, windows: windows)
            #expect(abs(score) < 3.3, "seed \(seed), window \(window) ns: index \(index)")
        }
    }

    @Test("A ramp is a Poisson process after time rescaling, and not before", arguments: seeds)
    func ramp(seed: UInt64) {
        let profile = RateProfile([.init(from: 2_000, to: 15_000, seconds: 10)])
        let times = Array(ArrivalSchedule(.poisson, profile: profile, seed: seed))
        // (2,000 + 15,000) / 2 x 10 = 85,000.
        #expect(profile.mass == 85_000)
        #expect(abs(Double(times.count) - 85_000) < 4 * 85_000.0.squareRoot(), "seed \(seed)")
        let gaps = ArrivalStatistics.rescaledGaps(of: times, profile: profile)
        #expect(ArrivalStatistics.exponentialDistance(of: gaps) < 1.95, "seed \(seed)")
        let naive = ArrivalStatistics.rescaledGaps(of: times, profile: .constant(8_500, seconds: 10))
        #expect(ArrivalStatistics.exponentialDistance(of: naive) > 5, "the test can tell: seed \(seed)")
    }

    @Test("A step, a pause and a fall to zero keep the process Poisson across their borders")
    func piecewise() {
        let profile = RateProfile([
            .init(from: 1_000, to: 1_000, seconds: 2), .init(from: 0, to: 0, seconds: 1),
            .init(from: 0, to: 10_000, seconds: 2), .init(from: 10_000, to: 0, seconds: 2),
        ])
        for seed in Self.seeds {
            let times = Array(ArrivalSchedule(.poisson, profile: profile, seed: seed))
            #expect(times.allSatisfy { $0 < 2_000_000_000 || $0 >= 3_000_000_000 }, "nothing in the pause")
            let gaps = ArrivalStatistics.rescaledGaps(of: times, profile: profile)
            #expect(ArrivalStatistics.exponentialDistance(of: gaps) < 1.95, "seed \(seed)")
        }
    }

    @Test("Even arrivals fall on i / rate to the nanosecond, also after a million")
    func even() {
        let times = Array(ArrivalSchedule(.even, profile: .constant(rate, seconds: 100), seed: 1))
        #expect(times.count == 1_499_999)
        for index in [0, 1, 2, 999_999, 1_499_998] {
            #expect(abs(Double(times[index]) - Double(index + 1) / rate * 1e9) <= 1)
        }
    }

    @Test("Even arrivals on a ramp have even mass between them")
    func evenRamp() {
        let profile = RateProfile([.init(from: 100, to: 900, seconds: 2), .init(from: 900, to: 100, seconds: 2)])
        let times = Array(ArrivalSchedule(.even, profile: profile, seed: 1))
        let gaps = ArrivalStatistics.rescaledGaps(of: times, profile: profile)
        #expect(gaps.allSatisfy { abs($0 - 1) < 1e-5 })
        #expect(times.count == 1_999)
    }

    @Test("The same seed gives the same schedule, another seed another")
    func deterministic() {
        let profile = RateProfile.constant(1_000, seconds: 1)
        let first = Array(ArrivalSchedule(.poisson, profile: profile, seed: 7))
        #expect(first == Array(ArrivalSchedule(.poisson, profile: profile, seed: 7)))
        #expect(first != Array(ArrivalSchedule(.poisson, profile: profile, seed: 8)))
    }

    @Test("The dispersion of bursts and of even arrivals is told from Poisson")
    func dispersionCanFail() throws {
        let even = Array(ArrivalSchedule(.even, profile: .constant(10_000, seconds: 2), seed: 1))
        let bursts = even.map { $0 / 5_000_000 * 5_000_000 }
        let window: UInt64 = 1_000_000
        let (low, windows) = try #require(
            ArrivalStatistics.dispersion(of: even, window: window, length: 2_000_000_000))
        #expect(ArrivalStatistics.dispersionScore(index: low, windows: windows) < -3.3)
        let (high, _) = try #require(ArrivalStatistics.dispersion(of: bursts, window: window, length: 2_000_000_000))
        #expect(ArrivalStatistics.dispersionScore(index: high, windows: windows) > 3.3)
        #expect(ArrivalStatistics.dispersion(of: [], window: window, length: 2_000_000_000) == nil)
        #expect(ArrivalStatistics.dispersion(of: even, window: 2_000_000_000, length: 2_000_000_000) == nil)
    }
}
