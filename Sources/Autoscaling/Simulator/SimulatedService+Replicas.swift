internal import Glibc
internal import Learning

/// Draws about replicas: how fast they are, how long they take to start, whether they ever do.
struct ReplicaChance: Sendable {
    var random: Xoshiro256StarStar
    let speedDeviation: Double
    let tailShare: Double
    let tailDeviation: Double

    /// Speed of a new replica: lognormal with median 1.
    mutating func speed() -> Double {
        let normal = random.normal()
        return speedDeviation > 0 ? exp(speedDeviation * normal) : 1
    }

    /// Seconds from order to readiness; infinite for a failure. Draws the same count of numbers in each case.
    mutating func startup(_ startup: ServiceProfile.Startup) -> Double {
        let fails = random.uniform() < startup.failureShare
        let isLate = random.uniform() < tailShare
        let position = random.uniform()
        let excess = exp(tailDeviation * random.normal().magnitude)
        guard !fails else { return .infinity }
        if isLate { return startup.range.upperBound * excess }
        return startup.range.lowerBound + position * (startup.range.upperBound - startup.range.lowerBound)
    }
}

extension SimulatedService {
    /// Replicas serving and starting.
    var ordered: Int { ready.count + pending.count }

    /// Lets replicas become ready, gives up failures past the deadline and ends the drained, at second `now`.
    mutating func advance(to now: Double, deadline: Double) {
        var index = 0
        while index < pending.count {
            let replica = pending[index]
            if replica.readyAt <= now {
                pending.remove(at: index)
                ready.append(Replica(speed: replica.speed, coldness: 1))
                recount()
            } else if replica.readyAt == .infinity, now - replica.orderedAt >= deadline {
                pending.remove(at: index)
                period.failed += 1
            } else {
                index += 1
            }
        }
        if !draining.isEmpty { draining.removeAll { $0 <= now } }
    }

    /// Orders a replica at second `now`.
    mutating func start(at now: Double, chance: inout ReplicaChance) {
        let delay = chance.startup(profile.startup)
        pending.append(Starting(orderedAt: now, readyAt: now + delay, speed: chance.speed()))
        period.started += 1
    }

    /// Ends what is ordered above `target`: the youngest that start, then the youngest that serve, which drain.
    mutating func stopSurplus(at now: Double, drainTime: Double) {
        while ordered > target, !pending.isEmpty {
            pending.removeLast()
            period.stopped += 1
        }
        guard ready.count > target else { return }
        while ready.count > target {
            ready.removeLast()
            draining.append(now + drainTime)
            period.stopped += 1
        }
        recount()
    }
}
