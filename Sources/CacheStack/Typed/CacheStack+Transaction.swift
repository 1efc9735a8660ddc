internal import Synchronization

extension CacheStack {
    /// Runs a transaction: `body` reads and writes through its scope, and all of it takes effect, or nothing.
    ///
    /// The versions of the rows read are checked when the batch holds the clock row. Where one has changed, `body` runs
    /// again on newer rows, after a pause; so it must have no effect but through the scope. While it runs it may see
    /// rows of different moments; what it decided on them is never committed. With `serializable` isolation that holds
    /// for what it throws, too: an error is passed on only if the rows read are still the newest.
    ///
    /// A transaction without writes is sent nowhere: its rows are checked to be the state at one ticket.
    ///
    /// - Parameters:
    ///   - idempotencyKey: names the intent, 1...64 bytes: it takes effect once however often it is sent. A repetition
    ///     is answered `alreadyCommitted`, also where `body` now throws because the first one took effect.
    ///   - intent: what the key stands for, e.g. `transfer 1 2 500`; another intent under the same key is `keyReused`.
    ///   - level: of the reads in the first run; later runs read at least what was in conflict.
    /// - Throws: `TransactionError`; from reads `CacheError` and `RowError`; whatever `body` throws.
    @discardableResult
    public func transaction<Result>(
        idempotencyKey: String? = nil, intent: String = "", reading level: ReadLevel = .bounded(),
        policy: TransactionPolicy = TransactionPolicy(), _ body: (TransactionScope) async throws -> Result
    ) async throws -> TransactionOutcome<Result> {
        let idempotency = try Self.idempotency(idempotencyKey, intent)
        var level = level
        var conflict: CacheKey?
        for attempt in 1...policy.attemptsMax {
            let scope = TransactionScope(self, level, rowsMax: policy.rowsMax)
            switch try await run(scope, policy, idempotency, attempt, body) {
            case .ended(let outcome): return outcome
            case .conflict(let key, let current):
                conflict = key
                level = Self.level(level, after: scope.reads, key, current, attempt)
            }
            guard attempt < policy.attemptsMax else { break }
            try await configuration.time.sleep(policy.pause(after: attempt))
        }
        throw TransactionError(
            .conflict, "other writers were first \(policy.attemptsMax) times; nothing was written", key: conflict)
    }

    private enum Attempt<Result> {
        case ended(TransactionOutcome<Result>)
        case conflict(CacheKey, current: Ticket)
    }

    private func run<Result>(
        _ scope: TransactionScope, _ policy: TransactionPolicy, _ idempotency: Transaction.IdempotencyKey?,
        _ attempt: Int, _ body: (TransactionScope) async throws -> Result
    ) async throws -> Attempt<Result> {
        let result: Result
        do {
            result = try await body(scope)
            try await scope.verifyTexts()
            scope.close()
        } catch {
            scope.close()
            return try await settle(error, scope, policy, idempotency, attempt)
        }
        let transaction = scope.transaction(policy.isolation, idempotency)
        if transaction.writes.count == 0 && idempotency == nil {
            return try await finishReading(result, scope.reads, policy, attempt)
        }
        switch await commit(transaction) {
        case .committed(let ticket, _, let epoch):
            return .ended(.committed(result, TransactionReceipt(ticket: ticket, epoch: epoch, attempts: attempt)))
        case .conflict(let key, let current): return .conflict(key, current: current)
        case .duplicate(let ticket): return .ended(.alreadyCommitted(receipt(ticket, attempt)))
        case .keyReused: throw Self.keyReused
        case .rejected(let reason): throw TransactionError(.rejected, reason)
        case .failed(let error):
            throw TransactionError(.failed, "nothing was written; the transaction may be repeated", underlying: error)
        case .inDoubt: throw TransactionError(.inDoubt, "the commit's answer is lost; repeat with the same key")
        }
    }

    private func receipt(_ ticket: Ticket, _ attempts: Int) -> TransactionReceipt {
        TransactionReceipt(ticket: ticket, epoch: epoch.load(ordering: .acquiring), attempts: attempts)
    }

    private static let keyReused = TransactionError(.keyReused, "the idempotency key stands for another intent")

    private static func idempotency(
        _ key: String?, _ intent: String
    ) throws(TransactionError) -> Transaction.IdempotencyKey? {
        guard let key else { return nil }
        guard (1...64).contains(key.utf8.count), !key.utf8.contains(0) else {
            throw TransactionError(.invalidKey, "an idempotency key is 1 to 64 bytes of text without zero bytes")
        }
        return Transaction.IdempotencyKey(key, bodyHash: TextHash.hash(intent))
    }

    // MARK: Reading only

    private func finishReading<Result>(
        _ result: Result, _ reads: [CachedValue], _ policy: TransactionPolicy, _ attempt: Int
    ) async throws -> Attempt<Result> {
        guard policy.isolation == .serializable, reads.count > 1 else {
            let ticket = reads.map(\.asOf).max() ?? watermark
            return .ended(.committed(result, receipt(ticket, attempt)))
        }
        let state = try await snapshot(reads.map(\.key))
        if let (old, new) = Self.firstChange(reads, state.values) {
            return .conflict(old.key, current: new.version)
        }
        return .ended(
            .committed(result, TransactionReceipt(ticket: state.ticket, epoch: state.epoch, attempts: attempt)))
    }

    private static func firstChange(_ old: [CachedValue], _ new: [CachedValue]) -> (CachedValue, CachedValue)? {
        zip(old, new).first { $0.version != $1.version || $0.epoch != $1.epoch }
    }

    // MARK: Errors of the closure

    /// What an error of the closure means: that the intent took effect before, that the rows read were out of date, or
    /// that the error stands.
    private func settle<Result>(
        _ error: any Error, _ scope: TransactionScope, _ policy: TransactionPolicy,
        _ idempotency: Transaction.IdempotencyKey?, _ attempt: Int
    ) async throws -> Attempt<Result> {
        let isOwn = error is CancellationError || error is CacheError || error is RowError
        let isFinal = (error as? TransactionError).map { $0.code != .exists } ?? isOwn
        guard !isFinal, let touched = scope.anyKey else { throw error }
        if let idempotency, let ticket = try await earlierCommit(idempotency, touched) {
            return .ended(.alreadyCommitted(receipt(ticket, attempt)))
        }
        let reads = scope.reads
        guard policy.isolation == .serializable, !reads.isEmpty else { throw error }
        let newest = try await read(reads.map(\.key), .strict)
        guard let (old, new) = Self.firstChange(reads, newest) else { throw error }
        return .conflict(old.key, current: new.version)
    }

    /// The ticket at which an idempotency key took effect, nil if it never did.
    ///
    /// Asks by a transaction that cannot be accepted: keys are looked up first, and then a version that no row has is
    /// expected of `row`. A transaction in conflict leaves no trace.
    private func earlierCommit(_ key: Transaction.IdempotencyKey, _ row: CacheKey) async throws -> Ticket? {
        let unreachable = Transaction.Expectation(row, at: Ticket(9_999_999_999_999_999))
        switch await commit(Transaction(expectations: [unreachable], writes: WriteSet(), idempotency: key)) {
        case .duplicate(let ticket): return ticket
        case .keyReused: throw Self.keyReused
        case .failed(let error):
            throw TransactionError(.failed, "whether the key took effect before is unknown", underlying: error)
        case .inDoubt: throw TransactionError(.inDoubt, "whether the key took effect before is unknown; repeat it")
        case .conflict, .committed, .rejected: return nil
        }
    }

    // MARK: The next run

    /// The level of the run after a conflict: at least the version that was found, and from the third run on L3.
    private static func level(
        _ level: ReadLevel, after reads: [CachedValue], _ key: CacheKey, _ current: Ticket, _ attempt: Int
    ) -> ReadLevel {
        guard attempt == 1, current > .zero, let epoch = reads.first(where: { $0.key == key })?.epoch else {
            return .strict
        }
        switch level {
        case .bounded(let maxAge): return .session(SessionToken(epoch: epoch, ticket: current), maxAge: maxAge)
        case .session(var token, let maxAge):
            token.observe(current, epoch: epoch)
            return .session(token, maxAge: maxAge)
        case .snapshot(let maxAge, var token):
            token.observe(current, epoch: epoch)
            return .snapshot(maxAge: maxAge, token: token)
        case .strict: return .strict
        }
    }
}
