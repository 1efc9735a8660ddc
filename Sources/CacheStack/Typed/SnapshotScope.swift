internal import Synchronization

/// What the closure of `withSnapshot` reads through: rows of any spaces, all of them the state at one ticket.
public final class SnapshotScope: Sendable {
    private struct State {
        var known: [CacheKey] = []
        var rows: [CacheKey: CachedValue] = [:]
        var ticket = Ticket.zero
        var epoch: UInt32 = 0
        var ageBound = Duration.zero
        var isMoved = false
    }

    /// Thrown out of the closure where a row changed under it; `withSnapshot` runs the closure again.
    struct Moved: Error {}

    private let stack: CacheStack
    private let maxAge: Duration
    private let token: SessionToken
    private let state = Mutex(State())

    init(_ stack: CacheStack, _ maxAge: Duration, _ token: SessionToken) {
        self.stack = stack
        self.maxAge = maxAge
        self.token = token
    }

    /// The value of a row, nil where it does not exist.
    ///
    /// - Throws: `CacheError`, `RowError`; pass on what is thrown.
    public func get<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key) async throws -> Value? {
        try await get(space, [key])[0]
    }

    /// The values of rows in the order of the keys; those not read yet are read together.
    public func get<Key, Value>(_ space: CacheSpace<Key, Value>, _ keys: [Key]) async throws -> [Value?] {
        let rows = try space.keys(keys, max: stack.configuration.snapshotKeysMax)
        try await extend(by: rows)
        do {
            return try values(space, rows, keys)
        } catch let error as RowError where error.isOfOtherRelease {
            try await reload()
            return try values(space, rows, keys)
        }
    }

    private func values<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ rows: [CacheKey], _ keys: [Key]
    ) throws -> [Value?] {
        let payloads = state.withLock { state in rows.map { state.rows[$0]?.payload } }
        return try zip(payloads, keys).map { try space.value($0, $1) }
    }

    /// Adds rows to the snapshot: it may move to a later ticket as long as no row read before is another there.
    func extend(by keys: [CacheKey]) async throws {
        let wanted: [CacheKey]? = state.withLock { state in
            let missing = CacheStack.unique(keys).filter { state.rows[$0] == nil }
            return missing.isEmpty ? nil : state.known + missing
        }
        guard let wanted else { return }
        let snapshot = try await stack.snapshot(wanted, maxAge: maxAge, token: token)
        try take(snapshot.values, snapshot.ticket, snapshot.epoch, keepsBytes: true)
    }

    /// Takes all rows as L3 has them, where L1 or L2 has some in another layout.
    private func reload() async throws {
        let rows = try await stack.read(state.withLock { $0.known }, .strict)
        try ReadLevel.snapshot(maxAge: maxAge, token: token).admit(rows)
        guard let first = rows.first else { return }
        try take(rows, first.asOf, first.epoch, keepsBytes: false)
    }

    /// Moves the snapshot to a ticket of which `rows` are all that is known.
    ///
    /// - Parameter keepsBytes: of rows that did not change; they may have been reloaded from L3.
    private func take(_ rows: [CachedValue], _ ticket: Ticket, _ epoch: UInt32, keepsBytes: Bool) throws {
        let isMoved = state.withLock { state in
            for row in rows {
                if let before = state.rows[row.key] {
                    if before.version != row.version || before.epoch != row.epoch { state.isMoved = true }
                } else {
                    state.known.append(row.key)
                }
                if !keepsBytes || state.rows[row.key] == nil { state.rows[row.key] = row }
            }
            (state.ticket, state.epoch, state.ageBound) = (ticket, epoch, rows.map(\.ageBound).max() ?? .zero)
            return state.isMoved
        }
        if isMoved { throw Moved() }
    }

    /// The rows read, and whether one changed under the closure.
    var end: (known: [CacheKey], isMoved: Bool) { state.withLock { ($0.known, $0.isMoved) } }

    /// The ticket of which all rows are the state.
    var point: (ticket: Ticket, epoch: UInt32, ageBound: Duration) {
        state.withLock { ($0.ticket, $0.epoch, $0.ageBound) }
    }
}

/// What the closure of `withSnapshot` made of a snapshot, and which one it was.
public struct SnapshotResult<Result> {
    /// What the closure returned.
    public let result: Result
    /// The ticket of which all rows read are the committed state.
    public let ticket: Ticket
    /// The ticket's epoch.
    public let epoch: UInt32
    /// Upper bound of how long ago the ticket was current, at the time of the last read.
    public let ageBound: Duration

    /// The token of a session that has seen this snapshot.
    public var token: SessionToken { SessionToken(epoch: epoch, ticket: ticket) }
}

extension SnapshotResult: Sendable where Result: Sendable {}

extension CacheStack {
    /// Reads several spaces as of one ticket, at most `maxAge` old and not before the session's token.
    ///
    /// The rows need not be known beforehand: each read widens the snapshot. Where a row that was read has changed by
    /// the ticket at which the new ones are held, `body` runs again, with all rows known so far read at once; so it
    /// must have no effect. Name rows together to save round trips.
    /// - Throws: `CacheError` (`contention` after `attemptsMax` runs), `RowError`, whatever `body` throws.
    public func withSnapshot<Result>(
        maxAge: Duration = .seconds(10), session token: SessionToken = SessionToken(), attemptsMax: Int = 5,
        _ body: (SnapshotScope) async throws -> Result
    ) async throws -> SnapshotResult<Result> {
        var known: [CacheKey] = []
        for _ in 0..<attemptsMax {
            let scope = SnapshotScope(self, maxAge, token)
            do {
                try await scope.extend(by: known)
                let result = try await body(scope)
                if !scope.end.isMoved {
                    let (ticket, epoch, age) = scope.point
                    return SnapshotResult(result: result, ticket: ticket, epoch: epoch, ageBound: age)
                }
            } catch {
                guard scope.end.isMoved else { throw error }
            }
            known = scope.end.known
        }
        throw CacheError(.contention, "the rows changed in each of \(attemptsMax) runs; name them in one read")
    }
}
