import Arrivals
import Testing

/// A test that cannot fail is a defect: each check is given what it must refuse.
@Suite("Arrival checks refuse what is not the process")
struct CheckPowerTests {
    private let profile = RateProfile.constant(15_000, seconds: 8)

    private func failures(
        _ times: some Sequence<UInt64>, _ process: ArrivalProcess, _ profile: RateProfile, seed: UInt64 = 1
    ) -> Set<String> {
        var check = ArrivalCheck(process, profile: profile, seed: seed)
        for time in times { check.add(time) }
        return Set(check.summary().tests.filter { $0.passed == false }.map(\.name))
    }

    private func schedule(_ process: ArrivalProcess, seed: UInt64 = 1) -> ArrivalSchedule {
        ArrivalSchedule(process, profile: profile, seed: seed)
    }

    @Test("Even arrivals are not Poisson, Poisson not even")
    func evenAndPoisson() {
        #expect(
            failures(schedule(.even), .poisson, profile).isSuperset(of: [
                "dispersion_1ms", "dispersion_10ms", "dispersion_100ms", "ks_exponential", "anderson_darling",
            ]))
        #expect(
            failures(schedule(.poisson), .even, profile).isSuperset(of: ["dispersion_1ms", "even_gaps"]))
    }

    @Test("Times cut to milliseconds, as peers cut them, are not Poisson")
    func milliseconds() {
        let coarse = schedule(.poisson).map { $0 / 1_000_000 * 1_000_000 }
        #expect(failures(coarse, .poisson, profile).contains("ks_exponential"))
    }

    @Test("A tenth of a percent too many or too few arrivals is seen in a long enough schedule")
    func rate() {
        // 4 sqrt(900,000) = 3,795 of 900,000 are 0.42 %: 0.5 % off is refused.
        let long = RateProfile.constant(15_000, seconds: 60)
        let fast = ArrivalSchedule(ArrivalProcess.poisson, profile: long.scaled(by: 1.005), seed: 1)
        #expect(failures(fast, .poisson, long).contains("count"))
    }

    @Test("Sorted or alternating gaps have the distribution but not the independence")
    func dependence() {
        var last: UInt64 = 0
        var gaps = schedule(.poisson).map { time in
            defer { last = time }
            return time - last
        }
        for index in stride(from: 0, to: gaps.count - 1, by: 2) where gaps[index] < gaps[index + 1] {
            gaps.swapAt(index, index + 1)
        }
        var sum: UInt64 = 0
        let times = gaps.map { gap in
            sum += gap
            return sum
        }
        let failed = failures(times, .poisson, profile)
        #expect(failed.isSuperset(of: ["lag1_correlation", "spearman"]), "\(failed)")
        #expect(!failed.contains("ks_exponential"))
    }

    @Test("Bursts need the right parameters, and the states' path of the right seed")
    func parameters() throws {
        let hawkes = ArrivalProcess.hawkes(try SelfExcitation(branching: 0.9, decay: 1_000))
        let milder = ArrivalProcess.hawkes(try SelfExcitation(branching: 0.5, decay: 1_000))
        #expect(failures(schedule(hawkes), milder, profile).isSuperset(of: ["dispersion_1ms", "ks_exponential"]))
        let states = ArrivalProcess.mmpp(try MarkovStates(rates: [1, 9], dwellSeconds: [0.05, 0.02]))
        #expect(failures(schedule(states), states, profile, seed: 2).contains("ks_exponential"))
        #expect(failures(schedule(hawkes), .poisson, profile).contains("dispersion_1ms"))
        let weibull = ArrivalProcess.renewal(try GapDistribution(.weibull, shape: 0.8))
        let other = ArrivalProcess.renewal(try GapDistribution(.weibull, shape: 0.82))
        #expect(failures(schedule(weibull), other, profile).contains("ks_exponential"))
    }

    @Test("Arrivals in a pause are an infinite surprise")
    func pause() {
        let gap = RateProfile([
            .init(from: 1_000, to: 1_000, seconds: 1), .init(from: 0, to: 0, seconds: 1),
            .init(from: 1_000, to: 1_000, seconds: 1),
        ])
        let flat = ArrivalSchedule(ArrivalProcess.poisson, profile: .constant(1_000, seconds: 3), seed: 1)
        let failed = failures(flat, .poisson, gap)
        #expect(failed.contains("ks_exponential") && failed.contains("count"), "\(failed)")
    }

    @Test("Streams with rates and starts of their own are held against the sum of their rates")
    func ownRates() throws {
        let streams = [
            try ArrivalStream(.poisson, profile: .constant(3_000, seconds: 4)),
            try ArrivalStream(.poisson, profile: .constant(9_000, seconds: 2), startSeconds: 1),
        ]
        let whole = RateProfile.constant(7_500, seconds: 4)
        let summary = ArrivalCheck.summary(.superposition(streams), profile: whole, seed: 1)
        #expect(summary.passed && summary.tests.filter { $0.passed == true }.count == 9, "\(summary.tests)")
        #expect(failures(ArrivalSchedule(.poisson, profile: whole, seed: 1), .superposition(streams), whole).count > 2)
    }

    @Test("Of few arrivals nothing is judged but their number")
    func few() {
        let short = RateProfile.constant(5, seconds: 1)
        let summary = ArrivalCheck.summary(.poisson, profile: short, seed: 1)
        #expect(summary.tests.filter { $0.passed != nil }.map(\.name) == ["count"])
        let none = ArrivalCheck.summary(.poisson, profile: .constant(0, seconds: 1), seed: 1)
        #expect(none.count == 0 && none.first == nil && none.last == nil && none.passed)
    }
}
