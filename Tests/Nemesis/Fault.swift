import Glibc

/// The faults that are injected, by what they break.
enum Fault: String, CaseIterable, Sendable {
    // A Redis node's process.
    case redisKill, redisPause, redisZombie, redisFailover
    // What a Redis node holds, and how it answers.
    case redisFlush, redisOutOfMemory, redisEviction, redisScriptFlush, redisSlotMove, redisPoison
    // The way to a Redis node.
    case redisLinkHold, redisLinkReset, redisLinkRefuse, redisLinkHalfOpen, redisLinkDelay,
        redisLinkGarbage
    // PostgreSQL's processes.
    case postgresRestart, postgresBackendKill, postgresBackendTerminate, postgresBackendPause
    // Locks and transactions in PostgreSQL.
    case postgresClockLock, postgresRowLock, postgresDeadlock, postgresSerialization
    // What PostgreSQL holds.
    case postgresRestore, postgresClockBack, postgresDiskFull
    // The way to PostgreSQL.
    case postgresLinkHold, postgresLinkReset, postgresLinkHalfOpen, postgresLinkDelay
    // A process of the workload.
    case workerPause, workerKill

    /// How often it comes, beside the others; those that cost seconds of service come less often.
    var weight: Int {
        switch self {
        case .redisPoison, .redisLinkGarbage, .redisFlush, .redisSlotMove: 4
        case .postgresBackendTerminate, .postgresClockLock, .postgresRowLock, .workerPause: 3
        case .postgresRestart, .postgresBackendKill, .postgresRestore, .redisZombie, .workerKill: 1
        default: 2
        }
    }

    /// Whether it stops PostgreSQL or changes what it is: two of these do not run at once.
    var ownsPostgres: Bool {
        switch self {
        case .postgresRestart, .postgresBackendKill, .postgresRestore, .postgresClockBack,
            .postgresDiskFull,
            .postgresBackendPause:
            true
        default: false
        }
    }

    /// Faults of the plan for the product that this program does not inject, and why.
    static let notInjected = [
        (
            "write-ahead log's disk full", "needs a file system of its own, and so the right to mount one"
        ),
        ("I/O errors of fsync", "need a tracer of system calls or a broken device"),
        (
            "steps of the machine's clock",
            "need the right to set it; postgresClockBack shows L3 a clock that went back"
        ),
    ]

    /// What one injection is, for people.
    var summary: String {
        switch self {
        case .redisKill: "SIGKILL of a Redis node, started again empty after 0.5-4 s"
        case .redisPause: "SIGSTOP of a Redis node for 0.1-1.5 s"
        case .redisZombie: "SIGSTOP of a Redis master until its replica has taken over, then SIGCONT"
        case .redisFailover: "CLUSTER FAILOVER FORCE on a replica"
        case .redisFlush: "FLUSHALL on one master or on all"
        case .redisOutOfMemory: "maxmemory 1 byte without eviction for 0.3-1.5 s"
        case .redisEviction: "maxmemory 1 byte with eviction for 0.3-1 s"
        case .redisScriptFlush: "SCRIPT FLUSH on every node"
        case .redisSlotMove: "the slot of a row moves to another master, key by key"
        case .redisPoison:
            "damaged, foreign, future, truncated and random bytes under the keys of 20 rows"
        case .redisLinkHold: "no byte to or from a Redis node for 0.1-2 s, late ones after it"
        case .redisLinkReset: "RST on all connections to a Redis node"
        case .redisLinkRefuse: "RST on all connections to a Redis node and on new ones for 0.2-1.5 s"
        case .redisLinkHalfOpen: "connections to a Redis node that nobody serves any more"
        case .redisLinkDelay:
            "5-60 ms and up to as many again on every piece to a Redis node for 0.3-2 s"
        case .redisLinkGarbage: "one Redis answer in 3-20 damaged for 0.5-2 s"
        case .postgresRestart: "immediate shutdown of PostgreSQL, crash recovery, start"
        case .postgresBackendKill: "SIGKILL of one backend: PostgreSQL restarts all of them"
        case .postgresBackendTerminate: "pg_terminate_backend of some backends"
        case .postgresBackendPause: "SIGSTOP of one backend for 0.2-3 s"
        case .postgresClockLock: "another transaction holds the clock row for 0.2-1.5 s"
        case .postgresRowLock: "another transaction holds all accounts for 0.2-1 s"
        case .postgresDeadlock: "another transaction takes an account and then the clock row: 40P01"
        case .postgresSerialization:
            "12 SERIALIZABLE transactions of another program on hot rows, up to 5 times each: 40001"
        case .postgresRestore:
            "a copy of the stopped data directory comes back 1-4 s of commits later, in a new epoch"
        case .postgresClockBack:
            "the last commit's time is an hour ahead: the next one raises the epoch"
        case .postgresDiskFull: "no table of PostgreSQL may grow for 0.5-3 s (file size limit): 53100"
        case .postgresLinkHold: "no byte to or from PostgreSQL for 0.1-3 s, late ones after it"
        case .postgresLinkReset: "RST on all connections to PostgreSQL"
        case .postgresLinkHalfOpen: "connections to PostgreSQL that nobody serves any more"
        case .postgresLinkDelay:
            "5-40 ms and up to as many again on every piece to PostgreSQL for 0.3-2 s"
        case .workerPause: "SIGSTOP of a process of the workload for 0.1-4 s"
        case .workerKill: "SIGKILL of a process of the workload, replaced at once"
        }
    }
}
