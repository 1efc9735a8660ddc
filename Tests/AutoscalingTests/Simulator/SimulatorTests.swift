import Autoscaling
import Foundation
import TestData
import Testing

@Suite struct SimulatorTests {
    /// One service of 100 requests a second a replica; 10 workers, exponential.
    static func single(
        startup: ClosedRange<Double> = 20...20, failures: Double = 0, cache: ServiceProfile.Cache? = nil
    ) -> ChainProfile {
        ChainProfile(
            services: [
                ServiceProfile(
                    name: "a", bounds: 0...20, workers: 10, serviceTime: 0.1, latencyBudget: 1,
                    startup: .init(range: startup, failureShare: failures),
                    cache: cache ?? .init(hitRatio: 0, warmup: 1, missFactor: 1))
            ], latencyTarget: 0.5)
    }

    static func decision(_ replicas: Int...) -> Decision {
        Decision(services: replicas.map { ServiceDecision(replicas: $0) })
    }

    static func exact(_ replicas: Int...) -> SimulatorOptions {
        var options = SimulatorOptions.exact()
        options.initialReplicas = replicas
        return options
    }

    @Test("What arrived is done, dropped or waiting, for each service and the whole") func conservation() throws {
        var random = SplitMix64(seed: 3)
        for round in 0..<20 {
            let rates = (0..<600).map { _ in Double(random.below(20_000)) }
            var options = SimulatorOptions(seed: UInt64(round))
            options.settling = 0
            var simulator = try ChainSimulator(.tradingChain, LoadTrace(name: "r", rates: rates), options)
            var sums = StepOutcome()
            var services = [ServiceOutcome](repeating: ServiceOutcome(), count: 8)
            var waiting = 0.0
            while !simulator.isOver {
                let outcome = simulator.step(
                    Decision(services: (0..<8).map { _ in ServiceDecision(replicas: random.below(26) - 1) }))
                sums.requests += outcome.requests
                sums.completed += outcome.completed
                sums.dropped += outcome.dropped
                waiting = outcome.waiting
                for index in 0..<8 {
                    services[index].arrived += outcome.services[index].arrived
                    services[index].served += outcome.services[index].served
                    services[index].dropped += outcome.services[index].dropped
                    services[index].queue = outcome.services[index].queue
                    #expect(SimulatorTests.isSound(outcome.services[index]), "round \(round)")
                    #expect((1...24).contains(simulator.targets[index]))
                }
                #expect(outcome.violations >= outcome.dropped - 1e-6)
                #expect(outcome.late >= outcome.dropped - 1e-6)
                #expect(outcome.p50 <= outcome.p95 && outcome.p95 <= outcome.p99)
            }
            #expect(abs(sums.requests - sums.completed - sums.dropped - waiting) < 1e-6 * sums.requests)
            #expect(abs(sums.requests - rates.reduce(0, +)) < 1e-6 * sums.requests)
            for service in services {
                let rest = service.arrived - service.served - service.dropped - service.queue
                #expect(abs(rest) < 1e-6 * service.arrived, "round \(round): \(rest) lost")
            }
        }
    }

    static func isSound(_ outcome: ServiceOutcome) -> Bool {
        [outcome.arrived, outcome.served, outcome.dropped, outcome.queue, outcome.mean, outcome.p95]
            .allSatisfy { $0.isFinite && $0 >= 0 } && (0...1).contains(outcome.utilisation)
    }

    @Test("Same seed, same numbers; another seed, others; a copy goes on by itself") func determinism() throws {
        let load = try TradingDayLoad.bursty.load(seed: 4).window(0..<2_000)
        func run(_ seed: UInt64) throws -> ([StepOutcome], [Observation]) {
            var options = SimulatorOptions(seed: seed)
            options.forecaster = PerfectForecast(logError: 0.1, seed: seed)
            options.randomisation = DomainRandomisation()
            var simulator = try ChainSimulator(.tradingChain, load, options)
            var outcomes: [StepOutcome] = []
            var observations = [simulator.observation]
            while !simulator.isOver {
                let wanted = (0..<8).map { ServiceDecision(replicas: 3 + (outcomes.count + $0) % 7) }
                outcomes.append(simulator.step(Decision(services: wanted)))
                observations.append(simulator.observation)
            }
            return (outcomes, observations)
        }
        let (first, again, other) = (try run(1), try run(1), try run(2))
        #expect(first.0 == again.0)
        #expect(first.1 == again.1)
        #expect(first.0 != other.0)

        var original = try ChainSimulator(.tradingChain, load, SimulatorOptions(seed: 9))
        let start = Decision(services: (0..<8).map { _ in ServiceDecision(replicas: 9) })
        _ = original.step(start)
        var copy = original
        let (ours, theirs) = (original.step(start), copy.step(start))
        #expect(ours == theirs)
        #expect(original.observation == copy.observation)
    }

    @Test("A replica serves after its start-up and is cold at first; it drains for 5 s") func startup() throws {
        let cache = ServiceProfile.Cache(hitRatio: 0.8, warmup: 30, missFactor: 2)
        var options = Self.exact(0)
        options.controlPeriod = 1
        var simulator = try ChainSimulator(Self.single(cache: cache), .steady(rate: 10, seconds: 200), options)
        for second in 1...20 {
            let outcome = simulator.step(Self.decision(1))
            #expect(outcome.services[0].ready == 0 && outcome.services[0].pending == 1, "second \(second)")
            #expect(outcome.services[0].started == (second == 1 ? 1 : 0))
        }
        #expect(simulator.observation.services[0].pending == [20])
        let backlog = simulator.step(Self.decision(1)).services[0]
        #expect(backlog.ready == 1 && backlog.pending == 0)
        for _ in 0..<9 { _ = simulator.step(Self.decision(1)) }
        // At age t the hit ratio is 0.8 (1 - e^(-t/30)); a request takes (2 - hit) / 1.2 of a warm one's time.
        for age in stride(from: 10.0, to: 100, by: 10) {
            let outcome = simulator.step(Self.decision(1))
            let hit = 0.8 * (1 - exp(-age / 30))
            #expect(abs(outcome.services[0].utilisation - 0.1 * (2 - hit) / 1.2) < 1e-9, "age \(age)")
            for _ in 0..<9 { _ = simulator.step(Self.decision(1)) }
        }
        for second in 1...7 {
            let outcome = simulator.step(Self.decision(0))
            #expect(outcome.services[0].ready == 0)
            #expect(outcome.services[0].draining == (second <= 5 ? 1 : 0), "second \(second)")
        }
    }

    @Test("Failures are found after 60 s and ordered anew") func failures() throws {
        var options = Self.exact(0)
        options.controlPeriod = 10
        let profile = Self.single(startup: 5...30, failures: 0.5)
        var simulator = try ChainSimulator(profile, .steady(rate: 0, seconds: 3_000), options)
        var (started, failed) = (0, 0)
        var first: Double?
        while !simulator.isOver {
            let outcome = simulator.step(Self.decision(20))
            started += outcome.services[0].started
            failed += outcome.services[0].failed
            if outcome.services[0].failed > 0, first == nil { first = outcome.time }
        }
        #expect(first == 70)
        #expect(started == 20 + failed)
        #expect(failed > 5 && failed < 60, "\(failed) failures of share 0.5")
        #expect(simulator.observation.services[0].ready == 20)
    }

    @Test("Without replicas all is dropped and violates; the queue never waits longer than the timeout")
    func timeouts() throws {
        var nothing = try ChainSimulator(Self.single(), .steady(rate: 50, seconds: 100), Self.exact(0))
        var outcome = StepOutcome()
        while !nothing.isOver { outcome = nothing.step(Self.decision(0)) }
        #expect(outcome.completed == 0 && outcome.dropped == 500 && outcome.violations == 500)
        #expect(outcome.violationShare == 1)

        var options = Self.exact(1)
        options.timeout = 2
        var simulator = try ChainSimulator(Self.single(), .steady(rate: 300, seconds: 100), options)
        while !simulator.isOver { outcome = simulator.step(Self.decision(1)) }
        #expect(abs(outcome.services[0].queue - 200) < 1e-9)
        #expect(outcome.mean <= 2.1 + 1e-9)
        #expect(abs(outcome.dropped - 2_000) < 1e-6)
        #expect(outcome.violations == outcome.completed + outcome.dropped)
        #expect(outcome.services[0].utilisation == 1)
    }

    @Test("Overload stops at the narrowest service: the next ones see only what passed") func bottleneck() throws {
        var wide = Self.single().services[0]
        wide.name = "b"
        let profile = ChainProfile(services: Self.single().services + [wide])
        var simulator = try ChainSimulator(profile, .steady(rate: 300, seconds: 60), Self.exact(1, 10))
        var outcome = StepOutcome()
        while !simulator.isOver { outcome = simulator.step(Self.decision(1, 10)) }
        #expect(abs(outcome.services[1].arrived - 1_000) < 1e-6)
        #expect(outcome.services[1].queue == 0)
        #expect(abs(outcome.services[1].utilisation - 0.1) < 1e-9)
    }

    @Test("Metrics are late, noisy and sometimes lost; replicas are seen as they are") func metrics() throws {
        var options = Self.exact(5)
        options.metricLag = 10...10
        var simulator = try ChainSimulator(
            Self.single(), LoadTrace(name: "ramp", rates: (0..<400).map(Double.init)), options)
        for step in 1...30 {
            _ = simulator.step(Self.decision(5))
            let seen = simulator.observation.services[0]
            #expect(seen.age == 10)
            // The newest sample is that of seconds 10 (step - 2)..<10 (step - 1).
            let expected = step == 1 ? 0 : 10 * Double(step - 2) + 4.5
            #expect(abs((seen.rate ?? -1) - expected) < 1e-9, "step \(step)")
        }
        options.metricLoss = 0.5
        options.metricNoise = 0.1
        simulator = try ChainSimulator(Self.single(), .steady(rate: 100, seconds: 40_000), options)
        var seen: [Double] = []
        var lost = 0
        while !simulator.isOver {
            _ = simulator.step(Self.decision(5))
            if let rate = simulator.observation.services[0].rate { seen.append(rate) } else { lost += 1 }
        }
        #expect(abs(Double(lost) / 4_000 - 0.5) < 0.03)
        let mean = seen.reduce(0, +) / Double(seen.count)
        let deviation = (seen.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(seen.count)).squareRoot()
        #expect(abs(mean - 100) < 1 && abs(deviation - 10) < 1)
    }

    @Test("Busy nodes slow services down, those of low priority most; quotas take capacity") func contention() throws {
        var options = Self.exact(1)
        options.contention = 2
        options.nodeProcessors = 1
        var simulator = try ChainSimulator(Self.single(), .steady(rate: 80, seconds: 100), options)
        var outcome = StepOutcome()
        while !simulator.isOver { outcome = simulator.step(Self.decision(1)) }
        // The busy share u satisfies u = 0.8 (1 + 2 (u - 0.7)), which has no solution below 1: it saturates at 1.
        #expect(outcome.services[0].utilisation == 1)
        options.contention = 0.5
        simulator = try ChainSimulator(Self.single(), .steady(rate: 80, seconds: 100), options)
        while !simulator.isOver { outcome = simulator.step(Self.decision(1)) }
        // u = 0.8 (1 + 0.5 (u - 0.7)) has u = 0.52 / 0.6.
        #expect(abs(outcome.services[0].utilisation - 0.52 / 0.6) < 1e-6)

        simulator = try ChainSimulator(Self.single(), .steady(rate: 40, seconds: 100), Self.exact(1))
        while !simulator.isOver {
            outcome = simulator.step(Decision(services: [ServiceDecision(replicas: 1, quota: 0.5)]))
        }
        #expect(abs(outcome.services[0].utilisation - 0.8) < 1e-9)
        #expect(abs(outcome.processorSeconds - 5) < 1e-9 && outcome.replicaSeconds == 10)
    }

    @Test("The processor budget is never exceeded; bounds clamp decisions") func budget() throws {
        var profile = ChainProfile.tradingChain
        profile.processorBudget = 40
        var simulator = try ChainSimulator(profile, .steady(rate: 5_000, seconds: 600), SimulatorOptions(seed: 3))
        while !simulator.isOver {
            _ = simulator.step(Decision(services: (0..<8).map { _ in ServiceDecision(replicas: 1_000) }))
            #expect(simulator.observation.services.reduce(0) { $0 + $1.ordered } <= 40)
            #expect(simulator.targets.allSatisfy { $0 == 24 })
        }
        #expect(simulator.observation.services.reduce(0) { $0 + $1.ordered } == 40)
    }

    @Test("Retries load the system more; sharing and processor sharing follow their laws") func laws() throws {
        var options = Self.exact(1)
        options.retries = 1
        var simulator = try ChainSimulator(Self.single(), .steady(rate: 200, seconds: 200), options)
        var outcome = StepOutcome()
        while !simulator.isOver { outcome = simulator.step(Self.decision(1)) }
        // Arrivals a = 200 (1 + d) with d = (a - 100) / a: a² - 400 a + 20,000 = 0.
        #expect(abs(outcome.rate - (200 + 20_000.0.squareRoot())) < 0.5)

        var profile = Self.single()
        profile.services[0].sharing = .init(contention: 0.1, coherence: 0.01)
        simulator = try ChainSimulator(profile, .steady(rate: 100, seconds: 60), Self.exact(4))
        while !simulator.isOver { outcome = simulator.step(Self.decision(4)) }
        #expect(abs(outcome.services[0].utilisation - 0.25 * (1 + 0.1 * 3 + 0.01 * 12)) < 1e-9)

        profile = Self.single()
        profile.services[0].workers = 1
        profile.services[0].discipline = .processorSharing
        profile.services[0].serviceVariation = 3
        simulator = try ChainSimulator(profile, .steady(rate: 28, seconds: 60), Self.exact(4))
        while !simulator.isOver { outcome = simulator.step(Self.decision(4)) }
        // M/G/1-PS: S / (1 - ρ) whatever the variation.
        #expect(abs(outcome.mean - 0.1 / 0.3) < 1e-9)
    }

    @Test("A randomised world differs from the profile within its ranges; the profile given stays") func domain() throws
    {
        let profile = Self.single(startup: 10...20)
        var options = Self.exact(1)
        options.randomisation = DomainRandomisation()
        var loads: [Double] = []
        for seed in 0..<200 {
            options.seed = UInt64(seed)
            var simulator = try ChainSimulator(profile, .steady(rate: 40, seconds: 10), options)
            loads.append(simulator.step(Self.decision(1)).services[0].utilisation)
            #expect(simulator.profile == profile)
        }
        // 0.4 times 0.8...1.2 over 0.7...1.3.
        #expect(loads.min()! >= 0.4 * 0.8 / 1.3 - 1e-9 && loads.max()! <= 0.4 * 1.2 / 0.7 + 1e-9)
        #expect(loads.max()! - loads.min()! > 0.2)
    }

    @Test("Contradictions and limits are told") func badInput() throws {
        let load = LoadTrace.steady(rate: 1, seconds: 10)
        func fault(_ profile: ChainProfile, _ load: LoadTrace, _ options: SimulatorOptions) -> SimulationFault? {
            do throws(SimulationFault) {
                _ = try ChainSimulator(profile, load, options)
                return nil
            } catch { return error }
        }
        #expect(fault(Self.single(), load, SimulatorOptions()) == nil)
        #expect(fault(ChainProfile(services: []), load, SimulatorOptions())?.code == .profile)
        #expect(fault(Self.single(), LoadTrace(name: "x", rates: []), SimulatorOptions())?.code == .load)
        for bad in [-1, Double.nan, .infinity, 1.0000001e9] {
            let found = fault(Self.single(), LoadTrace(name: "x", rates: [1, bad]), SimulatorOptions())
            #expect(found?.code == .load && found?.message.contains("second 1") == true)
        }
        let edits: [(inout SimulatorOptions) -> Void] = [
            { $0.controlPeriod = 0 }, { $0.controlPeriod = 2.5 }, { $0.controlPeriod = 601 },
            { $0.controlPeriod = .nan },
            { $0.samplingPeriod = 0 }, { $0.metricLag = -1...1 }, { $0.metricLoss = 1 }, { $0.metricLoss = .nan },
            { $0.metricNoise = 1.01 }, { $0.replicaSpeedDeviation = -0.1 }, { $0.timeout = 0 }, { $0.timeout = 601 },
            { $0.startupTailShare = 1.1 }, { $0.startupDeadline = 0 }, { $0.drainTime = -1 }, { $0.contention = 101 },
            { $0.nodeProcessors = 0 }, { $0.retries = 3.1 }, { $0.settling = -1 }, { $0.initialReplicas = [1, 2] },
            {
                $0.randomisation = DomainRandomisation(); $0.randomisation?.capacity = 0...1
            },
        ]
        for (index, edit) in edits.enumerated() {
            var options = SimulatorOptions()
            edit(&options)
            #expect(fault(Self.single(), load, options)?.code == .option, "edit \(index)")
        }
    }

    @Test("The last period ends with the load; after it nothing happens") func ending() throws {
        var simulator = try ChainSimulator(Self.single(), .steady(rate: 10, seconds: 25), Self.exact(1))
        let durations = (0..<3).map { _ in simulator.step(Self.decision(1)).duration }
        #expect(durations == [10, 10, 5])
        #expect(simulator.isOver)
        let after = simulator.step(Self.decision(1))
        #expect(after.duration == 0 && after.requests == 0 && after.replicaSeconds == 0)
    }

    @Test("The assumed chain: 81 replicas, 526.5 replica-hours for 15,000 a second at 0.8") func tradingChain() throws {
        let chain = ChainProfile.tradingChain
        #expect(chain.fault == nil)
        let replicas = chain.services.indices.map { chain.replicas(of: $0, rate: 15_000, utilisation: 0.8) }
        #expect(replicas.reduce(0, +) == 81)
        var day = TradingDayLoad.bursty
        day.leadIn = 0
        var simulator = try ChainSimulator(chain, try day.load(seed: 77), SimulatorOptions(seed: 1))
        var (hours, violations) = (0.0, 0.0)
        while !simulator.isOver {
            let outcome = simulator.step(Decision(services: replicas.map { ServiceDecision(replicas: $0) }))
            hours += outcome.replicaSeconds / 3_600
            violations += outcome.violations
        }
        #expect(abs(hours - 526.5) < 0.01)
        #expect(violations == 0)
    }
}
