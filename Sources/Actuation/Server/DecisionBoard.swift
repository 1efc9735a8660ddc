public import Autoscaling
internal import Synchronization
internal import Telemetry

/// The decisions in force, for those who ask over HTTP.
public final class DecisionBoard: Sendable {
    /// The decision about one service.
    public struct Entry: Sendable, Equatable {
        /// Id in the journal.
        public var decision: String
        /// The policy that decided, e.g. `forecast`.
        public var policy: String
        /// The rung of the safety ladder, 0 at the top.
        public var level: Int
        /// The epoch of leadership; nil where this process does not lead.
        public var epoch: UInt64?
        /// What was decided.
        public var service: ServiceDecision

        /// An entry.
        public init(decision: String, policy: String, level: Int, epoch: UInt64?, service: ServiceDecision) {
            self.decision = decision
            self.policy = policy
            self.level = level
            self.epoch = epoch
            self.service = service
        }
    }

    private let services: [String]
    private let ageMax: Double
    private let now: @Sendable () -> Double
    private let entries = Mutex<[String: (entry: Entry, at: Double)]>([:])

    /// A board of the services of a chain.
    ///
    /// - Parameters:
    ///   - ageMax: seconds after which a decision is no longer told; three control periods.
    ///   - now: seconds on a clock that never goes back.
    public init(services: [String], ageMax: Double, now: @escaping @Sendable () -> Double) {
        self.services = services
        self.ageMax = ageMax
        self.now = now
    }

    /// Puts up the decision about a service.
    public func publish(_ entry: Entry, service: String) {
        let time = now()
        entries.withLock { $0[service] = (entry, time) }
    }

    /// `{"service":"risk","value":5,...}` for KEDA's metrics-api scaler (`valueLocation: value`).
    ///
    /// 404 for a service that is not of the chain. 503 where there is no decision, which is also so of a service whose
    /// replicas were never seen, or only an old one: then KEDA's fallback or the HPA's hold applies, which is better than
    /// a number that nobody stands behind.
    func desired(_ service: String) -> HTTPRoute.Reply {
        guard services.contains(service) else {
            return HTTPRoute.Reply(status: 404, "{\"error\":\"no such service\"}\n")
        }
        let time = now()
        guard let (entry, at) = entries.withLock({ $0[service] }) else {
            return HTTPRoute.Reply(status: 503, "{\"error\":\"nothing was decided yet\"}\n")
        }
        guard time - at <= ageMax else {
            return HTTPRoute.Reply(
                status: 503, "{\"error\":\"the last decision is \(JSONText.number((time - at).rounded())) s old\"}\n")
        }
        return HTTPRoute.Reply(Self.json(service, entry, time - at) + "\n")
    }

    /// All decisions, in the order of the chain, old ones too: their age says so.
    func all() -> HTTPRoute.Reply {
        let time = now()
        let entries = entries.withLock { $0 }
        let items = services.compactMap { name in
            entries[name].map { Self.json(name, $0.entry, time - $0.at, reasons: true) }
        }
        return HTTPRoute.Reply("{\"decisions\":[\(items.joined(separator: ","))]}\n")
    }

    private static func json(_ service: String, _ entry: Entry, _ age: Double, reasons: Bool = false) -> String {
        var parts = [
            "\"service\":\(JSONText.quote(service))", "\"value\":\(entry.service.replicas)",
            "\"decision\":\(JSONText.quote(entry.decision))", "\"policy\":\(JSONText.quote(entry.policy))",
            "\"level\":\(entry.level)", "\"epoch\":\(entry.epoch.map { "\($0)" } ?? "null")",
            "\"ageSeconds\":\(JSONText.number(max(0, age)))",
        ]
        if reasons {
            if let priority = entry.service.priority { parts.append("\"priority\":\(JSONText.number(priority))") }
            if let quota = entry.service.quota { parts.append("\"quota\":\(JSONText.number(quota))") }
            let list = entry.service.reasons.map {
                "{\"code\":\(JSONText.quote($0.code)),\"text\":\(JSONText.quote($0.text))}"
            }
            parts.append("\"reasons\":[\(list.joined(separator: ","))]")
        }
        return "{\(parts.joined(separator: ","))}"
    }
}
