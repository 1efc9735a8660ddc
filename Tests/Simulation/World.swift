internal import CacheStack

/// Everything of one run: virtual time, the servers, the processes, the sessions, and the truth.
final class World: @unchecked Sendable {  // used by the scheduler's thread only
    static let accounts = SpaceID(rawValue: 1)
    static let notes = SpaceID(rawValue: 2)
    static let orders = SpaceID(rawValue: 3)
    static let firstEpoch: UInt32 = 2
    static let funds: Int64 = 1_000

    private static let fields = [SpaceSchema.Field("attempt", .int64), SpaceSchema.Field("balance", .int64)]
    /// Accounts and notes are shared; orders are not in the outbox, so only their own certificates vouch for them.
    static let schemas = [
        SpaceSchema(space: accounts, table: "accounts", key: .id("id"), fields: fields),
        SpaceSchema(space: notes, table: "notes", key: .id("id"), fields: fields),
        SpaceSchema(space: orders, table: "orders", key: .id("id"), fields: fields, isShared: false),
    ]

    /// What one session has seen and written.
    final class Session: @unchecked Sendable {  // used by one operation at a time
        var token = SessionToken()
        /// Another one after it has lost its history.
        var number: Int32

        init(_ number: Int32) { self.number = number }
    }

    let plan: FaultPlan
    let scheduler: Scheduler
    let truth: Truth
    let lane: Lane
    /// Nil where nobody asks for the history.
    let recorder: Recorder?
    var faults: SeededGenerator
    var hosts: [Host] = []
    /// Processes of the past: their links may still have something under way.
    private var graveyard: [Host] = []
    var idleSessions: [Session] = []
    var isStopping = false
    var isHealed = false
    /// Sum of the balances, as it must be.
    var total: Int64 = 0
    /// How often each fault happened.
    var fired: [Fault: Int] = [:]
    /// Errors that reads ended with, by code.
    var errors: [CacheError.Code: Int] = [:]
    var operations = 0
    var activeClients = 0
    var commitStall: Int64 = 0
    /// Messages of L2 that processes have heard.
    var heard = 0
    /// Reads that stacks have checked again themselves, and those they found wrong.
    private(set) var shadowChecks = 0
    private(set) var shadowViolations = 0

    private(set) lazy var server = DurableServer(self)
    private(set) lazy var redis = SharedServer(self)
    private var intents: [UInt64] = [0]
    private var nextIntent: UInt64 = 0
    private var nextHost: Int32 = 0
    private var nextSession: Int32 = 0

    init(_ plan: FaultPlan, judges: Set<Judge>) {
        self.plan = plan
        scheduler = Scheduler(seed: plan.seed)
        faults = SeededGenerator(seed: plan.seed, stream: 3)
        truth = Truth(
            rows: plan.keys, accounts: plan.accounts, epoch: Self.firstEpoch, firstTicket: plan.firstTicket)
        lane = scheduler.lane()
        recorder = judges.contains(.history) ? Recorder() : nil
    }

    // MARK: Rows

    func key(_ row: Int) -> CacheKey {
        if row < plan.accounts { return CacheKey(Self.accounts, UInt64(row)) }
        let rest = row - plan.accounts
        return rest < plan.notes ? CacheKey(Self.notes, UInt64(rest)) : CacheKey(Self.orders, UInt64(rest - plan.notes))
    }

    func row(_ key: CacheKey) -> Int {
        switch key.space {
        case Self.accounts: Int(key.id)
        case Self.notes: plan.accounts + Int(key.id)
        default: plan.accounts + plan.notes + Int(key.id)
        }
    }

    /// Whether the stream tells of the row's changes.
    func isShared(_ row: Int) -> Bool { row < plan.accounts + plan.notes }

    // MARK: Processes and sessions

    func makeHostNumber() -> Int32 {
        nextHost += 1
        return nextHost
    }

    func makeSessionNumber() -> Int32 {
        nextSession += 1
        return nextSession
    }

    /// Keeps a dead process until the run is over, and what its shadow checks have found.
    func noteShadow(of host: Host) {
        graveyard.append(host)
        let (all, violations) = host.shadowChecks
        shadowChecks += all
        shadowViolations += violations
    }

    /// Ends whatever is still under way: tasks that never end would keep the whole run in memory.
    func dismantle() {
        (isStopping, isHealed) = (true, true)
        for host in hosts where !host.isDead { host.die() }
        server.comeUp()
        var rest = 200_000
        _ = scheduler.run {
            rest -= 1
            return rest < 0
        }
        hosts = []
        graveyard = []
    }

    // MARK: Attempts

    /// A new intent: something that a client wants done once.
    func makeIntent() -> UInt64 {
        nextIntent += 1
        return nextIntent
    }

    /// A new attempt at an intent; its number is in every row it writes.
    func makeAttempt(_ intent: UInt64) -> UInt64 {
        intents.append(intent)
        return UInt64(intents.count - 1)
    }

    func intent(ofAttempt attempt: UInt64) -> UInt64 { intents[Int(attempt)] }

    // MARK: Chance

    /// Whether a fault of messages or commits happens now.
    func happens(_ fault: Fault) -> Bool {
        guard !isHealed, let rate = plan.rates[fault], faults.chance(Int(rate)) else { return false }
        fired[fault, default: 0] += 1
        return true
    }

    func isLost() -> Bool { happens(.lostMessages) }

    /// One way through the network, in nanoseconds.
    func latency() -> Int64 {
        happens(.slowMessages)
            ? faults.within(1_000_000...3_000_000_000) >> Int64(faults.below(6)) : faults.within(100_000...2_100_000)
    }

    /// How long a transaction holds the clock row.
    func commitTime() -> Int64 {
        let stall = commitStall
        commitStall = 0
        return stall + faults.within(200_000...3_000_000)
    }

    // MARK: Clocks

    /// A monotonic clock that starts at `offset` and runs `drift` millionths fast; it ends sleeps of the dead at once.
    func time(drift: Int64, offset: Int64, isDead: @escaping @Sendable () -> Bool = { false }) -> TimeSource {
        let scheduler = scheduler
        return TimeSource {
            let now = scheduler.now
            return MonotonicTime(nanoseconds: offset + now + now / 1_000 * drift / 1_000)
        } sleep: { duration in
            let (seconds, attoseconds) = duration.components
            guard !isDead() else { throw CancellationError() }
            await scheduler.sleep(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
            if isDead() { throw CancellationError() }
            try Task.checkCancellation()
        }
    }

    /// What a tier says of epochs, as the mutant that never raises it would.
    func mapEpoch(_ outcomes: [CommitOutcome]) -> [CommitOutcome] {
        guard plan.mutant == .epochNotRaised else { return outcomes }
        return outcomes.map { outcome in
            if case .committed(let ticket, let time, _) = outcome {
                return .committed(ticket, time: time, epoch: Self.firstEpoch)
            }
            return outcome
        }
    }

    /// The epoch of the truth that a stack means.
    func epoch(_ epoch: UInt32) -> UInt32 { plan.mutant == .epochNotRaised ? truth.epoch : epoch }
}
