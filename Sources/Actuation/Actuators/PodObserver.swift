internal import Synchronization
internal import Telemetry

/// What is there of each target: replicas ordered by `/scale`, the rest by the pods that its selector selects.
///
/// Once an observation, all targets at once, two requests a target: `/scale` and a list of its pods, which is read from
/// the API server's store, not from a cache that may lag behind. Replicas that serve and those that start are together
/// those ordered, also while a rollout has more pods. Where the pods cannot be listed:
///
/// - ready replicas are those of the workload's own status, and the addresses of the last list stay for `podsAge`
///   seconds; then there are none, so that what is read of them is missing rather than too low;
/// - `Retry-After` is waited for, at most a minute;
/// - it counts in `autoscaler_observation_failures_total`, and warns once.
///
/// Where `/scale` cannot be read either, the state seen last stands; other targets are seen all the same.
final class PodObserver: Sendable {
    private struct Known {
        var state: ReplicaState?
        var endpoints: [String: String] = [:]
        var listedAt = -Double.infinity
        var listAgainAt = -Double.infinity
        var waiting = PendingAges()
    }

    private let client: KubernetesClient
    private let targets: [String: ScaleTarget]
    private let options: KubernetesActuator.Options
    private let metrics: MetricsRegistry
    private let warnings: WarningLimit
    private let known = Mutex<[String: Known]>([:])
    private static let pauseMax = 60.0

    init(
        _ client: KubernetesClient, _ targets: [String: ScaleTarget], _ options: KubernetesActuator.Options,
        _ metrics: MetricsRegistry, _ warnings: WarningLimit
    ) {
        self.client = client
        self.targets = targets
        self.options = options
        self.metrics = metrics
        self.warnings = warnings
    }

    /// The states by service; one that cannot be seen now is as it was seen last, or absent.
    ///
    /// - Throws: the first fault where nothing was ever seen of any service.
    func observe() async throws(ActuationFault) -> [String: ReplicaState] {
        let faults = await withTaskGroup(of: (String, ActuationFault?).self) { group in
            for (service, target) in targets {
                group.addTask {
                    do throws(ActuationFault) {
                        try await self.look(service, target)
                        return (service, nil)
                    } catch { return (service, error) }
                }
            }
            var faults: [String: ActuationFault] = [:]
            for await (service, fault) in group { faults[service] = fault }
            return faults
        }
        let found = states()
        if found.isEmpty, let first = faults.min(by: { $0.key < $1.key }) { throw first.value }
        return found
    }

    private func states() -> [String: ReplicaState] {
        let now = options.now()
        return known.withLock { known in
            known.compactMapValues { one in
                var state = one.state
                state?.endpoints = now - one.listedAt <= options.podsAge ? one.endpoints : [:]
                return state
            }
        }
    }

    private func look(_ service: String, _ target: ScaleTarget) async throws(ActuationFault) {
        do {
            let scale = try await client.scale(of: target)
            if let pods = await pods(service, scale.selector) {
                take(service, scale, pods)
            } else {
                take(service, scale, ready: try await client.readyReplicas(of: target))
            }
            warnings.clear("scale \(service)")
        } catch {
            note(error, service, "scale", "replicas are not known, those seen last stand")
            throw error
        }
    }

    /// The pods selected now; nil where they cannot be listed.
    private func pods(_ service: String, _ selector: String) async -> [Pod]? {
        defer {
            let listedAt = known.withLock { $0[service]?.listedAt } ?? -.infinity
            metrics.gauge(
                "autoscaler_pod_list_age_seconds", "Age of the list of a service's pods that is in use.",
                [("service", service)]
            ).set(options.now() - listedAt)
        }
        let isDue = known.withLock { options.now() >= $0[service]?.listAgainAt ?? -.infinity }
        guard isDue else { return nil }
        do {
            let pods = try await client.pods(selector)
            known.withLock { $0[service, default: Known()].listedAt = options.now() }
            warnings.clear("pods \(service)")
            return pods
        } catch {
            let pause = min(error.retryAfter ?? 0, Self.pauseMax)
            known.withLock { $0[service, default: Known()].listAgainAt = options.now() + pause }
            note(error, service, "pods", "pods cannot be listed, the last list counts for \(Int(options.podsAge)) s")
            return nil
        }
    }

    private func note(_ fault: ActuationFault, _ service: String, _ object: String, _ what: String) {
        guard fault.code != .cancelled else { return }
        metrics.counter(
            "autoscaler_observation_failures_total", "Readings of the API server that failed, by what was read.",
            [("service", service), ("object", object), ("reason", fault.code.rawValue)]
        ).increment()
        warnings.warn("\(object) \(service)", "\(service): \(what): \(fault)", at: options.now())
    }

    /// A state from a list of pods.
    private func take(_ service: String, _ scale: Scale, _ pods: [Pod]) {
        let wall = options.wall()
        let byState = Dictionary(grouping: pods) { $0.state(at: wall) }
        for state in Pod.State.allCases {
            metrics.gauge(
                "autoscaler_pods", "Pods of a service by what they are to it.",
                [("service", service), ("state", state.rawValue)]
            ).set(Double(byState[state]?.count ?? 0))
        }
        let ready = byState[.ready] ?? []
        let ages = (byState[.pending] ?? []).map { max(0, wall - ($0.created ?? wall)) }.sorted(by: >)
        let endpoints = endpoints(service, ready)
        let now = options.now()
        known.withLock { known in
            let serving = min(ready.count, scale.replicas)
            // Pods that are ordered and not made yet are as old as the order.
            let waiting = known[service, default: Known()].waiting.take(scale.replicas - serving, at: now)
            let pending = ages.prefix(waiting.count) + waiting.dropFirst(ages.count)
            known[service]?.endpoints = endpoints
            known[service]?.state = ReplicaState(
                service: service, desired: scale.replicas, ready: serving, pending: pending.sorted(by: >),
                draining: byState[.draining]?.count ?? 0)
        }
    }

    /// A state from the workload's status alone.
    private func take(_ service: String, _ scale: Scale, ready: Int) {
        let now = options.now()
        known.withLock { known in
            let serving = min(ready, scale.replicas)
            let pending = known[service, default: Known()].waiting.take(scale.replicas - serving, at: now)
            known[service]?.state = ReplicaState(
                service: service, desired: scale.replicas, ready: serving, pending: pending,
                draining: max(0, scale.existing - scale.replicas))
        }
    }

    /// The pages of the pods by their names; where the service's pages are read, a warning for those without one.
    private func endpoints(_ service: String, _ pods: [Pod]) -> [String: String] {
        guard let pages = options.pages[service] else { return [:] }
        var found: [String: String] = [:]
        var absent: [(pod: String, why: PodPages.Absence)] = []
        for pod in pods {
            switch pages.url(of: pod) {
            case .success(let url): found[pod.name] = url
            case .failure(.leftOut): break
            case .failure(let why): absent.append((pod.name, why))
            }
        }
        if let first = absent.min(by: { $0.pod < $1.pod }) {
            warnings.warn(
                "pages \(service)",
                "\(service): \(absent.count) of \(pods.count) ready pods have no page of metrics (\(first.pod): \(first.why))",
                at: options.now())
        } else {
            warnings.clear("pages \(service)")
        }
        return found
    }
}
