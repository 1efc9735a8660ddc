internal import Synchronization
public import Telemetry

/// Sets replicas through `/scale` with compare-and-set, and sees them by their pods (`PodObserver`).
///
/// An order is carried out so: refuse it if its epoch is over or an HPA targets the object; read `/scale`; ask whether
/// this process still leads; patch at the version read; after 409 read again, after a passing fault wait and read again.
/// A patch whose answer was lost is found done by the next read. A process that was stopped between its last look at the
/// lease and its patch fails on the version where the next leader has changed anything.
public final class KubernetesActuator: Actuator {
    /// How it acts.
    public struct Options: Sendable {
        /// The API server checks and stores nothing.
        public var dryRun = false
        /// Tries and pauses.
        public var backoff = Backoff()
        /// Largest number of replicas that is ever sent.
        public var replicasMax = 1_000
        /// Seconds for which the list of HPAs is believed.
        public var autoscalersAge = 30.0
        /// Seconds for which the addresses of a list of pods are believed.
        public var podsAge = 30.0
        /// Where the pods of services answer `/metrics`; of others no addresses are told.
        public var pages: [String: PodPages] = [:]
        /// Seconds on a clock that never goes back.
        public var now: @Sendable () -> Double
        /// Seconds since 1970 UTC.
        public var wall: @Sendable () -> Double
        /// Sleeps; throws where the task is cancelled.
        public var sleep: @Sendable (Double) async throws -> Void
        /// Whether this process still leads in that epoch.
        public var leads: @Sendable (UInt64) -> Bool

        /// Options with the defaults above.
        public init(
            now: @escaping @Sendable () -> Double, wall: @escaping @Sendable () -> Double,
            sleep: @escaping @Sendable (Double) async throws -> Void,
            leads: @escaping @Sendable (UInt64) -> Bool = { _ in true }
        ) {
            self.now = now
            self.wall = wall
            self.sleep = sleep
            self.leads = leads
        }
    }

    private struct State {
        var autoscaled: [ScaleTarget: String] = [:]
        var autoscaledAt = -Double.infinity
    }

    public let name = "kubernetes"
    private let client: KubernetesClient
    private let targets: [String: ScaleTarget]
    private let options: Options
    private let fence: OrderFence
    private let observer: PodObserver
    private let state = Mutex(State())
    private let warnings: WarningLimit
    private let conflicts: Counter
    private let retries: Counter

    /// An actuator for the targets by service.
    ///
    /// - Throws: `ActuationFault.configuration` where two services have one target.
    public init(
        _ client: KubernetesClient, targets: [String: ScaleTarget], options: Options, metrics: MetricsRegistry,
        warnings: WarningLimit
    ) throws(ActuationFault) {
        guard Set(targets.values).count == targets.count else {
            throw ActuationFault(.configuration, "two services have the same Kubernetes object")
        }
        self.client = client
        self.targets = targets
        self.options = options
        fence = OrderFence(replicasMax: options.replicasMax)
        self.warnings = warnings
        observer = PodObserver(client, targets, options, metrics, warnings)
        conflicts = metrics.counter(
            "autoscaler_actuation_conflicts_total", "Patches refused because the object had changed.")
        retries = metrics.counter("autoscaler_actuation_retries_total", "Tries of an order after its first.")
    }

    public func apply(_ order: ReplicaOrder) async throws(ActuationFault) -> AppliedOrder {
        let target = try target(of: order.service)
        try fence.admit(order)
        let began = options.now()
        var attempt = Attempt()
        while true {
            try requireLead(order)
            do {
                let applied = try await tryOnce(order, target, &attempt)
                if applied.result == .changed { await record(applied, order, target) }
                return applied
            } catch {
                if error.code == .conflict {
                    conflicts.increment()
                    attempt.conflicts += 1
                } else if !error.isPassing {
                    throw error
                }
                attempt.number += 1
                let elapsed = options.now() - began
                guard
                    let pause = options.backoff.pause(
                        before: attempt.number, after: elapsed, asked: error.retryAfter)
                else { throw error }
                retries.increment()
                // After the first conflict the newest version is asked for at once.
                if error.code != .conflict || attempt.conflicts > 1 { try await rest(pause) }
            }
        }
    }

    private struct Attempt {
        var number = 1
        var conflicts = 0
        var previous: Int?
    }

    private func tryOnce(
        _ order: ReplicaOrder, _ target: ScaleTarget, _ attempt: inout Attempt
    ) async throws(ActuationFault) -> AppliedOrder {
        try await refuseContested(target)
        let scale = try await client.scale(of: target)
        let previous = attempt.previous ?? scale.replicas
        attempt.previous = previous
        guard scale.replicas != order.replicas else {
            return AppliedOrder(
                options.dryRun ? .dryRun : previous == order.replicas ? .unchanged : .changed, previous: previous,
                replicas: order.replicas, conflicts: attempt.conflicts)
        }
        try order.check(current: scale.replicas)
        // Reading took its time, and its version may be the next leader's: asked again just before the patch.
        try requireLead(order)
        let changed = try await client.setReplicas(
            order.replicas, of: target, resourceVersion: scale.resourceVersion, dryRun: options.dryRun)
        guard changed.replicas == order.replicas else {
            throw ActuationFault(
                .unreadable, "\(target.name): \(order.replicas) replicas were sent, \(changed.replicas) stored")
        }
        return AppliedOrder(
            options.dryRun ? .dryRun : .changed, previous: previous, replicas: changed.replicas,
            conflicts: attempt.conflicts)
    }

    /// Tells `kubectl describe` of a change. The change stands whether or not the event can be written.
    private func record(_ applied: AppliedOrder, _ order: ReplicaOrder, _ target: ScaleTarget) async {
        let time = MicroTime(microseconds: Int64(options.wall() * 1e6))
        let before = applied.previous.map { "\($0)" } ?? "?"
        do {
            try await client.record(
                "SuccessfulRescale", "\(before) -> \(applied.replicas) replicas, decision \(order.decision)",
                of: target,
                id: String(time.microseconds, radix: 16), at: time)
            warnings.clear("event")
        } catch {
            warnings.warn("event", "\(order.service): the event was not recorded: \(error)", at: options.now())
        }
    }

    private func requireLead(_ order: ReplicaOrder) throws(ActuationFault) {
        guard options.leads(order.epoch) else {
            throw ActuationFault(.fenced, "\(order.service): leadership in epoch \(order.epoch) has ended")
        }
    }

    private func rest(_ seconds: Double) async throws(ActuationFault) {
        do {
            try await options.sleep(seconds)
        } catch {
            throw ActuationFault(.cancelled, "cancelled while waiting to try again")
        }
    }

    private func target(of service: String) throws(ActuationFault) -> ScaleTarget {
        guard let target = targets[service] else {
            throw ActuationFault(.configuration, "no Kubernetes object is named for service '\(service)'")
        }
        return target
    }

    /// Two scalers on one object undo each other's work, and the HPA acts on its own `minReplicas` at any time.
    private func refuseContested(_ target: ScaleTarget) async throws(ActuationFault) {
        let now = options.now()
        let isFresh = state.withLock { now - $0.autoscaledAt < options.autoscalersAge }
        if !isFresh {
            let listed = try await client.autoscaled()
            state.withLock { state in
                state.autoscaled = Dictionary(listed.map { ($0.target, $0.by) }) { first, _ in first }
                state.autoscaledAt = now
            }
        }
        guard let other = state.withLock({ $0.autoscaled[target] }) else { return }
        throw ActuationFault(
            .contested, "HorizontalPodAutoscaler '\(other)' targets \(target.kind.rawValue) '\(target.name)' too")
    }

    public func observe() async throws(ActuationFault) -> [String: ReplicaState] { try await observer.observe() }
}
