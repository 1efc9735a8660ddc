import Learning

/// Rows that each show a number and want it chosen: reward is the share of right choices; a mask forbids other actions
/// at random, and a forbidden choice traps.
struct MatchingWorld: Environment {
    let space: DecisionSpace
    /// Steps after which an episode ends by truncation.
    let stepsMax: Int
    private var random = Xoshiro256StarStar(seed: 0)
    private(set) var wanted: [Int]
    private var forbidden: [Bool]
    private var steps = 0

    init(agents: Int, heads: [Int], stateWidth: Int = 0, stepsMax: Int = 16) {
        space = DecisionSpace(width: heads.reduce(0, +), heads: heads, agents: agents, stateWidth: stateWidth)
        self.stepsMax = stepsMax
        wanted = [Int](repeating: 0, count: space.choices)
        forbidden = [Bool](repeating: false, count: agents * space.actions)
    }

    mutating func reset(_ episode: Episode) {
        random = episode.random
        steps = 0
        draw()
    }

    private mutating func draw() {
        for agent in 0..<space.agents {
            var start = 0
            for (head, count) in space.heads.enumerated() {
                let choice = random.below(count)
                wanted[agent * space.heads.count + head] = choice
                for action in 0..<count {
                    forbidden[agent * space.actions + start + action] = action != choice && random.uniform() < 0.3
                }
                start += count
            }
        }
    }

    func observe(_ view: ObservationView) {
        for agent in 0..<space.agents {
            var start = 0
            for (head, count) in space.heads.enumerated() {
                view.rows[agent, start + wanted[agent * space.heads.count + head]] = 1
                for action in start..<start + count where forbidden[agent * space.actions + action] {
                    view.allowed[agent, action] = 0
                }
                start += count
            }
        }
        for index in 0..<view.state.count { view.state[index] = Float(index) }
    }

    mutating func step(_ choices: Span<Int>) -> Transition {
        var right = 0
        for agent in 0..<space.agents {
            var start = 0
            for (head, count) in space.heads.enumerated() {
                let number = agent * space.heads.count + head
                precondition((0..<count).contains(choices[number]), "no such action")
                precondition(!forbidden[agent * space.actions + start + choices[number]], "a forbidden action")
                right += choices[number] == wanted[number] ? 1 : 0
                start += count
            }
        }
        steps += 1
        draw()
        return Transition(reward: Float(right) / Float(space.choices), isTruncated: steps >= stepsMax)
    }
}

/// One state, one action, reward 1; every step ends the episode one way or the other.
struct OneStepWorld: Environment {
    let space = DecisionSpace(width: 1, heads: [1])
    let isTruncation: Bool

    mutating func reset(_ episode: Episode) {}
    func observe(_ view: ObservationView) { view.rows[0, 0] = 1 }
    mutating func step(_ choices: Span<Int>) -> Transition {
        Transition(reward: 1, isTerminated: !isTruncation, isTruncated: isTruncation)
    }
}
