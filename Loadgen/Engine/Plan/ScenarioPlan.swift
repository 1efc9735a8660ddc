public import Arrivals

/// What starts iterations of a mix.
public struct ScenarioPlan: Sendable {
    /// Name in thresholds and reports.
    public var name: String
    /// Seconds after the run's start.
    public var start = 0.0
    /// How long users may finish their iterations after the end, seconds.
    public var gracefulStop = 30.0
    /// Index of the mix.
    public var mix: Int
    /// By what it starts them.
    public var executor: ExecutorPlan

    /// A scenario that starts at once.
    public init(name: String, mix: Int, executor: ExecutorPlan) {
        self.name = name
        self.mix = mix
        self.executor = executor
    }
}

extension ScenarioPlan {
    /// Name of the random stream of the arrivals of the plan's scenario `index`.
    public func stream(at index: Int) -> String { index == 0 ? "arrivals" : "arrivals/\(name)" }
}

/// Open and closed models.
public enum ExecutorPlan: Sendable {
    /// Open: iterations at the times of a schedule, whatever the answers do.
    case arrivals(ArrivalProcess, RateProfile)
    /// Closed: a number of users over time; each runs an iteration, thinks, and begins again.
    case users(UserProfile, ThinkTime)
    /// Closed, in steps with figures of their own.
    case steppedUsers(UserSteps, ThinkTime)
    /// Open: the greatest rate that meets a condition.
    case findCapacity(CapacitySearch)

    /// Length in seconds (a search: its longest course).
    public var seconds: Double {
        switch self {
        case .arrivals(_, let profile): profile.seconds
        case .users(let profile, _): profile.seconds
        case .steppedUsers(let steps, _): Double(steps.counts.count) * (steps.settleSeconds + steps.holdSeconds)
        case .findCapacity(let search): Double(search.stepsMax) * (search.settleSeconds + search.stepSeconds)
        }
    }
}

/// Users over time, in straight lines; a stage of 0 seconds is a jump.
public struct UserProfile: Sendable, Equatable {
    /// The greatest number of users.
    public static let usersMax = 100_000

    /// A stage.
    public struct Stage: Sendable, Equatable {
        /// Users at its end.
        public var users: Int
        /// Its length.
        public var seconds: Double

        /// A stage.
        public init(users: Int, seconds: Double) {
            self.users = users
            self.seconds = seconds
        }
    }

    /// The stages; before the first there is no user.
    public var stages: [Stage]

    /// A profile.
    public init(_ stages: [Stage]) { self.stages = stages }

    /// Its length.
    public var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }

    /// Users at a time, rounded down.
    public func users(at time: Double) -> Int {
        var (begin, before) = (0.0, 0)
        for stage in stages {
            if time < begin + stage.seconds {
                return before + Int(Double(stage.users - before) * (time - begin) / stage.seconds)
            }
            begin += stage.seconds
            before = stage.users
        }
        return before
    }
}

/// Numbers of users held one after the other.
public struct UserSteps: Sendable, Equatable {
    /// The numbers, in order.
    public var counts: [Int]
    /// Seconds of each step that are not judged.
    public var settleSeconds: Double
    /// Seconds of each step that are.
    public var holdSeconds: Double

    /// Steps from `first` to `last` by `stride`; `last` is always one of them.
    public init(from first: Int, to last: Int, by stride: Int, settleSeconds: Double, holdSeconds: Double) {
        precondition(stride > 0 && first > 0, "steps go by a positive number of users")
        var counts = Array(Swift.stride(from: first, to: last, by: first <= last ? stride : -stride))
        counts.append(last)
        self.counts = counts
        self.settleSeconds = settleSeconds
        self.holdSeconds = holdSeconds
    }
}

/// A search for the greatest rate under a condition: doubling from the least until a step fails, then bisection.
public struct CapacitySearch: Sendable {
    /// Steps of a search at most.
    public var stepsMax = 32
    /// Least and greatest rate, iterations a second.
    public var rates: ClosedRange<Double>
    /// What a step must meet.
    public var until: [Threshold]
    /// Seconds of each step that are not judged.
    public var settleSeconds = 2.0
    /// Seconds of each step that are.
    public var stepSeconds = 20.0
    /// The search ends when the passed and the failed rate differ by less than this share.
    public var tolerance = 0.02
    /// Steps of one rate that must fail before the rate has: one stall of the machine is not the target's limit.
    public var attempts = 2
    /// How each step's arrivals are drawn.
    public var process: ArrivalProcess

    /// A search.
    public init(rates: ClosedRange<Double>, until: [Threshold], process: ArrivalProcess) {
        self.rates = rates
        self.until = until
        self.process = process
    }
}
