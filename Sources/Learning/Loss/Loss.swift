/// Mean losses over all elements of a batch, with the gradient written beside.
public enum Loss: Sendable, Equatable {
    /// Mean of (ŷ - y)².
    case meanSquared
    /// Smooth L1: quadratic within ±beta, linear outside, as `torch.nn.SmoothL1Loss`.
    case huber(beta: Float)
    /// Mean of ρ_q(u) = max(q · u, (q - 1) · u), u = y - ŷ (Koenker and Bassett 1978).
    ///
    /// The outputs of a target are its quantiles, one a level.
    case pinball(levels: [Float])

    /// Outputs of a network for each target.
    public var outputsPerTarget: Int {
        if case .pinball(let levels) = self { return levels.count }
        return 1
    }

    /// The share of these rows in the mean over `rowsTotal` rows; its gradient goes into `gradient`.
    ///
    /// `outputs` and `gradient` are [rows, targets · outputsPerTarget], `targets` is [rows, targets]. A batch that is
    /// split sums to the loss of the whole.
    public func evaluate(outputs: Matrix, targets: Matrix, gradient: Matrix, rowsTotal: Int) -> Double {
        let each = outputsPerTarget
        precondition(outputs.rows == targets.rows && outputs.columns == targets.columns * each, "shapes of the loss")
        let share = 1 / (Float(rowsTotal) * Float(outputs.columns))
        var sum = 0.0
        for row in 0..<outputs.rows {
            for column in 0..<outputs.columns {
                let error = outputs[row, column] - targets[row, column / each]
                switch self {
                case .meanSquared:
                    sum += Double(error * error)
                    gradient[row, column] = 2 * error * share
                case .huber(let beta):
                    let isNear = abs(error) < beta
                    sum += Double(isNear ? error * error / (2 * beta) : abs(error) - beta / 2)
                    gradient[row, column] = (isNear ? error / beta : (error < 0 ? -1 : 1)) * share
                case .pinball(let levels):
                    let level = levels[column % each]
                    sum += Double(max(-level * error, (1 - level) * error))
                    gradient[row, column] = (error < 0 ? -level : 1 - level) * share
                }
            }
        }
        return sum / (Double(rowsTotal) * Double(outputs.columns))
    }
}
