/// How fast replicas may change in one direction: the `behavior.scaleUp` or `.scaleDown` of Kubernetes' HPA v2.
///
/// The semantics are those of `pkg/controller/podautoscaler/horizontal.go`; the limits of our own rules are written
/// with the same type, so that rate limits exist once.
public struct ScalingRules: Sendable, Equatable {
    /// By how much replicas may change within a period.
    public enum Amount: Sendable, Equatable {
        /// That many replicas.
        case pods(Int)
        /// That many percent of the replicas at the period's start.
        case percent(Double)
    }

    /// One policy of the rules: an amount within a period of seconds.
    public struct Limit: Sendable, Equatable {
        /// The largest change.
        public var amount: Amount
        /// The seconds within which changes count.
        public var period: Double

        /// A limit; `period` is in seconds.
        public init(_ amount: Amount, per period: Double) {
            self.amount = amount
            self.period = period
        }
    }

    /// Which of several limits holds.
    public enum Selection: String, Sendable, CaseIterable {
        /// The one that allows the largest change.
        case max = "Max"
        /// The one that allows the smallest change.
        case min = "Min"
        /// None: no change in this direction.
        case disabled = "Disabled"
    }

    /// Seconds over which recommendations are compared before this direction is taken; nil for the controller's own:
    /// none upwards, `HPAConfiguration.downscaleStabilisation` downwards.
    public var stabilisation: Double?
    /// Share by which the ratio of metric and target may miss 1 in this direction before replicas change; nil for the
    /// controller's own, `HPAConfiguration.tolerance`.
    public var tolerance: Double?
    /// Which limit holds.
    public var select: Selection
    /// The limits; at least one unless disabled.
    public var limits: [Limit]

    /// Rules of one direction.
    public init(
        stabilisation: Double? = nil, tolerance: Double? = nil, select: Selection = .max, limits: [Limit]
    ) {
        self.stabilisation = stabilisation
        self.tolerance = tolerance
        self.select = select
        self.limits = limits
    }

    /// HPA's default upwards: doubling or four replicas in 15 s, whichever is more, at once.
    public static let upDefault = ScalingRules(limits: [Limit(.percent(100), per: 15), Limit(.pods(4), per: 15)])
    /// HPA's default downwards: everything in 15 s, but only after the controller's 300 s of lower recommendations.
    public static let downDefault = ScalingRules(limits: [Limit(.percent(100), per: 15)])
    /// Springtide's rules downwards: at most a quarter in 60 s.
    public static let downQuarter = ScalingRules(limits: [Limit(.percent(25), per: 60)])

    /// The fewest replicas from which `wanted` can be ordered within `seconds` as these rules upwards allow, when what a
    /// longest period allows is ordered now and after each further one.
    ///
    /// - Parameter seconds: 0 for at once: then `wanted` itself, as after any time less than a period.
    public func fewest(reaching wanted: Int, in seconds: Double) -> Int {
        guard select != .disabled, longestPeriod > 0, seconds >= longestPeriod else { return wanted }
        var count = wanted
        for _ in 0..<min(64, Int(clamping: (seconds / longestPeriod).rounded(.down))) {
            let before = limits.map { limit in
                switch limit.amount {
                case .pods(let most): count.clampedSum(-most)
                case .percent(let share): Int(clamping: (Double(count - 1) / (1 + share / 100)).rounded(.down)) + 1
                }
            }
            count = max(0, (select == .max ? before.min() : before.max()) ?? count)
        }
        return count
    }

    /// The same rules with all times `factor` times as short.
    func faster(by factor: Double) -> ScalingRules {
        var faster = self
        faster.stabilisation = stabilisation.map { $0 / factor }
        faster.limits = limits.map { Limit($0.amount, per: $0.period / factor) }
        return faster
    }

    /// Longest period of the limits in seconds.
    public var longestPeriod: Double { limits.map(\.period).max() ?? 0 }

    /// The first contradiction in the rules; nil where there is none.
    public var fault: String? {
        if let stabilisation, !(stabilisation >= 0 && stabilisation <= 3_600) { return "stabilisation is 0...3600 s" }
        if let tolerance, !(tolerance >= 0 && tolerance.isFinite) { return "tolerance is at least 0" }
        if select != .disabled && limits.isEmpty { return "rules have at least one limit" }
        for limit in limits {
            if !(limit.period > 0 && limit.period <= 1_800) {
                return "a limit's period is more than 0 and at most 1800 s"
            }
            switch limit.amount {
            case .pods(let count) where count <= 0: return "a limit allows at least one replica"
            case .percent(let share) where !(share > 0 && share.isFinite): return "a limit allows more than 0 percent"
            default: break
            }
        }
        return nil
    }
}

/// The changes a policy made to one service, from which rate limits count.
public struct ScaleHistory: Sendable, Equatable {
    /// One change of replicas.
    public struct Event: Sendable, Equatable {
        /// When.
        public var time: Double
        /// By how many replicas, more than 0.
        public var count: Int
    }

    /// Replicas that became more.
    public private(set) var ups: [Event] = []
    /// Replicas that became fewer.
    public private(set) var downs: [Event] = []
    /// When replicas last became more; nil where they never did.
    public private(set) var lastUp: Double?
    /// When replicas last became fewer; nil where they never did.
    public private(set) var lastDown: Double?

    /// No changes yet.
    public init() {}

    /// Adds a change of `count` replicas, negative downwards, and forgets those `keeping` seconds old and older.
    public mutating func record(_ count: Int, at time: Double, keeping: Double) {
        guard count != 0 else { return }
        ups.removeAll { $0.time <= time - keeping }
        downs.removeAll { $0.time <= time - keeping }
        if count > 0 {
            ups.append(Event(time: time, count: count))
            lastUp = time
        } else {
            downs.append(Event(time: time, count: count == .min ? .max : -count))
            lastDown = time
        }
    }

    /// Takes back that part of the last change in a direction that was not carried out, negative for one downwards.
    public mutating func retract(_ count: Int) {
        if count > 0, let last = ups.popLast(), last.count > count {
            ups.append(Event(time: last.time, count: last.count - count))
        } else if count < 0, let last = downs.popLast(), last.count > -count {
            downs.append(Event(time: last.time, count: last.count + count))
        }
    }

    /// Replicas at the start of a period that ends now: events exactly as old as the period no longer count.
    private func start(_ current: Int, period: Double, now: Double) -> Int {
        let cutoff = now - period
        var start = current
        for event in ups where event.time > cutoff { start = start.clampedSum(-event.count) }
        for event in downs where event.time > cutoff { start = start.clampedSum(event.count) }
        return start
    }

    /// The most replicas that `rules` allow now, at least `current`.
    ///
    /// `start = current - added + removed` of each limit's period; `start + v` for replicas,
    /// `ceil(start * (1 + v / 100))` for percent.
    public func most(_ rules: ScalingRules, current: Int, now: Double) -> Int {
        guard rules.select != .disabled, !rules.limits.isEmpty else { return current }
        var most: Int?
        for limit in rules.limits {
            let start = start(current, period: limit.period, now: now)
            let allowed =
                switch limit.amount {
                case .pods(let count): start.clampedSum(count)
                case .percent(let share): Int(clamping: (Double(start) * (1 + share / 100)).rounded(.up))
                }
            most = most.map { rules.select == .max ? max($0, allowed) : min($0, allowed) } ?? allowed
        }
        return max(current, most ?? current)
    }

    /// The fewest replicas that `rules` allow now, at most `current`.
    ///
    /// `start = current + removed - added` of each limit's period; `start - v` for replicas,
    /// `trunc(start * (1 - v / 100))` for percent.
    public func fewest(_ rules: ScalingRules, current: Int, now: Double) -> Int {
        guard rules.select != .disabled, !rules.limits.isEmpty else { return current }
        var fewest: Int?
        for limit in rules.limits {
            let start = start(current, period: limit.period, now: now)
            let allowed =
                switch limit.amount {
                case .pods(let count): start.clampedSum(-count)
                case .percent(let share): Int(clamping: (Double(start) * (1 - share / 100)).rounded(.towardZero))
                }
            fewest = fewest.map { rules.select == .max ? min($0, allowed) : max($0, allowed) } ?? allowed
        }
        return min(current, fewest ?? current)
    }
}

extension Int {
    /// Beyond this no number of replicas is meant; sums stay far from the machine's limits.
    static let replicasEnd = 1_000_000_000

    /// The whole number of a double, cut to what replicas can mean; 0 where it is not a number.
    init(clamping value: Double) {
        let end = Double(Int.replicasEnd)
        self = value.isNaN ? 0 : Int(Swift.min(end, Swift.max(-end, value)))
    }

    /// The sum cut to what replicas can mean.
    func clampedSum(_ other: Int) -> Int {
        let end = Int.replicasEnd
        return Swift.min(end, Swift.max(-end, self)) + Swift.min(end, Swift.max(-end, other))
    }
}
