/// Judges a history against the promises of the cache: what every call saw, and what L3 holds in the end.
///
/// L3 issues the tickets in commit order, so the order of the versions of a key is known, and every check but one is a
/// look-up: linear, or n log n for sorting by time. Serializability is a search for cycles, linear in the graph.
///
/// | | anomaly | violation if | cost |
/// |---|---|---|---|
/// | A1 | garbage | the value was never written under the key, or L3 has another one at the version | n |
/// | A2 | aborted read | the version is not in L3, though the value was intended | n |
/// | A3 | intermediate read | the value is not the last one its transaction wrote under the key | n |
/// | A4 | stale read | the commit of the next version had completed more than `maxAge` before the read began | n log n |
/// | A5 | non-monotonic read | a call that ended before this one began saw a newer version: in the session; in the process | n log n |
/// | A6 | missed own write | the next version is not above what the session had written or observed before | n log n |
/// | A7 | lost update | a write's predecessor is not the version it expected; an acknowledged version is not in L3 | n |
/// | A8 | fractured snapshot | no ticket is in all [version, next version), or the one reported is not | keys |
/// | A9 | not serializable | a cycle of version order, reads and time | V + E |
/// | A10 | not linearizable | a strict read misses a completed write, sees one not begun, or goes back | n log n |
/// | A11 | wrong outcome | an attempt has two tickets; acknowledged and not in L3; failed and in L3 | n |
/// | A12 | untrue certificate | the next version is not above `asOf` | n |
///
/// An operation in doubt counts as committed where L3 holds it. Values returned as stale (`isStale`) owe A1-A3 and A12
/// only. A commit counts as completed as soon as it, or one with a later ticket, was acknowledged.
public struct HistoryChecker {
    struct Pair: Hashable {
        var key: UInt64
        var value: UInt64
    }

    let history: History
    let order: VersionOrder
    /// The call that was to write a value, and whether that was its last word on the key.
    private(set) var writers: [Pair: (operation: Int, isFinal: Bool)] = [:]
    /// The call of an attempt.
    private(set) var attempts: [UInt64: Int] = [:]
    /// The tickets at which L3 has an attempt.
    private(set) var tickets: [UInt64: UInt64] = [:]
    var report = Report()

    /// A checker of one history.
    public init(_ history: History) {
        self.history = history
        order = VersionOrder(history)
        for index in history.operations.indices where history.operations[index].kind == .write {
            attempts[history.operations[index].attempt] = index
            var last: [UInt64: UInt64] = [:]
            let writes = history.writes(of: index)
            if writes.count > 1 { for write in writes { last[write.key] = write.value } }
            for write in writes where write.value != 0 {
                let isFinal = last[write.key].map { $0 == write.value } ?? true
                writers[Pair(key: write.key, value: write.value)] = (index, isFinal)
            }
        }
    }

    /// The verdict.
    public static func check(_ history: History) -> Report {
        var checker = HistoryChecker(history)
        checker.checkOutcomes()
        checker.checkVersions()
        checker.checkTimes()
        checker.checkSerializability()
        for kind in checker.report.staleness.keys { checker.report.staleness[kind]?.seal() }
        checker.report.anomalies.sort { $0.kind < $1.kind }
        return checker.report
    }

    // MARK: A7, A11

    private mutating func checkOutcomes() {
        collectTickets()
        for index in history.operations.indices where history.operations[index].kind == .write {
            let operation = history.operations[index]
            let ticket = tickets[operation.attempt]
            switch operation.outcome {
            case .ok:
                if let ticket, ticket == operation.ticket { break }
                let found = ticket.map { "L3 has it at \($0)" } ?? "L3 does not have it"
                report.add(.wrongOutcome, "acknowledged at ticket \(operation.ticket), but \(found)", [index], [])
            case .conflict, .failed:
                guard let ticket else { break }
                report.add(.wrongOutcome, "\(operation.outcome.rawValue), but L3 has it at \(ticket)", [index], [])
            case .inDoubt: break
            }
            checkUpdates(of: index, at: operation.outcome == .ok ? operation.ticket : ticket)
        }
    }

    private mutating func collectTickets() {
        func learn(_ attempt: UInt64, _ ticket: UInt64) {
            guard attempt != 0 else { return }
            let known = tickets[attempt]
            tickets[attempt] = known ?? ticket
            guard let known, known != ticket else { return }
            let message = "attempt \(attempt) took effect at \(known) and at \(ticket)"
            // A scan for each; as many as are kept.
            let isKept = report.counts[.wrongOutcome] ?? 0 < Report.keptMax
            let versions = isKept ? order.versions.filter { $0.attempt == attempt } : []
            report.add(.wrongOutcome, message, attempts[attempt].map { [$0] } ?? [], versions)
        }
        for version in order.versions { learn(version.attempt, version.ticket) }
        for attempt in history.attempts { learn(attempt.attempt, attempt.ticket) }
    }

    /// A write that took effect at `ticket`: its versions are in L3, and follow those it expected.
    private mutating func checkUpdates(of index: Int, at ticket: UInt64?) {
        guard let ticket else { return }
        for write in history.writes(of: index) {
            guard let place = order.place(write.key, ticket) else {
                let message = "key \(write.key)@\(ticket) was committed, but it is not in L3"
                report.add(.lostUpdate, message, [index], near(write.key, ticket))
                continue
            }
            guard let expected = history.observations(of: index).first(where: { $0.key == write.key }) else { continue }
            let before = order.previous(place).map { order.versions[$0] }
            guard before?.ticket ?? 0 != expected.version else { continue }
            let rival = before.flatMap { attempts[$0.attempt] }
            report.add(
                .lostUpdate,
                "key \(write.key)@\(ticket) was made from @\(expected.version), but @\(before?.ticket ?? 0) was between",
                inTime([index] + (rival.map { [$0] } ?? [])), near(write.key, expected.version, ticket))
        }
    }

    // MARK: Slices

    /// Calls in the order of their beginning, each once.
    func inTime(_ indices: [Int]) -> [Int] {
        Set(indices).sorted { (history.operations[$0].begin, $0) < (history.operations[$1].begin, $1) }
    }

    /// The versions of a key from the one at or before `low` to the one after `high`, at most five.
    func near(_ key: UInt64, _ low: UInt64, _ high: UInt64? = nil) -> [DurableVersion] {
        var found: [DurableVersion] = []
        if let place = order.place(key, low) { found.append(order.versions[place]) }
        var place = order.next(key, after: low)
        while let at = place, found.count < 5, order.versions[at].key == key {
            found.append(order.versions[at])
            if order.versions[at].ticket > high ?? low { break }
            place = at + 1 < order.versions.count ? at + 1 : nil
        }
        return found
    }
}
