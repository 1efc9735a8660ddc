/// The last thing every decision passes: bounds, schedule floor, processor budget, step limits, and no scale-down on
/// missing data. What it lets through keeps the promises A1 and A3 whatever policies and shield say.
///
/// In this order, each beating those before it: never fewer on missing data or while a drain is unfinished; the
/// schedule's floor; the step limits against what was in force; the processor budget (growth only); the profile's bounds.
struct ReplicaGate {
    /// Replicas in force from a time on.
    private struct Step {
        var time: Double
        var replicas: Int
    }

    private let profile: ChainProfile
    private let limits: StepLimits
    private let floor: ScheduleFloor?
    /// By service, oldest first; the first may have begun before the longest window.
    private var history: [[Step]]

    init(_ profile: ChainProfile, _ settings: LadderSettings) {
        self.profile = profile
        limits = settings.steps
        floor = settings.floor
        history = Array(repeating: [], count: profile.services.count)
    }

    /// Remembers what is in force at a time, as observed or decided.
    mutating func note(_ replicas: [Int], at time: Double) {
        let horizon = time - max(limits.upWindow, limits.downWindow)
        for (index, count) in replicas.enumerated() {
            if let last = history[index].last, last.time > time { history[index].removeAll() }
            if history[index].last?.replicas != count { history[index].append(Step(time: time, replicas: count)) }
            while history[index].count > 1, history[index][1].time <= horizon { history[index].removeFirst() }
        }
    }

    /// Fewest and most replicas in force within `window` seconds before `time`.
    private func extremes(_ index: Int, _ window: Double, at time: Double) -> (fewest: Int, most: Int)? {
        let steps = history[index]
        let start = steps.lastIndex { $0.time <= time - window } ?? 0
        let counts = steps[start...].map(\.replicas)
        guard let fewest = counts.min(), let most = counts.max() else { return nil }
        return (fewest, most)
    }

    /// Lets `wanted` through as far as the rules allow; `note` must have seen what is in force now.
    func admit(
        _ wanted: Decision, _ observation: Observation, isSettled: [Bool], _ interventions: inout [ReplicaChange]
    ) -> Decision {
        var decision = wanted
        for index in profile.services.indices {
            let current = observation.services[index].ordered
            var count = wanted.services[index].replicas
            func move(to next: Int, _ code: String, _ text: @autoclosure () -> String) {
                guard next != count else { return }
                let reason = Reason(code, text())
                interventions.append(
                    ReplicaChange(source: .gate, service: index, from: count, to: next, reason: reason))
                decision.services[index].reasons.append(reason)
                count = next
            }
            if count < current, !isSettled[index] {
                move(to: current, "MetricsMissing", "\(count) of \(current) without enough fresh samples")
            }
            if count < current, observation.services[index].draining > 0 {
                move(to: current, "DrainUnfinished", "\(observation.services[index].draining) still drain")
            }
            let least = floor?.replicas(of: index, at: observation.market) ?? 0
            if count < least { move(to: least, "ScheduleFloor", "\(count) below the schedule's \(least)") }
            // What is in force already, by whomever, is no step of ours.
            if let up = extremes(index, limits.upWindow, at: observation.time) {
                let most = max(current, limits.most(after: up.fewest))
                if count > most { move(to: most, "ScaleUpLimit", "\(count) over \(most) within \(limits.upWindow) s") }
            }
            if let down = extremes(index, limits.downWindow, at: observation.time) {
                let least = min(current, limits.fewest(after: down.most))
                if count < least {
                    move(to: least, "ScaleDownLimit", "\(count) below \(least) within \(limits.downWindow) s")
                }
            }
            let bounds = profile.services[index].bounds
            if count > bounds.upperBound {
                move(to: bounds.upperBound, "TooManyReplicas", "\(count) over the bound \(bounds.upperBound)")
            }
            if count < bounds.lowerBound {
                move(to: bounds.lowerBound, "TooFewReplicas", "\(count) below the bound \(bounds.lowerBound)")
            }
            decision.services[index].replicas = count
        }
        keepBudget(&decision, observation, &interventions)
        return decision
    }

    /// Takes back growth that the processor budget does not hold, one replica at a time from the service that grows the
    /// most in relation to what it has; nothing that is there is taken away for it.
    private func keepBudget(
        _ decision: inout Decision, _ observation: Observation, _ interventions: inout [ReplicaChange]
    ) {
        guard let budget = profile.processorBudget else { return }
        let before = decision.replicas
        var counts = before
        func cost() -> Double { zip(counts, profile.services).reduce(0) { $0 + Double($1.0) * $1.1.processors } }
        func growth(_ index: Int) -> Double {
            let current = max(observation.services[index].ordered, profile.services[index].bounds.lowerBound)
            return Double(counts[index] - current) / Double(max(current, 1))
        }
        while cost() > budget + 1e-9 {
            guard let most = counts.indices.max(by: { growth($0) < growth($1) }), growth(most) > 0 else { break }
            counts[most] -= 1
        }
        for index in counts.indices where counts[index] != before[index] {
            let reason = Reason("ProcessorBudget", "all services together are given \(budget) processors")
            interventions.append(
                ReplicaChange(
                    source: .gate, service: index, from: before[index], to: counts[index], reason: reason))
            decision.services[index].reasons.append(reason)
            decision.services[index].replicas = counts[index]
        }
    }
}
