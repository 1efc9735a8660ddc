public import Learning

/// Trains a learned policy from nothing: the simulator as environment, a rule to imitate first, the best checkpoint on
/// days never trained on kept.
///
/// One thread, all chance from one seed: equal settings give equal bytes on one kind of processor.
public struct ScalingTraining: Sendable {
    /// Which learner.
    public enum Algorithm: String, Sendable, CaseIterable {
        /// Proximal policy optimisation.
        case ppo
        /// Dueling double DQN, three-step returns, prioritised replay.
        case dqn
    }

    /// The learner.
    public var algorithm = Algorithm.ppo
    /// Root of all chance.
    public var seed: UInt64 = 1
    /// Chain, form, masks, reward, simulator.
    public var environment: ScalingEnvironment.Configuration
    /// Steps of single environments.
    public var steps = 400_000
    /// Episodes in which PPO first watches the forecast rule and learns to do the same; 0 for none.
    public var imitated = 64
    /// Steps between two judgements.
    public var judgedEvery = 50_000
    /// Largest rate of the days in requests a second.
    public var peak = 15_000.0
    /// Days of each kind that are learned from, and their kinds.
    public var days = 8
    public var kinds: [DayKind] = [.mild, .bursty, .eventful, .china]
    /// Days of each kind that judge checkpoints.
    public var validationDays = 1
    public var validationKinds: [DayKind] = [.mild, .bursty, .eventful]
    /// Requests over the promise that cost as much as a replica-hour when checkpoints are judged.
    public var requestsPerHour = 10_000.0

    /// What was learned.
    public struct Outcome {
        /// The best checkpoint.
        public let model: ScalingModel
        /// Its score: minus cost over the replica-hours that the load needs, mean over the validation days.
        public let score: Double
        /// Figures of training.
        public let curve: LearningCurve
    }

    /// The defaults for a chain: form C, learned from one service at a time, metrics as the sidecar reads them and a
    /// decision every 10 s, mild domain randomisation, without the shield: a policy that learns behind it leans on it and
    /// is of no use alone.
    public init(_ profile: ChainProfile) {
        environment = ScalingEnvironment.Configuration(profile)
        environment.reward = .served
        environment.isShielded = false
        var randomisation = DomainRandomisation()
        randomisation.capacity = 0.9...1.1
        randomisation.visits = 0.95...1.05
        randomisation.startup = 15...40
        randomisation.lag = 0.5...3
        randomisation.failures = 0...0.02
        environment.simulator = environment.simulator.reading(.direct)
        environment.simulator.controlPeriod = 10
        environment.simulator.randomisation = randomisation
    }

    /// Trains.
    /// - Parameter progress: sees each point of the curve; false stops, and the best so far is the result.
    /// - Throws: what makes profile, options or days unfit for the simulator.
    public func run(progress: (LearningCurve.Point) -> Bool = { _ in true }) throws -> Outcome {
        let days = try TrainingDays(kinds: kinds, peak: peak, path: .direct, count: self.days)
        let validation = try ValidationDays(
            environment.profile, kinds: validationKinds, peak: peak, count: validationDays,
            requestsPerHour: requestsPerHour)
        let environment = self.environment
        func world(_ role: EnvironmentRole) throws -> ScalingEnvironment {
            try ScalingEnvironment(environment, role: role, days: days)
        }
        func score(_ policy: DiscretePolicy) -> Double {
            guard let model = try? model(policy, score: 0) else { return -.infinity }
            return validation.score(model)
        }
        let best: DiscretePolicy?
        let bestScore: Double
        let curve: LearningCurve
        switch algorithm {
        case .ppo:
            let learner = try PPO(ppo, makeEnvironment: world)
            learner.scorer = score
            if imitated > 0 {
                var shown = try world(.training(0))
                let guide = RuleGuide(environment)
                let demonstrations = try Demonstrations.record(
                    &shown, episodes: imitated, seed: seed, gamma: 0.97, capacity: 32_768
                ) { guide.choose($0, &$1) }
                _ = learner.imitate(demonstrations)
            }
            learner.train(progress: progress)
            (best, bestScore, curve) = (learner.best, learner.bestScore, learner.curve)
        case .dqn:
            let learner = try DQN(dqn, makeEnvironment: world)
            learner.scorer = score
            let guide = RuleGuide(environment)
            learner.warmUp(steps: min(steps / 5, 20_000)) { guide.choose($0, &$1) }
            learner.train(progress: progress)
            (best, bestScore, curve) = (learner.best, learner.bestScore, learner.curve)
        }
        guard let best else { throw LearningError(.badData, "training was stopped before its first checkpoint") }
        return Outcome(model: try model(best, score: bestScore), score: bestScore, curve: curve)
    }

    /// Sizes and rates of PPO.
    private var ppo: PPOConfiguration {
        var settings = PPOConfiguration()
        settings.totalSteps = steps
        settings.environments = 16
        settings.steps = 256
        settings.minibatch = 512
        settings.epochs = 4
        settings.learningRate = .linear(5e-4, 0)
        settings.gamma = 0.97
        settings.entropy = .linear(0.01, 0.001)
        settings.targetKL = 0.02
        settings.normalisesReturns = true
        settings.normalisesObservations = true
        settings.evaluation = .init(everySteps: judgedEvery, episodes: 1, parallel: 1)
        settings.seed = seed
        return settings
    }

    /// Sizes and rates of DQN.
    private var dqn: DQNConfiguration {
        var settings = DQNConfiguration()
        settings.totalSteps = steps
        settings.environments = 8
        settings.trainEvery = 8
        settings.network = ActionValueConfiguration(layers: [64, 64], streams: 32)
        settings.epsilon = .linear(0.5, 0.02, over: 0.3)
        settings.normalisesObservations = true
        settings.evaluation = .init(everySteps: judgedEvery, episodes: 1, parallel: 1)
        settings.seed = seed
        return settings
    }

    /// A checkpoint as a model; a network of several agents becomes one of single agents, whose parameters are the same.
    private func model(_ policy: DiscretePolicy, score: Double) throws(LearningError) -> ScalingModel {
        var network = policy
        if environment.form == .shared, policy.space.agents > 1 {
            var file = policy.tensorFile()
            file.metadata["space.agents"] = "1"
            network = try DiscretePolicy(file)
        }
        return ScalingModel(
            network, form: environment.form,
            services: environment.form == .single ? environment.profile.services.count : nil, rules: environment.rules,
            training: [
                "algorithm": algorithm.rawValue, "seed": "\(seed)", "steps": "\(steps)", "score": "\(score)",
                "imitated": "\(algorithm == .ppo ? imitated : 0)",
                "period": "\(environment.simulator.controlPeriod)",
                "whole": "\(environment.isWhole)", "shield": "\(environment.isShielded)",
                "reward": environment.reward.text,
                "kinds": kinds.map(\.rawValue).joined(separator: " "),
            ])
    }
}

/// Days that judge checkpoints: whole days of the whole chain, shield on, the same each time.
struct ValidationDays {
    private let profile: ChainProfile
    private let days: [(load: LoadTrace, options: SimulatorOptions, need: Double)]
    private let requestsPerHour: Double

    init(
        _ profile: ChainProfile, kinds: [DayKind], peak: Double, count: Int, requestsPerHour: Double
    ) throws(SimulationFault) {
        self.profile = profile
        self.requestsPerHour = requestsPerHour
        var made: [(load: LoadTrace, options: SimulatorOptions, need: Double)] = []
        for kind in kinds {
            let forecaster = try kind.forecaster(peak: peak, path: .direct)
            for seed in DaySeeds.validation.prefix(count) {
                let load = try kind.days(peak: peak).load(seed: seed)
                var options = SimulatorOptions(seed: seed).reading(.direct)
                options.forecaster = forecaster
                made.append((load, options, profile.replicaHours(of: load)))
            }
        }
        days = made
    }

    /// Minus the mean of cost over need.
    func score(_ model: ScalingModel) -> Double {
        var sum = 0.0
        for day in days {
            do {
                let policy = try LearnedPolicy(model, profile)
                var settings = Shield.Settings()
                settings.period = day.options.controlPeriod
                let run = try PolicyRun(
                    policy, profile, day.load, day.options, shield: try Shield(profile, settings))
                sum -= run.score.cost(requestsPerHour: requestsPerHour) / day.need
            } catch {
                return -.infinity
            }
        }
        return sum / Double(max(days.count, 1))
    }
}

extension ChainProfile {
    /// Replica-hours of exactly the replicas that each second of a load needs at a utilisation: a bound below which
    /// violations begin.
    func replicaHours(of load: LoadTrace, utilisation: Double = 0.8) -> Double {
        var replicas = 0.0
        for rate in load.rates {
            for index in services.indices {
                replicas += Double(
                    services[index].clamp(self.replicas(of: index, rate: rate, utilisation: utilisation)))
            }
        }
        return replicas / 3_600
    }
}

/// The forecast rule as a teacher: its replicas, by the nearest allowed steps.
final class RuleGuide {
    private let configuration: ScalingEnvironment.Configuration
    private let settings: ForecastRule.Settings
    private var rule: ForecastRule?
    private var time = Double.infinity

    init(_ configuration: ScalingEnvironment.Configuration) {
        self.configuration = configuration
        var settings = ForecastRule.Settings()
        settings.period = configuration.simulator.controlPeriod
        self.settings = settings
    }

    /// The rule's choices for the moment an environment is at; a time that went back begins an episode.
    func choose(_ world: ScalingEnvironment, _ choices: inout [Int]) {
        let observation = world.observation
        if rule == nil || observation.time <= time { rule = try? ForecastRule(world.profile, settings) }
        time = observation.time
        let current = observation.services.map(\.ordered)
        let wanted = (try? rule?.decide(observation))?.replicas ?? current
        configuration.form.choices(toward: wanted, world.state, configuration.rules, into: &choices)
    }
}

extension ScalingReward {
    /// The weights that the shipped policy is trained with: little for latency within the promise, much for requests
    /// over it, and something for reversals.
    public static var served: ScalingReward {
        var reward = ScalingReward()
        reward.latency = 0.1
        reward.utilisation = 0.7
        reward.utilisationTarget = 0.75
        reward.cost = 0.3
        reward.hinge = 2
        reward.violation = 20
        reward.churn = 0.05
        reward.reversal = 0.3
        return reward
    }

    /// The weights as numbers between blanks, in the order of the declaration.
    var text: String {
        [latency, utilisation, cost, utilisationTarget, overFactor, churn, reversal, hinge, violation]
            .map { "\($0)" }.joined(separator: " ")
    }
}
