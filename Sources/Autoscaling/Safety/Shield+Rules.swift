extension Shield {
    /// Why replicas of a service are not taken away now; nil where they may be, as far as need, rate limits and bounds
    /// allow. Asks the memory as `observe` or `apply` left it.
    public func mayScaleDown(_ index: Int, _ observation: Observation) -> Reason? {
        downBlock(index, observation).map { Reason($0.rule.rawValue, $0.text) }
    }

    /// The numbers of replicas that `apply` would let pass for a service that has `current`, before the budget.
    public func allowed(_ index: Int, _ observation: Observation, current: Int) -> ClosedRange<Int> {
        var ignored: [Intervention] = []
        let now = present(observation)
        let held = min(.replicasEnd, max(0, current))
        var low = limit(0, index, observation, held: held, now: now, &ignored)
        var high = limit(.replicasEnd, index, observation, held: held, now: now, &ignored)
        bound(&low, index, &ignored)
        bound(&high, index, &ignored)
        return min(low, high)...max(low, high)
    }

    /// The load in requests a second at the service that replicas are counted for; nil where nothing is known.
    func demand(_ index: Int, _ observation: Observation) -> Double? {
        let ahead = profile.services[index].startup.p95 + 2 * settings.period
        let peak = Plausible.forecast(observation.forecast).map {
            $0.peak(until: ahead) * profile.visits(of: index)
        }
        let measured = wentBack ? nil : memories[index].measured
        return switch (measured, peak) {
        case (let measured?, let peak?): max(measured, peak)
        case (let one, let other): one ?? other
        }
    }

    /// What keeps the numbers of a service from being used to take replicas away; nil where they are fresh.
    func freshness(_ service: ServiceObservation) -> (rule: ShieldRule, text: String)? {
        guard Plausible.rate(service.rate) != nil, Plausible.counts(service), service.age >= 0 else {
            return (.missing, "no plausible rate of the service is known")
        }
        guard service.age <= settings.freshFor else {
            return (.stale, "the numbers are \(service.age) s old, fresh are \(settings.freshFor) s")
        }
        return nil
    }

    func downBlock(_ index: Int, _ observation: Observation) -> (rule: ShieldRule, text: String)? {
        guard observation.services.count == profile.services.count else {
            return (
                .observationShape, "\(observation.services.count) services observed, \(profile.services.count) known"
            )
        }
        if wentBack { return (.timeWentBack, "the time \(observation.time) is not after \(time ?? .nan)") }
        let service = observation.services[index]
        if let stale = freshness(service) { return stale }
        let memory = memories[index]
        if memory.freshInRow < settings.freshWindows {
            return (.fewFresh, "\(memory.freshInRow) of \(settings.freshWindows) fresh observations in a row")
        }
        if !service.pending.isEmpty { return (.pending, "\(service.pending.count) replicas start") }
        if service.draining > 0 { return (.draining, "\(service.draining) replicas end") }
        if let up = memory.history.lastUp, observation.time - up < settings.downCooldown {
            return (.cooldown, "\(observation.time - up) s after replicas were added, not \(settings.downCooldown)")
        }
        let market = settings.holdsNearAuctions ? observation.market : nil
        if let market, market.isNearAuction || !market.sinceOpen.isFinite {
            return (.auction, "\(market.sinceOpen) s since the open of \(market.length) s")
        }
        return nil
    }

    /// One service's number within need, floor, scale-down rules, rate limits and bounds.
    func limit(
        _ proposed: Int, _ index: Int, _ observation: Observation, held: Int, now: Double,
        _ interventions: inout [Intervention]
    ) -> Int {
        var count = min(.replicasEnd, max(-.replicasEnd, proposed))
        func change(_ to: Int, _ rule: ShieldRule, _ text: @autoclosure () -> String) {
            guard to != count else { return }
            interventions.append(Intervention(service: index, rule: rule, from: count, to: to, text: text()))
            count = to
        }
        let service = profile.services[index]
        if let demand = demand(index, observation) {
            let low = service.replicas(serving: demand, utilisation: settings.utilisationHigh)
            let most = service.replicas(serving: demand, utilisation: settings.utilisationLow)
            let high = max(low, most, memories[index].mostNeeded)
            if count < low {
                change(
                    low, low > held ? .belowNeed : .forecastHigh,
                    "\(demand)/s at utilisation \(settings.utilisationHigh)")
            }
            if count > high {
                change(
                    high, .aboveNeed,
                    "the most needed in \(settings.needWindow) s at utilisation \(settings.utilisationLow)")
            }
        } else if count > held, memories[index].blindInRow < settings.blindWindows {
            change(held, .missing, "nothing is known of the load, \(memories[index].blindInRow) observations long")
        }
        if let floor = settings.floor?.replicas(of: index, at: observation.market), count < floor {
            change(floor, .scheduleFloor, "the calendar asks for \(floor)")
        }
        if count < held, let block = downBlock(index, observation) { change(held, block.rule, block.text) }
        bound(&count, index, &interventions)
        let history = memories[index].history
        if count > held {
            let most = max(held, history.most(settings.up, current: held, now: now))
            if count > most { change(most, .scaleUpLimit, "at most \(most) now") }
        } else if count < held {
            let fewest = min(held, history.fewest(settings.down, current: held, now: now))
            if count < fewest { change(fewest, .scaleDownLimit, "at least \(fewest) now") }
        }
        return count
    }

    /// The number within the profile's bounds.
    func bound(_ count: inout Int, _ index: Int, _ interventions: inout [Intervention]) {
        let bounds = profile.services[index].bounds
        let to = profile.services[index].clamp(count)
        guard to != count else { return }
        interventions.append(
            Intervention(
                service: index, rule: to > count ? .tooFew : .tooMany, from: count, to: to,
                text: "the bounds are \(bounds.lowerBound)...\(bounds.upperBound)"))
        count = to
    }

    /// Takes replicas back until the chain's processors suffice: first what is granted above those in force, then what
    /// may be taken away, always from the service with the most replicas for its need. What is left over is reported.
    func spend(
        _ counts: inout [Int], held: [Int], _ observation: Observation, now: Double,
        _ interventions: inout [Intervention]
    ) {
        guard let budget = profile.processorBudget else { return }
        let processors = profile.services.map(\.processors)
        func over() -> Bool { zip(counts, processors).reduce(0) { $0 + Double($1.0) * $1.1 } > budget + 1e-9 }
        guard over() else { return }
        let before = counts
        let needs = counts.indices.map { index in
            demand(index, observation).map {
                Double(profile.services[index].replicas(serving: $0, utilisation: settings.utilisationHigh))
            } ?? Double(held[index])
        }
        func takeBack(downTo floors: [Int]) {
            while over() {
                let candidates = counts.indices.filter { counts[$0] > floors[$0] }
                guard
                    let spare = candidates.max(by: {
                        Double(counts[$0]) / max(1, needs[$0]) < Double(counts[$1]) / max(1, needs[$1])
                    })
                else { return }
                counts[spare] -= 1
            }
        }
        let lowest = profile.services.map(\.bounds.lowerBound)
        takeBack(downTo: held.indices.map { max(lowest[$0], held[$0]) })
        takeBack(
            downTo: held.indices.map { index in
                guard downBlock(index, observation) == nil else { return max(lowest[index], held[index]) }
                let fewest = memories[index].history.fewest(settings.down, current: held[index], now: now)
                return max(lowest[index], fewest, Int(clamping: needs[index]))
            })
        let isLeft = over()
        for index in counts.indices where counts[index] != before[index] || (isLeft && index == 0) {
            interventions.append(
                Intervention(
                    service: index, rule: .budget, from: before[index], to: counts[index],
                    text: isLeft ? "over \(budget) processors, but no more may be taken" : "\(budget) processors"))
        }
    }
}
