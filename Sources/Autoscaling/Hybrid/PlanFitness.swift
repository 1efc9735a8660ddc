public import Learning

/// What a plan does to the chain, as a simulator tells.
public struct PlanOutcome: Sendable, Equatable {
    /// 95th percentile of the whole response time in seconds, of the class that takes longest (T).
    public var responseTime: Double
    /// Mean response time of one visit of each service in seconds.
    public var means: [Double]
    /// Work offered to each service over what its replicas can do; more than 1 where they are too few.
    public var utilisations: [Double]
    /// Processors the replicas are given.
    public var processors: Double

    /// An outcome.
    public init(responseTime: Double, means: [Double], utilisations: [Double], processors: Double) {
        self.responseTime = responseTime
        self.means = means
        self.utilisations = utilisations
        self.processors = processors
    }
}

/// SealOS+'s fitness (equation 8) and the reward of its policy (equation 11), as read in the paper notes.
///
/// F = 0.40 (1 - T/T_max) + 0.35 U + 0.25 L, made large, in 0...1. Readings of what is printed:
/// - Equation 8 is a cost that Algorithm 1 keeps the largest of; F = 1 - f is made large (8).
/// - L is balance, max(0, 1 - sd(u) / mean(u)), not imbalance (9).
/// - U is nearness to a target, 1 - min(|mean(u) - u*| / u*, 1), as full processors are no aim (10). Utilisation is that
///   of services, not of nodes, since plans do not place replicas; services without any are left out.
/// - T_max is twice the target and T is cut off there; constants never come from a population (11).
/// Ours, not printed: constraints are compared before F. A plan breaks them by its response time over the target, by
/// each service's utilisation over `utilisationMax`, and by processors over the budget.
public struct PlanFitness: Sendable, Equatable {
    /// w1, w2, w3 of equation 8; their sum is 1.
    public var weights: (response: Double, utilisation: Double, balance: Double) = (0.40, 0.35, 0.25)
    /// T_target, in seconds; T_max is twice that.
    public var responseTarget: Double
    /// u*, 0.7 to 0.78 in the paper notes.
    public var utilisationTarget: Double
    /// Utilisation of a service above which a plan is infeasible; ours.
    public var utilisationMax: Double
    /// Processors that all replicas may be given.
    public var processorBudget: Double?
    /// α, β, γ of equation 11 (ours: the paper prints none).
    public var reward: (performance: Double, efficiency: Double, cost: Double) = (0.5, 0.3, 0.2)

    /// The fitness of plans for `profile`.
    public init(_ profile: ChainProfile, utilisationTarget: Double = 0.7, utilisationMax: Double = 0.9) {
        responseTarget = profile.latencyTarget
        processorBudget = profile.processorBudget
        self.utilisationTarget = utilisationTarget
        self.utilisationMax = utilisationMax
    }

    /// The three terms of F, each 0...1 and the larger the better.
    public struct Terms: Sendable, Equatable {
        /// 1 - min(T / T_max, 1).
        public var response: Double
        /// Nearness of the mean utilisation to its target.
        public var utilisation: Double
        /// Evenness of utilisation.
        public var balance: Double
    }

    /// The terms of an outcome.
    public func terms(_ outcome: PlanOutcome) -> Terms {
        var (sum, square, count) = (0.0, 0.0, 0.0)
        for value in outcome.utilisations where value.isFinite {
            sum += value
            square += value * value
            count += 1
        }
        let mean = count > 0 ? sum / count : 0
        let deviation = count > 0 ? max(0, square / count - mean * mean).squareRoot() : 0
        return Terms(
            response: 1 - min(outcome.responseTime / (2 * responseTarget), 1),
            utilisation: 1 - min(abs(mean - utilisationTarget) / utilisationTarget, 1),
            balance: mean > 0 ? max(0, 1 - deviation / mean) : 0)
    }

    /// F of the terms.
    public func value(_ terms: Terms) -> Double {
        weights.response * terms.response + weights.utilisation * terms.utilisation + weights.balance * terms.balance
    }

    /// F with the broken constraints, and the terms' shortfalls as criteria for screening.
    public func fitness(_ outcome: PlanOutcome) -> Fitness {
        let terms = terms(outcome)
        var violation = max(0, outcome.responseTime / responseTarget - 1)
        for value in outcome.utilisations where value.isFinite {
            violation += max(0, min(value, 1e9) - utilisationMax)
        }
        if let processorBudget { violation += max(0, outcome.processors / processorBudget - 1 - 1e-9) }
        return Fitness(
            value(terms), violation: violation,
            criteria: [1 - terms.response, 1 - terms.utilisation, 1 - terms.balance])
    }

    /// Equation 11, αP + βE - γC: P the change of response time over the target, cut to ±1; E the change of the
    /// utilisation term; C the instances started and stopped over all instances (definitions ours).
    public func reward(from before: PlanOutcome, to after: PlanOutcome, changed: Int, instances: Int) -> Double {
        let gain = (before.responseTime - after.responseTime) / responseTarget
        let efficiency = terms(after).utilisation - terms(before).utilisation
        let cost = Double(changed) / Double(max(1, instances))
        return reward.performance * min(1, max(-1, gain)) + reward.efficiency * efficiency - reward.cost * cost
    }

    public static func == (a: PlanFitness, b: PlanFitness) -> Bool {
        a.weights == b.weights && a.responseTarget == b.responseTarget && a.utilisationTarget == b.utilisationTarget
            && a.utilisationMax == b.utilisationMax && a.processorBudget == b.processorBudget && a.reward == b.reward
    }
}
