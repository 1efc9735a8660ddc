import Autoscaling
import TestData
import Testing

/// Promises A1 and A3 of the ladder under random faults, judged by a reference that sees observations and decisions only.
@Suite struct LadderPropertyTests {
    /// What the promises allow, from the history of what was seen.
    private struct Referee {
        let profile: ChainProfile
        let steps: StepLimits
        /// Time and replicas in force, by service.
        var inForce: [[(time: Double, replicas: Int)]]
        /// Time of the newest good sample and good samples in a row, by service.
        var newest: [Double?]
        var run: [Int]

        init(_ profile: ChainProfile, _ steps: StepLimits) {
            self.profile = profile
            self.steps = steps
            inForce = profile.services.map { _ in [] }
            newest = profile.services.map { _ in nil }
            run = profile.services.map { _ in 0 }
        }

        private func window(_ index: Int, _ seconds: Double, _ now: Double) -> [Int] {
            let history = inForce[index]
            let first = history.lastIndex { $0.time <= now - seconds } ?? 0
            return history[first...].map(\.replicas)
        }

        /// Whether a service has numbers that can be true; the sample's time if so.
        private func sample(_ service: ServiceObservation, _ time: Double) -> Double? {
            func isGood(_ value: Double?) -> Bool { value.map { $0 >= 0 && $0.isFinite } ?? false }
            guard isGood(service.rate) || isGood(service.utilisation), service.age >= 0, service.age.isFinite else {
                return nil
            }
            return time - service.age
        }

        /// Nil where all promises hold.
        mutating func broken(_ observation: Observation, _ round: LadderRound) -> String? {
            for (index, service) in observation.services.enumerated() {
                let profile = profile.services[index]
                let current = service.ordered
                inForce[index].append((observation.time, current))
                if let sampled = sample(service, observation.time) {
                    if let last = newest[index], sampled < last - 1e-3 {
                        run[index] = 0
                    } else if newest[index].map({ sampled > $0 + 1e-3 }) ?? true {
                        run[index] = newest[index].map { sampled - $0 > 30 } ?? false ? 1 : run[index] + 1
                        newest[index] = sampled
                    }
                } else {
                    run[index] = 0
                }
                if newest[index].map({ observation.time - $0 > 30 }) ?? true { run[index] = 0 }
                let count = round.decision.services[index].replicas
                guard profile.bounds.contains(count) else { return "A1: \(count) outside \(profile.bounds)" }
                let fewest = window(index, steps.upWindow, observation.time).min() ?? current
                let up = max(current, steps.most(after: fewest), profile.bounds.lowerBound)
                guard count <= up else { return "A1: \(count) over \(up) after \(fewest)" }
                let most = window(index, steps.downWindow, observation.time).max() ?? current
                let down = min(current, steps.fewest(after: most), profile.bounds.upperBound)
                guard count >= down else { return "A1: \(count) below \(down) after \(most)" }
                if count < min(current, profile.bounds.upperBound) {
                    guard run[index] >= 3 else { return "A3: \(current) to \(count) after \(run[index]) samples" }
                    guard service.draining == 0 else { return "A3: \(current) to \(count) while draining" }
                    guard round.acting.needsData else { return "A3: \(current) to \(count) on \(round.acting)" }
                }
                inForce[index].append((observation.time, count))
                if inForce[index].count > 64 { inForce[index].removeFirst(32) }
            }
            return nil
        }
    }

    private static func number(_ random: inout SplitMix64, usual: Double) -> Double? {
        switch random.below(40) {
        case 0: nil
        case 1: .nan
        case 2: .infinity
        case 3: -1
        case 4: 1e300
        case 5: 0
        default: usual * Double(50 + random.below(100)) / 100
        }
    }

    private static func observation(
        _ random: inout SplitMix64, at time: Double, _ replicas: [Int], isDark: Bool
    ) -> Observation {
        var forecast: RateForecast?
        if random.percent(90) {
            let q50 = number(&random, usual: 200) ?? 0
            forecast = RateForecast(points: [.init(ahead: 10, q50: q50, q90: q50 * 1.2)])
        }
        return Observation(
            time: time, market: random.percent(50) ? MarketClock(sinceOpen: time) : nil,
            rate: isDark ? nil : number(&random, usual: 200), p95: number(&random, usual: 0.04),
            errorRatio: number(&random, usual: 0.01), forecast: forecast,
            services: replicas.map { count in
                let pending = random.percent(10) ? min(count, 1) : 0
                return ServiceObservation(
                    ready: count - pending, pending: Array(repeating: 3, count: pending),
                    draining: random.percent(10) ? 1 : 0, rate: isDark ? nil : number(&random, usual: 200),
                    utilisation: isDark ? nil : number(&random, usual: 0.6), queue: number(&random, usual: 3),
                    p95: number(&random, usual: 0.02), errorRatio: number(&random, usual: 0.01),
                    age: isDark ? .infinity : Double(random.below(18)) - (random.percent(2) ? 20 : 0))
            })
    }

    private static func answer(_ random: inout SplitMix64) -> Proposal.Answer {
        switch random.below(12) {
        case 0: .fault(PolicyFault("NotFinite", "random"))
        case 1: .fault(PolicyFault("MetricsMissing", "random"))
        case 2: .decision(LadderFixture.decision([Int.min, 3]))
        case 3: .decision(LadderFixture.decision([Int.max, 3]))
        case 4: .decision(LadderFixture.decision([3]))
        case 5: .decision(LadderFixture.decision([0, 0]))
        default: .decision(LadderFixture.decision([random.below(30), random.below(15)]))
        }
    }

    @Test("A1 and A3 hold in 100,000 periods of random faults", arguments: [UInt64(1), 2, 3, 4])
    func promises(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var settings = LadderSettings()
        settings.cleanTime = 60
        settings.holdTime = 120
        settings.forecastError = 0.3
        settings.driftWindow = 20
        settings.floor = try ScheduleFloor(steps: [.init(from: 0, replicas: [2, 2])])
        let scripts = [Script(5, 5), Script(5, 5), Script(5, 5)]
        var ladder = try SafetyLadder(
            LadderFixture.profile, settings, learned: ScriptedPolicy("dqn", scripts[0]),
            forecast: ScriptedPolicy("forecast", scripts[1]), reactive: ScriptedPolicy("reactive", scripts[2]),
            shield: seed % 2 == 0 ? try Shield(LadderFixture.profile) : nil,
            counterfactuals: [ScriptedPolicy("hpa", scripts[2])])
        var referee = Referee(LadderFixture.profile, settings.steps)
        var replicas = [5, 5]
        var time = 0.0
        var dark = 0
        var calm = 0
        var seen: Set<LadderLevel> = []
        for step in 0..<25_000 {
            time += 10
            if dark > 0 { dark -= 1 } else if random.below(200) == 0 { dark = random.below(30) }
            if calm > 0 { calm -= 1 } else if random.below(100) == 0 { calm = random.below(60) }
            for script in scripts where calm == 0 || dark > 0 {
                let answer = Self.answer(&random)
                script.answer = { _ in answer }
            }
            if calm > 0 {
                for script in scripts { script.say(random.below(30), random.below(15)) }
            }
            if ladder.isModelDisabled, random.below(50) == 0 { ladder.enableModel() }
            // Others change replicas too, even beyond the bounds.
            if random.below(30) == 0 { replicas[random.below(2)] = random.below(25) }
            let observation =
                calm > 0 && dark == 0
                ? LadderFixture.observation(at: time, replicas)
                : Self.observation(&random, at: time, replicas, isDark: dark > 0)
            let round = ladder.decide(observation)
            seen.insert(round.acting)
            if let broken = referee.broken(observation, round) {
                Issue.record("seed \(seed), period \(step): \(broken); \(observation) led to \(round)")
                return
            }
            // Now and then the actuator fails.
            if random.below(10) > 0 { replicas = round.decision.replicas }
        }
        #expect(seen.isSuperset(of: [.learned, .forecast, .reactive, .hold]), "seed \(seed): every rung was met")
    }

    @Test("The same observations give the same rounds") func determinism() throws {
        func rounds() throws -> [LadderRound] {
            var random = SplitMix64(seed: 9)
            var ladder = try SafetyLadder(
                LadderFixture.profile, learned: ScriptedPolicy("dqn", Script(6, 4)),
                forecast: try ForecastRule(LadderFixture.profile),
                reactive: try ReactiveRule(LadderFixture.profile),
                shield: try Shield(LadderFixture.profile),
                counterfactuals: [try HPAPolicy(LadderFixture.profile)])
            return (1...500).map { step in
                ladder.decide(Self.observation(&random, at: Double(step) * 10, [5, 5], isDark: step % 50 > 40))
            }
        }
        #expect(try rounds() == rounds())
    }
}
