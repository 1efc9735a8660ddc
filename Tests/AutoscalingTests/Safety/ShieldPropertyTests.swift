import Autoscaling
import TestData
import Testing

/// 10^5 applications of a shield to inputs that metrics, models and people produce when they are broken.
@Suite("Shield under random input") struct ShieldPropertyTests {
    private static let counts = [Int.min, -7, 0, 1, 3, 12, 1_000, 1_000_000_000, .max]

    private func count(_ random: inout SplitMix64) -> Int {
        random.percent(25) ? Self.counts[random.below(Self.counts.count)] : random.below(45)
    }

    private func observation(_ random: inout SplitMix64, at time: Double) -> Observation {
        let services = (0..<(random.percent(3) ? random.below(5) : 3)).map { _ in
            ServiceObservation(
                ready: random.percent(3) ? count(&random) : random.below(40),
                pending: random.percent(70) ? [] : [random.metric(60) ?? .nan], draining: random.percent(85) ? 0 : 1,
                rate: random.percent(70) ? random.unit() * 4_000 : random.metric(4_000),
                utilisation: random.metric(1), queue: random.metric(100), p95: random.metric(0.1),
                age: random.percent(80) ? random.unit() * 29 : random.metric(100) ?? .infinity)
        }
        let (low, high) = (random.metric(3_000) ?? 0, random.metric(5_000) ?? 0)
        return Observation(
            time: random.percent(2) ? random.metric(1e6) ?? .nan : time,
            market: random.percent(10) ? nil : MarketClock(sinceOpen: random.metric(23_400) ?? .nan),
            rate: random.metric(3_000),
            forecast: random.percent(40)
                ? nil
                : RateForecast(points: [.init(ahead: 0, q50: low, q90: high), .init(ahead: 60, q50: low, q90: high)]),
            services: services)
    }

    /// Which times a shield takes for the present: growing ones, and a smaller one after three in a row.
    private struct BelievedClock {
        var last: Double?
        var back = 0

        mutating func isBackward(_ time: Double) -> Bool {
            guard let last else {
                if time.isFinite { self.last = time }
                return !time.isFinite
            }
            if time > last {
                if time.isFinite { (self.last, back) = (time, 0) }
                return !time.isFinite
            }
            back += 1
            guard back >= 3, time.isFinite else { return true }
            (self.last, back) = (time, 0)
            return false
        }
    }

    @Test("Always within bounds, steps and budget; never down on missing, stale or backward data", arguments: 0..<10)
    func invariants(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) + 1_000)
        let profile = Chains.three
        var shield = try Shield(profile)
        var current = [3, 3, 3]
        var clock = BelievedClock()
        var time = 0.0
        var changed = Array(repeating: (up: -Double.infinity, down: -Double.infinity), count: 3)
        for round in 0..<10_000 {
            time += random.unit() * 20
            let seen = observation(&random, at: time)
            if random.percent(3) {
                current = (0..<3).map { _ in count(&random) }
                changed = Array(repeating: (time, time), count: 3)
            }
            let proposal = Decision(
                services: (0..<(random.percent(2) ? random.below(5) : 3)).map { _ in
                    ServiceDecision(replicas: count(&random), priority: random.metric(1), quota: random.metric(1))
                })
            var twin = shield
            let shielded = shield.apply(proposal, seen, current: current)
            #expect(twin.apply(proposal, seen, current: current) == shielded, "the same again")
            let after = shielded.decision.replicas
            #expect(after.count == 3)
            let isBackward = clock.isBackward(seen.time)
            if isBackward || seen.time != time { changed = Array(repeating: (time, time), count: 3) }
            for index in 0..<3 {
                let bounds = profile.services[index].bounds
                let place: Comment = "seed \(seed) round \(round) service \(index)"
                #expect(bounds.contains(after[index]), place)
                let held = min(bounds.upperBound, max(bounds.lowerBound, current[index]))
                let isShaped = seen.services.count == 3
                let rate = isShaped ? seen.services[index].rate : nil
                let isKnown = rate.map { $0 >= 0 && $0 <= 1e12 } ?? false
                let isFresh = isShaped && seen.services[index].age <= 30 && seen.services[index].age >= 0
                let isBusy = isShaped && (!seen.services[index].pending.isEmpty || seen.services[index].draining != 0)
                if !isKnown || !isFresh || isBusy || isBackward {
                    #expect(after[index] >= held, place)
                }
                // What was taken may come back at once, so steps are compared where nothing went the other way.
                if time - changed[index].up > 60 { #expect(after[index] >= Int(Double(held) * 0.75), place) }
                if time - changed[index].down > 15 { #expect(after[index] <= max(2 * held, held + 4), place) }
                let service = shielded.decision.services[index]
                #expect(service.quota.map { (0...1).contains($0) } ?? true)
                #expect(service.priority.map { (0...1).contains($0) } ?? true)
                let isAsked = proposal.services.count == 3 && proposal.services[index].replicas == after[index]
                #expect(isAsked || !service.reasons.isEmpty || proposal.services.count != 3, place)
                if after[index] > current[index] { changed[index].up = max(changed[index].up, time) }
                if after[index] < current[index] { changed[index].down = max(changed[index].down, time) }
            }
            let used = zip(after, profile.services).reduce(0) { $0 + Double($1.0) * $1.1.processors }
            let before = zip(current, profile.services).reduce(0) {
                $0 + Double(min($1.1.bounds.upperBound, max($1.1.bounds.lowerBound, $1.0))) * $1.1.processors
            }
            #expect(used <= max(70, before) + 1e-9, "seed \(seed) round \(round)")
            current = random.percent(90) ? after : current
            if time > 1e5 {
                (time, clock) = (0, BelievedClock())
                changed = Array(repeating: (-.infinity, -.infinity), count: 3)
                shield = try Shield(profile)
            }
        }
    }

    @Test("What apply lets pass is what allowed says, where no budget holds") func allowedRange() throws {
        var random = SplitMix64(seed: 5)
        var profile = Chains.three
        profile.processorBudget = nil
        var shield = try Shield(profile)
        var current = [3, 3, 3]
        for step in 0..<5_000 {
            let seen = observation(&random, at: Double(step) * 10)
            shield.observe(seen)
            let ranges = (0..<3).map { shield.allowed($0, seen, current: current[$0]) }
            let wanted = (0..<3).map { _ in random.below(60) - 5 }
            let after = shield.apply(
                Decision(services: wanted.map { ServiceDecision(replicas: $0) }), seen, current: current
            ).decision.replicas
            for index in 0..<3 { #expect(ranges[index].contains(after[index]), "step \(step) service \(index)") }
            current = after
        }
    }
}
