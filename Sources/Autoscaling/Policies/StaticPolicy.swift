/// The same replicas all day, or those that a schedule asks for.
public struct StaticPolicy: ScalingPolicy, Sendable {
    public let name: String
    private let profile: ChainProfile
    private let floor: ScheduleFloor

    /// Replicas that serve the largest rate of the whole mix at a utilisation.
    /// - Throws: `PolicyFault` `ScheduleShape` for a rate that is not finite.
    public init(
        _ profile: ChainProfile, peak rate: Double, utilisation: Double = 0.8, name: String = "static"
    ) throws(PolicyFault) {
        guard rate >= 0, rate.isFinite else { throw PolicyFault("ScheduleShape", "the peak rate is \(rate)") }
        try self.init(
            profile,
            floor: ScheduleFloor(
                profile, rates: [(from: -.greatestFiniteMagnitude, rate: rate)], utilisation: utilisation, lead: 0),
            name: name)
    }

    /// Replicas that the calendar asks for, within the bounds of the profile.
    /// - Throws: `PolicyFault` `ScheduleShape` where it is for another number of services.
    public init(_ profile: ChainProfile, floor: ScheduleFloor, name: String = "schedule") throws(PolicyFault) {
        guard floor.steps.allSatisfy({ $0.replicas.count == profile.services.count }) else {
            throw PolicyFault("ScheduleShape", "the schedule is not for \(profile.services.count) services")
        }
        self.name = name
        self.profile = profile
        self.floor = floor
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        Decision(
            services: profile.services.indices.map { index in
                let asked = floor.replicas(of: index, at: observation.market)
                let reason =
                    if let market = observation.market {
                        Reason("ScheduleFloor", "\(asked) at \(market.sinceOpen) s since the open")
                    } else {
                        Reason("ScheduleFloor", "\(asked), the largest, without a calendar")
                    }
                return ServiceDecision(replicas: profile.services[index].clamp(asked), reasons: [reason])
            })
    }
}

/// The replicas that were in force last, never fewer than a schedule asks for: what is left when nothing can be known.
public struct HoldPolicy: ScalingPolicy, Sendable {
    public let name = "hold"
    private let profile: ChainProfile
    private let floor: ScheduleFloor?
    private var inForce: [Int]?

    /// A policy that holds; `floor` raises it where the calendar asks for more.
    public init(_ profile: ChainProfile, floor: ScheduleFloor? = nil) {
        self.profile = profile
        self.floor = floor
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        Decision(
            services: profile.services.indices.map { index in
                let observed =
                    observation.services.indices.contains(index) ? Plausible.ordered(observation.services[index]) : 0
                let held = inForce.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? observed
                let asked = floor?.replicas(of: index, at: observation.market) ?? 0
                let replicas = profile.services[index].clamp(max(held, asked))
                return ServiceDecision(
                    replicas: replicas,
                    reasons: [asked > held ? Reason("ScheduleFloor", "\(asked)") : Reason("Hold", "\(held)")])
            })
    }

    public mutating func applied(_ decision: Decision, at time: Double) { inForce = decision.replicas }
}
