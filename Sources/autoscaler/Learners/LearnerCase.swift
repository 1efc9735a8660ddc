internal import Foundation
internal import Learning

/// An algorithm with published settings on a standard environment.
enum LearnerCase: String, CaseIterable {
    case ppoCartPole = "ppo-cartpole"
    case dqnCartPole = "dqn-cartpole"
    case ppoAcrobot = "ppo-acrobot"
    case dqnAcrobot = "dqn-acrobot"

    /// Which figure of a run is held against the level.
    enum Judged: String {
        /// Greedy episodes of the last network.
        case last = "greedy, last network"
        /// Greedy episodes of the best checkpoint.
        case best = "greedy, best checkpoint"
        /// Mean of the last 100 episodes of training, with the actions that training drew.
        case training = "training, last 100 episodes"
    }

    /// What is trained, for people.
    var title: String {
        switch self {
        case .ppoCartPole: "PPO, CartPole-v1, RL zoo settings"
        case .dqnCartPole: "DQN, CartPole-v1, CleanRL settings"
        case .ppoAcrobot: "PPO, Acrobot-v1, CleanRL settings"
        case .dqnAcrobot: "DQN, Acrobot-v1, CleanRL settings"
        }
    }

    /// Steps of single environments.
    var steps: Int { self == .ppoCartPole ? PPOConfiguration.cartPole.totalSteps : 500_000 }

    /// The figure a run is judged by and the least it must be.
    ///
    /// CartPole: 500 is the most an episode can bring, 475 is solved. Acrobot: the lower edge of the band that CleanRL
    /// publishes for returns of training, -82.48 ± 5.93 for PPO and -91.54 ± 7.20 for DQN.
    var level: (judged: Judged, least: Double) {
        switch self {
        case .ppoCartPole: (.last, 500)
        case .dqnCartPole: (.best, 475)
        case .ppoAcrobot: (.training, -82.48 - 5.93)
        case .dqnAcrobot: (.training, -91.54 - 7.20)
        }
    }

    /// What others report for the same settings; CPU times of PyTorch 2.13 with one thread on a 2.5 GHz Cascade Lake.
    var published: String {
        switch self {
        case .ppoCartPole: "PyTorch, 5 seeds: 500.0 on 5 of 5, training 475 after 70,000 to 94,000 steps, 35 s CPU"
        case .dqnCartPole: "PyTorch, 2 seeds: 500.0 on 2 of 2, training 486 to 500 at the end, 290 s CPU"
        case .ppoAcrobot: "CleanRL: training -82.48 ± 5.93; OpenAI baselines -81.82"
        case .dqnAcrobot: "CleanRL: training -91.54 ± 7.20"
        }
    }

    /// Trains from `seed` and plays 100 greedy episodes that training has not seen; `progress` is told the steps.
    func run(seed: UInt64, stepsDivisor: Int, progress: (Int) -> Void) -> LearnerRun {
        switch self {
        case .ppoCartPole:
            ppo(.cartPole, seed, stepsDivisor, progress) { CartPole() }
        case .ppoAcrobot:
            ppo(.cleanRL, seed, stepsDivisor, progress) { Acrobot() }
        case .dqnCartPole:
            dqn(.cleanRL, seed, stepsDivisor, progress) { CartPole() }
        case .dqnAcrobot:
            dqn(.cleanRL, seed, stepsDivisor, progress) { Acrobot() }
        }
    }

    private func ppo<World: Environment>(
        _ settings: PPOConfiguration, _ seed: UInt64, _ divisor: Int, _ progress: (Int) -> Void,
        _ make: () -> World
    ) -> LearnerRun {
        var settings = settings
        settings.seed = seed
        settings.totalSteps /= divisor
        let start = Self.threadSeconds()
        let learner = PPO(settings) { _ in make() }
        learner.train { point in
            progress(point.step)
            return true
        }
        return finished(
            seed, learner.step, learner.curve, last: learner.policy(), best: learner.best, since: start, make)
    }

    private func dqn<World: Environment>(
        _ settings: DQNConfiguration, _ seed: UInt64, _ divisor: Int, _ progress: (Int) -> Void,
        _ make: () -> World
    ) -> LearnerRun {
        var settings = settings
        settings.seed = seed
        settings.totalSteps /= divisor
        let start = Self.threadSeconds()
        let learner = DQN(settings) { _ in make() }
        learner.train { point in
            progress(point.step)
            return true
        }
        return finished(
            seed, learner.step, learner.curve, last: learner.policy(), best: learner.best, since: start, make)
    }

    private func finished<World: Environment>(
        _ seed: UInt64, _ steps: Int, _ curve: LearningCurve, last: DiscretePolicy, best: DiscretePolicy?,
        since start: Double, _ make: () -> World
    ) -> LearnerRun {
        let seconds = Self.threadSeconds() - start
        let test = GreedyEvaluation.Configuration(episodes: 100, parallel: 20)
        func mean(_ policy: DiscretePolicy) -> Double {
            GreedyEvaluation.mean(GreedyEvaluation.returns(of: policy, test, seed: 1_000_000 + seed) { _ in make() })
        }
        return LearnerRun(
            each: self, seed: seed, steps: steps, last: mean(last), best: mean(best ?? last),
            training: curve.points.last?.trainingReturn ?? -.infinity, cpuSeconds: seconds, curve: curve)
    }

    /// CPU seconds of this thread.
    private static func threadSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}

/// What came of one seed.
struct LearnerRun: Sendable {
    let each: LearnerCase
    let seed: UInt64
    let steps: Int
    /// Mean return of 100 fresh greedy episodes of the last network.
    let last: Double
    /// Likewise of the best checkpoint.
    let best: Double
    /// Mean return of the last 100 episodes of training.
    let training: Double
    /// CPU time of training with its evaluations.
    let cpuSeconds: Double
    let curve: LearningCurve

    /// The figure that is held against the level.
    var judged: Double {
        switch each.level.judged {
        case .last: last
        case .best: best
        case .training: training
        }
    }

    /// Whether the level was reached.
    var isReached: Bool { judged >= each.level.least }
}
