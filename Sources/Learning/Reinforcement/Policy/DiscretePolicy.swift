/// What is deployed: a network of either kind with its frozen normaliser, deciding greedily.
///
/// Owns its parameters and scratch memory: one instance a thread. Decisions allocate nothing after the first of a size.
public final class DiscretePolicy {
    /// Which learner it comes from.
    public enum Kind: String, Sendable {
        /// PPO: scores are log probabilities.
        case actorCritic = "actor_critic"
        /// DQN: scores are action values.
        case actionValue = "action_value"
    }

    enum Network {
        case actorCritic(ActorCriticNetwork)
        case actionValue(ActionValueNetwork)

        var space: DecisionSpace {
            switch self {
            case .actorCritic(let network): network.space
            case .actionValue(let network): network.space
            }
        }

        var layout: ParameterLayout {
            switch self {
            case .actorCritic(let network): network.layout
            case .actionValue(let network): network.layout
            }
        }

        /// All parameters; a handle that is valid while the network lives.
        var values: Floats {
            switch self {
            case .actorCritic(let network): network.values
            case .actionValue(let network): network.values
            }
        }
    }

    enum Memory {
        case actorCritic(ActorCriticMemory)
        case actionValue(ActionValueMemory)
    }

    let network: Network
    /// Statistics that features are normalised by; nil for features taken as they are.
    public let normaliser: ObservationNormaliser?
    private var capacity = 0
    private var memory: Memory?
    private var moments: ObservationMemory
    private var scores: Matrix?
    private let heads: [Range<Int>]
    /// Estimated value of the state of the last decision: the critic's, or the mean over the choices of the best action
    /// values.
    public private(set) var value: Float = 0

    /// A policy with parameters of its own, copied from `network`.
    public convenience init(_ network: ActorCriticNetwork, _ normaliser: ObservationNormaliser?) {
        let copy = ActorCriticNetwork(network.space, network.configuration, seed: 0)
        copy.values.copy(from: network.values)
        self.init(.actorCritic(copy), normaliser)
    }

    /// A policy with parameters of its own, copied from `network`.
    public convenience init(_ network: ActionValueNetwork, _ normaliser: ObservationNormaliser?) {
        let copy = ActionValueNetwork(network.space, network.configuration, seed: 0)
        copy.values.copy(from: network.values)
        self.init(.actionValue(copy), normaliser)
    }

    init(_ network: Network, _ normaliser: ObservationNormaliser?) {
        self.network = network
        self.normaliser = normaliser
        heads = network.space.headColumns
        moments = ObservationMemory(network.space)
        grow(to: 1)
    }

    /// Which learner it comes from.
    public var kind: Kind {
        if case .actorCritic = network { return .actorCritic }
        return .actionValue
    }

    /// What is observed and decided.
    public var space: DecisionSpace { network.space }

    /// All parameters as an array, in the order of the arena.
    public var parameters: [Float] { network.values.array }

    /// A policy that decides the same, with memory of its own.
    public func copy() -> DiscretePolicy {
        switch network {
        case .actorCritic(let network): DiscretePolicy(network, normaliser)
        case .actionValue(let network): DiscretePolicy(network, normaliser)
        }
    }

    /// The best allowed action of each choice for one moment, the first of equals, into `choices`.
    public func decide(_ view: ObservationView, into choices: inout [Int]) {
        moments[0].copy(from: view)
        decide(count: 1, into: &choices)
    }

    /// The best allowed actions for the first `count` moments of `observations`, moment after moment, by one product of
    /// matrices a layer.
    public func decide(count: Int, _ observations: ObservationMemory, into choices: inout [Int]) {
        precondition(observations.space == space && count <= observations.count, "another space's observations")
        grow(to: count)
        for index in 0..<count { moments.copy(index, from: observations, index) }
        decide(count: count, into: &choices)
    }

    /// Log probability or action value of `action`, counted over the heads of a row, in moment `moment` of the last
    /// decision; forbidden actions have -∞.
    public func score(agent: Int, action: Int, moment: Int = 0) -> Float {
        guard let scores else { return -.infinity }
        let row = moment * space.agents + agent
        return moments.allowed[row, action] == 0 ? -.infinity : scores[row, action]
    }

    private func decide(count: Int, into choices: inout [Int]) {
        precondition(choices.count >= count * space.choices, "room for \(count * space.choices) choices")
        let rows = moments.rows.rows(0..<count * space.agents)
        let allowed = moments.allowed.rows(0..<count * space.agents)
        let state = moments.state.rows(0..<count)
        if let normaliser { for index in 0..<count { normaliser.apply(moments[index]) } }
        let result: Matrix
        switch (network, memory) {
        case (.actorCritic(let network), .actorCritic(let memory)?):
            result = network.logProbabilities(rows: rows, allowed: allowed, memory)
            value = network.stateValues(count: count, rows: rows, state: state, memory)[0]
        case (.actionValue(let network), .actionValue(let memory)?):
            result = network.actionValues(rows: rows, allowed: allowed, memory)
        default: preconditionFailure("memory of another network")
        }
        var number = 0
        var sum: Float = 0
        for row in 0..<rows.rows {
            for columns in heads {
                let best = Self.best(result.row(row)[columns], allowed.row(row)[columns])
                choices[number] = best
                if row < space.agents { sum += result[row, columns.lowerBound + best] }
                number += 1
            }
        }
        if kind == .actionValue { value = sum / Float(space.choices) }
        scores = result
    }

    /// The first of the largest among the allowed.
    static func best(_ scores: Floats, _ allowed: Floats) -> Int {
        var best = -1
        for action in 0..<scores.count where allowed[action] != 0 {
            if best < 0 || scores[action] > scores[best] { best = action }
        }
        precondition(best >= 0, "a row without an allowed action")
        return best
    }

    private func grow(to count: Int) {
        guard count > capacity else { return }
        capacity = count
        moments = ObservationMemory(space, count: count)
        memory =
            switch network {
            case .actorCritic(let network): .actorCritic(.init(network, countMax: count, training: false))
            case .actionValue(let network): .actionValue(.init(network, countMax: count, training: false))
            }
    }
}
