internal import Engine

/// The part of a plan that one of several processes does.
struct WorkerShare {
    /// The plan with its stripe, its part of connections and in-flight cap, and ids that no other part uses.
    var plan: LoadPlan

    /// - Throws: `LoadError` for plans that cannot be split.
    init(_ whole: LoadPlan, index: Int, of count: Int, runNumber: UInt64) throws(LoadError) {
        try Self.check(whole, count)
        var plan = whole
        plan.stripe = Stripe(index: index, of: count)
        plan.target.connections = Self.part(of: whole.target.connections, index, count)
        plan.target.maxInFlight = max(1, Self.part(of: whole.target.maxInFlight, index, count))
        if case .fix(var target) = plan.target.transport, count > 1 {
            target.sessionFirst += (0..<index).reduce(0) { $0 + Self.part(of: whole.target.connections, $1, count) }
            target.runNumber = runNumber &* UInt64(RunExecution.workersMax) &+ UInt64(index)
            plan.target.transport = .fix(target)
        }
        // Conditions on the whole are judged by the process that sees it.
        for place in plan.thresholds.indices { plan.thresholds[place].abortsOnFail = false }
        self.plan = plan
    }

    /// Whether a plan can be split into so many parts.
    static func check(_ plan: LoadPlan, _ count: Int) throws(LoadError) {
        guard count > 1 else { return }
        guard plan.target.connections >= count else {
            throw LoadError(
                .configuration, "--workers: \(count) need at least as many connections, not \(plan.target.connections)")
        }
        for scenario in plan.scenarios {
            if case .findCapacity = scenario.executor {
                throw LoadError(
                    .configuration,
                    "--workers: \(scenario.name) searches for a capacity, which several searching apart cannot find")
            }
        }
        for threshold in plan.thresholds where threshold.abortsOnFail {
            guard threshold.scenario == nil, threshold.operation == nil else {
                throw LoadError(
                    .configuration,
                    "--workers: \"\(threshold.text)\" may end the run, hence must be about all requests")
            }
        }
    }

    /// Parts differ by one at most, the first are the larger ones: as users and iterations are split.
    static func part(of whole: Int, _ index: Int, _ count: Int) -> Int { (whole + count - 1 - index) / count }

    /// The file of a worker's part of a JTL.
    static func part(_ path: String, _ index: Int) -> String { "\(path).worker-\(index)" }
}
