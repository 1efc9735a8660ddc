/// What trains by steps and judges checkpoints on the way.
protocol BudgetedTraining: AnyObject {
    /// Steps of single environments so far.
    var step: Int { get }
    /// Figures of training.
    var curve: LearningCurve { get }

    /// The smallest unit of training; `step` grows.
    func iterate()
    /// Judges a checkpoint; the curve gets a point.
    @discardableResult
    func evaluate() -> Double
}

extension BudgetedTraining {
    /// Trains until `step` is `total`, judging every so many steps and at the end, or until `progress` says false.
    func trainToEnd(_ total: Int, judgingEvery every: Int, progress: (LearningCurve.Point) -> Bool) {
        var judged = step
        while step < total {
            iterate()
            if step - judged >= every || step >= total {
                judged = step
                evaluate()
                if let point = curve.points.last, !progress(point) { return }
            }
        }
    }
}

extension DQN: BudgetedTraining {}
extension PPO: BudgetedTraining {}
