import CacheStack
import HistoryChecker
import TestData

/// One client of a stack: a random call at a time, noted with its times and outcome.
struct Client {
    struct Session {
        var number: Int32
        var token: SessionToken
    }

    let worker: Worker
    var random: SplitMix64
    /// The session the calls belong to; nil for a client without.
    var session: Session?

    init(_ worker: Worker, seed: UInt64) {
        self.worker = worker
        random = SplitMix64(seed: seed)
    }

    mutating func pause() async {
        try? await Task.sleep(for: .microseconds(Int.random(in: 0...6_000, using: &random)))
    }

    mutating func step() async {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<7: await (session == nil ? bounded() : sessionRead())
        case 7..<11: await snapshot()
        case 11..<14: await strict()
        case 14..<16: await transfer()
        case 16..<18: await serializable()
        default: await overwrite()
        }
    }

    // MARK: Reads

    mutating func keys(_ most: Int) -> [CacheKey] {
        if Int.random(in: 0..<8, using: &random) == 0 { return Bank.allAccounts }
        return (0..<Int.random(in: 1...most, using: &random)).map { _ in
            Bool.random(using: &random)
                ? CacheKey(Bank.accounts, UInt64.random(in: 0..<Bank.accountCount, using: &random))
                : CacheKey(Bank.registers, UInt64.random(in: 0..<Bank.registerCount, using: &random))
        }
    }

    private mutating func maxAge() -> Duration {
        [.milliseconds(20), .milliseconds(200), .seconds(1), .seconds(10)].randomElement(using: &random)
            ?? .seconds(1)
    }

    func operation(_ kind: Operation.Kind, maxAge: Duration = .zero) -> Operation {
        let (seconds, attoseconds) = maxAge.components
        return Operation(
            kind, session: session?.number ?? Operation.nobody, begin: Clock.now, end: Operation.never,
            maxAge: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// Makes a read and notes it; failed reads are noted without values.
    private mutating func read(
        _ label: String, _ kind: Operation.Kind, maxAge: Duration = .zero,
        _ body: () async throws(CacheError) -> (values: [CachedValue], ticket: UInt64)
    ) async -> [CachedValue]? {
        var operation = operation(kind, maxAge: maxAge)
        do {
            let (values, ticket) = try await body()
            operation.end = Clock.now
            operation.ticket = ticket
            worker.recorder.note(label, operation, values)
            return values
        } catch {
            operation.end = Clock.now
            operation.outcome = .failed
            worker.recorder.note(RecordedCall(label, operation))
            let cause = error.underlying.map { " (\($0.code.rawValue))" } ?? ""
            worker.recorder.note(error: "read \(error.code.rawValue)\(cause)")
            renewSession(after: error)
            return nil
        }
    }

    /// A session whose history is gone ends; its client begins another.
    private mutating func renewSession(after error: CacheError) {
        guard error.code == .otherEpoch || error.code == .behindToken, session != nil else { return }
        session = Session(
            number: worker.attempts.session(worker.options.incarnation), token: SessionToken())
    }

    private mutating func bounded() async {
        let (keys, age, stack) = (keys(4), maxAge(), worker.stack)
        let allowStale = Int.random(in: 0..<5, using: &random) == 0
        _ = await read(allowStale ? "staleAllowed" : "bounded", .bounded, maxAge: age) {
            () async throws(CacheError) in
            (try await stack.read(keys, .bounded(maxAge: age), allowStale: allowStale), 0)
        }
    }

    private mutating func sessionRead() async {
        _ = await sessionRead(keys(3))
    }

    private mutating func sessionRead(_ keys: [CacheKey]) async -> [CachedValue]? {
        let (age, stack, token) = (maxAge(), worker.stack, session?.token ?? SessionToken())
        let kind = session == nil ? Operation.Kind.bounded : .session
        let level = session == nil ? ReadLevel.bounded(maxAge: age) : .session(token, maxAge: age)
        let values = await read(kind.rawValue, kind, maxAge: age) { () async throws(CacheError) in
            (try await stack.read(keys, level), 0)
        }
        for value in values ?? [] { session?.token.observe(value) }
        return values
    }

    private mutating func snapshot() async {
        let (keys, age, stack, token) = (
            keys(8), maxAge(), worker.stack, session?.token ?? SessionToken()
        )
        var epoch: UInt32 = 0
        var ticket = Ticket.zero
        _ = await read("snapshot", .snapshot, maxAge: age) { () async throws(CacheError) in
            let snapshot = try await stack.snapshot(keys, maxAge: age, token: token)
            (epoch, ticket) = (snapshot.epoch, snapshot.ticket)
            return (snapshot.values, snapshot.ticket.rawValue)
        }
        if epoch != 0 { session?.token.observe(ticket, epoch: epoch) }
    }

    private mutating func strict() async { _ = await strictRead(keys(3)) }

    private mutating func strictRead(_ keys: [CacheKey]) async -> [CachedValue]? {
        let stack = worker.stack
        let values = await read("strict", .strict) { () async throws(CacheError) in
            (try await stack.read(keys, .strict), 0)
        }
        for value in values ?? [] { session?.token.observe(value) }
        return values
    }

    // MARK: Writes

    /// Moves money between two accounts, on the versions that a cached read gave.
    private mutating func transfer() async {
        let from = CacheKey(Bank.accounts, UInt64.random(in: 0..<Bank.accountCount, using: &random))
        let to = CacheKey(Bank.accounts, UInt64.random(in: 0..<Bank.accountCount, using: &random))
        guard from != to, let values = await sessionRead([from, to]), values.count == 2 else { return }
        let amount = Int64.random(in: 1...50, using: &random)
        guard Bank.balance(values[0].payload) >= amount else { return }
        let attempt = worker.attempts.take(worker.options.incarnation)
        var (writes, intended): (WriteSet, [IntendedWrite]) = (WriteSet(), [])
        for (value, change) in zip(values, [-amount, amount]) {
            let balance = Bank.balance(value.payload) + change
            writes.append(value.key, payload: Bank.payload(value.key, balance: balance, attempt: attempt))
            intended.append(IntendedWrite(Bank.number(value.key), Bank.mark(value.key, balance, attempt)))
        }
        await commit("transfer", writes, attempt, values, intended)
    }

    /// A serializable transaction on hot registers: reads three, writes one, expects all three unchanged, so that two
    /// of them must not each overwrite what the other read (write skew). In a conflict it runs again, 5 times in all.
    private mutating func serializable() async {
        var ids: Set<UInt64> = []
        while ids.count < 3 { ids.insert(UInt64.random(in: 0..<8, using: &random)) }
        let keys = ids.sorted().map { CacheKey(Bank.registers, $0) }.shuffled(using: &random)
        for run in 0..<5 {
            guard let values = await (run == 0 ? sessionRead(keys) : strictRead(keys)), values.count == 3
            else { return }
            let attempt = worker.attempts.take(worker.options.incarnation)
            var writes = WriteSet()
            writes.append(keys[0], payload: Bank.payload(keys[0], balance: 0, attempt: attempt))
            let intended = [IntendedWrite(Bank.number(keys[0]), Bank.mark(keys[0], 0, attempt))]
            let outcome = await commit("serializable", writes, attempt, values, intended)
            guard case .conflict = outcome, !Task.isCancelled else { return }
            try? await Task.sleep(for: .microseconds(Int.random(in: 0...(4_000 << run), using: &random)))
        }
        worker.recorder.note(error: "write contention after 5 runs")
    }

    /// Writes registers without looking, or deletes one.
    private mutating func overwrite() async {
        let attempt = worker.attempts.take(worker.options.incarnation)
        var (writes, intended): (WriteSet, [IntendedWrite]) = (WriteSet(), [])
        var ids: Set<UInt64> = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            ids.insert(UInt64.random(in: 0..<Bank.registerCount, using: &random))
        }
        for id in ids.sorted() {
            let key = CacheKey(Bank.registers, id)
            if Int.random(in: 0..<10, using: &random) == 0 {
                writes.append(key, .delete, payload: [])
                intended.append(IntendedWrite(Bank.number(key), 0))
            } else {
                writes.append(key, payload: Bank.payload(key, balance: 0, attempt: attempt))
                intended.append(IntendedWrite(Bank.number(key), Bank.mark(key, 0, attempt)))
            }
        }
        await commit("overwrite", writes, attempt, [], intended)
    }

    /// Commits under the attempt's idempotency key, on the versions read; what is in doubt is sent again until that is
    /// settled.
    @discardableResult
    private mutating func commit(
        _ label: String, _ writes: WriteSet, _ attempt: UInt64, _ read: [CachedValue],
        _ intended: [IntendedWrite]
    ) async -> CommitOutcome {
        let transaction = Transaction(
            expectations: read.map { Transaction.Expectation($0.key, at: $0.version, epoch: $0.epoch) },
            writes: writes, idempotency: Transaction.IdempotencyKey("\(attempt)", bodyHash: attempt))
        var call = RecordedCall(label, operation(.write))
        call.operation.attempt = attempt
        call.operation.outcome = .inDoubt
        call.observed = read.map(Recorder.observation)
        call.writes = intended
        worker.recorder.note(call)
        var outcome = await worker.stack.commit(transaction)
        for _ in 0..<5 where outcome == .inDoubt && !Task.isCancelled {
            outcome = await worker.stack.commit(transaction)
            // The second sending failed; the first is in doubt still.
            if case .failed = outcome { outcome = .inDoubt }
        }
        call.operation.end = Clock.now
        settle(outcome, &call)
        worker.recorder.note(call)
        return outcome
    }

    private mutating func settle(_ outcome: CommitOutcome, _ call: inout RecordedCall) {
        switch outcome {
        case .committed(let ticket, _, let epoch):
            call.operation.outcome = .ok
            call.operation.ticket = ticket.rawValue
            call.epoch = epoch
            session?.token.observe(ticket, epoch: epoch)
        case .duplicate(let ticket):
            call.operation.outcome = .ok
            call.operation.ticket = ticket.rawValue
            // The answer names no epoch, so the token cannot be raised: the session has not observed it.
            call.operation.session = Operation.nobody
        case .conflict: call.operation.outcome = .conflict
        case .failed(let error):
            call.operation.outcome = .failed
            worker.recorder.note(error: "write failed (\(error.code.rawValue))")
        case .rejected, .keyReused:
            call.operation.outcome = .failed
            worker.recorder.note(error: "write rejected or key reused")
        case .inDoubt:
            call.operation.end = Operation.never
            worker.recorder.note(error: "write in doubt")
        }
    }
}
