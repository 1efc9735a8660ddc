internal import Telemetry

/// Reads one JSON object field by field; every fault names the field.
struct JournalFields {
    let value: SpanJSON

    private static func malformed(_ key: String) -> JournalFault { JournalFault(line: 0, "field '\(key)' is wrong") }

    func object(_ key: String) -> JournalFields? { value[key].map { JournalFields(value: $0) } }

    func text(ifAny key: String) throws(JournalFault) -> String? {
        guard let field = value[key] else { return nil }
        guard case .string(let text) = field else { throw Self.malformed(key) }
        return text
    }

    func text(_ key: String) throws(JournalFault) -> String {
        guard let text = try text(ifAny: key) else { throw JournalFault(line: 0, "field '\(key)' is missing") }
        return text
    }

    func number(ifAny key: String) throws(JournalFault) -> Double? {
        guard let field = value[key] else { return nil }
        guard let number = Self.number(field) else { throw Self.malformed(key) }
        return number
    }

    func number(_ key: String) throws(JournalFault) -> Double {
        guard let number = try number(ifAny: key) else { throw JournalFault(line: 0, "field '\(key)' is missing") }
        return number
    }

    static func number(_ field: SpanJSON) -> Double? {
        switch field {
        case .number(let text): Double(text)
        case .string("NaN"): .nan
        case .string("Infinity"): .infinity
        case .string("-Infinity"): -.infinity
        default: nil
        }
    }

    func integer(_ key: String) throws(JournalFault) -> Int {
        guard case .number(let text)? = value[key], let integer = Int(text) else { throw Self.malformed(key) }
        return integer
    }

    func flag(ifAny key: String) throws(JournalFault) -> Bool? {
        guard let field = value[key] else { return nil }
        guard case .bool(let flag) = field else { throw Self.malformed(key) }
        return flag
    }

    func list(ifAny key: String) throws(JournalFault) -> [SpanJSON]? {
        guard let field = value[key] else { return nil }
        guard case .array(let elements) = field else { throw Self.malformed(key) }
        return elements
    }

    func list<T>(
        _ key: String, _ read: (JournalFields) throws(JournalFault) -> T
    ) throws(JournalFault) -> [T] {
        var found: [T] = []
        for element in try list(ifAny: key) ?? [] {
            guard case .object = element else { throw Self.malformed(key) }
            found.append(try read(JournalFields(value: element)))
        }
        return found
    }
}

extension JournalLine {
    /// Reads the text of one line.
    ///
    /// - Throws: `JournalFault` where it is no JSON, of a newer version, or lacks a field; unknown fields are left out.
    public init(_ text: String) throws(JournalFault) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.bytesMax else { throw JournalFault(line: 0, "longer than \(Self.bytesMax) bytes") }
        let value: SpanJSON
        do {
            value = try SpanJSON.parse(bytes.span)
        } catch {
            throw JournalFault(line: 0, "no JSON at byte \(error.offset)")
        }
        guard case .object = value else { throw JournalFault(line: 0, "no JSON object") }
        let fields = JournalFields(value: value)
        let version = try fields.integer("v")
        guard version <= Self.version else {
            throw JournalFault(line: 0, "version \(version); this program reads up to \(Self.version)")
        }
        switch try fields.text("kind") {
        case "run": self = .run(try JournalRun(fields))
        case "decision": self = .decision(try JournalDecision(fields))
        case "actuation": self = .actuation(try JournalActuation(fields))
        case "outcome": self = .outcome(try JournalOutcome(fields))
        case "event":
            self = .event(
                JournalEvent(
                    at: try fields.number("at"), reason: try Reason(fields),
                    modelHash: try fields.text(ifAny: "model_hash")))
        case let kind: throw JournalFault(line: 0, "unknown kind '\(kind)'")
        }
    }
}

extension JournalRun {
    init(_ fields: JournalFields) throws(JournalFault) {
        var services: [String] = []
        for element in try fields.list(ifAny: "services") ?? [] {
            guard case .string(let name) = element else { throw JournalFault(line: 0, "field 'services' is wrong") }
            services.append(name)
        }
        self.init(
            run: try fields.text("run"), at: try fields.number("at"), services: services,
            configuration: try fields.text("config"), profile: try fields.text(ifAny: "profile"),
            configurationHash: try fields.text("config_hash"), modelHash: try fields.text(ifAny: "model_hash"),
            resumed: try fields.text(ifAny: "resumed"), isShadow: try fields.flag(ifAny: "shadow") ?? false,
            isContinued: try fields.flag(ifAny: "continued") ?? false)
    }
}

extension JournalDecision {
    init(_ fields: JournalFields) throws(JournalFault) {
        guard let level = LadderLevel(word: try fields.text("level")),
            let acting = LadderLevel(word: try fields.text("acted")), let seen = fields.object("observation")
        else { throw JournalFault(line: 0, "a decision without rung or observation") }
        var epoch: UInt64?
        if case .number(let text)? = fields.value["epoch"] { epoch = UInt64(text) }
        let round = LadderRound(
            observation: try Observation(seen), level: level, acting: acting, decider: try fields.text("decider"),
            isBlind: try fields.flag(ifAny: "blind") ?? false,
            proposals: try fields.list("proposals", Proposal.init(_:)),
            changes: try fields.list("changes", ReplicaChange.init(_:)),
            decision: Decision(services: try fields.list("applied", ServiceDecision.init(_:))),
            events: try fields.list("events", Reason.init(_:)))
        self.init(
            id: try fields.text("id"), at: try fields.number("at"), epoch: epoch,
            isActing: try fields.flag(ifAny: "acting") ?? false,
            isModelDisabled: try fields.flag(ifAny: "model_disabled") ?? false,
            configurationHash: try fields.text("config_hash"), modelHash: try fields.text(ifAny: "model_hash"),
            round: round)
    }
}

extension JournalActuation {
    init(_ fields: JournalFields) throws(JournalFault) {
        self.init(
            id: try fields.text("id"), at: try fields.number("at"), service: try fields.text("service"),
            replicas: try fields.integer("replicas"), result: try fields.text("result"),
            text: try fields.text(ifAny: "text") ?? "")
    }
}

extension JournalOutcome {
    init(_ fields: JournalFields) throws(JournalFault) {
        guard let seen = fields.object("observation") else {
            throw JournalFault(line: 0, "field 'observation' is missing")
        }
        self.init(
            id: try fields.text("id"), at: try fields.number("at"), after: try fields.number("after"),
            isViolation: try fields.flag(ifAny: "violation"), observation: try Observation(seen))
    }
}

extension Reason {
    init(_ fields: JournalFields) throws(JournalFault) {
        self.init(try fields.text("code"), try fields.text(ifAny: "text") ?? "")
    }
}

extension ServiceDecision {
    init(_ fields: JournalFields) throws(JournalFault) {
        self.init(
            replicas: try fields.integer("replicas"), priority: try fields.number(ifAny: "priority"),
            quota: try fields.number(ifAny: "quota"), reasons: try fields.list("reasons", Reason.init(_:)))
    }
}

extension Proposal {
    init(_ fields: JournalFields) throws(JournalFault) {
        guard let role = PolicyRole(rawValue: try fields.text("role")) else {
            throw JournalFault(line: 0, "field 'role' is wrong")
        }
        var level: LadderLevel?
        if let word = try fields.text(ifAny: "level") { level = LadderLevel(word: word) }
        let answer: Answer
        if let fault = fields.object("fault") {
            answer = .fault(PolicyFault(try fault.text("code"), try fault.text("text")))
        } else {
            answer = .decision(Decision(services: try fields.list("services", ServiceDecision.init(_:))))
        }
        self.init(
            policy: try fields.text("policy"), role: role, level: level, answer: answer,
            choices: try fields.list("choices", StepChoice.init(_:)))
    }
}

extension StepChoice {
    init(_ fields: JournalFields) throws(JournalFault) {
        guard let measure = Measure(rawValue: try fields.text("measure")) else {
            throw JournalFault(line: 0, "field 'measure' is wrong")
        }
        self.init(
            service: fields.value["service"] == nil ? nil : try fields.integer("service"), measure: measure,
            chosen: try fields.text("chosen"),
            steps: try fields.list("steps") { (step) throws(JournalFault) in
                Step(
                    try step.text("step"), score: try step.number(ifAny: "score"), mask: try step.text(ifAny: "mask"))
            })
    }
}

extension ReplicaChange {
    init(_ fields: JournalFields) throws(JournalFault) {
        guard let source = Source(rawValue: try fields.text("source")) else {
            throw JournalFault(line: 0, "field 'source' is wrong")
        }
        self.init(
            source: source, service: try fields.integer("service"), from: try fields.integer("from"),
            to: try fields.integer("to"), reason: try Reason(fields))
    }
}

extension Observation {
    init(_ fields: JournalFields) throws(JournalFault) {
        var market: MarketClock?
        if let clock = fields.object("market") {
            market = MarketClock(
                sinceOpen: try clock.number("since_open"), length: try clock.number("length"),
                timeScale: try clock.number(ifAny: "time_scale") ?? 1)
        }
        let points = try fields.list("forecast") { (point) throws(JournalFault) in
            RateForecast.Point(
                ahead: try point.number("ahead"), q50: try point.number("q50"), q90: try point.number("q90"))
        }
        self.init(
            time: try fields.number("time"), market: market, rate: try fields.number(ifAny: "rate"),
            p95: try fields.number(ifAny: "p95"), errorRatio: try fields.number(ifAny: "error_ratio"),
            forecast: points.isEmpty ? nil : RateForecast(points: points),
            forecastNote: try fields.object("forecast_note").map(Reason.init(_:)),
            services: try fields.list("services", ServiceObservation.init(_:)))
    }
}

extension ServiceObservation {
    init(_ fields: JournalFields) throws(JournalFault) {
        var pending: [Double] = []
        for element in try fields.list(ifAny: "pending") ?? [] {
            guard let age = JournalFields.number(element) else {
                throw JournalFault(line: 0, "field 'pending' is wrong")
            }
            pending.append(age)
        }
        self.init(
            ready: try fields.integer("ready"), pending: pending,
            draining: fields.value["draining"] == nil ? 0 : try fields.integer("draining"),
            rate: try fields.number(ifAny: "rate"), utilisation: try fields.number(ifAny: "utilisation"),
            queue: try fields.number(ifAny: "queue"), p95: try fields.number(ifAny: "p95"),
            errorRatio: try fields.number(ifAny: "error_ratio"), age: try fields.number("age"))
    }
}
