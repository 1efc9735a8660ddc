/// A policy that knows the true load: the measure of what any other could save.
///
/// `.optimal` follows `OraclePlan`, one for each service, made at the first decision; `.lookahead` orders at each
/// moment what is needed until new replicas would be ready. It knows neither which replicas fail to start nor how fast
/// each is, so its own violations are small and not always 0.
public struct OraclePolicy: ScalingPolicy, Sendable {
    /// How the known future is used.
    public enum Method: String, Sendable, CaseIterable {
        /// Least cost over the whole future.
        case optimal
        /// The largest need until new replicas would be ready.
        case lookahead
    }

    /// What the oracle counts with.
    public struct Settings: Sendable, Equatable {
        /// Utilisation that replicas are counted for.
        public var utilisation = 0.8
        /// Seconds between decisions.
        public var period = 10.0
        /// Seconds for which a number of replicas stands before it becomes smaller.
        public var hold = 120.0
        /// Seconds from order to readiness; nil for the longest ordinary start of each service.
        public var startup: Double?
        /// How the future is used.
        public var method = Method.optimal

        /// The defaults.
        public init() {}
    }

    public let name: String
    private let profile: ChainProfile
    private let settings: Settings
    private let rates: [Double]
    private let start: Double?
    private var begun: Double?
    private var orders: [[Int]] = []

    /// An oracle for `rates` of the whole mix, requests a second, one value a second.
    /// - Parameter start: the observation's time at the first rate; nil for that of the first decision.
    /// - Throws: `PolicyFault` `Oracle` for no rates or settings out of range.
    public init(
        _ profile: ChainProfile, rates: [Double], start: Double? = nil, _ settings: Settings = Settings(),
        name: String = "oracle"
    ) throws(PolicyFault) {
        guard !rates.isEmpty, rates.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            throw PolicyFault("Oracle", "an oracle knows at least one rate, none negative")
        }
        guard settings.utilisation > 0, settings.period > 0, settings.hold >= 0, settings.startup ?? 0 >= 0,
            settings.period.isFinite, settings.hold.isFinite, (settings.startup ?? 0).isFinite
        else { throw PolicyFault("Oracle", "utilisation and period are more than 0, times not negative") }
        self.name = name
        self.profile = profile
        self.settings = settings
        self.rates = rates
        self.start = start
    }

    public mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        try observation.check(services: profile.services.count)
        let begun = self.begun ?? start ?? observation.time
        if self.begun == nil {
            self.begun = begun
            orders = profile.services.indices.map { plan($0, initial: Plausible.ordered(observation.services[$0])) }
        }
        let step = Int(clamping: ((observation.time - begun) / settings.period + 1e-6).rounded(.down))
        let services = orders.map { orders in
            let known = min(orders.count - 1, max(0, step))
            return ServiceDecision(
                replicas: orders[known], reasons: [Reason("Oracle", "\(settings.method.rawValue), step \(known)")])
        }
        return Decision(services: services)
    }

    private func plan(_ index: Int, initial: Int) -> [Int] {
        let service = profile.services[index]
        let needs = needs(index)
        let startup = Int(
            clamping: ((settings.startup ?? service.startup.range.upperBound) / settings.period).rounded(.up))
        switch settings.method {
        case .optimal:
            return OraclePlan(
                needs: needs, bounds: service.bounds, initial: initial, startupSteps: startup,
                holdSteps: Int(clamping: (settings.hold / settings.period).rounded(.up))
            ).ordered
        case .lookahead:
            return needs.indices.map { step in
                service.clamp(needs[step...min(needs.count - 1, step + startup + 1)].max() ?? 0)
            }
        }
    }

    /// Replicas for the largest rate of each control period.
    private func needs(_ index: Int) -> [Int] {
        let length = max(1, Int(clamping: settings.period.rounded()))
        return stride(from: 0, to: rates.count, by: length).map { from in
            let largest = rates[from..<min(rates.count, from + length)].max() ?? 0
            return profile.replicas(of: index, rate: largest, utilisation: settings.utilisation)
        }
    }
}
