internal import Foundation

/// The files that the sidecar and the load generator of a day are started with.
struct SidecarFiles: Sendable {
    let plan: AutoscalePlan
    /// Largest rate of the day.
    let peak: Double
    let capacity: ReplicaCapacity
    /// Shortest and longest time from a replica's start to its readiness, seconds.
    let startup: ClosedRange<Double>

    /// The chain's profile: one service, as the warm-up measured it.
    var chain: String {
        let time = Self.number(1_000 / capacity.capacity)
        let each = Self.number(capacity.each * 1e6)
        return """
            # Measured in a warm-up: \(each) us of processor time a request, of a quota of \(Self.number(plan.quota)).
            latency_target: \(AutoscalePlan.responseLimitMilliseconds)ms
            services:
              - name: risk
                replicas: {min: 1, max: \(AutoscalePlan.replicasMax)}
                processors: \(Self.number(plan.quota))
                service_time: \(time)ms
                latency_budget: \(AutoscalePlan.responseLimitMilliseconds)ms
                startup: {from: \(Self.number(startup.lowerBound))s, to: \(Self.number(startup.upperBound))s}

            """
    }

    /// The sidecar's configuration; limits, holds and cool-downs are `controlScale` times shorter than
    /// their defaults.
    ///
    /// - Parameters:
    ///   - opensAt: when the market opens, seconds since 1970 UTC.
    ///   - history: names of files of past days.
    ///   - node: port of the node's HTTP; `supervisor`: of the supervisor's.
    func sidecar(opensAt: Double, history: [String], node: UInt16, supervisor: UInt16) -> String {
        let forecast =
            plan.policy == .forecast
            ? "{kind: ridge, history: [\(history.joined(separator: ", "))], history_from: -\(plan.preOpen)s}"
            : "{kind: none}"
        func scaled(_ seconds: Double) -> String { "\(Self.number(seconds / AutoscalePlan.controlScale))s" }
        return """
            period: \(scaled(10))
            chain: {profile: chain.yaml}
            metrics:
              source: scrape
              timeout: 500ms
              window: 2s
              whole:
                endpoints: ["http://127.0.0.1:\(node)/metrics"]
                requests: fix_messages_total{direction="in"}
                latency: order_ack_duration_seconds
            forecast: \(forecast)
            calendar:
              opens_at: \(opensAt)
              length: \(plan.session)s
              time_scale: \(Self.number(max(1, AutoscalePlan.realSession / Double(plan.session))))
            policies:
              utilisation: \(Self.number(AutoscalePlan.utilisation * 100))%
              down_window: \(Self.number(AutoscalePlan.downWindow))s
              lookahead: 8s
              counterfactuals: [hpa, static]
              hpa_percent: 70
              hpa_time_scale: \(Self.number(AutoscalePlan.controlScale))
              peak: \(Self.number(peak))/s
            ladder: {stale_periods: 5, clean_time: \(scaled(600)), hold_time: \(scaled(1_800))}
            limits: {up_window: \(scaled(15)), down_window: \(scaled(60))}
            shield: {down_cooldown: \(scaled(60)), need_window: \(scaled(900))}
            actuator: {kind: processes, server: "http://127.0.0.1:\(supervisor)"}
            journal: {file: "\(plan.report)/journal.jsonl", sync: 0s, outcome_after: \(scaled(60))}

            """
    }

    /// The scenario of the day for `loadgen run`.
    ///
    /// - Parameter seed: of the sample market.
    func scenario(target: UInt16, instruments: String, accounts: SeedPlan) -> String {
        let quiet = Self.number(AutoscalePlan.quiet(peak))
        let mean = Self.number(peak / AutoscalePlan.peakOverMean)
        let close = plan.preOpen + plan.session
        return """
            version: 1
            name: A trading day in \(plan.seconds) s
            seed: \(plan.seed)
            target: {address: "127.0.0.1:\(target)", connections: \(accounts.sessions), max_in_flight: 20000}
            coalesce: 300us
            record: {interval: 1s}
            accounts:
              {first: 16, count: \(accounts.accounts), exponent: 0, holdings_stride: \(accounts.stride),
              holdings_per_account: \(accounts.holdings)}
            instruments: {file: "\(instruments)"}
            orders: {marketable: 20%}
            mixes: {day: {order.new: 70, order.cancel: 20, order.replace: 10}}
            scenarios:
              pre_open: {executor: arrivals, stages: [{rate: \(quiet), hold: \(plan.preOpen)s}], mix: day}
              session:
                executor: arrivals
                start: \(plan.preOpen)s
                day: {market: a-share, rate: \(mean), duration: \(plan.session)s}
                mix: day
              after_close:
                executor: arrivals
                start: \(close)s
                stages: [{rate: \(quiet), hold: \(plan.afterClose)s}]
                mix: day
            thresholds: ["errors==0"]

            """
    }

    private static func number(_ value: Double) -> String { String(format: "%.6g", value) }
}
