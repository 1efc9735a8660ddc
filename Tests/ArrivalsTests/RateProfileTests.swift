import Arrivals
import Testing

@Suite("Rate profiles")
struct RateProfileTests {
    private let wave = RateProfile.Wave(mean: 100, amplitude: 80, periodSeconds: 4, phase: 0.3)

    @Test("The mass of a wave is the integral of its rate, and even arrivals invert it")
    func waveMass() throws {
        let profile = RateProfile.sine(try #require(wave), seconds: 10)
        // Simpson's rule over 20,000 intervals.
        let steps = 20_000
        let width = 10.0 / Double(steps)
        let integral =
            (0...steps).reduce(0.0) { sum, index in
                let weight = index == 0 || index == steps ? 1.0 : index % 2 == 1 ? 4 : 2
                return sum + weight * profile.segments[0].rate(at: Double(index) * width)
            } * width / 3
        #expect(abs(profile.mass - integral) < 1e-9 * integral)
        #expect(abs(profile.rate(at: 2.5) - profile.segments[0].rate(at: 2.5)) < 1e-9)
        let times = Array(ArrivalSchedule(.even, profile: profile, seed: 1))
        #expect(times.count == Int(profile.mass))
        for (index, time) in times.enumerated() {
            #expect(abs(profile.mass(until: Double(time) / 1e9) - Double(index + 1)) < 2e-7)
        }
        #expect(profile.peak == 180 && profile.constantRate == nil)
    }

    @Test("A wave that touches zero has all its arrivals, also around the touch")
    func waveTouchingZero() throws {
        let wave = try #require(RateProfile.Wave(mean: 1_000, amplitude: 1_000, periodSeconds: 2, phase: 0))
        let profile = RateProfile.sine(wave, seconds: 20)
        let times = Array(ArrivalSchedule(.even, profile: profile, seed: 1))
        #expect(times.count >= 19_999 && zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        for (index, time) in times.enumerated() {
            #expect(abs(profile.mass(until: Double(time) / 1e9) - Double(index + 1)) < 3e-6)
        }
    }

    @Test("Waves that go below zero, or have no period, do not exist")
    func badWaves() {
        #expect(RateProfile.Wave(mean: 10, amplitude: 11, periodSeconds: 1) == nil)
        #expect(RateProfile.Wave(mean: 10, amplitude: -1, periodSeconds: 1) == nil)
        #expect(RateProfile.Wave(mean: 10, amplitude: 1, periodSeconds: 0) == nil)
        #expect(RateProfile.Wave(mean: .infinity, amplitude: 1, periodSeconds: 1) == nil)
        #expect(RateProfile.Wave(mean: 10, amplitude: 10, periodSeconds: 1) != nil)
    }

    @Test("Scaling multiplies rates, stretching lengths; both keep waves")
    func scaling() throws {
        let profile = RateProfile([.init(from: 10, to: 30, seconds: 2), .init(try #require(wave), seconds: 8)])
        #expect(abs(profile.scaled(by: 3).mass - 3 * profile.mass) < 1e-9)
        #expect(profile.scaled(by: 3).seconds == 10)
        #expect(abs(profile.stretched(by: 0.5).mass - 0.5 * profile.mass) < 1e-9)
        #expect(profile.stretched(by: 0.5).seconds == 5 && profile.stretched(by: 0.5).peak == 180)
        #expect(profile.rate(at: -1) == 0 && profile.rate(at: 10) == 0 && profile.rate(at: 1) == 20)
        #expect(RateProfile.constant(7, seconds: 3).constantRate == 7)
        let spike = RateProfile.spike(base: 10, peak: 100, beforeSeconds: 5, peakSeconds: 1, afterSeconds: 4)
        #expect(spike.mass == 190 && spike.rate(at: 5.5) == 100 && spike.rate(at: 6.5) == 10)
    }

    @Test("A trading day has the mean rate given, its bursts and a silent break", arguments: [1, 15_000] as [Double])
    func tradingDay(rate: Double) throws {
        let china = try TradingDay.aShare(meanRate: rate).profile()
        #expect(china.seconds == 19_800)
        #expect(abs(china.mass - rate * 14_400) < 1e-6 * rate * 14_400)
        #expect(china.mass(until: 12_600) - china.mass(until: 7_200) == 0)
        // Trapezia of the weights, summed apart: 5.782 over the first minute, 1.4544 on average.
        #expect(abs(china.mass(until: 60) / (60 * rate) - 3.9754) < 1e-4)
        let morning = china.rate(at: 5_400)
        #expect(china.rate(at: 0) > 4 * morning && china.rate(at: 12_600) > 1.3 * morning)
        #expect(china.rate(at: 19_799) > 2 * morning)
        let us = try TradingDay.unitedStates(meanRate: rate).profile()
        #expect(us.seconds == 23_400 && abs(us.mass - rate * 23_400) < 1e-6 * rate * 23_400)
        #expect(us.segments.allSatisfy { $0.start > 0 && $0.end > 0 })
    }

    @Test("A trading day of impossible lengths or weights is refused")
    func badTradingDay() {
        var day = TradingDay.aShare(meanRate: 10)
        day.openBurst = -1
        #expect(throws: ArrivalError.self) { try day.profile() }
        day = .aShare(meanRate: 10)
        day.openDecaySeconds = 0
        #expect(throws: ArrivalError.self) { try day.profile() }
        day = TradingDay(morningSeconds: 80_000, breakSeconds: 10_000, afternoonSeconds: 0, meanRate: 1)
        #expect(throws: ArrivalError.self) { try day.profile() }
        #expect(throws: ArrivalError.self) { try TradingDay.aShare(meanRate: .nan).profile() }
    }
}
