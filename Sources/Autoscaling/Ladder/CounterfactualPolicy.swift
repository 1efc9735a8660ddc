/// Lets a policy act in a world of its own beside the real one: what it would have, had it always decided.
///
/// The policy sees the real load, but its own replicas: their utilisation is the work observed spread over its own ready
/// replicas, at most 1, as CPU is; what it orders is ready after the 95th percentile of the service's start-up. Queues
/// and response times of a world that was not are unknown and therefore missing. This is how `hpa` runs beside the
/// ladder; HPA itself reads CPU only, so nothing it needs is missing.
public struct CounterfactualPolicy: ScalingPolicy {
    private var policy: any ScalingPolicy
    private let profile: ChainProfile
    private var services: [World] = []
    private var last = -Double.infinity

    private struct World {
        var ready: Int
        var pending: [Double]
    }

    /// The policy in a world that begins with the replicas of its first observation.
    public init(_ policy: any ScalingPolicy, _ profile: ChainProfile) {
        self.policy = policy
        self.profile = profile
    }

    public var name: String { policy.name }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        advance(observation)
        var seen = observation
        seen.p95 = nil
        seen.errorRatio = nil
        for (index, world) in services.enumerated() {
            let real = observation.services[index]
            seen.services[index].ready = world.ready
            seen.services[index].pending = world.pending
            seen.services[index].draining = 0
            seen.services[index].queue = nil
            seen.services[index].p95 = nil
            seen.services[index].errorRatio = nil
            seen.services[index].utilisation = real.utilisation.map { utilisation in
                world.ready > 0 ? min(1, utilisation * Double(real.ready) / Double(world.ready)) : 1
            }
        }
        var decision = try policy.decide(seen)
        guard decision.services.count == services.count else {
            throw PolicyFault("ModelShape", "\(decision.services.count) services decided of \(services.count)")
        }
        for index in services.indices {
            let bounds = profile.services[index].bounds
            let count = min(max(decision.services[index].replicas, bounds.lowerBound), bounds.upperBound)
            decision.services[index].replicas = count
            order(count, index)
        }
        policy.applied(decision, at: observation.time)
        return decision
    }

    /// Lets replicas that have waited for their start-up become ready.
    private mutating func advance(_ observation: Observation) {
        if services.isEmpty {
            services = observation.services.map { World(ready: $0.ready, pending: $0.pending) }
        }
        let elapsed = last.isFinite ? max(0, observation.time - last) : 0
        last = observation.time
        for index in services.indices {
            let startup = profile.services[index].startup.p95
            let aged = services[index].pending.map { $0 + elapsed }
            services[index].pending = aged.filter { $0 < startup }
            services[index].ready += aged.count - services[index].pending.count
        }
    }

    /// Changes the world's order to `count`: new replicas wait, what is too much ends at once, the youngest first.
    private mutating func order(_ count: Int, _ index: Int) {
        let surplus = services[index].ready + services[index].pending.count - count
        if surplus < 0 {
            services[index].pending += Array(repeating: 0, count: -surplus)
        } else {
            let waiting = min(surplus, services[index].pending.count)
            services[index].pending.removeLast(waiting)
            services[index].ready -= surplus - waiting
        }
    }
}
