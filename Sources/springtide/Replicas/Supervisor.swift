internal import Foundation
internal import LocalStack
internal import Logging
internal import Services
internal import Synchronization
internal import Telemetry

/// Keeps as many replicas of each service running as were ordered.
///
/// Replicas are processes of this program (`serve SERVICE --replica N`), each with a processor quota where the machine
/// allows it, on one processor where the quota is no more than that, and end with the supervisor however it ends. One
/// that ends by itself, does not answer three health checks in a row, or is not ready within a minute is started again
/// after a pause that grows (`RestartBackoff`). Fewer replicas: those with the highest numbers are asked to end
/// (SIGTERM), drain, and are killed when they take longer than `replicas.drain_seconds` and five.
actor Supervisor {
    /// Time between two looks at the replicas.
    static let interval = Duration.milliseconds(200)
    static let checkInterval = Duration.seconds(1)
    static let startTimeout = Duration.seconds(60)
    static let missesMax = 3

    private let settings: ReplicaSettings
    private let configurationFile: String
    private let directory: String
    private let quota: ProcessorQuota?
    private let processors = ProcessorQuota.allowed()
    private let logger: Logger
    private let metrics: SupervisorMetrics
    private var control: ReplicaControl
    private var slots: [ReplicaSlot] = []
    private var checkAt = ContinuousClock.now

    /// A supervisor that starts nothing until `run`.
    ///
    /// - Parameters:
    ///   - configurationFile: what the replicas are started with.
    ///   - directory: for logs and ready files; must exist.
    init(
        _ settings: ReplicaSettings, configurationFile: String, directory: String, metrics: SupervisorMetrics,
        logger: Logger
    ) {
        self.settings = settings
        self.configurationFile = configurationFile
        self.directory = directory
        self.logger = logger
        self.metrics = metrics
        control = settings.control
        switch settings.services.contains(where: { $0.quota > 0 }) ? ProcessorQuota.make() : nil {
        case .success(let quota): self.quota = quota
        case .failure(let problem):
            logger.warning("replicas run without processor quotas", metadata: ["reason": "\(problem)"])
            quota = nil
        case nil: quota = nil
        }
    }

    /// Whether quotas are in force.
    var hasQuotas: Bool { quota != nil }

    /// Works until the task is cancelled; then drains all replicas and returns when they are gone.
    func run() async {
        while !Task.isCancelled {
            await turn()
            try? await Task.sleep(for: Self.interval)
        }
        for index in slots.indices where slots[index].isWanted { drain(index) }
        while !slots.isEmpty {
            takeEnded()
            killOverdue()
            await Task.detached { try? await Task.sleep(for: .milliseconds(20)) }.value
        }
        quota?.close()
    }

    private func turn() async {
        takeEnded()
        killOverdue()
        reconcile()
        readFacts()
        if ContinuousClock.now >= checkAt {
            checkAt = .now + Self.checkInterval
            await check()
        }
        publish()
    }

    // MARK: Orders

    /// Orders replicas of a service; see `ReplicaControl.order`.
    func order(_ service: String, replicas: Int, epoch: UInt64, decision: String) -> ReplicaControl.Answer {
        let answer = control.order(service, replicas: replicas, epoch: epoch, decision: decision)
        if answer == .accepted {
            logger.info(
                "replicas ordered",
                metadata: [
                    "service": "\(service)", "replicas": "\(replicas)", "epoch": "\(epoch)",
                    "decision": "\(decision)",
                ])
        }
        metrics.count(answer)
        return answer
    }

    /// What is asked for and what there is.
    var state: (epoch: UInt64, services: [ReplicaControl.Service], slots: [ReplicaSlot]) {
        (control.epoch, control.services, slots.sorted { ($0.service, $0.number) < ($1.service, $1.number) })
    }

    // MARK: Processes

    private func reconcile() {
        for service in control.services {
            let wanted = slots.indices.filter { slots[$0].service == service.name && slots[$0].isWanted }
            if wanted.count < service.desired {
                for _ in wanted.count..<service.desired { add(service.name) }
            } else if wanted.count > service.desired {
                let surplus = wanted.sorted { slots[$0].number > slots[$1].number }
                for index in surplus.prefix(wanted.count - service.desired) { drain(index) }
            }
        }
        let now = ContinuousClock.now
        for index in slots.indices where slots[index].phase == .waiting && slots[index].dueAt <= now { start(index) }
    }

    /// Takes the lowest number that no replica has, not even one that is ending.
    private func add(_ service: String) {
        let used = Set(slots.filter { $0.service == service }.map(\.number))
        let number = (1...(used.count + 1)).first { !used.contains($0) } ?? used.count + 1
        slots.append(ReplicaSlot(service: service, number: number))
        start(slots.count - 1)
    }

    private func start(_ index: Int) {
        let slot = slots[index]
        let ready = readyFile(slot)
        try? FileManager.default.removeItem(atPath: ready)
        var arguments = [
            DemoRun.sibling("springtide"), "serve", slot.service, "--replica", "\(slot.number)", "--config",
            configurationFile, "--http", "\(settings.http.host):0", "--ready-file", ready,
        ]
        let share = share(of: slot.service)
        if share > 0, share <= 1, quota != nil {
            let taken = slots.filter { $0.name != slot.name }.compactMap { other in
                other.processor.map { (processor: $0, share: self.share(of: other.service)) }
            }
            slots[index].processor = slot.processor ?? ProcessorQuota.freest(of: processors, taken: taken)
            if let processor = slots[index].processor { arguments = ["taskset", "-c", "\(processor)"] + arguments }
        }
        if share > 0, let quota, let group = quota.directory(of: slot.name, processors: share) {
            // The shell joins the group and becomes the replica: even its start counts.
            let script = #"echo $$ >"$0/cgroup.procs"; exec "$@""#
            arguments = ["/bin/sh", "-c", script, group] + arguments
        }
        slots[index].startedAt = .now
        slots[index].misses = 0
        slots[index].facts = nil
        do {
            slots[index].child = try ChildProcess.start(arguments, log: "\(directory)/\(slot.name).log")
            slots[index].phase = .starting
        } catch {
            logger.error("a replica cannot be started", metadata: ["replica": "\(slot.name)", "error": "\(error)"])
            retryLater(index)
        }
    }

    /// Processors that a replica of the service may use; 0 for all.
    private func share(of service: String) -> Double {
        settings.services.first { $0.name == service }?.quota ?? 0
    }

    private func readyFile(_ slot: ReplicaSlot) -> String { "\(directory)/\(slot.name).json" }

    private func drain(_ index: Int) {
        slots[index].phase = .draining
        slots[index].dueAt = .now + settings.drain + .seconds(5)
        slots[index].child?.signal(SIGTERM)
    }

    private func retryLater(_ index: Int) {
        slots[index].child = nil
        slots[index].facts = nil
        slots[index].phase = .waiting
        slots[index].restarts += 1
        metrics.restarted(slots[index].service)
        slots[index].dueAt = .now + slots[index].backoff.pause(after: .now - slots[index].startedAt)
    }

    private func takeEnded() {
        for index in slots.indices.reversed() {
            let slot = slots[index]
            guard slot.phase != .waiting, !(slot.child?.isRunning ?? false) else { continue }
            if slot.phase == .draining {
                quota?.remove(slot.name)
                try? FileManager.default.removeItem(atPath: readyFile(slot))
                slots.remove(at: index)
            } else {
                logger.warning("a replica ended by itself", metadata: ["replica": "\(slot.name)"])
                retryLater(index)
            }
        }
    }

    private func killOverdue() {
        for slot in slots where slot.phase == .draining && slot.dueAt <= .now { slot.child?.signal(SIGKILL) }
        for slot in slots where slot.phase == .starting && slot.startedAt + Self.startTimeout <= .now {
            slot.child?.signal(SIGKILL)
        }
    }

    // MARK: Health

    private func readFacts() {
        for index in slots.indices where slots[index].facts == nil && slots[index].phase == .starting {
            guard let data = FileManager.default.contents(atPath: readyFile(slots[index])) else { continue }
            slots[index].facts = try? JSONDecoder().decode(ReplicaFacts.self, from: data)
        }
    }

    /// Asks each replica that listens whether it lives (`/healthz`) and whether it serves (`/health`).
    private func check() async {
        let asked = slots.filter { $0.phase != .draining && $0.phase != .waiting && $0.facts != nil }
        let answers = await withTaskGroup(of: (String, Bool, Bool).self) { group in
            for slot in asked {
                let (name, http) = (slot.name, slot.facts?.http ?? "")
                group.addTask {
                    let (lives, serves) = await HealthCheck.ask(http)
                    return (name, lives, serves)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = (lives: $1.1, serves: $1.2) }
        }
        for index in slots.indices {
            guard let answer = answers[slots[index].name], slots[index].facts != nil, slots[index].phase != .draining
            else { continue }
            take(answer.lives, answer.serves, index)
        }
    }

    private func take(_ lives: Bool, _ serves: Bool, _ index: Int) {
        slots[index].misses = lives ? 0 : slots[index].misses + 1
        if lives, serves {
            slots[index].phase = .ready
        } else if slots[index].phase == .ready {
            slots[index].phase = .unready
        }
        guard slots[index].misses >= Self.missesMax else { return }
        logger.warning("a replica does not answer and is killed", metadata: ["replica": "\(slots[index].name)"])
        slots[index].child?.signal(SIGKILL)
    }

    private func publish() {
        for service in control.services {
            let own = slots.filter { $0.service == service.name }
            metrics.set(
                service.name, desired: service.desired, ready: own.count { $0.phase == .ready },
                pending: own.count { $0.phase == .starting || $0.phase == .waiting || $0.phase == .unready },
                draining: own.count { $0.phase == .draining })
        }
        metrics.epoch.set(Double(control.epoch))
    }
}

/// Questions to a replica's HTTP, on threads that may wait.
enum HealthCheck {
    /// Whether `/healthz` and `/health` of `address` (host:port on this machine) answer 200.
    static func ask(_ address: String) async -> (lives: Bool, serves: Bool) {
        guard let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) else { return (false, false) }
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let lives = Loopback.httpGet(port: port, path: "/healthz") != nil
                continuation.resume(returning: (lives, lives && Loopback.httpGet(port: port, path: "/health") != nil))
            }
        }
    }
}
