internal import Arrivals

extension LoadPlan {
    /// The longest run, seconds.
    public static let secondsMax = 86_400.0
    /// Scenarios of a plan at most.
    public static let scenariosMax = 64
    /// Operations of a plan at most.
    public static let operationsMax = 256
    /// Rows of the result at most: scenarios times the operations each can send.
    public static let rowsMax = 1_024
    /// The greatest rate, iterations a second.
    public static let rateMax = 1_000_000.0

    /// Checks every limit and every index; the first violation is the error.
    public func validate() throws(LoadError) {
        try target.validate()
        try validateThread()
        try require(!scenarios.isEmpty && scenarios.count <= Self.scenariosMax, "scenarios: 1 to \(Self.scenariosMax)")
        try require(
            !operations.isEmpty && operations.count <= Self.operationsMax, "operations: 1 to \(Self.operationsMax)")
        try requireUnique(scenarios.map(\.name), "scenario")
        try requireUnique(operations.map(\.name), "operation")
        for feeder in feeders { try feeder.validate() }
        for operation in operations { try validate(operation) }
        for flow in flows { try validate(flow) }
        for mix in mixes { try validate(mix) }
        for scenario in scenarios { try validate(scenario) }
        try require(seconds <= Self.secondsMax, "a run lasts at most a day")
        try validateThresholds()
        let rows = scenarios.reduce(0) { $0 + mixes[$1.mix].items.count }
        try require(rows <= Self.rowsMax, "scenarios and their mixes: at most \(Self.rowsMax) items in all")
        if case .fix = target.transport {
            guard let orders else { throw LoadError(.configuration, "a FIX target needs instruments to trade") }
            let workload = orders.workload
            try require(
                workload.accountFirst >= 0 && workload.accountCount >= 1
                    && workload.accountFirst + workload.accountCount <= 1 << 28, "accounts: at most 2^28")
        }
    }

    private func validateThread() throws(LoadError) {
        try require((1...50_000_000).contains(pacing.timerSlackNanoseconds), "timer slack: 1ns to 50ms")
        try require((0...1_000_000).contains(pacing.spinNanoseconds), "spin: 0 to 1ms")
        try require((0...1_000_000).contains(pacing.coalescingNanoseconds), "coalesce: 0us to 1ms")
        try require(
            !(pacing.mode == .spin && pacing.wantsRealtime), "spinning at real-time priority would stop the machine")
        try require((0.1...60).contains(recording.intervalSeconds), "interval: 100ms to 60s")
        try require((2...3).contains(recording.digits), "digits: 2 or 3")
        try require((0...Self.secondsMax).contains(recording.warmupSeconds), "warm-up: 0 to a day")
        try require((0...1_000).contains(recording.slowestMax), "slowest requests: 0 to 1,000")
        try require(traceEvery >= 0, "traced requests: one in 1 or more, or 0 for none")
    }

    private func validateThresholds() throws(LoadError) {
        for threshold in thresholds {
            if let name = threshold.scenario {
                try require(
                    scenarios.contains { $0.name == name }, "threshold \"\(threshold.text)\": no scenario \"\(name)\"")
            }
            if let name = threshold.operation {
                try require(
                    operations.contains { $0.name == name }, "threshold \"\(threshold.text)\": no operation \"\(name)\""
                )
            }
        }
        let objectives = Set(thresholds.compactMap(\.objectiveNanoseconds))
        try require(objectives.count <= 1, "apdex: one objective a run")
    }

    private func requireUnique(_ names: [String], _ kind: String) throws(LoadError) {
        try require(names.allSatisfy { !$0.isEmpty && $0.utf8.count <= 100 }, "\(kind): names have 1 to 100 bytes")
        var seen: Set<String> = []
        for name in names { try require(seen.insert(name).inserted, "\(kind) \"\(name)\": the name is taken") }
    }

    // MARK: Operations, flows, mixes

    private func validate(_ operation: OperationPlan) throws(LoadError) {
        let name = "operation \"\(operation.name)\""
        try require(operation.fields.count <= OperationPlan.fieldsMax, "\(name): at most 32 fields")
        switch (operation.request, target.transport) {
        case (.newOrder, .fix), (.cancel, .fix), (.replace, .fix):
            try require(
                operation.fields.map(\.name) == operation.request.orderFields, "\(name): fields of FIX are fixed")
        case (.http(let request), .http):
            try require(request.indices.allSatisfy(operation.fields.indices.contains), "\(name): no such field")
        case (.call, .inProcess): break
        default: throw LoadError(.configuration, "\(name): the target does not speak its protocol")
        }
        for field in operation.fields { try validate(field.fallback, "\(name), field \"\(field.name)\"", variables: 0) }
    }

    private func validate(_ source: ValueSource?, _ place: String, variables: Int) throws(LoadError) {
        switch source {
        case nil, .literal: break
        case .feeder(let index): try require(feeders.indices.contains(index), "\(place): no such feeder")
        case .column(let index, let column):
            guard feeders.indices.contains(index), case .csv(let columns, _, _) = feeders[index].kind,
                columns.indices.contains(column)
            else { throw LoadError(.configuration, "\(place): no such column") }
        case .variable(let index): try require((0..<variables).contains(index), "\(place): no such variable")
        }
    }

    private func validate(_ request: FlowRequest, _ place: String, variables: Int) throws(LoadError) {
        try require(operations.indices.contains(request.operation), "\(place): no such operation")
        let operation = operations[request.operation]
        for binding in request.bindings {
            try require(
                operation.fields.contains { $0.name == binding.field },
                "\(place): \"\(operation.name)\" has no field \"\(binding.field)\"")
            try validate(binding.source, "\(place), field \"\(binding.field)\"", variables: variables)
        }
        if case .http = operation.request {
            for field in operation.fields where field.fallback == nil {
                try require(
                    request.bindings.contains { $0.field == field.name },
                    "\(place): \"\(operation.name)\" needs a value for \"\(field.name)\"")
            }
        }
        try require((0...1).contains(request.probability), "\(place): a probability is 0 to 1")
        for save in request.saves {
            try require((0..<variables).contains(save.variable), "\(place): no such variable")
            try require(suits(save.extract, operation.request), "\(place): the target's answers have no such value")
        }
    }

    private func suits(_ extract: SavePlan.Extract, _ request: RequestPlan) -> Bool {
        switch (extract, request) {
        case (.order, .newOrder), (.order, .replace), (.tag, .newOrder), (.tag, .replace), (.tag, .cancel): true
        case (.json, .http), (.header, .http): true
        case (.json(let path), .call): path.count == 1
        default: false
        }
    }

    private func validate(_ flow: FlowPlan) throws(LoadError) {
        let place = "flow \"\(flow.name)\""
        try require((1...FlowPlan.stepsMax).contains(flow.steps.count), "\(place): 1 to \(FlowPlan.stepsMax) steps")
        try require(
            flow.variables.count <= FlowPlan.variablesMax, "\(place): at most \(FlowPlan.variablesMax) variables")
        var requests = 0
        for (index, step) in flow.steps.enumerated() {
            switch step {
            case .think(let think): try think.validate("\(place), step \(index + 1)")
            case .request(let request):
                requests += 1
                try validate(request, "\(place), step \(index + 1)", variables: flow.variables.count)
            }
        }
        try require(requests > 0, "\(place): no request in it")
    }

    private func validate(_ mix: MixPlan) throws(LoadError) {
        let place = "mix \"\(mix.name)\""
        try require(!mix.items.isEmpty, "\(place): nothing in it")
        try require(mix.bindings.count == mix.items.count, "\(place): bindings for every item")
        for (index, entry) in mix.items.enumerated() {
            try require(entry.weight > 0 && entry.weight <= 1e9, "\(place): weights are above 0 and at most 1e9")
            switch entry.item {
            case .flow(let flow): try require(flows.indices.contains(flow), "\(place): no such flow")
            case .operation(let operation):
                var request = FlowRequest(operation: operation)
                request.bindings = mix.bindings[index]
                try validate(request, place, variables: 0)
            }
        }
    }

    // MARK: Scenarios

    private func validate(_ scenario: ScenarioPlan) throws(LoadError) {
        let place = "scenario \"\(scenario.name)\""
        try require(mixes.indices.contains(scenario.mix), "\(place): no such mix")
        try require((0...Self.secondsMax).contains(scenario.start), "\(place): starts within a day")
        try require((0...3_600).contains(scenario.gracefulStop), "\(place): graceful stop: 0 to 1h")
        switch scenario.executor {
        case .arrivals(let process, let profile):
            try check(process, profile, place)
            try require(profile.seconds <= Self.secondsMax, "a run lasts at most a day")
            try require(process.expected(over: profile) >= 1, "\(place): the rate gives no request at all")
        case .users(let profile, let think):
            try profile.validate(place)
            try think.validate(place)
        case .steppedUsers(let steps, let think):
            try require((1...256).contains(steps.counts.count), "\(place): 1 to 256 steps")
            try require(
                steps.counts.allSatisfy { (1...UserProfile.usersMax).contains($0) },
                "\(place): users: 1 to \(UserProfile.usersMax)")
            try require(steps.settleSeconds >= 0 && steps.holdSeconds > 0, "\(place): a step holds for some time")
            try think.validate(place)
        case .findCapacity(let search): try validate(search, place)
        }
    }

    private func validate(_ search: CapacitySearch, _ place: String) throws(LoadError) {
        try require(
            search.rates.lowerBound > 0 && search.rates.upperBound <= Self.rateMax,
            "\(place): rates are above 0 and at most 1,000,000 a second")
        try require((1...64).contains(search.stepsMax), "\(place): 1 to 64 steps")
        try require(
            search.settleSeconds >= 0 && (0.1...3_600).contains(search.stepSeconds), "\(place): step: 100ms to 1h")
        try require(search.tolerance > 0 && search.tolerance < 1, "\(place): tolerance: above 0 and below 1")
        try require((1...10).contains(search.attempts), "\(place): 1 to 10 attempts at a rate")
        try require(!search.until.isEmpty, "\(place): a search needs a condition")
        try require(
            search.until.allSatisfy { $0.operation == nil && $0.scenario == nil },
            "\(place): its condition is on all its requests, without op: and scenario:")
        switch search.process {
        case .replay, .replayCounts: throw LoadError(.configuration, "\(place): a recording has no rate to search")
        case .poissonExact(.some):
            throw LoadError(.configuration, "\(place): a number of arrivals is no rate to search")
        default: break
        }
        for rate in [search.rates.lowerBound, search.rates.upperBound] {
            try check(search.process, .constant(rate, seconds: search.settleSeconds + search.stepSeconds), place)
        }
    }

    private func check(_ process: ArrivalProcess, _ profile: RateProfile, _ place: String) throws(LoadError) {
        try require(profile.peak <= Self.rateMax, "\(place): rate: at most 1,000,000 a second")
        do {
            try process.check(profile)
        } catch {
            throw LoadError(.configuration, "\(place): \(error)")
        }
    }
}

func require(_ isRight: Bool, _ message: @autoclosure () -> String) throws(LoadError) {
    if !isRight { throw LoadError(.configuration, message()) }
}

extension UserProfile {
    func validate(_ place: String) throws(LoadError) {
        try require(!stages.isEmpty, "\(place): no stages")
        try require(
            stages.allSatisfy { (0...Self.usersMax).contains($0.users) }, "\(place): users: 0 to \(Self.usersMax)")
        try require(stages.contains { $0.users > 0 }, "\(place): no user at any time")
        try require(
            stages.allSatisfy { (0...LoadPlan.secondsMax).contains($0.seconds) } && seconds > 0,
            "\(place): stages take 0 seconds to a day, together more than 0")
    }
}

extension ThinkTime {
    func validate(_ place: String) throws(LoadError) {
        func isTime(_ seconds: Double) -> Bool { (0...86_400).contains(seconds) }
        let isRight: Bool =
            switch self {
            case .none: true
            case .constant(let seconds), .exponential(let seconds): isTime(seconds)
            case .uniform(let low, let high): isTime(low) && isTime(high) && low <= high
            case .lognormal(let median, let sigma): isTime(median) && (0...10).contains(sigma)
            }
        try require(isRight, "\(place): think times are 0 to a day, the lower bound first")
    }
}

extension FeederPlan {
    func validate() throws(LoadError) {
        let place = "feeder \"\(name)\""
        switch kind {
        case .zipf(let size, let exponent, let prefix, let first, _):
            try require((1...Permutation.countMax).contains(size), "\(place): size: 1 to 2^28")
            try require(exponent >= 0 && exponent <= 10, "\(place): exponent: 0 to 10")
            try require((0...1 << 40).contains(first) && prefix.utf8.count <= 64, "\(place): first number or prefix")
        case .uniform(let range, let prefix):
            try require(
                range.lowerBound >= -(1 << 53) && range.upperBound <= 1 << 53 && prefix.utf8.count <= 64,
                "\(place): range within 2^53, prefix of at most 64 bytes")
        case .lognormal(let mu, let sigma, let roundTo, let min, let max):
            try require(abs(mu) <= 30 && (0...10).contains(sigma), "\(place): mu -30 to 30, sigma 0 to 10")
            try require(roundTo >= 1 && min >= 0 && min <= max && max <= 1 << 53, "\(place): round_to, min, max")
        case .csv(let columns, let rows, _):
            try require(!columns.isEmpty && !rows.isEmpty, "\(place): no rows")
            try require(rows.count <= 1 << 24, "\(place): at most 2^24 rows")
            for (index, row) in rows.enumerated() {
                try require(row.count == columns.count, "\(place): row \(index + 1) has another number of columns")
            }
        }
    }
}

extension HTTPRequestPlan {
    /// Fields that its templates name.
    var indices: [Int] {
        ([path, body].compactMap { $0 } + headers.map(\.value)).flatMap { template in
            template.pieces.compactMap { piece in
                if case .field(let index) = piece { index } else { nil }
            }
        }
    }
}
