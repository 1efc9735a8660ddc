public import Learning

/// Where loads and forecasters of episodes come from.
public protocol ScalingDays: Sendable {
    /// The load of an episode, and the forecaster that goes with it.
    func draw(
        _ role: EnvironmentRole, _ episode: Int, _ random: inout Xoshiro256StarStar
    ) -> (load: LoadTrace, forecaster: (any LoadForecasting)?)
}

/// The simulator of the chain as an environment of the learners: features, masks and reward of this module, a part of a
/// trading day an episode. The end of an episode is a time limit, no terminal state.
///
/// With `isWhole` the chain acts as one: a decision has a step for each service, and one reward. Without it each episode
/// is one service of the chain alone, drawn at random, with the response time it may take as its promise: the network
/// of form C then gets each service's own reward, and a step costs an eighth.
public struct ScalingEnvironment: Environment {
    /// Settings, the same for all environments of a training.
    public struct Configuration: Sendable {
        /// The chain.
        public var profile: ChainProfile
        /// How services are laid out; `single` needs `isWhole`.
        public var form = ScalingForm.shared
        /// Whether a decision is for the whole chain.
        public var isWhole = false
        /// Whether the shield stands between decision and simulator, as it does when served.
        public var isShielded = true
        /// The masks.
        public var rules = MaskRules()
        /// The reward.
        public var reward = ScalingReward()
        /// Options of the simulator, but for seed and forecaster.
        public var simulator = SimulatorOptions()

        /// The defaults for a chain.
        public init(_ profile: ChainProfile) { self.profile = profile }
    }

    public let space: DecisionSpace
    /// Settings.
    public let configuration: Configuration
    /// What the agent has seen.
    var state: ScalingState { running.state }
    /// The observation it decides on now.
    public var observation: Observation { running.simulator.observation }
    /// The chain of the episode: all services or one.
    public var profile: ChainProfile { running.simulator.profile }

    private let role: EnvironmentRole
    private let days: any ScalingDays
    private var running: Running

    /// An episode.
    private struct Running {
        var simulator: ChainSimulator
        var state: ScalingState
        var shield: Shield
        var lastSigns: [Int]
        var lastTimes: [Double]
    }

    /// An environment over `days`; its first episode is a second long until `reset`.
    /// - Throws: what contradicts itself in profile or options.
    public init(
        _ configuration: Configuration, role: EnvironmentRole, days: any ScalingDays
    ) throws {
        precondition(configuration.form == .shared || configuration.isWhole, "form A is for the whole chain")
        self.configuration = configuration
        self.role = role
        self.days = days
        let services = configuration.isWhole ? configuration.profile.services.count : 1
        space = configuration.form.space(services: services)
        let first = configuration.isWhole ? configuration.profile : Self.alone(configuration.profile, 0)
        running = try Self.start(
            first, configuration.simulator, LoadTrace(name: "none", rates: [1]), forecaster: nil, seed: 1)
    }

    public mutating func reset(_ episode: Episode) {
        var random = episode.random
        let whole = configuration.profile
        let profile = configuration.isWhole ? whole : Self.alone(whole, random.below(whole.services.count))
        let (load, forecaster) = days.draw(role, episode.index, &random)
        let seed = random.next()
        do {
            running = try Self.start(profile, configuration.simulator, load, forecaster: forecaster, seed: seed)
        } catch {
            preconditionFailure("an episode that cannot be simulated: \(error)")
        }
    }

    public func observe(_ view: ObservationView) {
        configuration.form.observe(running.state, configuration.rules, view)
    }

    public mutating func step(_ choices: Span<Int>) -> Transition {
        let state = running.state
        let steps = configuration.form.steps(choices, services: state.services.count)
        let decision = Decision(
            services: steps.enumerated().map { index, step in
                ServiceDecision(
                    replicas: profile.services[index].clamp(step.replicas(from: state.services[index].ordered)))
            })
        return act(decision)
    }

    /// Takes a decision that need not be one of the steps.
    mutating func act(_ proposal: Decision) -> Transition {
        let observation = running.simulator.observation
        let ordered = running.state.services.map(\.ordered)
        let decision =
            configuration.isShielded
            ? running.shield.apply(proposal, observation, current: ordered).decision : proposal
        running.state.applied(decision.replicas, at: observation.time)
        let outcome = running.simulator.step(decision)
        let reward = reward(outcome, ordered: ordered, replicas: decision.replicas, at: observation.time)
        try? running.state.observe(running.simulator.observation)
        return Transition(reward: Float(reward), isTruncated: running.simulator.isOver)
    }

    private mutating func reward(
        _ outcome: StepOutcome, ordered: [Int], replicas: [Int], at time: Double
    ) -> Double {
        var services: [ScalingReward.Service] = []
        services.reserveCapacity(ordered.count)
        for index in ordered.indices {
            let service = outcome.services[index]
            let profile = self.profile.services[index]
            let change = replicas[index] - ordered[index]
            let sign = change.signum()
            let isReversal =
                sign != 0 && sign == -running.lastSigns[index]
                && time - running.lastTimes[index] <= RunScore.reversalSeconds
            if sign != 0 { (running.lastSigns[index], running.lastTimes[index]) = (sign, time) }
            // Offered load, the backlog included, over what the ready replicas can do: utilisation alone ends at 1.
            let served = max(service.served, 1e-9)
            let pressure = max(1, (service.arrived + service.queue) / served)
            services.append(
                ScalingReward.Service(
                    utilisation: service.utilisation * (service.utilisation > 0.99 ? pressure : 1),
                    processors: service.replicaSeconds / max(outcome.duration, 1) * profile.processors,
                    processorsMost: Double(profile.bounds.upperBound) * profile.processors,
                    step: Double(change) / Double(max(ordered[index], 1)), isReversal: isReversal))
        }
        return configuration.reward(
            p95: outcome.p95, target: profile.latencyTarget, violationShare: outcome.violationShare,
            services: services)
    }

    /// How far a service alone may exceed what it may take of the whole: 95th percentiles do not add up, and a chain
    /// whose services all keep their budgets is well within its promise.
    static let budgetSlack = 1.5

    /// One service of a chain as a chain of its own, with the response time it may take as the promise.
    static func alone(_ profile: ChainProfile, _ index: Int) -> ChainProfile {
        var one = profile
        one.services = [profile.services[index]]
        one.latencyTarget = budgetSlack * profile.services[index].latencyBudget
        one.processorBudget = nil
        return one
    }

    private static func start(
        _ profile: ChainProfile, _ options: SimulatorOptions, _ load: LoadTrace,
        forecaster: (any LoadForecasting)?, seed: UInt64
    ) throws -> Running {
        var options = options
        options.seed = seed
        options.forecaster = forecaster
        let simulator = try ChainSimulator(profile, load, options)
        var state = try ScalingState(profile)
        try state.observe(simulator.observation)
        let count = profile.services.count
        return Running(
            simulator: simulator, state: state, shield: try Shield(profile),
            lastSigns: Array(repeating: 0, count: count), lastTimes: Array(repeating: -.infinity, count: count))
    }
}
