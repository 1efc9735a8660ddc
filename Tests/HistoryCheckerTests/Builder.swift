import HistoryChecker

/// Writes a history by hand: times in milliseconds, values are the attempt of their write unless given.
struct Builder {
    var history = History()

    static let millisecond: Int64 = 1_000_000

    /// A write of `keys` that took effect at `ticket`, with the versions it expected; `values` are in the order of the keys.
    @discardableResult
    mutating func write(
        _ attempt: UInt64, _ keys: [UInt64], at ticket: UInt64?, _ begin: Int64, _ end: Int64?,
        expecting: [UInt64: UInt64] = [:], session: Int32 = Operation.nobody, process: Int32 = Operation.nobody,
        outcome: Operation.Outcome = .ok
    ) -> Int {
        let operation = Operation(
            .write, outcome, process: process, session: session, begin: begin * Self.millisecond,
            end: end.map { $0 * Self.millisecond } ?? Operation.never, ticket: outcome == .ok ? ticket ?? 0 : 0,
            attempt: attempt)
        let expected = expecting.sorted { $0.key < $1.key }.map {
            Observation($0.key, version: $0.value, asOf: $0.value)
        }
        history.append(operation, expected, writes: keys.map { IntendedWrite($0, attempt) })
        if let ticket {
            history.attempts.append(DurableAttempt(attempt, at: ticket))
            for key in keys {
                history.versions.append(DurableVersion(key, at: ticket, value: attempt, attempt: attempt))
            }
        }
        return history.operations.count - 1
    }

    /// A read of keys at versions; the value of a version is the attempt that L3 has for it, or `value`.
    @discardableResult
    mutating func read(
        _ kind: Operation.Kind, _ items: [(key: UInt64, version: UInt64)], _ begin: Int64, _ end: Int64,
        maxAge: Int64 = 10_000, asOf: UInt64? = nil, ticket: UInt64 = 0, session: Int32 = Operation.nobody,
        process: Int32 = Operation.nobody, value: UInt64? = nil, isStale: Bool = false
    ) -> Int {
        let observed = items.map { key, version in
            let truth = history.versions.first { $0.key == key && $0.ticket == version }?.value ?? 0
            return Observation(key, version: version, asOf: asOf ?? version, value: value ?? truth)
        }
        history.append(
            Operation(
                kind, process: process, session: session, begin: begin * Self.millisecond,
                end: end * Self.millisecond, maxAge: maxAge * Self.millisecond, ticket: ticket, isStale: isStale),
            observed)
        return history.operations.count - 1
    }

    /// The kinds of anomaly found.
    var found: [AnomalyKind] { HistoryChecker.check(history).counts.keys.sorted() }
}
