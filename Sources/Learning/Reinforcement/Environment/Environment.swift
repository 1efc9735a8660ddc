/// What is observed and decided at one moment: `agents` rows of features, each of which takes one action a head.
///
/// | case | agents | heads |
/// | --- | --- | --- |
/// | one discrete action | 1 | [n] |
/// | several actions at once (branches) | 1 | [n, m, ...] |
/// | one network for many alike parts, each a row | K | [n] |
///
/// A decision has one reward. Its log probability and entropy are sums over all agents and heads.
public struct DecisionSpace: Sendable, Equatable {
    /// Rows of an observation, which share all parameters of a policy.
    public let agents: Int
    /// Features of a row.
    public let width: Int
    /// Actions of each choice that a row takes.
    public let heads: [Int]
    /// Features of the whole state, which only a critic with a trunk of its own reads; 0 for none.
    public let stateWidth: Int

    /// Traps unless every size is positive (`stateWidth` may be 0).
    public init(width: Int, heads: [Int], agents: Int = 1, stateWidth: Int = 0) {
        precondition(agents > 0 && width > 0 && stateWidth >= 0, "sizes of an observation")
        precondition(!heads.isEmpty && heads.allSatisfy { $0 > 0 }, "heads \(heads)")
        self.agents = agents
        self.width = width
        self.heads = heads
        self.stateWidth = stateWidth
        actions = heads.reduce(0, +)
    }

    /// Columns of a row's mask: the actions of all heads, head after head.
    public let actions: Int
    /// Numbers of a decision: agents times heads, row after row.
    public var choices: Int { agents * heads.count }
}

/// Where an observation is written: handles to memory of a learner.
///
/// Before `Environment.observe` every feature is 0 and every action allowed.
public struct ObservationView: BitwiseCopyable, Sendable {
    /// Features, [agents, width].
    public let rows: Matrix
    /// Features of the whole state; without elements if the space has none.
    public let state: Floats
    /// [agents, actions]: 0 forbids an action; each head of each row needs one that is allowed.
    public let allowed: Matrix

    /// A view of memory that outlives it.
    public init(rows: Matrix, state: Floats, allowed: Matrix) {
        self.rows = rows
        self.state = state
        self.allowed = allowed
    }

    /// Features 0, everything allowed.
    public func clear() {
        rows.fill(0)
        state.fill(0)
        allowed.fill(1)
    }
}

/// What decides an episode: its number and a stream of random numbers of its own.
public struct Episode: Sendable {
    /// Counts the episodes of an environment from 0; in an evaluation the episodes are the same each time.
    public let index: Int
    /// Start states and everything random within the episode come from here.
    public var random: Xoshiro256StarStar

    /// Episode `index` of the streams that `random` is the root of.
    public init(index: Int, of random: Xoshiro256StarStar) {
        self.index = index
        self.random = random.split("episode \(index)")
    }
}

/// What a decision led to.
public struct Transition: Sendable, Equatable {
    /// Reward of the step.
    public var reward: Float
    /// Nothing follows: the value of what would is 0.
    public var isTerminated: Bool
    /// Cut by a time limit: learners estimate what would have followed.
    public var isTruncated: Bool

    /// A step that goes on, unless stated.
    public init(reward: Float, isTerminated: Bool = false, isTruncated: Bool = false) {
        self.reward = reward
        self.isTerminated = isTerminated
        self.isTruncated = isTruncated
    }

    /// The episode has ended either way.
    public var isOver: Bool { isTerminated || isTruncated }
}

/// A world that an agent acts in, episode by episode. It has no clock and no randomness but the episode's.
public protocol Environment {
    /// Sizes; the same for ever.
    var space: DecisionSpace { get }

    /// Starts an episode.
    mutating func reset(_ episode: Episode)

    /// Writes what is seen now, also after the end of an episode; `view` has been cleared.
    func observe(_ view: ObservationView)

    /// Acts: `choices` holds `space.choices` numbers, each below its head's count, row after row.
    mutating func step(_ choices: Span<Int>) -> Transition
}

/// What an environment is made for.
public enum EnvironmentRole: Sendable, Equatable {
    /// Number among those that are trained on.
    case training(Int)
    /// Number among those that checkpoints are judged on.
    case evaluation(Int)
}

/// Memory of observations: features, features of the whole state and masks of `count` moments.
public final class ObservationMemory {
    /// Sizes of a moment.
    public let space: DecisionSpace
    /// Moments.
    public let count: Int
    /// [count · agents, width].
    public let rows: Matrix
    /// [count, stateWidth].
    public let state: Matrix
    /// [count · agents, actions].
    public let allowed: Matrix
    private let buffers: [FloatBuffer]

    /// Allocates all memory; cleared.
    public init(_ space: DecisionSpace, count: Int = 1) {
        precondition(count > 0, "a memory without moments")
        self.space = space
        self.count = count
        let sizes = [space.agents * space.width, space.stateWidth, space.agents * space.actions]
        buffers = sizes.map { FloatBuffer(count: count * $0) }
        rows = Matrix(buffers[0].floats, rows: count * space.agents, columns: space.width)
        state = Matrix(buffers[1].floats, rows: count, columns: space.stateWidth)
        allowed = Matrix(buffers[2].floats, rows: count * space.agents, columns: space.actions)
        allowed.fill(1)
    }

    /// The only moment.
    public var view: ObservationView { self[0] }

    /// Moment `index`; valid while this object lives.
    public subscript(index: Int) -> ObservationView {
        let agents = index * space.agents..<(index + 1) * space.agents
        return ObservationView(rows: rows.rows(agents), state: state.row(index), allowed: allowed.rows(agents))
    }

    /// Features 0, everything allowed, in all moments.
    public func clear() {
        rows.fill(0)
        state.fill(0)
        allowed.fill(1)
    }

    /// Copies moment `other` of `source`, of the same space, over moment `index`.
    public func copy(_ index: Int, from source: ObservationMemory, _ other: Int) {
        self[index].copy(from: source[other])
    }
}

extension ObservationView {
    /// Copies a moment of the same space over this one.
    public func copy(from other: ObservationView) {
        rows.copy(from: other.rows)
        state.copy(from: other.state)
        allowed.copy(from: other.allowed)
    }
}
