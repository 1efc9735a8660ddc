/// One policy through one load in the simulator, as it would be served: observe, decide, shield, apply.
public struct PolicyRun: Sendable {
    /// The control periods, in order.
    public private(set) var records: [ControlRecord] = []
    /// Decisions the shield changed.
    public private(set) var shielded = 0
    /// Observations the policy could not decide on; what was in force was then held.
    public private(set) var faults = 0
    /// Replicas in force before the first decision.
    public private(set) var initial: [Int] = []

    /// Runs `policy` through `load`.
    /// - Parameters:
    ///   - shield: stands between policy and chain; nil for the policy alone.
    ///   - options: of the simulator, its seed and forecaster among them.
    /// - Throws: `SimulationFault` where profile, load or options cannot be simulated.
    public init(
        _ policy: any ScalingPolicy, _ profile: ChainProfile, _ load: LoadTrace, _ options: SimulatorOptions,
        shield: Shield? = nil
    ) throws(SimulationFault) {
        var policy = policy
        var shield = shield
        var simulator = try ChainSimulator(profile, load, options)
        records.reserveCapacity(load.duration / Int(options.controlPeriod) + 1)
        initial = simulator.targets
        while !simulator.isOver {
            let observation = simulator.observation
            let current = simulator.targets
            let proposal: Decision
            do throws(PolicyFault) {
                proposal = try policy.decide(observation)
            } catch {
                faults += 1
                proposal = Decision(services: current.map { ServiceDecision(replicas: $0) })
            }
            var decision = proposal
            if let result = shield?.apply(proposal, observation, current: current) {
                decision = result.decision
                if !result.interventions.isEmpty { shielded += 1 }
            }
            let outcome = simulator.step(decision)
            policy.applied(decision, at: observation.time)
            records.append(ControlRecord(outcome, replicas: simulator.targets))
        }
    }

    /// The figures of the run.
    public var score: RunScore { RunScore(records, initial: initial) }
}

extension ControlRecord {
    /// What the simulator says of a period; `replicas` are those in force in it.
    init(_ outcome: StepOutcome, replicas: [Int]) {
        var busy = 0.0
        var ready = 0.0
        for service in outcome.services {
            busy += service.utilisation * Double(service.ready)
            ready += Double(service.ready)
        }
        self.init(
            time: outcome.time - outcome.duration, seconds: outcome.duration, requests: outcome.requests,
            violations: outcome.violations, replicaSeconds: outcome.replicaSeconds, p95: outcome.p95, p99: outcome.p99,
            utilisation: ready > 0 ? busy / ready : 0, replicas: replicas)
    }
}
