/// State value and advantages joined with the mean over the allowed actions only: Q_a = V + A_a - mean over allowed A.
///
/// Wang et al. 2016, equation 9, where forbidden actions, whose advantages are never trained, would shift the mean. With
/// every action allowed it is `DuelingHead`'s join. A row needs an allowed action.
public enum DuelingJoin {
    /// Turns the advantages in `row` into action values.
    public static func forward(_ row: Floats, state: Float, allowed: Floats) {
        let shift = state - mean(row, allowed)
        for action in 0..<row.count { row[action] += shift }
    }

    /// Turns the gradient with respect to the action values into that with respect to the advantages in place and
    /// returns that with respect to the state value: dV = Σ dQ, dA_a = dQ_a - [a allowed] Σ dQ / allowed actions.
    public static func backward(_ gradient: Floats, allowed: Floats) -> Float {
        var sum: Float = 0
        var count: Float = 0
        for action in 0..<gradient.count {
            sum += gradient[action]
            count += allowed[action] != 0 ? 1 : 0
        }
        precondition(count > 0, "a row without an allowed action")
        for action in 0..<gradient.count where allowed[action] != 0 { gradient[action] -= sum / count }
        return sum
    }

    private static func mean(_ row: Floats, _ allowed: Floats) -> Float {
        precondition(row.count == allowed.count, "one flag an action")
        var sum: Float = 0
        var count: Float = 0
        for action in 0..<row.count where allowed[action] != 0 {
            sum += row[action]
            count += 1
        }
        precondition(count > 0, "a row without an allowed action")
        return sum / count
    }
}
