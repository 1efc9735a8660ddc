import Autoscaling
import Testing

@Suite("HPA and KEDA policies") struct HPAPolicyTests {
    /// Decides at 0, 10, 20 … s, each decision applied and ready at once, and returns the replicas after each.
    private func run(
        _ policy: inout some ScalingPolicy, from first: Int, steps: Int, _ observe: (Double, Int) -> Observation
    ) throws -> [Int] {
        var ready = first
        return try (0..<steps).map { step in
            let observation = observe(Double(step) * 10, ready)
            let decision = try policy.decide(observation)
            policy.applied(decision, at: observation.time)
            ready = decision.replicas[0]
            return ready
        }
    }

    private func cpu(_ percent: Int) -> HPAConfiguration { HPAConfiguration(metrics: [.cpu(percent: percent)]) }

    @Test("Asked every 10 s it syncs every 15 s: at 0, 20, 30, 50, 60 s") func syncPeriod() throws {
        var policy = try HPAPolicy(Chains.single, cpu(50))
        var moments: [Double] = []
        for step in 0..<7 {
            let time = Double(step) * 10
            let decision = try policy.decide(Chains.observe(time, rate: 100, ready: 10, utilisation: 0.5))
            if decision.services[0].reasons[0].code != "BetweenSyncs" { moments.append(time) }
        }
        #expect(moments == [0, 20, 30, 50, 60])
    }

    @Test("However deep the overload, utilisation of 1 asks for 1 / 0.7 of the replicas in one sync") func saturation()
        throws
    {
        var policy = try HPAPolicy(Chains.single, cpu(70))
        let decision = try policy.decide(Chains.observe(0, rate: 9_999, ready: 7, utilisation: 1))
        #expect(decision.replicas == [10], "100 / 70 * 7 = 10")
    }

    @Test("Where the rules say no tolerance, the controller's flag holds: 60 and 40 % of 50")
    func toleranceFlag() throws {
        func decided(_ utilisation: Double, _ change: (inout HPAConfiguration) -> Void) throws -> [Int] {
            var configuration = cpu(50)
            configuration.downscaleStabilisation = 0
            change(&configuration)
            var policy = try HPAPolicy(Chains.single, configuration)
            return try policy.decide(Chains.observe(0, rate: 1, ready: 10, utilisation: utilisation)).replicas
        }
        #expect(try decided(0.6) { _ in } == [12] && decided(0.4) { _ in } == [8])
        #expect(try decided(0.6) { $0.tolerance = 0.25 } == [10])
        #expect(try decided(0.4) { $0.tolerance = 0.25 } == [10])
        func mixed(_ configuration: inout HPAConfiguration) {
            configuration.tolerance = 0.25
            configuration.behavior?.up.tolerance = 0.1
        }
        #expect(try decided(0.6, mixed) == [12])
        #expect(try decided(0.4, mixed) == [10], "downwards the flag")
    }

    @Test("Pending replicas damp the way up") func pending() throws {
        var policy = try HPAPolicy(Chains.single, cpu(50))
        // 100 % of 4 and two that start: 66 % / 50 = 1.32 * 6 = 7.92.
        let decision = try policy.decide(Chains.observe(0, rate: 1, ready: 4, pending: 2, utilisation: 1))
        #expect(decision.replicas == [8])
    }

    @Test("A replica ready for less than a metric window does not count yet") func youngReplicas() throws {
        var policy = try HPAPolicy(Chains.single, cpu(50))
        let first = try policy.decide(Chains.observe(0, rate: 1, ready: 4, utilisation: 0.5))
        policy.applied(first, at: 0)
        policy.applied(Decision(services: [ServiceDecision(replicas: 8)]), at: 1)
        // At 20 s four more are ready since then: 90 % of 4, 4 at 0: 45 % / 50 turns the direction, so 8 stays.
        let decision = try policy.decide(Chains.observe(20, rate: 1, ready: 8, utilisation: 0.9))
        #expect(decision.replicas == [8])
        // At 50 s, a window later, all eight count: 90 / 50 * 8 = 14.4.
        let later = try policy.decide(Chains.observe(50, rate: 1, ready: 8, utilisation: 0.9))
        #expect(later.replicas == [15])
    }

    @Test(
        "Metrics that are missing or old change nothing, with the condition's word",
        arguments: [
            Chains.observe(0, rate: nil, ready: 6), Chains.observe(0, rate: 1, ready: 6, utilisation: .nan),
            Chains.observe(0, rate: 1, ready: 6, age: 61, utilisation: 0.1),
            Chains.observe(0, rate: 1, ready: 6, age: .infinity, utilisation: 0.1),
            Chains.observe(0, rate: 1, ready: 0, utilisation: 0.1),
        ])
    func missing(observation: Observation) throws {
        var policy = try HPAPolicy(Chains.single, cpu(70))
        _ = try policy.decide(Chains.observe(-15, rate: 1, ready: 6, utilisation: 0.7))
        let decision = try policy.decide(observation)
        #expect(decision.replicas == [6])
        #expect(decision.services[0].reasons[0].code == "FailedGetResourceMetric")
    }

    @Test("On the rate as AverageValue the need is met in one sync, within the limit upwards") func rate() throws {
        var policy = try HPAPolicy(Chains.single, each: [.rate(Chains.single.services[0], utilisation: 0.7)])
        #expect(try policy.decide(Chains.observe(0, rate: 1_000, ready: 8)).replicas == [15], "1000 / 70 = 14.3")
        var value = try HPAPolicy(Chains.single, HPAConfiguration(metrics: [.externalValue(.rate, target: 100)]))
        #expect(try value.decide(Chains.observe(0, rate: 200, ready: 3)).replicas == [6])
        var pods = try HPAPolicy(Chains.single, HPAConfiguration(metrics: [.pods(.rate, average: 50)]))
        #expect(try pods.decide(Chains.observe(0, rate: 600, ready: 8)).replicas == [12])
        var queue = try HPAPolicy(Chains.single, HPAConfiguration(metrics: [.externalAverage(.queue, target: 10)]))
        #expect(
            try queue.decide(Chains.observe(0, rate: 600, ready: 8)).services[0].reasons[0].code
                == "FailedGetExternalMetric")
    }

    @Test("What others apply is spec, and only what the policy proposed counts for its limits") func applied() throws {
        var configuration = HPAConfiguration.rate(Chains.single.services[0], utilisation: 0.7)
        configuration.behavior?.up.limits = [.init(.pods(4), per: 60)]
        var policy = try HPAPolicy(Chains.single, configuration)
        let up = try policy.decide(Chains.observe(0, rate: 1_400, ready: 4))
        #expect(up.replicas == [8], "20 wanted, 4 more allowed")
        // The shield lets only 6 pass: 2 were added of this policy's own.
        policy.applied(Decision(services: [ServiceDecision(replicas: 6)]), at: 0)
        // start = 6 - 2 = 4 within 60 s: two more are left. At 80 s the addition is past.
        #expect(try policy.decide(Chains.observe(20, rate: 1_400, ready: 6)).replicas == [8])
        policy.applied(Decision(services: [ServiceDecision(replicas: 6)]), at: 20)
        #expect(try policy.decide(Chains.observe(80, rate: 1_400, ready: 6)).replicas == [10])
    }

    @Test("Default behaviour keeps the largest recommendation for 300 s") func fiveMinutes() throws {
        var policy = try HPAPolicy(Chains.single, cpu(50))
        let after = try run(&policy, from: 10, steps: 40) { Chains.observe($0, rate: 1, ready: $1, utilisation: 0.1) }
        // Recommendation 10 of 0 s is 300 s old at 300 s; then 10 % / 50 * 10 = 2.
        #expect(after[..<30] == ArraySlice(Array(repeating: 10, count: 30)))
        #expect(after[30] == 2)
    }

    @Test("Configurations that contradict themselves and observations of another shape are refused") func faults()
        throws
    {
        for bad in [
            HPAConfiguration(metrics: []), cpu(0), HPAConfiguration(metrics: [.externalValue(.rate, target: .nan)]),
        ] {
            #expect(throws: PolicyFault.self) { try HPAPolicy(Chains.single, bad) }
        }
        var crossed = cpu(70)
        (crossed.replicasMin, crossed.replicasMax) = (5, 4)
        #expect(throws: PolicyFault.self) { try HPAPolicy(Chains.single, crossed) }
        #expect(throws: PolicyFault.self) { try HPAPolicy(Chains.three, each: [cpu(70)]) }
        var policy = try HPAPolicy(Chains.single, cpu(70))
        #expect(throws: PolicyFault.self) { try policy.decide(Observation(time: 0, services: [])) }
        #expect(throws: PolicyFault.self) { try policy.decide(Chains.observe(.nan, rate: 1, ready: 1)) }
    }

    private func keda(_ change: (inout KEDAConfiguration) -> Void = { _ in }) throws -> KEDAPolicy {
        var configuration = KEDAConfiguration(threshold: 70)
        configuration.replicasMin = 0
        change(&configuration)
        return try KEDAPolicy(Chains.single, each: [configuration])
    }

    @Test("KEDA: from 0 at the first poll with load, to 0 after the cooldown since the last active poll")
    func activation() throws {
        var policy = try keda { $0.behavior?.down.stabilisation = 0 }
        let after = try run(&policy, from: 0, steps: 50) { time, ready in
            Chains.observe(time, rate: (20..<100).contains(time) ? 30 : 0, ready: ready)
        }
        // Polls at 0, 30, 60, 90, 120 … s: active at 30, 60, 90; 90 + 300 < now first holds at 420 s.
        #expect(after[..<3] == [0, 0, 0])
        #expect(after[3..<42].allSatisfy { $0 == 1 })
        #expect(after[42...].allSatisfy { $0 == 0 })
    }

    @Test("KEDA: between 1 and the maximum an HPA on AverageValue decides") func kedaHPA() throws {
        var policy = try keda()
        let after = try run(&policy, from: 4, steps: 6) { Chains.observe($0, rate: 700, ready: $1) }
        #expect(after == [8, 8, 10, 10, 10, 10], "4 -> 8 at 0 s, 10 at 20 s")
    }

    @Test("KEDA's default takes a lost metric for 0; without ignoreNullValues nothing is taken away") func nulls()
        throws
    {
        func lose(_ ignores: Bool, _ fallback: KEDAConfiguration.Fallback? = nil) throws -> [Int] {
            var policy = try keda {
                $0.ignoresNull = ignores
                $0.fallback = fallback
                $0.behavior?.down.stabilisation = 0
            }
            return try run(&policy, from: 10, steps: 50) { time, ready in
                Chains.observe(time, rate: time < 20 ? 700 : nil, ready: ready)
            }
        }
        #expect(try lose(true).last == 0)
        #expect(try lose(false) == Array(repeating: 10, count: 50))
        #expect(try lose(false, .init(replicas: 14)).last == 14)
        #expect(try lose(false, .init(replicas: 6)).last == 6)
        #expect(try lose(false, .init(replicas: 6, behavior: .currentReplicasIfHigher)).last == 10)
        #expect(try lose(false, .init(replicas: 14, behavior: .currentReplicasIfLower)).last == 10)
        #expect(try lose(false, .init(replicas: 14, behavior: .currentReplicas)).last == 10)
        // More than three failures in a row: at the syncs of 20, 30, 50 and 60 s.
        let fallen = try lose(false, .init(replicas: 14))
        #expect(fallen[5] == 10 && fallen[6] == 14)
    }

    @Test("KEDA: idle replicas, the minimum, and refused configurations") func idle() throws {
        var policy = try keda {
            $0.replicasIdle = 1
            $0.replicasMin = 4
            $0.activation = 10
            $0.cooldown = 60
            $0.behavior?.down.stabilisation = 0
        }
        let after = try run(&policy, from: 4, steps: 30) { time, ready in
            Chains.observe(time, rate: (50..<120).contains(time) ? 20 : 5, ready: ready)
        }
        // No activity and no initial cooldown: idle at the poll after the creation; active at 60 and 90 s; 90 + 60 < 180.
        #expect(after[3] == 1 && after[5] == 1 && after[6] == 4 && after[17] == 4 && after[18] == 1)
        for change: (inout KEDAConfiguration) -> Void in [
            { $0.threshold = 0 }, { $0.activation = .nan }, { $0.pollingInterval = 0 }, { $0.replicasMax = 0 },
            {
                $0.replicasMin = 1; $0.replicasIdle = 1
            }, { $0.fallback = .init(replicas: -1) }, { $0.cooldown = -1 },
        ] {
            #expect(throws: PolicyFault.self) { try keda(change) }
        }
    }
}
