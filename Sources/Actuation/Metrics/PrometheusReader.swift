public import Autoscaling
internal import Synchronization
public import Telemetry

/// Reads the numbers of services from a Prometheus server, one instant query a number.
///
/// No series, NaN, infinite and negative are missing, never 0: a lost target must not look like an idle one. A query
/// that gives more than one series is a fault of the configuration. An answer that was evaluated before the last one is
/// refused. `age` counts from the evaluation, so let the queries look at no more than they need (`rate(...[30s])`).
public final class PrometheusReader: MetricsSource {
    /// The numbers that can be asked for.
    public enum Number: String, Sendable, CaseIterable {
        case rate, utilisation, queue, p95, errorRatio
        /// Replicas whose series the other numbers are made of: fewer than are ready are made up for, too few are no data.
        case replicas
    }

    /// One service to ask for.
    public struct Service: Sendable {
        /// The name in the chain's profile.
        public var name: String
        /// PromQL by number; each gives one series without a `by`.
        public var queries: [Number: String]
        /// Requests a second that all replicas there may be could serve: a higher rate is refused, unless the one before
        /// was too.
        public var rateMax: Double?

        /// A service.
        public init(name: String, queries: [Number: String], rateMax: Double? = nil) {
            self.name = name
            self.queries = queries
            self.rateMax = rateMax
        }
    }

    private struct State {
        var known = KnownStates()
        var goodAt: [String: Double] = [:]
        var evaluated: [String: Double] = [:]
        /// Services whose last rate was more than they can serve.
        var doubted: Set<String> = []
    }

    private let server: String
    private let services: [Service]
    private let timeout: Double
    private let transport: HTTPTransport
    private let now: @Sendable () -> Double
    private let wall: @Sendable () -> Double
    private let metrics: MetricsRegistry
    private let warnings: WarningLimit
    private let state = Mutex(State())
    /// Seconds by which the server's clock may differ from ours before its answers are refused.
    private let skewMax: Double
    /// Share of the ready replicas that must be counted where `replicas` is asked for.
    private let coverageMin: Double

    /// A reader that asks the Prometheus at `server`, e.g. `http://prometheus:9090`.
    ///
    /// - Parameters:
    ///   - now: seconds on a clock that never goes back.
    ///   - wall: seconds since 1970 UTC.
    /// - Throws: `ActuationFault.configuration` where the server is no URL.
    public init(
        server: String, services: [Service], timeout: Double = 3, skewMax: Double = 30, coverageMin: Double = 0.5,
        transport: HTTPTransport,
        now: @escaping @Sendable () -> Double, wall: @escaping @Sendable () -> Double, metrics: MetricsRegistry,
        warnings: WarningLimit
    ) throws(ActuationFault) {
        guard server.hasPrefix("http://") || server.hasPrefix("https://") else {
            throw ActuationFault(.configuration, "Prometheus' URL begins with http, not '\(server)'")
        }
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.services = services
        self.timeout = timeout
        self.skewMax = skewMax
        self.coverageMin = coverageMin
        self.transport = transport
        self.now = now
        self.wall = wall
        self.metrics = metrics
        self.warnings = warnings
    }

    public func read(_ states: [String: ReplicaState]) async -> [ServiceObservation] {
        state.withLock { $0.known.take(states) }
        let answers = await withTaskGroup(of: (Int, Number, Double?).self) { group in
            for (index, service) in services.enumerated() {
                for (number, query) in service.queries {
                    group.addTask { (index, number, await self.value(service, number, query)) }
                }
            }
            var found = [[Number: Double]](repeating: [:], count: services.count)
            for await (index, number, value) in group { found[index][number] = value }
            return found
        }
        return zip(services, answers).map { observation($0.name, covered($0, $1)) }
    }

    /// Numbers of all ready replicas, made of those of which Prometheus has series; none where it has too few.
    ///
    /// A lost shard halves a sum as an idle market does, and is no staler.
    private func covered(_ service: Service, _ values: [Number: Double]) -> [Number: Double] {
        guard service.queries[.replicas] != nil else { return values }
        let ready = state.withLock { $0.known.state(of: service.name)?.ready } ?? 0
        guard ready > 0 else { return values }
        let counted = values[.replicas] ?? 0
        guard counted > 0, counted >= coverageMin * Double(ready) else {
            warnings.warn(
                "coverage \(service.name)",
                "metrics of \(service.name): Prometheus has \(Int(min(counted, 1e6))) of \(ready) replicas, too few",
                at: now())
            return [:]
        }
        guard counted < Double(ready) else { return values }
        var values = values
        for number in [Number.rate, .queue] { values[number] = values[number].map { $0 * Double(ready) / counted } }
        return values
    }

    private func observation(_ service: String, _ values: [Number: Double]) -> ServiceObservation {
        let time = now()
        let age = state.withLock { state in
            if !values.isEmpty { state.goodAt[service] = time }
            return state.goodAt[service].map { max(0, time - $0) } ?? .infinity
        }
        metrics.gauge(
            "autoscaler_metric_age_seconds", "Age of the newest usable numbers of a service.", [("service", service)]
        ).set(age)
        let numbers = ServiceObservation(
            ready: 0, rate: values[.rate], utilisation: values[.utilisation].map { min(1, $0) },
            queue: values[.queue], p95: values[.p95], errorRatio: values[.errorRatio].map { min(1, $0) }, age: age)
        return state.withLock { $0.known.observation(service, numbers, otherwise: 1) }
    }

    /// The number that a query gives; nil, a warning and a count where it gives none.
    private func value(_ asked: Service, _ number: Number, _ query: String) async -> Double? {
        let service = asked.name
        do throws(ActuationFault) {
            let answer = try await ask(query)
            try refuseOld(answer.time, "\(service) \(number)")
            for text in answer.warnings {
                warnings.warn(
                    "warning \(service) \(number)", "Prometheus warns on \(service) \(number): \(text)", at: now())
            }
            guard let value = answer.value, value >= 0 else {
                throw ActuationFault(
                    .stale, answer.time == nil ? "no series" : "the value is NaN, infinite or negative")
            }
            if number == .rate { try doubt(value, asked) }
            return value
        } catch {
            guard error.code != .cancelled else { return nil }
            metrics.counter(
                "autoscaler_scrape_failures_total", "Readings of metrics that could not be used.",
                [("service", service), ("reason", error.code.rawValue)]
            ).increment()
            warnings.warn(
                "query \(service) \(number) \(error.code)", "\(number) of \(service) is missing: \(error)", at: now())
            return nil
        }
    }

    /// Refuses a rate that the service cannot have had; those that follow it are believed.
    private func doubt(_ rate: Double, _ service: Service) throws(ActuationFault) {
        guard let rateMax = service.rateMax else { return }
        let isRefused = state.withLock { state in
            guard rate > rateMax else {
                state.doubted.remove(service.name)
                return false
            }
            return state.doubted.insert(service.name).inserted
        }
        if isRefused {
            throw ActuationFault(.implausible, "\(rate) a second are more than all replicas can serve, \(rateMax)")
        }
    }

    private func refuseOld(_ time: Double?, _ key: String) throws(ActuationFault) {
        guard let time else { return }
        let before = state.withLock { $0.evaluated[key] }
        if let before, time < before {
            throw ActuationFault(.stale, "the answer is older than the last one")
        }
        let skew = time - wall()
        guard abs(skew) <= skewMax else {
            throw ActuationFault(.stale, "Prometheus' clock differs from ours by \(Int(max(-1e6, min(1e6, skew)))) s")
        }
        state.withLock { $0.evaluated[key] = time }
    }

    private func ask(_ query: String) async throws(ActuationFault) -> PrometheusAnswer {
        let answer = try await transport.send(
            HTTPCall(
                "POST", server + "/api/v1/query",
                fields: [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")],
                body: Array("query=\(query.percentEncoded)".utf8), timeout: timeout, bytesMax: 1 << 20))
        // 400 and 422 carry the reason in the same form as 200.
        guard [200, 400, 422].contains(answer.status) else {
            let code: ActuationFault.Code = (500..<600).contains(answer.status) ? .unavailable : .status
            throw ActuationFault(
                (300..<400).contains(answer.status) ? .redirected : code, "Prometheus answered \(answer.status)")
        }
        return try PrometheusAnswer(JSONTree(answer.body))
    }
}
