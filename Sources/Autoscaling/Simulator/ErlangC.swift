/// The M/M/c queue: how likely an arrival is to wait, and for how long.
public enum ErlangC {
    /// Probability that an arrival finds all of `servers` busy, `offered` of them being busy on average (Erlang's C).
    ///
    /// With B the loss formula, 1/B = 1 + c/a + c(c-1)/a² + …, the recursion B(i) = a·B(i-1) / (i + a·B(i-1)) read
    /// from its end: all terms are positive, so nothing cancels, and terms too small for a double end it. 1 at
    /// `offered` >= `servers`, 0 below 1e-18. Cost: about servers - offered + 8·sqrt(offered) multiplications.
    public static func waitProbability(servers: Int, offered: Double) -> Double {
        guard offered > 0, servers > 0 else { return servers > 0 ? 0 : 1 }
        let count = Double(servers)
        guard offered < count else { return 1 }
        let inverse = 1 / offered
        var factor = count * inverse
        var term = 1.0
        var sum = 1.0
        while factor > 0 {
            term *= factor
            sum += term
            if term < 1e-17 * sum || sum > 1e18 { break }
            factor -= inverse
        }
        guard sum < 1e18 else { return 0 }
        let loss = 1 / sum
        return loss / (1 - offered / count * (1 - loss))
    }

    /// Mean wait in units of the mean service time, at utilisation `rho` below 1.
    public static func meanWait(servers: Int, rho: Double) -> Double {
        let count = Double(servers)
        return waitProbability(servers: servers, offered: rho * count) / (count * (1 - rho))
    }
}
