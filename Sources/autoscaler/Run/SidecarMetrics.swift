internal import Autoscaling
internal import Telemetry

/// What the sidecar tells of itself at `/metrics`.
struct SidecarMetrics {
    private let registry: MetricsRegistry
    private let services: [String]
    private let decision: BucketHistogram
    private let level: Gauge
    private let violations: Gauge
    private let error: Gauge
    private let journalFailures: Gauge
    /// The last judged periods, true for a missed target.
    private var missed: [Bool] = []
    private static let missedMax = 360

    /// Metrics of the services in `registry`: gauges, and what is counted without a reason or a policy, at 0.
    init(_ registry: MetricsRegistry, services: [String]) {
        self.registry = registry
        self.services = services
        decision = registry.histogram("autoscaler_decision_seconds", "Time from an observation to its decision.")
        level = registry.gauge(
            "autoscaler_ladder_level", "Rung of the safety ladder that acts: 0 learned to 4 schedule floor.")
        violations = registry.gauge(
            "autoscaler_slo_violation_ratio", "Share of the last 360 judged periods over the latency target.")
        error = registry.gauge(
            "autoscaler_prediction_absolute_error_ratio", "Mean absolute percentage error of the last forecasts.")
        journalFailures = registry.gauge(
            "autoscaler_journal_failures", "Lines that could not be written to the decision journal.")
        error.set(.nan)
        countRefusedModels(0)
        for service in services {
            for result in ["changed", "unseen"] { countActuation(service, result, by: 0) }
        }
    }

    /// Whether a model is in force.
    func setModel(isLoaded: Bool, isDisabled: Bool) {
        registry.gauge("autoscaler_model_loaded", "1 while a learned policy is loaded.").set(isLoaded ? 1 : 0)
        registry.gauge("autoscaler_model_disabled", "1 while the learned policy is disabled after bad outputs.")
            .set(isDisabled ? 1 : 0)
    }

    /// A model file that was refused.
    func countRefusedModels(_ count: UInt64 = 1) {
        registry.counter("autoscaler_model_refusals_total", "Model files that were refused.").increment(by: count)
    }

    /// Lines of the journal that were lost so far.
    func setJournalFailures(_ count: Int) { journalFailures.set(Double(count)) }

    /// What became of an order.
    func countActuation(_ service: String, _ result: String, by count: UInt64 = 1) {
        registry.counter(
            "autoscaler_actuations_total", "Orders to the actuator by what became of them.",
            [("service", service), ("result", result)]
        ).increment(by: count)
    }

    /// Takes a round.
    mutating func take(_ round: LadderRound, seconds: Double, target: Double, forecastError: Double?) {
        decision.record(seconds)
        level.set(Double(round.acting.rawValue))
        if let forecastError { error.set(forecastError) }
        if let p95 = round.observation.p95 {
            missed.append(p95 > target)
            if missed.count > Self.missedMax { missed.removeFirst() }
            violations.set(Double(missed.count { $0 }) / Double(missed.count))
        }
        for (index, service) in services.enumerated() { take(round, index, service) }
        for proposal in round.proposals { take(proposal) }
        for change in round.changes {
            registry.counter(
                "autoscaler_shield_changes_total", "Numbers of replicas that shield or gate changed.",
                [("source", change.source.rawValue), ("reason", change.reason.code)]
            ).increment()
        }
        for event in round.events {
            registry.counter("autoscaler_ladder_events_total", "What the ladder reported.", [("event", event.code)])
                .increment()
        }
    }

    private func take(_ round: LadderRound, _ index: Int, _ service: String) {
        let ordered = round.observation.services[index].ordered
        let decided = round.decision.services[index].replicas
        registry.gauge("autoscaler_replicas", "Replicas that serve or start.", [("service", service)])
            .set(Double(ordered))
        setDesired(service, "applied", decided)
        let action = decided > ordered ? "up" : decided < ordered ? "down" : "hold"
        registry.counter(
            "autoscaler_decisions_total", "Decisions by what they changed and who decided.",
            [("service", service), ("action", action), ("policy", round.decider)]
        ).increment()
    }

    private func setDesired(_ service: String, _ policy: String, _ replicas: Int) {
        registry.gauge(
            "autoscaler_desired_replicas", "Replicas that a policy wants; applied is what is in force.",
            [("service", service), ("policy", policy)]
        ).set(Double(replicas))
    }

    private func take(_ proposal: Proposal) {
        let name = proposal.role == .counterfactual ? proposal.policy + "_shadow" : proposal.policy
        switch proposal.answer {
        case .decision(let decision):
            for (service, wanted) in zip(services, decision.services) {
                setDesired(service, name, wanted.replicas)
                for reason in wanted.reasons { countMask(reason.code) }
            }
        case .fault(let fault):
            registry.counter(
                "autoscaler_policy_faults_total", "Rounds in which a policy could not decide.",
                [("policy", name), ("reason", fault.code)]
            ).increment()
        }
    }

    private func countMask(_ code: String) {
        guard MaskReason(rawValue: code) != nil else { return }
        registry.counter(
            "autoscaler_mask_blocked_total", "Steps that a policy was not allowed to take.", [("reason", code)]
        ).increment()
    }

    /// The forecast of a round, also by service.
    func take(_ forecast: RateForecast?, _ profile: ChainProfile) {
        for point in forecast?.points ?? [] {
            let horizon = "\(Int(point.ahead.rounded()))"
            for (index, service) in services.enumerated() {
                let visits = profile.visits(of: index)
                registry.gauge(
                    "autoscaler_predicted_requests_per_second", "Median of the rate expected, by seconds ahead.",
                    [("service", service), ("horizon", horizon)]
                ).set(point.q50 * visits)
                for (quantile, value) in [("0.5", point.q50), ("0.9", point.q90)] {
                    registry.gauge(
                        "autoscaler_forecast_rps", "Quantiles of the rate expected, by seconds ahead.",
                        [("service", service), ("horizon", horizon), ("quantile", quantile)]
                    ).set(value * visits)
                }
            }
        }
    }
}
