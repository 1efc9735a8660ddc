/// The newest version that calls ended so far have seen of something, and the call that saw it.
private struct Seen {
    var version: UInt64
    var operation: Int
}

private struct Place: Hashable {
    var group: Int32
    var key: UInt64
}

/// What each session, each process and all strict reads have seen, as time goes on.
private struct Knowledge {
    var sessions: [Place: Seen] = [:]
    var own: [Place: Seen] = [:]
    var tokens: [Int32: Seen] = [:]
    var processes: [Place: Seen] = [:]
    var strict: [UInt64: Seen] = [:]

    /// Takes in a call that has ended with success.
    mutating func learn(_ index: Int, _ history: History) {
        let operation = history.operations[index]
        guard operation.outcome == .ok, !operation.isStale else { return }
        let isWrite = operation.kind == .write
        var token = operation.ticket
        func raise<K: Hashable>(_ table: inout [K: Seen], _ key: K, _ version: UInt64) {
            if let seen = table[key], seen.version >= version { return }
            table[key] = Seen(version: version, operation: index)
        }
        func see(_ key: UInt64, _ version: UInt64) {
            if operation.session >= 0 { raise(&sessions, Place(group: operation.session, key: key), version) }
            if operation.process >= 0 { raise(&processes, Place(group: operation.process, key: key), version) }
        }
        if isWrite {
            for write in history.writes(of: index) {
                see(write.key, operation.ticket)
                guard operation.session >= 0 else { continue }
                raise(&own, Place(group: operation.session, key: write.key), operation.ticket)
            }
        } else {
            for item in history.observations(of: index) {
                see(item.key, item.version)
                token = max(token, item.version)
                if operation.kind == .strict { raise(&strict, item.key, item.version) }
            }
        }
        if operation.session >= 0 { raise(&tokens, operation.session, token) }
    }
}

extension HistoryChecker {
    /// A4, A5, A6 and A10: each read against what was known when it began, in one pass over time.
    mutating func checkTimes() {
        let operations = history.operations
        let begins = operations.indices.sorted { operations[$0].begin < operations[$1].begin }
        let ends = operations.indices.sorted { operations[$0].end < operations[$1].end }
        var knowledge = Knowledge()
        var ended = 0
        for index in begins {
            let operation = operations[index]
            while ended < ends.count, operations[ends[ended]].end < operation.begin {
                knowledge.learn(ends[ended], history)
                ended += 1
            }
            guard operation.kind != .write, operation.outcome == .ok, !operation.isStale else { continue }
            for item in history.observations(of: index) {
                if operation.kind == .strict {
                    checkStrict(item, index, operation, knowledge)
                } else {
                    checkAge(item, index, operation)
                }
                checkMonotonic(item, index, operation, knowledge)
                if operation.session >= 0, operation.kind != .bounded {
                    checkSession(item, index, operation, knowledge)
                }
            }
        }
    }

    // MARK: A4

    private mutating func checkAge(_ item: Observation, _ index: Int, _ operation: Operation) {
        var staleness: Int64 = 0
        if let next = order.next(item.key, after: item.version),
            let completion = order.completion(of: order.versions[next].ticket)
        {
            staleness = max(0, operation.begin - completion)
            if staleness > operation.maxAge {
                let newer = order.versions[next]
                report.add(
                    .staleRead,
                    "key \(item.key)@\(item.version) had been superseded for \(staleness / 1_000_000) ms, \(operation.maxAge / 1_000_000) ms allowed",
                    inTime([index] + (attempts[newer.attempt].map { [$0] } ?? [])), near(item.key, item.version))
            }
        }
        report.staleness[operation.kind, default: Staleness()].record(staleness)
    }

    // MARK: A5, A6

    /// A process never goes back, but for snapshots, which may be of the past.
    private mutating func checkMonotonic(
        _ item: Observation, _ index: Int, _ operation: Operation, _ knowledge: Knowledge
    ) {
        guard operation.kind != .snapshot, operation.process >= 0,
            let seen = knowledge.processes[Place(group: operation.process, key: item.key)],
            seen.version > item.version
        else { return }
        report.add(
            .nonMonotonicRead,
            "process \(operation.process) went back from key \(item.key)@\(seen.version) to @\(item.version)",
            inTime([seen.operation, index]), near(item.key, item.version, seen.version))
    }

    private mutating func checkSession(
        _ item: Observation, _ index: Int, _ operation: Operation, _ knowledge: Knowledge
    ) {
        let place = Place(group: operation.session, key: item.key)
        if let own = knowledge.own[place], own.version > item.version {
            report.add(
                .missedOwnWrite,
                "session \(operation.session) wrote key \(item.key)@\(own.version) and reads @\(item.version)",
                inTime([own.operation, index]), near(item.key, item.version, own.version))
        } else if let seen = knowledge.sessions[place], seen.version > item.version {
            report.add(
                .nonMonotonicRead,
                "session \(operation.session) went back from key \(item.key)@\(seen.version) to @\(item.version)",
                inTime([seen.operation, index]), near(item.key, item.version, seen.version))
        } else if let token = knowledge.tokens[operation.session],
            let next = order.next(item.key, after: item.version), order.versions[next].ticket <= token.version
        {
            report.add(
                .missedOwnWrite,
                "session \(operation.session) had observed ticket \(token.version) and reads key \(item.key)@\(item.version), superseded at \(order.versions[next].ticket)",
                inTime([token.operation, index]), near(item.key, item.version, token.version))
        }
    }

    // MARK: A10

    private mutating func checkStrict(
        _ item: Observation, _ index: Int, _ operation: Operation, _ knowledge: Knowledge
    ) {
        if let next = order.next(item.key, after: item.version),
            let completion = order.completion(of: order.versions[next].ticket), completion < operation.begin
        {
            let writer = attempts[order.versions[next].attempt].map { [$0] } ?? []
            report.add(
                .notLinearizable, "a strict read of key \(item.key)@\(item.version) misses a write that had completed",
                inTime([index] + writer), near(item.key, item.version))
        }
        if let place = order.place(item.key, item.version), let writer = attempts[order.versions[place].attempt],
            operation.end < history.operations[writer].begin
        {
            report.add(
                .notLinearizable, "a strict read of key \(item.key)@\(item.version) ended before that write began",
                inTime([index, writer]), near(item.key, item.version))
        }
        if let seen = knowledge.strict[item.key], seen.version > item.version {
            report.add(
                .notLinearizable, "strict reads went back from key \(item.key)@\(seen.version) to @\(item.version)",
                inTime([seen.operation, index]), near(item.key, item.version, seen.version))
        }
    }
}
