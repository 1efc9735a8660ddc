import HistoryChecker

/// What L3 holds at one moment: every version ever committed, the idempotency keys, and what it has wrong by itself.
struct Dump: Sendable {
    var versions: [DurableVersion] = []
    var attempts: [DurableAttempt] = []
    /// The last ticket of each epoch, oldest epoch first.
    var epochs: [(epoch: UInt32, last: UInt64)] = []
    /// Gaps in the outbox, rows that are not their last version, money made or lost.
    var faults: [String] = []
    /// The newest ticket.
    var ticket: UInt64 = 0

    /// The last ticket of the epochs up to `epoch`, 0 where there is none.
    func last(_ epoch: UInt32) -> UInt64 { epochs.last { $0.epoch <= epoch }?.last ?? 0 }

    /// Reads all of L3, in pages.
    static func read(_ servers: Servers) async throws -> Dump {
        var dump = Dump()
        var place: Int64 = 0
        while true {
            let rows = try await servers.sql(
                """
                SELECT place, space, id, ver, deleted::int, attempt, mark FROM history WHERE place > \(place) \
                ORDER BY place LIMIT 50000
                """, seconds: 60)
            for row in rows {
                let numbers = row.map { $0.flatMap { Int64($0) } ?? 0 }
                place = numbers[0]
                let isDeleted = numbers[4] == 1
                // A deletion keeps the fields of the version before it.
                dump.versions.append(
                    DurableVersion(
                        UInt64(numbers[1]) << 32 | UInt64(numbers[2]), at: UInt64(numbers[3]),
                        value: isDeleted ? 0 : UInt64(bitPattern: numbers[6]),
                        attempt: isDeleted ? 0 : UInt64(numbers[5])))
            }
            if rows.count < 50_000 { break }
        }
        for row in try await servers.sql(
            "SELECT idem, ct FROM mc_idem WHERE outcome = 'ok'", seconds: 60)
        {
            guard let attempt = row[0].flatMap({ UInt64($0) }),
                let ticket = row[1].flatMap({ UInt64($0) })
            else {
                throw BenchError("an idempotency key is not one of ours: \(row)")
            }
            dump.attempts.append(DurableAttempt(attempt, at: ticket))
        }
        let epochs = "SELECT epoch, max(ct) FROM mc_commit GROUP BY epoch ORDER BY epoch"
        for row in try await servers.sql(epochs, seconds: 60) {
            guard let epoch = row[0].flatMap({ UInt32($0) }), let last = row[1].flatMap({ UInt64($0) })
            else { continue }
            dump.epochs.append((epoch, last))
        }
        try await dump.inspect(servers)
        return dump
    }

    private mutating func inspect(_ servers: Servers) async throws {
        for (name, sql) in Self.checks {
            let count = try await servers.sql(sql, seconds: 60).first?.first.flatMap { $0 } ?? "?"
            if count != "0" { faults.append("\(count) \(name)") }
        }
        ticket =
            UInt64(try await servers.sql("SELECT ts FROM mc_clock").first?.first.flatMap { $0 } ?? "")
            ?? 0
    }

    /// Statements that count what must not be.
    private static let checks = [
        (
            "tickets without outbox row or the other way round",
            "SELECT abs((SELECT ts FROM mc_clock) - (SELECT count(*) FROM mc_commit))"
        ),
        (
            "outbox rows out of line",
            "SELECT count(*) FROM mc_commit WHERE ct < 1 OR ct > (SELECT ts FROM mc_clock)"
        ),
        (
            "epochs that go back",
            "SELECT count(*) FROM (SELECT epoch < lag(epoch) OVER (ORDER BY ct) AS bad FROM mc_commit) c WHERE bad"
        ),
        (
            "versions above the clock",
            "SELECT count(*) FROM history WHERE ver > (SELECT ts FROM mc_clock)"
        ),
        (
            "versions of a key out of order",
            """
            SELECT count(*) FROM (SELECT ver <= lag(ver) OVER (PARTITION BY space, id ORDER BY place) AS bad \
            FROM history) h WHERE bad
            """
        ),
        (
            "rows of the outbox and versions that do not match",
            "SELECT abs((SELECT sum(length(keys) / 10) FROM mc_commit) - (SELECT count(*) FROM history))"
        ),
        (
            "accounts that are not their last version",
            """
            SELECT count(*) FROM account a WHERE ver <> (SELECT max(ver) FROM history WHERE space = 1 AND id = a.id) \
            OR mark <> (SELECT mark FROM history WHERE space = 1 AND id = a.id ORDER BY place DESC LIMIT 1)
            """
        ),
        (
            "money made or lost",
            "SELECT abs(coalesce(sum(balance), 0) - \(Int64(Bank.accountCount) * Bank.opening)) FROM account"
        ),
    ]
}

/// An epoch of L3 that has ended.
struct EndedEpoch: Sendable {
    var epoch: UInt32
    /// Monotonic times before which clients reached it freely, and after which nobody could any more.
    var cut: Int64
    var over: Int64
    /// What it held, where a restored copy has taken its place; nil where its history went on.
    var dump: Dump?
}
