public import Autoscaling
internal import Synchronization
public import Telemetry

/// Reads the `/metrics` of every replica itself.
///
/// All replicas are asked at once, each with a deadline and a limit on its page. Those that serve and whose address is
/// not known count as not answering. What cannot be used (no answer, another status, a redirect, HTML, half a page, a
/// page from the past) makes the replica's numbers missing, counts in `autoscaler_scrape_failures_total` by service and
/// reason, and warns once in a while.
public final class ScrapeReader: MetricsSource {
    /// One service to read.
    public struct Service: Sendable {
        /// The name in the chain's profile.
        public var name: String
        /// Which series say what.
        public var metrics: ServiceMetrics
        /// URLs by replica where the actuator does not tell them.
        public var endpoints: [String: String]

        /// A service.
        public init(name: String, metrics: ServiceMetrics, endpoints: [String: String] = [:]) {
            self.name = name
            self.metrics = metrics
            self.endpoints = endpoints
        }
    }

    /// The limits.
    public struct Limits: Sendable {
        /// Seconds until a page must be there.
        public var timeout = 2.0
        /// Bytes of a page.
        public var bytesMax = 8 << 20
        /// Replicas read of one service.
        public var endpointsMax = 256
        /// Seconds over which rates and percentiles are taken.
        public var window = 10.0
        /// Share of a service's replicas that must answer.
        public var coverageMin = 0.5
        /// Pages further apart than this are not compared, seconds: more than a few periods.
        public var gapMax = 60.0

        /// The defaults.
        public init() {}
    }

    private struct State {
        var known = KnownStates()
        var samplers: [String: ServiceSampler]
    }

    private let services: [Service]
    private let limits: Limits
    private let transport: HTTPTransport
    private let now: @Sendable () -> Double
    private let metrics: MetricsRegistry
    private let warnings: WarningLimit
    private let state: Mutex<State>

    /// A reader of `services`, whose names differ; `now` is in seconds on a clock that never goes back.
    public init(
        _ services: [Service], limits: Limits = Limits(), transport: HTTPTransport,
        now: @escaping @Sendable () -> Double, metrics: MetricsRegistry, warnings: WarningLimit
    ) {
        self.services = services
        self.limits = limits
        self.transport = transport
        self.now = now
        self.metrics = metrics
        self.warnings = warnings
        state = Mutex(
            State(
                samplers: Dictionary(
                    uniqueKeysWithValues: services.map {
                        (
                            $0.name,
                            ServiceSampler(
                                $0.metrics, window: limits.window, coverageMin: limits.coverageMin,
                                gapMax: limits.gapMax)
                        )
                    })))
    }

    public func read(_ states: [String: ReplicaState]) async -> [ServiceObservation] {
        state.withLock { $0.known.take(states) }
        var places: [[(String, String)]] = []
        var silent: [Int] = []
        for service in services {
            let seen = state.withLock { $0.known.state(of: service.name) }
            let told = seen?.endpoints ?? [:]
            let all = told.isEmpty ? service.endpoints : told
            places.append(
                all.sorted { $0.key < $1.key }.prefix(limits.endpointsMax).map { ($0.key, $0.value) })
            silent.append(told.isEmpty ? 0 : max(0, (seen?.ready ?? 0) - (places.last?.count ?? 0)))
        }
        let readings = await pages(places)
        var found: [ServiceObservation] = []
        for (index, service) in services.enumerated() {
            found.append(take(service, readings[index], silent: silent[index]))
        }
        return found
    }

    private func pages(_ places: [[(String, String)]]) async -> [[String: ServiceSampler.Reading]] {
        await withTaskGroup(of: (Int, String, ServiceSampler.Reading).self) { group in
            for (index, replicas) in places.enumerated() {
                for (replica, url) in replicas {
                    group.addTask { (index, replica, await self.page(url)) }
                }
            }
            var found = [[String: ServiceSampler.Reading]](repeating: [:], count: places.count)
            for await (index, replica, reading) in group { found[index][replica] = reading }
            return found
        }
    }

    private func page(_ url: String) async -> ServiceSampler.Reading {
        do {
            let answer = try await transport.succeed(
                HTTPCall(
                    "GET", url,
                    fields: [("Accept", "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5")],
                    timeout: limits.timeout, bytesMax: limits.bytesMax),
                url)
            return (.success(try Self.parse(answer, url)), now())
        } catch {
            return (.failure(error), now())
        }
    }

    private static func parse(_ answer: HTTPAnswer, _ url: String) throws(ActuationFault) -> PrometheusText {
        do {
            return try PrometheusText(
                answer.body,
                format: answer.contentType.hasPrefix("application/openmetrics-text") ? .openMetrics : .prometheus)
        } catch {
            throw ActuationFault(error.code == .tooLarge ? .tooLarge : .unreadable, "\(url): \(error)")
        }
    }

    private func take(
        _ service: Service, _ readings: [String: ServiceSampler.Reading], silent: Int
    ) -> ServiceObservation {
        let time = now()
        let outcome = state.withLock { $0.samplers[service.name]?.take(readings, silent: silent, at: time) }
        let numbers = outcome?.numbers ?? ServiceObservation(ready: 0, age: .infinity)
        for (replica, fault) in outcome?.faults ?? [] where fault.code != .cancelled {
            metrics.counter(
                "autoscaler_scrape_failures_total", "Readings of metrics that could not be used.",
                [("service", service.name), ("reason", fault.code.rawValue)]
            ).increment()
            warnings.warn(
                "scrape \(service.name) \(fault.code)", "metrics of \(service.name) (\(replica)) are missing: \(fault)",
                at: time)
        }
        metrics.gauge(
            "autoscaler_metric_age_seconds", "Age of the newest usable numbers of a service.",
            [("service", service.name)]
        ).set(numbers.age)
        return state.withLock {
            $0.known.observation(service.name, numbers, otherwise: max(1, service.endpoints.count))
        }
    }
}
