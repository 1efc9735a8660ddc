internal import CacheStack
internal import Telemetry

/// Commits batches on one thread and one connection: two round trips a batch, under one ticket.
///
///     stage 1   BEGIN; take the clock row; known idempotency keys; versions of the expected rows; sync
///     decide    CommitDecision, in batch order
///     stage 2   rows by space and mode; idempotency keys of the accepted; one outbox row; COMMIT; sync
///
/// READ COMMITTED: after waiting for the clock row the next statement sees the batch before. COMMIT is sent only after
/// the answers of stage 1 were read: whoever gets the clock row later finds this batch committed or gone, which is what
/// `resolve` rests on. Idempotency keys are looked up in stage 1 and written in stage 2, by the accepted transactions
/// only: under the clock row that is as safe as writing them first, and a refused one has nothing to take back.
final class Committer {
    private enum Attempt {
        case decided([CommitOutcome])
        /// The database refused some row: nothing was written, and which transaction is to blame is not known.
        case refused(DatabaseFault)
        case failed(DatabaseFault)
        case inDoubt(BatchMark)
    }

    private struct Clock {
        var ticket: Ticket
        var time: Int64
        var epoch: UInt32
    }

    private let session: Session
    private let catalog: Catalog
    private let metrics: TierMetrics
    private let limits: Limits
    private let staging: WriteStaging
    private let parameters = ParameterBuffer(capacity: 1 << 16)
    private var outboxKeys: [UInt8] = []

    /// What one batch may cost.
    struct Limits {
        var rowsMax: Int
        var bytesMax: Int
        var contentionRetriesMax: Int
    }

    init(_ session: Session, _ catalog: Catalog, _ metrics: TierMetrics, _ limits: Limits) {
        self.session = session
        self.catalog = catalog
        self.metrics = metrics
        self.limits = limits
        staging = WriteStaging(catalog)
    }

    /// Commits `batch`; never throws: every fault is an outcome.
    func commit(_ batch: [Transaction], until deadline: ContinuousClock.Instant) -> BatchOutcome {
        let rows = batch.reduce(0) { $0 + $1.writes.count }
        guard rows <= limits.rowsMax else {
            let error = TierError(.overloaded, "a batch of \(rows) rows; the limit is \(limits.rowsMax)")
            return .decided(batch.map { _ in .failed(error) })
        }
        let bytes = batch.reduce(0) { $0 + Self.size($1) }
        guard bytes <= limits.bytesMax else { return .decided(halve(batch[...], bytes, deadline)) }
        switch persist(batch[...], deadline) {
        case .decided(let outcomes): return .decided(outcomes)
        case .failed(let fault): return .decided(batch.map { _ in .failed(fault.tierError) })
        case .inDoubt(let mark): return .inDoubt(mark)
        case .refused(let fault): return .decided(isolate(batch[...], fault, deadline))
        }
    }

    /// Whether the batch of `mark` committed.
    func resolve(_ mark: BatchMark, until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> Bool {
        try session.run(until: deadline) { connection throws(DatabaseFault) in
            parameters.clear()
            parameters.append(Int64(bitPattern: mark.ticket.rawValue))
            try connection.send(CommitStatements.begin)
            try connection.send(CommitStatements.lockClock)
            try connection.send(CommitStatements.findBatch, parameters)
            try connection.send(CommitStatements.commit)
            try connection.sync()
            let results = try connection.receive(until: deadline)
            let newest: Int64 = try results[1].integer(0, 0)
            guard UInt64(bitPattern: newest) >= mark.ticket.rawValue else { return false }
            guard results[2].bytes(0, 1).first == 1 else {
                throw DatabaseFault(.protocolViolation, "the outbox no longer holds ticket \(mark.ticket.rawValue)")
            }
            return UInt64(bitPattern: try results[2].integer(0, 0, as: Int64.self)) == mark.nonce
        }
    }

    // MARK: One batch

    /// Attempts a batch again where the server broke a deadlock or a serialization conflict by failing it: it wrote
    /// nothing, and everything is read and decided anew. At most `contentionRetriesMax` times, while the deadline
    /// allows, after pauses that double from 2 ms, with full jitter.
    private func persist(_ batch: ArraySlice<Transaction>, _ deadline: ContinuousClock.Instant) -> Attempt {
        var ceiling = Duration.milliseconds(2)
        for _ in 0..<limits.contentionRetriesMax {
            let result = attempt(batch, deadline)
            let pause = ceiling * Double.random(in: 0...1)
            guard case .failed(let fault) = result, fault.isContention, .now + pause < deadline else { return result }
            metrics.contentionRetries.increment()
            Thread.sleep(pause)
            ceiling *= 2
        }
        return attempt(batch, deadline)
    }

    private func attempt(_ batch: ArraySlice<Transaction>, _ deadline: ContinuousClock.Instant) -> Attempt {
        let connection: Connection
        let decisions: [CommitDecision]
        let clock: Clock
        do {
            (connection, clock, decisions) = try session.run(until: deadline) { connection throws(DatabaseFault) in
                let (clock, decisions) = try self.decide(batch, on: connection, deadline)
                return (connection, clock, decisions)
            }
        } catch {
            return .failed(error)
        }
        let accepted = batch.indices.filter { decisions[$0 - batch.startIndex] == .accepted }
        guard !accepted.isEmpty else {
            session.rollback(connection)
            return .decided(decisions.map { Self.outcome($0, clock) })
        }
        return write(batch, accepted, decisions, clock, on: connection, deadline)
    }

    /// Stage 1 and the decision. Safe to repeat: nothing can commit before COMMIT is sent.
    private func decide(
        _ batch: ArraySlice<Transaction>, on connection: Connection, _ deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> (Clock, [CommitDecision]) {
        try connection.send(CommitStatements.begin)
        try connection.send(CommitStatements.takeTicket)
        let keys = batch.compactMap { $0.idempotency?.key }
        if !keys.isEmpty {
            parameters.clear()
            parameters.append(array: keys)
            try connection.send(CommitStatements.knownKeys, parameters)
        }
        let expected = ExpectedVersions(batch, catalog)
        try expected.send(on: connection, parameters)
        try connection.sync()
        var results = try connection.receive(until: deadline)[1...]
        guard let ticket = results.popFirst(), ticket.count == 1 else {
            throw DatabaseFault(.protocolViolation, "table mc_clock has no row: run the migrations")
        }
        let clock = Clock(
            ticket: Ticket(UInt64(bitPattern: try ticket.integer(0, 0, as: Int64.self))),
            time: try ticket.microseconds(0, 1), epoch: try ticket.integer(0, 2))
        let known = try keys.isEmpty ? [:] : Self.attempts(results.popFirst())
        let versions = try expected.read(Array(results))
        let decisions = CommitDecision.decide(
            Array(batch), current: { versions[$0] }, idempotency: { known[$0.key] }, ticket: clock.ticket,
            epoch: clock.epoch)
        return (clock, decisions)
    }

    /// Stage 2.
    private func write(
        _ batch: ArraySlice<Transaction>, _ accepted: [Int], _ decisions: [CommitDecision], _ clock: Clock,
        on connection: Connection, _ deadline: ContinuousClock.Instant
    ) -> Attempt {
        let outcomes = decisions.map { Self.outcome($0, clock) }
        let mark = BatchMark(ticket: clock.ticket, nonce: UInt64.random(in: .min ... .max), outcomes: outcomes)
        var isCommitSent = false
        do throws(DatabaseFault) {
            try staging.stage(batch, accepted: accepted)
            for space in staging.used { try send(space, clock, on: connection) }
            try sendKeys(accepted.compactMap { batch[$0].idempotency }, clock, on: connection)
            try sendOutbox(mark, on: connection)
            guard deadline > .now else { throw DatabaseFault(.deadline, "the deadline passed before COMMIT was sent") }
            isCommitSent = true
            try connection.send(CommitStatements.commit)
            try connection.sync()
            let results = try connection.receive(until: deadline)
            guard results.last?.commandTag == "COMMIT" else {
                throw DatabaseFault(.statement, sqlState: "25P02", "COMMIT of a failed transaction")
            }
        } catch {
            return settle(error, mark, isCommitSent)
        }
        metrics.rows.increment(by: UInt64(staging.count))
        return .decided(outcomes)
    }

    /// A refusal in stage 2 is definite, also after COMMIT was sent: the server skips COMMIT. Without an answer it is
    /// definite only before COMMIT was sent.
    private func settle(_ fault: DatabaseFault, _ mark: BatchMark, _ isCommitSent: Bool) -> Attempt {
        if fault.kind == .statement, isCommitSent {
            session.settle(fault)
        } else {
            session.drop()  // statements are queued that must not be executed
        }
        if fault.refusesRows { return .refused(fault) }
        return isCommitSent && fault.kind != .statement ? .inDoubt(mark) : .failed(fault)
    }

    /// Finds who is to blame for a refusal by halving the batch: the others commit.
    private func isolate(
        _ batch: ArraySlice<Transaction>, _ fault: DatabaseFault, _ deadline: ContinuousClock.Instant
    ) -> [CommitOutcome] {
        guard batch.count > 1 else { return [.rejected(fault.message)] }
        let middle = batch.startIndex + batch.count / 2
        return [batch[..<middle], batch[middle...]].flatMap { outcomes(of: $0, deadline) }
    }

    /// Commits a part of a batch.
    private func outcomes(
        of part: ArraySlice<Transaction>, _ deadline: ContinuousClock.Instant
    ) -> [CommitOutcome] {
        switch persist(part, deadline) {
        case .decided(let outcomes): outcomes
        case .failed(let fault): part.map { _ in .failed(fault.tierError) }
        case .refused(let fault): isolate(part, fault, deadline)
        case .inDoubt(let mark): settleInDoubt(part, mark, deadline)
        }
    }

    /// Commits a batch of too many bytes in halves; a single transaction of too many is refused.
    private func halve(
        _ batch: ArraySlice<Transaction>, _ bytes: Int, _ deadline: ContinuousClock.Instant
    ) -> [CommitOutcome] {
        guard bytes > limits.bytesMax else { return outcomes(of: batch, deadline) }
        guard batch.count > 1 else {
            let text = "a transaction of \(bytes) bytes; the limit is \(limits.bytesMax)"
            return [.failed(TierError(.overloaded, text))]
        }
        let middle = batch.startIndex + batch.count / 2
        return [batch[..<middle], batch[middle...]].flatMap { half in
            halve(half, half.reduce(0) { $0 + Self.size($1) }, deadline)
        }
    }

    /// Bytes of the payloads of a transaction.
    private static func size(_ transaction: Transaction) -> Int {
        transaction.writes.groups.reduce(0) { $0 + $1.bytes.count }
    }

    /// A half has no mark to hand out: it is resolved here, or stays in doubt transaction by transaction.
    private func settleInDoubt(
        _ half: ArraySlice<Transaction>, _ mark: BatchMark, _ deadline: ContinuousClock.Instant
    ) -> [CommitOutcome] {
        guard let isCommitted = try? resolve(mark, until: deadline), !isCommitted else {
            return half.map { _ in .inDoubt }
        }
        return half.map { _ in .failed(TierError(.unavailable, "the connection broke before the batch committed")) }
    }

    // MARK: Statements

    private func send(_ space: StagedSpace, _ clock: Clock, on connection: Connection) throws(DatabaseFault) {
        for mode in [WriteSet.Mode.insert, .upsert, .delete] {
            let rows = space[mode]
            guard !rows.ids.isEmpty else { continue }
            parameters.clear()
            parameters.append(Int64(bitPattern: clock.ticket.rawValue))
            space.table.appendKeys(rows.ids, to: parameters)
            if mode != .delete { try space.table.appendFields(of: rows, to: parameters) }
            try connection.send(space.table.statement(mode), parameters)
        }
    }

    private func sendKeys(
        _ keys: [Transaction.IdempotencyKey], _ clock: Clock, on connection: Connection
    ) throws(DatabaseFault) {
        guard !keys.isEmpty else { return }
        parameters.clear()
        parameters.append(Int64(bitPattern: clock.ticket.rawValue))
        parameters.append(array: keys.map(\.key))
        parameters.append(array: keys.map(\.bodyHash))
        try connection.send(CommitStatements.insertKeys, parameters)
    }

    private func sendOutbox(_ mark: BatchMark, on connection: Connection) throws(DatabaseFault) {
        outboxKeys.removeAll(keepingCapacity: true)
        staging.appendOutboxKeys(to: &outboxKeys)
        parameters.clear()
        parameters.append(Int64(bitPattern: mark.nonce))
        parameters.append(outboxKeys)
        try connection.send(CommitStatements.outbox, parameters)
    }

    private static func attempts(
        _ result: ResultSet?
    ) throws(DatabaseFault) -> [String: CommitDecision.KnownAttempt] {
        var attempts: [String: CommitDecision.KnownAttempt] = [:]
        guard let result else { return attempts }
        for row in 0..<result.count {
            guard let key = result.text(row, 0) else { continue }
            attempts[key] = CommitDecision.KnownAttempt(
                ticket: Ticket(UInt64(bitPattern: try result.integer(row, 1, as: Int64.self))),
                bodyHash: UInt64(bitPattern: try result.integer(row, 2, as: Int64.self)))
        }
        return attempts
    }

    private static func outcome(_ decision: CommitDecision, _ clock: Clock) -> CommitOutcome {
        switch decision {
        case .accepted: .committed(clock.ticket, time: clock.time, epoch: clock.epoch)
        case .conflict(let key, let current): .conflict(key, current: current)
        case .duplicate(let ticket): .duplicate(ticket)
        case .keyReused: .keyReused
        }
    }
}
