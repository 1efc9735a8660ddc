internal import Synchronization
public import Telemetry

/// Runs an election: sends its requests, keeps time, tells who may act.
///
/// `run` stands for election until its task is cancelled, then gives the lease back where it holds it.
public final class LeaseKeeper: Sendable {
    /// The clocks and the chance that an election needs.
    public struct Surroundings: Sendable {
        /// Seconds on a clock that never goes back and counts while the machine sleeps.
        public var now: @Sendable () -> Double
        /// The time to write into records.
        public var wall: @Sendable () -> MicroTime
        /// Sleeps; throws where the task is cancelled.
        public var sleep: @Sendable (Double) async throws -> Void
        /// Uniform in 0..<1.
        public var chance: @Sendable () -> Double

        /// Surroundings by closures.
        public init(
            now: @escaping @Sendable () -> Double, wall: @escaping @Sendable () -> MicroTime,
            sleep: @escaping @Sendable (Double) async throws -> Void, chance: @escaping @Sendable () -> Double
        ) {
            self.now = now
            self.wall = wall
            self.sleep = sleep
            self.chance = chance
        }
    }

    private let store: any LeaseStore
    private let surroundings: Surroundings
    private let warnings: WarningLimit
    private let failures: Counter
    private let changes: Counter
    private let state: Mutex<LeaseElection>
    private let wasLeader = Mutex(false)
    private let onChange: @Sendable (UInt64?) -> Void

    /// An election of `identity` over `store`.
    ///
    /// - Parameter onChange: called with the epoch when this candidate begins to lead, with nil when a round finds that
    ///   it does no longer; `epoch` may say nil earlier, it is the one to ask before acting.
    public init(
        _ election: LeaseElection, store: any LeaseStore, surroundings: Surroundings, metrics: MetricsRegistry,
        warnings: WarningLimit, onChange: @escaping @Sendable (UInt64?) -> Void = { _ in }
    ) {
        self.store = store
        self.surroundings = surroundings
        self.warnings = warnings
        self.onChange = onChange
        state = Mutex(election)
        failures = metrics.counter("autoscaler_lease_failures_total", "Requests for the lease that failed.")
        changes = metrics.counter("autoscaler_leader_changes_total", "Times this candidate began or ceased to lead.")
        metrics.computed("autoscaler_leader", "1 while this candidate may act, else 0.") { [weak self] in
            self?.epoch == nil ? 0 : 1
        }
    }

    /// The epoch in which this candidate may act now; nil where it may not.
    public var epoch: UInt64? {
        let now = surroundings.now()
        return state.withLock { $0.epoch(at: now) }
    }

    /// The holder that the record seen last names.
    public var holder: String? { state.withLock { $0.holder } }

    /// Stands for election until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            await round()
            let chance = surroundings.chance()
            let now = surroundings.now()
            let pause = state.withLock { $0.pause(at: now, chance: chance) }
            // The only error of a sleep is the end of the task, which the loop sees.
            try? await surroundings.sleep(pause)
        }
        await giveBack()
        tellChange()
    }

    /// One round: read, then create, renew or take the lease where that is due.
    package func round() async {
        let began = surroundings.now()
        var next: LeaseElection.Request? = state.withLock { $0.begin(at: began) }
        while let request = next {
            let answer = await self.answer(to: request)
            let (now, wall) = (surroundings.now(), surroundings.wall())
            next = state.withLock { $0.take(answer, at: now, wall: wall) }
        }
        tellChange()
    }

    private func answer(to request: LeaseElection.Request) async -> LeaseElection.Answer {
        do {
            switch request {
            case .read:
                guard let found = try await store.read() else { return .absent }
                return .found(found.record, version: found.version)
            case .create(let record): return .written(version: try await store.create(record))
            case .update(let record, let version):
                return .written(version: try await store.update(record, version: version))
            }
        } catch {
            // A conflict is how the other candidate's win looks.
            guard error.code != .conflict, error.code != .cancelled else { return .failed }
            failures.increment()
            warnings.warn("lease \(error.code)", "lease: \(error)", at: surroundings.now())
            return .failed
        }
    }

    /// Runs in a task of its own: the one that was cancelled cannot send any more.
    private func giveBack() async {
        let (now, wall) = (surroundings.now(), surroundings.wall())
        guard case .update(let record, let version) = state.withLock({ $0.release(at: now, wall: wall) }) else {
            return
        }
        let store = store
        let identity = state.withLock { $0.identity }
        let result = await Task.detached { () async -> ActuationFault? in
            do throws(ActuationFault) {
                // A renewal whose answer the cancellation cut off has moved the lease on.
                let found = try await store.read()
                guard found == nil || found?.record.holder == identity else { return nil }
                _ = try await store.update(record, version: found?.version ?? version)
                return nil
            } catch { return error }
        }.value
        if let result { warnings.warn("release", "the lease was not given back: \(result)", at: now) }
    }

    private func tellChange() {
        let epoch = epoch
        let isChange = wasLeader.withLock { was in
            defer { was = epoch != nil }
            return was != (epoch != nil)
        }
        guard isChange else { return }
        changes.increment()
        onChange(epoch)
    }
}
