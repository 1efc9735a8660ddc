/// The fewest replicas that the calendar asks for: what is known of a trading day before it begins.
///
/// A table of steps by seconds since the open, negative before it. The step that began last holds; before the first
/// step nothing is asked. Where no calendar is known the largest of all steps holds, for that is the safe one.
public struct ScheduleFloor: Sendable, Equatable {
    /// Floors from a moment of the day on.
    public struct Step: Sendable, Equatable {
        /// Seconds since the open; negative before it.
        public var from: Double
        /// The fewest replicas of each service, in the order of the chain's profile.
        public var replicas: [Int]

        /// Floors from `from` seconds since the open on.
        public init(from: Double, replicas: [Int]) {
            self.from = from
            self.replicas = replicas
        }
    }

    /// The steps by growing time.
    public let steps: [Step]
    private let largest: [Int]

    /// A floor of steps by growing time, all for the same number of services.
    /// - Throws: `PolicyFault` `ScheduleOrder` or `ScheduleShape`.
    public init(steps: [Step]) throws(PolicyFault) {
        guard let first = steps.first else { throw PolicyFault("ScheduleShape", "a schedule has at least one step") }
        for (step, next) in zip(steps, steps.dropFirst()) where !(step.from < next.from) {
            throw PolicyFault("ScheduleOrder", "the step at \(next.from) s does not come after that at \(step.from) s")
        }
        guard steps.allSatisfy({ $0.from.isFinite && $0.replicas.count == first.replicas.count }) else {
            throw PolicyFault("ScheduleShape", "each step has a time and one number for each service")
        }
        self.steps = steps
        largest = first.replicas.indices.map { index in steps.map { $0.replicas[index] }.max() ?? 0 }
    }

    /// The floor that serves rates of the whole mix (requests a second from seconds since the open on) at a
    /// utilisation, each step begun `lead` seconds early so that its replicas are ready in time.
    /// - Throws: `PolicyFault` as `init(steps:)`.
    public init(
        _ profile: ChainProfile, rates: [(from: Double, rate: Double)], utilisation: Double = 0.7, lead: Double = 60
    ) throws(PolicyFault) {
        try self.init(
            steps: rates.map { step in
                Step(
                    from: step.from - lead,
                    replicas: profile.services.indices.map {
                        profile.services[$0].clamp(
                            profile.replicas(of: $0, rate: step.rate, utilisation: utilisation))
                    })
            })
    }

    /// The fewest replicas of service `index` at a moment of the day; 0 before the first step.
    public func replicas(of index: Int, at market: MarketClock?) -> Int {
        guard largest.indices.contains(index) else { return 0 }
        guard let market, market.sinceOpen.isFinite else { return largest[index] }
        return steps.last { $0.from <= market.sinceOpen }?.replicas[index] ?? 0
    }
}
