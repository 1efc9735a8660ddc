internal import Telemetry

/// Text of one JSON object, field by field. Numbers are written so that reading gives the same bits.
struct JournalObject {
    private var out = "{"
    private var isFirst = true

    /// The object's text.
    var text: String { out + "}" }

    mutating func raw(_ key: String, _ value: String) {
        if !isFirst { out += "," }
        isFirst = false
        out += "\"\(key)\":\(value)"
    }

    mutating func text(_ key: String, _ value: String) { raw(key, JSONText.quote(value)) }
    mutating func integer(_ key: String, _ value: some BinaryInteger) { raw(key, "\(value)") }
    mutating func flag(_ key: String, _ value: Bool) { raw(key, value ? "true" : "false") }
    mutating func number(_ key: String, _ value: Double) { raw(key, Self.number(value)) }

    /// Left out where it is missing.
    mutating func number(_ key: String, ifAny value: Double?) { if let value { number(key, value) } }
    mutating func text(_ key: String, ifAny value: String?) { if let value { text(key, value) } }

    mutating func list(_ key: String, _ values: [String]) { raw(key, "[" + values.joined(separator: ",") + "]") }

    /// The shortest decimal that reads back as the same number; what JSON has no number for is a string.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "\"NaN\"" }
        if value.isInfinite { return value > 0 ? "\"Infinity\"" : "\"-Infinity\"" }
        return "\(value)"
    }
}

extension JournalLine {
    /// The line's text, without the line feed that ends it.
    public var text: String {
        var object = JournalObject()
        object.integer("v", Self.version)
        switch self {
        case .run(let run): run.write(&object)
        case .decision(let decision): decision.write(&object)
        case .actuation(let actuation): actuation.write(&object)
        case .outcome(let outcome): outcome.write(&object)
        case .event(let event): event.write(&object)
        }
        return object.text
    }
}

extension JournalRun {
    func write(_ object: inout JournalObject) {
        object.text("kind", "run")
        object.text("run", run)
        object.number("at", at)
        object.list("services", services.map(JSONText.quote))
        object.text("config_hash", configurationHash)
        object.text("model_hash", ifAny: modelHash)
        object.text("resumed", ifAny: resumed)
        if isShadow { object.flag("shadow", true) }
        object.flag("continued", isContinued)
        object.text("config", configuration)
        object.text("profile", ifAny: profile)
    }
}

extension JournalDecision {
    func write(_ object: inout JournalObject) {
        object.text("kind", "decision")
        object.text("id", id)
        object.number("at", at)
        if let epoch { object.integer("epoch", epoch) }
        object.flag("acting", isActing)
        object.text("level", round.level.word)
        object.text("acted", round.acting.word)
        object.text("decider", round.decider)
        object.flag("blind", round.isBlind)
        object.flag("model_disabled", isModelDisabled)
        object.text("config_hash", configurationHash)
        object.text("model_hash", ifAny: modelHash)
        object.raw("observation", round.observation.journalText)
        object.list("proposals", round.proposals.map(\.journalText))
        object.list("changes", round.changes.map(\.journalText))
        object.list("applied", round.decision.services.map(\.journalText))
        object.list("events", round.events.map(\.journalText))
    }
}

extension JournalActuation {
    func write(_ object: inout JournalObject) {
        object.text("kind", "actuation")
        object.text("id", id)
        object.number("at", at)
        object.text("service", service)
        object.integer("replicas", replicas)
        object.text("result", result)
        if !text.isEmpty { object.text("text", text) }
    }
}

extension JournalOutcome {
    func write(_ object: inout JournalObject) {
        object.text("kind", "outcome")
        object.text("id", id)
        object.number("at", at)
        object.number("after", after)
        if let isViolation { object.flag("violation", isViolation) }
        object.raw("observation", observation.journalText)
    }
}

extension JournalEvent {
    func write(_ object: inout JournalObject) {
        object.text("kind", "event")
        object.number("at", at)
        object.text("code", reason.code)
        object.text("text", reason.text)
        object.text("model_hash", ifAny: modelHash)
    }
}

extension Reason {
    var journalText: String {
        var object = JournalObject()
        object.text("code", code)
        if !text.isEmpty { object.text("text", text) }
        return object.text
    }
}

extension ServiceDecision {
    var journalText: String {
        var object = JournalObject()
        object.integer("replicas", replicas)
        object.number("priority", ifAny: priority)
        object.number("quota", ifAny: quota)
        object.list("reasons", reasons.map(\.journalText))
        return object.text
    }
}

extension Proposal {
    var journalText: String {
        var object = JournalObject()
        object.text("policy", policy)
        object.text("role", role.rawValue)
        object.text("level", ifAny: level?.word)
        switch answer {
        case .decision(let decision): object.list("services", decision.services.map(\.journalText))
        case .fault(let fault):
            var inner = JournalObject()
            inner.text("code", fault.code)
            inner.text("text", fault.description)
            object.raw("fault", inner.text)
        }
        if !choices.isEmpty { object.list("choices", choices.map(\.journalText)) }
        return object.text
    }
}

extension StepChoice {
    var journalText: String {
        var object = JournalObject()
        if let service { object.integer("service", service) }
        object.text("measure", measure.rawValue)
        object.text("chosen", chosen)
        object.list(
            "steps",
            steps.map { step in
                var inner = JournalObject()
                inner.text("step", step.word)
                inner.number("score", ifAny: step.score)
                inner.text("mask", ifAny: step.mask)
                return inner.text
            })
        return object.text
    }
}

extension ReplicaChange {
    var journalText: String {
        var object = JournalObject()
        object.text("source", source.rawValue)
        object.integer("service", service)
        object.integer("from", from)
        object.integer("to", to)
        object.text("code", reason.code)
        object.text("text", reason.text)
        return object.text
    }
}

extension Observation {
    var journalText: String {
        var object = JournalObject()
        object.number("time", time)
        if let market {
            var inner = JournalObject()
            inner.number("since_open", market.sinceOpen)
            inner.number("length", market.length)
            if market.timeScale != 1 { inner.number("time_scale", market.timeScale) }
            object.raw("market", inner.text)
        }
        object.number("rate", ifAny: rate)
        object.number("p95", ifAny: p95)
        object.number("error_ratio", ifAny: errorRatio)
        if let forecast {
            object.list(
                "forecast",
                forecast.points.map { point in
                    var inner = JournalObject()
                    inner.number("ahead", point.ahead)
                    inner.number("q50", point.q50)
                    inner.number("q90", point.q90)
                    return inner.text
                })
        }
        if let forecastNote { object.raw("forecast_note", forecastNote.journalText) }
        object.list("services", services.map(\.journalText))
        return object.text
    }
}

extension ServiceObservation {
    var journalText: String {
        var object = JournalObject()
        object.integer("ready", ready)
        if !pending.isEmpty { object.list("pending", pending.map(JournalObject.number)) }
        if draining != 0 { object.integer("draining", draining) }
        object.number("rate", ifAny: rate)
        object.number("utilisation", ifAny: utilisation)
        object.number("queue", ifAny: queue)
        object.number("p95", ifAny: p95)
        object.number("error_ratio", ifAny: errorRatio)
        object.number("age", age)
        return object.text
    }
}
