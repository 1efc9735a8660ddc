import Autoscaling
import TestData
import Testing

@Suite("Stabilisers and schedule") struct StabiliserTests {
    @Test("The trailing maximum is that of the list", arguments: [0.0, 10, 35, 120])
    func trailingMaximum(window: Double) {
        var random = SplitMix64(seed: 3)
        var ours = TrailingMaximum(window: window)
        var all: [(time: Double, value: Int)] = []
        var time = 0.0
        for _ in 0..<3_000 {
            time += Double(random.below(4)) * 5
            let value = random.below(30)
            all.append((time, value))
            let expected = all.filter { $0.time >= time - window }.map(\.value).max()
            #expect(ours.add(value, at: time) == expected)
        }
        ours.reset()
        #expect(ours.add(1, at: time) == 1)
    }

    @Test("Past its limit the window only raises the maximum") func trailingLimit() {
        var window = TrailingMaximum(window: .infinity)
        for value in 0..<5_000 { #expect(window.add(10_000 - value, at: Double(value)) == 10_000) }
    }

    @Test("The exponential mean follows a step to 63 % in its time constant") func exponentialMean() {
        var mean = ExponentialMean(timeConstant: 5)
        #expect(mean.value == nil)
        #expect(mean.add(0, at: 0) == 0)
        #expect(abs(mean.add(1, at: 5) - 0.6321205588) < 1e-9)
        #expect(mean.add(100, at: 4) < 1, "time that goes back counts as none")
        var last = ExponentialMean(timeConstant: 0)
        last.add(3, at: 0)
        #expect(last.add(7, at: 0) == 7)
    }

    @Test("Rules that contradict themselves are named") func ruleFaults() {
        #expect(ScalingRules.upDefault.fault == nil && ScalingRules.downDefault.fault == nil)
        #expect(ScalingRules.downQuarter.fault == nil)
        for rules in [
            ScalingRules(limits: []), ScalingRules(stabilisation: -1, limits: [.init(.pods(1), per: 1)]),
            ScalingRules(tolerance: .nan, limits: [.init(.pods(1), per: 1)]),
            ScalingRules(limits: [.init(.pods(0), per: 1)]), ScalingRules(limits: [.init(.percent(0), per: 1)]),
            ScalingRules(limits: [.init(.pods(1), per: 0)]), ScalingRules(limits: [.init(.pods(1), per: 1_801)]),
        ] {
            #expect(rules.fault != nil)
        }
        #expect(ScalingRules(select: .disabled, limits: []).fault == nil)
    }

    @Test("Steps hold from their time on, before the first nothing, without a calendar the largest") func floors()
        throws
    {
        let floor = try ScheduleFloor(steps: [
            .init(from: -600, replicas: [5, 1]), .init(from: 0, replicas: [9, 2]),
            .init(from: 1_800, replicas: [3, 4]),
        ])
        func at(_ time: Double?, _ index: Int = 0) -> Int {
            floor.replicas(of: index, at: time.map { MarketClock(sinceOpen: $0) })
        }
        #expect([-601, -600, -1, 0, 1_799, 1_800, 1e6].map { at($0) } == [0, 5, 5, 9, 9, 3, 3])
        #expect(at(nil) == 9 && at(nil, 1) == 4 && at(.nan, 1) == 4)
        #expect(at(0, 2) == 0 && at(0, -1) == 0, "services it does not know")
    }

    @Test("A floor from rates begins early and keeps the bounds") func floorFromRates() throws {
        let floor = try ScheduleFloor(
            Chains.single, rates: [(from: 0, rate: 700), (from: 600, rate: 1e9)], utilisation: 0.7, lead: 60)
        #expect(floor.steps.map(\.from) == [-60, 540])
        #expect(floor.steps.map { $0.replicas[0] } == [10, 50])
    }

    @Test("Schedules out of order or shape are refused") func floorFaults() {
        #expect(throws: PolicyFault.self) { try ScheduleFloor(steps: []) }
        #expect(throws: PolicyFault.self) {
            try ScheduleFloor(steps: [.init(from: 0, replicas: [1]), .init(from: 0, replicas: [1])])
        }
        #expect(throws: PolicyFault.self) {
            try ScheduleFloor(steps: [.init(from: 0, replicas: [1]), .init(from: 1, replicas: [1, 2])])
        }
        #expect(throws: PolicyFault.self) { try ScheduleFloor(steps: [.init(from: .nan, replicas: [1])]) }
    }
}
