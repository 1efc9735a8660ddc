internal import CacheStack
internal import Telemetry

/// One process: a stack on a clock and a lane of its own, and what its reads have shown so far.
final class Host: @unchecked Sendable {  // used by the scheduler's thread only
    unowned let world: World
    let lane: Lane
    /// Unique for each start of a process.
    let number: Int32
    private(set) lazy var feed = Feed(world, self)
    private(set) lazy var shared = SharedLink(world, self)
    private(set) lazy var durable = DurableLink(world, self)
    private(set) lazy var stack = CacheStack(
        configuration, schemas: World.schemas, shared: shared, durable: durable, invalidations: feed, metrics: registry)
    private let registry = MetricsRegistry()
    private let time: TimeSource
    /// Killed: none of its messages leaves any more, and what it says does not count.
    private(set) var isDead = false
    private(set) var hasEnded = false
    var isCutFromL2 = false
    var isCutFromL3 = false
    var isStreamStalled = false
    var seesZombie = false
    /// The epoch whose names this process uses in L2.
    var sharedEpoch: UInt32 = 0
    /// What kind of operation has shown a version; only made into text where that matters.
    struct Source: CustomStringConvertible {
        var call: StaticString
        var level: CacheLevel?
        /// Of a snapshot.
        var ticket: UInt64?

        var description: String {
            "\(call)" + (ticket.map { " at \($0)" } ?? "") + (level.map { " from \($0)" } ?? "")
        }
    }

    /// The newest version of a row that finished operations have shown, and what kind of operation that was.
    struct Seen {
        var epoch: UInt32 = 0
        var version: UInt64 = 0
        var by = Source(call: "nothing")
    }

    private var seen: [Seen]
    private var running: Task<Void, Never>?

    init(_ world: World) {
        self.world = world
        number = world.makeHostNumber()
        lane = world.scheduler.lane()
        seen = Array(repeating: Seen(), count: world.plan.keys)
        let drift = world.plan.has(.drift) ? world.faults.within(-250...250) : 0
        let death = Death()
        time = world.time(drift: drift, offset: world.faults.within(0...1_000_000_000_000)) { death.isDead }
        self.death = death
    }

    /// Whether the process is dead, for its clock.
    private final class Death: @unchecked Sendable {  // used by the scheduler's thread only
        var isDead = false
    }

    private let death: Death

    private var configuration: CacheStack.Configuration {
        let plan = world.plan
        var configuration = CacheStack.Configuration()
        configuration.time = time
        configuration.executor = lane
        configuration.local.shards = 1
        configuration.local.entriesMax = plan.entriesMax
        configuration.local.bytesMax = 1 << 16
        configuration.local.floorsMax = plan.floorsMax
        configuration.pollInterval = .nanoseconds(plan.pollInterval)
        configuration.loadsMax = 4
        configuration.shadow.everyReads = 64
        configuration.shadow.checksPerSecondMax = 50
        if plan.mutant == .fillWithoutDeadline { configuration.fillAgeMax = .seconds(3_600) }
        if plan.installsCommits { configuration.installedOnCommit = [World.accounts, World.orders] }
        return configuration
    }

    /// Starts the stack's own tasks.
    func start() {
        running = Task(executorPreference: lane) { [self] in
            do { try await stack.run() } catch { world.truth.fail("the stack ended: \(error)") }
            hasEnded = true
        }
    }

    /// Ends the stack's tasks; they have ended when `hasEnded` says so.
    func stop() { running?.cancel() }

    /// Kills the process in the middle of whatever it does.
    func die() {
        isDead = true
        death.isDead = true
        world.noteShadow(of: self)
        if lane.isPaused { lane.resume() }
        stop()
    }

    /// Lets a paused process go on.
    func resume() {
        lane.resume()
        feed.deliver()
    }

    // MARK: What its shadow checks have found

    /// Reads checked again by the stack itself, and those it counted as wrong.
    var shadowChecks: (all: Int, violations: Int) {
        let results = ["current", "stale", "violation"].map { result in
            Int(registry.counter("cache_shadow_checks_total", "", [("result", result)]).value)
        }
        return (results.reduce(0, +), results[2])
    }

    // MARK: What reads show

    /// What reads of these rows have shown up to now.
    func seenBefore(_ rows: [Int]) -> [Seen] { rows.map { seen[$0] } }

    /// A row in this process never goes back behind what a read had shown before this one, `by` its kind, began.
    func checkOrder(_ value: Sighting, _ before: Seen, by: Source) {
        guard world.isShared(value.row), (value.epoch, value.version) < (before.epoch, before.version) else { return }
        world.truth.fail(
            "row \(value.row) went back in a process: \(by) showed version \(value.version) as of \(value.asOf) of "
                + "epoch \(value.epoch) after \(before.by) had shown \(before.version) of epoch \(before.epoch)")
    }

    /// As above, for a read that does not suspend.
    func checkOrder(_ value: Sighting, by: Source) { checkOrder(value, seen[value.row], by: by) }

    func note(_ row: Int, epoch: UInt32, version: UInt64, by: Source) {
        if (epoch, version) > (seen[row].epoch, seen[row].version) {
            seen[row] = Seen(epoch: epoch, version: version, by: by)
        }
    }
}
