internal import Glibc

/// Probabilities over actions from logits, with a mask of the allowed ones.
///
/// Logits of forbidden actions become -1e8 before the log-softmax, both when acting and when learning, so that their
/// probability and their gradient are 0 (Huang and Ontañón 2022).
public enum CategoricalHead {
    /// What stands in for the logit of a forbidden action.
    public static let forbidden: Float = -1e8

    /// Writes log probabilities of each row of `logits` into `logProbabilities`, which may be `logits`.
    ///
    /// `allowed` [rows, actions] is 0 where an action is forbidden; each row needs an allowed action.
    public static func forward(logits: Matrix, allowed: Matrix?, logProbabilities: Matrix) {
        precondition(logits.rows == logProbabilities.rows && logits.columns == logProbabilities.columns, "shapes")
        for index in 0..<logits.rows {
            let source = logits.row(index)
            let row = logProbabilities.row(index)
            var largest = -Float.infinity
            var choices = 0
            for action in 0..<row.count {
                let isAllowed = allowed.map { $0[index, action] != 0 } ?? true
                row[action] = isAllowed ? source[action] : forbidden
                choices += isAllowed ? 1 : 0
                largest = max(largest, row[action])
            }
            precondition(choices > 0, "a row without an allowed action")
            var sum: Float = 0
            for action in 0..<row.count { sum += expf(row[action] - largest) }
            let shift = largest + logf(sum)
            for action in 0..<row.count { row[action] -= shift }
        }
    }

    /// -Σ p log p of a row of log probabilities.
    public static func entropy(_ logProbabilities: Floats) -> Float {
        var sum: Float = 0
        for action in 0..<logProbabilities.count {
            sum -= expf(logProbabilities[action]) * logProbabilities[action]
        }
        return sum
    }

    /// Gradient with respect to the logits of `weight` · log p(action) + `entropyWeight` · entropy of one row:
    /// d log p_a / d l_k = [k = a] - p_k and dH / d l_k = -p_k (log p_k + H).
    public static func backward(
        _ logProbabilities: Floats, action: Int, weight: Float, entropyWeight: Float, gradient: Floats
    ) {
        precondition(gradient.count == logProbabilities.count, "shapes")
        let entropy = entropyWeight == 0 ? 0 : entropy(logProbabilities)
        for index in 0..<gradient.count {
            let logP = logProbabilities[index]
            let p = expf(logP)
            let towards = (index == action ? 1 : 0) - p
            gradient[index] = weight * towards - entropyWeight * p * (logP + entropy)
        }
    }

    /// Draws an action from a row of log probabilities by inversion; forbidden actions are never drawn.
    public static func sample(_ logProbabilities: Floats, random: inout Xoshiro256StarStar) -> Int {
        var rest = Float(random.uniform())
        var last = 0
        for action in 0..<logProbabilities.count {
            let p = expf(logProbabilities[action])
            guard p > 0 else { continue }
            last = action
            rest -= p
            if rest < 0 { return action }
        }
        return last
    }
}
