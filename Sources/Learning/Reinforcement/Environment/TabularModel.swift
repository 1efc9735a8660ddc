/// A finite world whose steps are certain: next state, reward and end of every state and action.
public struct TabularModel: Sendable, Equatable {
    /// What an action in a state leads to; nil where the action is forbidden.
    public struct Outcome: Sendable, Equatable {
        /// State reached.
        public var next: Int
        /// Reward of the step.
        public var reward: Float
        /// Whether the episode ends.
        public var isTerminal: Bool

        /// A step to `next`.
        public init(next: Int, reward: Float, isTerminal: Bool = false) {
            self.next = next
            self.reward = reward
            self.isTerminal = isTerminal
        }
    }

    /// Number of states.
    public let states: Int
    /// Number of actions.
    public let actions: Int
    /// By state · actions + action.
    public let outcomes: [Outcome?]

    /// Traps unless every state has an allowed action and every step leads to a state.
    public init(states: Int, actions: Int, _ outcome: (_ state: Int, _ action: Int) -> Outcome?) {
        precondition(states > 0 && actions > 0, "an empty model")
        self.states = states
        self.actions = actions
        var outcomes: [Outcome?] = []
        for state in 0..<states {
            for action in 0..<actions { outcomes.append(outcome(state, action)) }
            precondition(outcomes.suffix(actions).contains { $0 != nil }, "state \(state) without an action")
        }
        precondition(
            outcomes.allSatisfy { $0.map { (0..<states).contains($0.next) } ?? true }, "a step out of the model")
        self.outcomes = outcomes
    }

    /// Q* by value iteration: sweeps of Q(s, a) = r + γ max over allowed a' of Q(s', a') until no value moves by more
    /// than `tolerance`; forbidden actions have -∞.
    public func optimalValues(gamma: Double, tolerance: Double = 1e-12) -> [Double] {
        precondition(gamma >= 0 && gamma < 1, "γ \(gamma)")
        var values = outcomes.map { $0 == nil ? -Double.infinity : 0 }
        var moved = Double.infinity
        while moved > tolerance {
            moved = 0
            for index in outcomes.indices {
                guard let outcome = outcomes[index] else { continue }
                let row = values[outcome.next * actions..<(outcome.next + 1) * actions]
                let rest = outcome.isTerminal ? 0 : row.reduce(-Double.infinity) { max($0, $1) }
                let value = Double(outcome.reward) + gamma * rest
                moved = max(moved, abs(value - values[index]))
                values[index] = value
            }
        }
        return values
    }

    /// CliffWalking of Sutton and Barto, example 6.6: 4 x 12 fields, up, right, down, left; -1 a step, -100 and back to
    /// the start from the cliff; the goal ends it. A step against the edge stays.
    public static var cliffWalking: TabularModel {
        TabularModel(states: 48, actions: 4) { state, action in
            let (row, column) = moved(state, action, rows: 4, columns: 12)
            if row == 3, (1...10).contains(column) { return Outcome(next: 36, reward: -100) }
            return Outcome(next: row * 12 + column, reward: -1, isTerminal: row == 3 && column == 11)
        }
    }

    /// 5 x 5 fields, goal in the last; -1 a step, -4 into the field in the middle; steps against the edge are forbidden.
    public static var maskedGrid: TabularModel {
        TabularModel(states: 25, actions: 4) { state, action in
            let (row, column) = moved(state, action, rows: 5, columns: 5)
            let next = row * 5 + column
            guard next != state else { return nil }
            return Outcome(next: next, reward: next == 12 ? -4 : -1, isTerminal: next == 24)
        }
    }

    /// Where a step up, right, down or left leads on a grid.
    private static func moved(_ state: Int, _ action: Int, rows: Int, columns: Int) -> (Int, Int) {
        let row = state / columns + [-1, 0, 1, 0][action]
        let column = state % columns + [0, 1, 0, -1][action]
        return (min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))
    }
}

/// A `TabularModel` as an environment: the state as a one-hot vector, forbidden actions masked.
public struct TabularEnvironment: Environment {
    public let space: DecisionSpace
    /// The world.
    public let model: TabularModel
    /// Where episodes start; nil for a random state.
    public let start: Int?
    /// Steps after which an episode is truncated.
    public let stepsMax: Int
    /// State now.
    public private(set) var state = 0
    private var steps = 0

    /// A world that starts at `start`, or anywhere.
    public init(_ model: TabularModel, start: Int?, stepsMax: Int) {
        precondition(stepsMax > 0, "episodes without steps")
        precondition(start.map { (0..<model.states).contains($0) } ?? true, "start outside the model")
        self.model = model
        self.start = start
        self.stepsMax = stepsMax
        space = DecisionSpace(width: model.states, heads: [model.actions])
    }

    public mutating func reset(_ episode: Episode) {
        var random = episode.random
        state = start ?? random.below(model.states)
        steps = 0
    }

    public func observe(_ view: ObservationView) {
        view.rows[0, state] = 1
        for action in 0..<model.actions where model.outcomes[state * model.actions + action] == nil {
            view.allowed[0, action] = 0
        }
    }

    public mutating func step(_ choices: Span<Int>) -> Transition {
        guard let outcome = model.outcomes[state * model.actions + choices[0]] else {
            preconditionFailure("a forbidden action")
        }
        state = outcome.next
        steps += 1
        return Transition(
            reward: outcome.reward, isTerminated: outcome.isTerminal, isTruncated: steps >= stepsMax)
    }
}
