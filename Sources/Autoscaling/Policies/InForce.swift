/// Replicas in force of one service as a policy knows them: its own last proposal until it is told what was applied.
struct InForce: Sendable, Equatable {
    /// Replicas in force; nil before the first observation.
    private(set) var count: Int?
    private var proposal: (count: Int, time: Double)?

    /// What is in force before a decision: what was applied, else the last proposal, else what is observed.
    ///
    /// - Returns: the count, and the policy's own change since it last asked with its time, if there was one.
    mutating func settle(_ observed: ServiceObservation) -> (count: Int, change: (count: Int, time: Double)?) {
        let change = proposal.flatMap { commit($0.count, at: $0.time) }
        let count = self.count ?? Plausible.ordered(observed)
        self.count = count
        return (count, change)
    }

    /// Remembers a proposal.
    mutating func propose(_ count: Int, at time: Double) { proposal = (count, time) }

    /// Takes what was applied after the proposal and returns the part of the change that the policy proposed.
    mutating func commit(_ applied: Int, at time: Double) -> (count: Int, time: Double)? {
        defer {
            count = min(.replicasEnd, max(0, applied))
            proposal = nil
        }
        guard let count, let proposal else { return nil }
        let (own, actual) = (proposal.count.clampedSum(-count), applied.clampedSum(-count))
        guard own != 0, actual != 0, (own > 0) == (actual > 0) else { return nil }
        return (own > 0 ? min(own, actual) : max(own, actual), time)
    }

    static func == (one: InForce, other: InForce) -> Bool {
        one.count == other.count && one.proposal?.count == other.proposal?.count
            && one.proposal?.time == other.proposal?.time
    }
}

/// The moments at which something periodic is due, when it is asked about at other moments.
struct Cadence: Sendable, Equatable {
    /// Seconds between due moments; 0 for always.
    let period: Double
    private var next: Double?

    /// Due at the first question and then every `period` seconds from it.
    init(period: Double) { self.period = period }

    /// Whether it is due; moments missed since the last question count once.
    mutating func isDue(at now: Double) -> Bool {
        guard let due = next else {
            next = now + period
            return true
        }
        // Half a millisecond of rounding does not cost a period.
        guard now >= due - 0.000_5 else { return false }
        let missed = period > 0 ? ((now - due) / period).rounded(.down) : 0
        next = due + (max(0, missed) + 1) * period
        return true
    }
}
