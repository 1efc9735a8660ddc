/// Figures of a training run, one point a judged checkpoint.
public struct LearningCurve: Sendable, Equatable {
    /// What was known after `step` steps of single environments.
    public struct Point: Sendable, Equatable {
        /// Steps of single environments.
        public var step: Int
        /// Episodes ended in training.
        public var episodes = 0
        /// Mean return of the last 100 of them, with the actions that training drew; nil before the first.
        public var trainingReturn: Double?
        /// What checkpoints are compared by.
        public var score: Double
        /// Greedy returns of the evaluation's episodes.
        public var evaluationReturns: [Double]
        /// PPO: mean clipped loss of the last update.
        public var policyLoss = 0.0
        /// Mean loss of the values of the last updates.
        public var valueLoss = 0.0
        /// PPO: mean entropy of a decision.
        public var entropy = 0.0
        /// PPO: approximate KL divergence of the last minibatch.
        public var approximateKL = 0.0
        /// PPO: share of ratios outside the clip range.
        public var clipFraction = 0.0
        /// DQN: share of random actions.
        public var epsilon = 0.0
    }

    /// In the order of the steps.
    public var points: [Point] = []

    /// A curve without points.
    public init() {}

    /// First step by which the mean return of 100 training episodes was at least `level`, at the curve's resolution.
    public func stepsToTrainingReturn(_ level: Double) -> Int? {
        points.first { $0.episodes >= 100 && ($0.trainingReturn ?? -.infinity) >= level }?.step
    }
}
