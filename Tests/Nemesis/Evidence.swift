import Foundation
import HistoryChecker
import PostgresTier

/// Everything a run leaves behind: the calls of all processes, and L3.
struct Evidence {
    private(set) var history = History()
    /// What L3 itself has wrong: gaps in the outbox, rows that are not their last version, money made or lost.
    private(set) var faultsOfL3: [String] = []
    /// Commits of L3.
    private(set) var tickets = 0

    /// Reads the call files of `directory`; a line cut off by a SIGKILL is not counted.
    mutating func readCalls(_ directory: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasPrefix("calls-") }.sorted()
        for name in names {
            let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
            var calls = History()
            for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
                guard calls.append(line: line) else {
                    if line.endIndex == text.endIndex { continue }
                    throw BenchError("\(name) has a line that is no call: \(line.prefix(200))")
                }
            }
            // A write is noted before and after; the later note counts.
            var last: [UInt64: Int] = [:]
            for (index, call) in calls.operations.enumerated() where call.kind == .write { last[call.attempt] = index }
            for (index, call) in calls.operations.enumerated() where call.kind != .write || last[call.attempt] == index
            {
                history.append(call, Array(calls.observations(of: index)), writes: Array(calls.writes(of: index)))
            }
        }
    }

    /// Reads what L3 holds, in pages.
    mutating func readL3(_ servers: Servers) async throws {
        var place: Int64 = 0
        while true {
            let rows = try await servers.sql(
                """
                SELECT place, space, id, ver, deleted::int, attempt, mark FROM history WHERE place > \(place) \
                ORDER BY place LIMIT 50000
                """)
            for row in rows {
                let numbers = row.map { $0.flatMap { Int64($0) } ?? 0 }
                place = numbers[0]
                let isDeleted = numbers[4] == 1
                // A deletion keeps the fields of the version before it.
                history.versions.append(
                    DurableVersion(
                        UInt64(numbers[1]) << 32 | UInt64(numbers[2]), at: UInt64(numbers[3]),
                        value: isDeleted ? 0 : UInt64(bitPattern: numbers[6]),
                        attempt: isDeleted ? 0 : UInt64(numbers[5])))
            }
            if rows.count < 50_000 { break }
        }
        let attempts = try await servers.sql("SELECT idem, ct FROM mc_idem WHERE outcome = 'ok'", seconds: 60)
        for row in attempts {
            guard let attempt = row[0].flatMap({ UInt64($0) }), let ticket = row[1].flatMap({ UInt64($0) }) else {
                throw BenchError("an idempotency key is not one of ours: \(row)")
            }
            history.attempts.append(DurableAttempt(attempt, at: ticket))
        }
        try await inspectL3(servers)
    }

    private mutating func inspectL3(_ servers: Servers) async throws {
        let checks = [
            (
                "tickets without outbox row or the other way round",
                "SELECT abs((SELECT ts FROM mc_clock) - (SELECT count(*) FROM mc_commit))"
            ),
            (
                "outbox rows out of line",
                "SELECT count(*) FROM mc_commit WHERE ct < 1 OR ct > (SELECT ts FROM mc_clock)"
            ),
            ("versions above the clock", "SELECT count(*) FROM history WHERE ver > (SELECT ts FROM mc_clock)"),
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
        for (name, sql) in checks {
            let count = try await servers.sql(sql, seconds: 60).first?.first.flatMap { $0 } ?? "?"
            if count != "0" { faultsOfL3.append("\(count) \(name)") }
        }
        tickets = Int(try await servers.sql("SELECT ts FROM mc_clock").first?.first.flatMap { $0 } ?? "") ?? 0
    }
}
