internal import Actuation
internal import Autoscaling
internal import Foundation
internal import Synchronization
internal import Telemetry

/// What the control loop tells those who ask whether it turns.
final class LoopState: Sendable {
    private let turned: Mutex<Double>
    private let decided = Mutex(false)

    /// A loop that begins at `now`.
    init(at now: Double) { turned = Mutex(now) }

    /// When the loop turned last.
    var turnedAt: Double { turned.withLock { $0 } }
    /// Whether anything was decided yet.
    var hasDecided: Bool { decided.withLock { $0 } }

    func turn(at now: Double) { turned.withLock { $0 = now } }
    func decide() { decided.withLock { $0 = true } }
}

/// Everything of a run that talks to the world: clocks, HTTP, actuator, metrics, leadership, server.
final class Outside: Sendable {
    let registry = MetricsRegistry()
    let warnings: WarningLimit
    let source: any MetricsSource
    let actuator: any Actuator
    let board: DecisionBoard
    let loop: LoopState
    private let caller: HTTPCaller
    private let keeper: LeaseKeeper?
    private let listener: HTTPListener?
    private static let start = ContinuousClock.now

    /// Seconds since the program's start on a clock that never goes back and counts while the machine sleeps.
    static let now: @Sendable () -> Double = { (ContinuousClock.now - start) / .seconds(1) }
    /// Seconds since 1970 UTC.
    static let wall: @Sendable () -> Double = { Date().timeIntervalSince1970 }
    private static let sleep: @Sendable (Double) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }

    /// The parts that a configuration names; nothing runs yet.
    ///
    /// - Parameter replicas: what a dry-run actuator begins with.
    init(_ configuration: RunConfiguration, replicas: [Int], identity: String) throws(ActuationFault) {
        warnings = WarningLimit { Terminal.complain("autoscaler: \($0)") }
        let cluster = try configuration.cluster()
        caller = try HTTPCaller(authorityFile: cluster?.authorityFile)
        var client: KubernetesClient?
        if let cluster { client = try KubernetesClient(cluster, transport: caller.transport, now: Self.now) }
        keeper = try Self.keeper(configuration, client, identity, registry, warnings)
        if keeper == nil { registry.gauge("autoscaler_leader", "1 while this candidate may act, else 0.").set(1) }
        source = try Self.source(configuration, caller.transport, registry, warnings)
        actuator = try Self.actuator(configuration, client, caller.transport, registry, warnings, replicas, keeper)
        let period = configuration.ladder.period
        let board = DecisionBoard(
            services: configuration.profile.services.map(\.name), ageMax: 3 * period, now: Self.now)
        let loop = LoopState(at: Self.now())
        self.board = board
        self.loop = loop
        guard let listen = configuration.listen else {
            listener = nil
            return
        }
        var settings = ListenerConfiguration()
        (settings.host, settings.port) = listen
        let silence = 3 * period + 30
        listener = HTTPListener(
            settings,
            routes: DecisionServer.routes(
                board, registry: registry, isAlive: { Self.now() - loop.turnedAt < silence },
                notReady: { loop.hasDecided ? nil : "nothing was decided yet" }))
    }

    private static func keeper(
        _ configuration: RunConfiguration, _ client: KubernetesClient?, _ identity: String,
        _ registry: MetricsRegistry, _ warnings: WarningLimit
    ) throws(ActuationFault) -> LeaseKeeper? {
        let store: any LeaseStore
        switch configuration.leadership {
        case .none: return nil
        case .file(let path): store = FileLease(path)
        case .lease(_, let name):
            guard let client else { throw ActuationFault(.configuration, "a lease needs an API server") }
            store = try KubernetesLease(client, name: name)
        }
        return LeaseKeeper(
            LeaseElection(identity: identity, timing: configuration.election), store: store,
            surroundings: .init(
                now: now, wall: { MicroTime(microseconds: Int64(Self.wall() * 1e6)) }, sleep: sleep,
                chance: { Double.random(in: 0..<1) }), metrics: registry, warnings: warnings)
    }

    private static func source(
        _ configuration: RunConfiguration, _ transport: HTTPTransport, _ registry: MetricsRegistry,
        _ warnings: WarningLimit
    ) throws(ActuationFault) -> any MetricsSource {
        switch configuration.metrics {
        case .scrape(let services, let limits):
            ScrapeReader(
                services, limits: limits, transport: transport, now: now, metrics: registry, warnings: warnings)
        case .prometheus(let server, let services, let timeout, let coverage):
            try PrometheusReader(
                server: server, services: services, timeout: timeout, coverageMin: coverage, transport: transport,
                now: now, wall: wall,
                metrics: registry, warnings: warnings)
        }
    }

    private static func actuator(
        _ configuration: RunConfiguration, _ client: KubernetesClient?, _ transport: HTTPTransport,
        _ registry: MetricsRegistry, _ warnings: WarningLimit, _ replicas: [Int], _ keeper: LeaseKeeper?
    ) throws(ActuationFault) -> any Actuator {
        // An order that cannot be delivered must not hold up the rounds after it, which order anew.
        var backoff = Backoff()
        backoff.wholeMax = min(backoff.wholeMax, max(1, configuration.ladder.period))
        let leads: @Sendable (UInt64) -> Bool = { epoch in keeper.map { $0.epoch == epoch } ?? true }
        switch configuration.actuation {
        case .dryRun:
            let names = configuration.profile.services.map(\.name)
            return DryRunActuator(replicas: Dictionary(uniqueKeysWithValues: zip(names, replicas)))
        case .processes(let server):
            return try ProcessActuator(
                server: server, transport: transport, backoff: backoff, now: now, sleep: sleep, leads: leads)
        case .kubernetes(let kubernetes, let targets):
            guard let client else { throw ActuationFault(.configuration, "no API server") }
            var options = KubernetesActuator.Options(now: now, wall: wall, sleep: sleep, leads: leads)
            options.backoff = backoff
            options.podsAge = configuration.ladder.stalePeriods * configuration.ladder.period
            if case .scrape(let services, _) = configuration.metrics {
                for service in services where service.endpoints.isEmpty {
                    options.pages[service.name] = kubernetes.pages
                }
            }
            return try KubernetesActuator(
                client, targets: targets, options: options, metrics: registry, warnings: warnings)
        }
    }

    /// The epoch in which this process may act; nil where it may not. Without leadership it is always 1.
    var epoch: UInt64? { keeper.map(\.epoch) ?? 1 }

    /// The port of the decision server once it listens; nil where there is none.
    func listen() async throws(ActuationFault) -> Int? { try await listener?.start() }

    /// Stands for election until the task is cancelled, then gives the lease back.
    func lead() async { await keeper?.run() }

    /// Whether there is an election to stand in.
    var hasElection: Bool { keeper != nil }

    /// Ends server and connections.
    func stop() async {
        await listener?.stop()
        await caller.stop()
    }
}

extension RunConfiguration {
    /// The API server of actuator or lease; nil where neither needs one.
    func cluster() throws(ActuationFault) -> KubernetesConfiguration? {
        let settings: Kubernetes
        switch (actuation, leadership) {
        case (.kubernetes(let kubernetes, _), _): settings = kubernetes
        case (_, .lease(let kubernetes, _)): settings = kubernetes
        default: return nil
        }
        guard !settings.server.isEmpty else {
            var own = try KubernetesConfiguration.inCluster(environment: ProcessInfo.processInfo.environment)
            if !settings.namespace.isEmpty { own.namespace = settings.namespace }
            if !settings.tokenFile.isEmpty { own.tokenFile = settings.tokenFile }
            if !settings.authorityFile.isEmpty { own.authorityFile = settings.authorityFile }
            return own
        }
        return KubernetesConfiguration(
            server: settings.server, namespace: settings.namespace,
            tokenFile: settings.tokenFile.isEmpty ? nil : settings.tokenFile,
            authorityFile: settings.authorityFile.isEmpty ? nil : settings.authorityFile)
    }
}
