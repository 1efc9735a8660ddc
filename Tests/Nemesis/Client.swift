import CacheStack
import HistoryChecker

/// One client of a stack: a random call at a time, noted with its times and outcome.
struct Client {
    struct Session {
        var number: Int32
        var token: SessionToken
    }

    private let worker: Worker
    private var random: SplitMix
    /// The session the calls belong to; nil for a client without.
    var session: Session?

    init(_ worker: Worker, seed: UInt64) {
        self.worker = worker
        random = SplitMix(seed: seed)
    }

    mutating func pause() async {
        try? await Task.sleep(for: .microseconds(Int.random(in: 0...6_000, using: &random)))
    }

    mutating func step() async {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<8: await (session == nil ? bounded() : sessionRead())
        case 8..<12: await snapshot()
        case 12..<15: await strict()
        case 15..<18: await transfer()
        default: await overwrite()
        }
    }

    // MARK: Reads

    private mutating func keys(_ most: Int) -> [CacheKey] {
        if Int.random(in: 0..<8, using: &random) == 0 { return Bank.allAccounts }
        return (0..<Int.random(in: 1...most, using: &random)).map { _ in
            Bool.random(using: &random)
                ? CacheKey(Bank.accounts, UInt64.random(in: 0..<Bank.accountCount, using: &random))
                : CacheKey(Bank.registers, UInt64.random(in: 0..<Bank.registerCount, using: &random))
        }
    }

    private mutating func maxAge() -> Duration {
        [.milliseconds(20), .milliseconds(200), .seconds(1), .seconds(10)].randomElement(using: &random) ?? .seconds(1)
    }

    private func operation(_ kind: Operation.Kind, maxAge: Duration = .zero) -> Operation {
        let (seconds, attoseconds) = maxAge.components
        return Operation(
            kind, session: session?.number ?? Operation.nobody, begin: Clock.now, end: Operation.never,
            maxAge: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// Makes a read and notes it; failed reads are noted without values.
    private mutating func read(
        _ kind: Operation.Kind, maxAge: Duration = .zero,
        _ body: () async throws(CacheError) -> (values: [CachedValue], ticket: UInt64)
    ) async -> [CachedValue]? {
        var operation = operation(kind, maxAge: maxAge)
        do {
            let (values, ticket) = try await body()
            operation.end = Clock.now
            operation.ticket = ticket
            worker.recorder.note(operation, values)
            return values
        } catch {
            operation.end = Clock.now
            operation.outcome = .failed
            worker.recorder.note(operation, [Observation](), writes: [])
            return nil
        }
    }

    private mutating func bounded() async {
        let (keys, age, stack) = (keys(4), maxAge(), worker.stack)
        let allowStale = Int.random(in: 0..<5, using: &random) == 0
        _ = await read(.bounded, maxAge: age) { () async throws(CacheError) in
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
        let values = await read(kind, maxAge: age) { () async throws(CacheError) in
            (try await stack.read(keys, level), 0)
        }
        for value in values ?? [] { session?.token.observe(value) }
        return values
    }

    private mutating func snapshot() async {
        let (keys, age, stack, token) = (keys(8), maxAge(), worker.stack, session?.token ?? SessionToken())
        var epoch: UInt32 = 0
        var ticket = Ticket.zero
        _ = await read(.snapshot, maxAge: age) { () async throws(CacheError) in
            let snapshot = try await stack.snapshot(keys, maxAge: age, token: token)
            (epoch, ticket) = (snapshot.epoch, snapshot.ticket)
            return (snapshot.values, snapshot.ticket.rawValue)
        }
        if epoch != 0 { session?.token.observe(ticket, epoch: epoch) }
    }

    private mutating func strict() async {
        let (keys, stack) = (keys(3), worker.stack)
        let values = await read(.strict) { () async throws(CacheError) in (try await stack.read(keys, .strict), 0) }
        for value in values ?? [] { session?.token.observe(value) }
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
        let expectations = values.map { Transaction.Expectation($0.key, at: $0.version) }
        let observed = values.map(Recorder.observation)
        await commit(Transaction(expectations: expectations, writes: writes), attempt, observed, intended)
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
        await commit(Transaction(writes: writes), attempt, [], intended)
    }

    /// Commits under the attempt's idempotency key; what is in doubt is sent again until that is settled.
    private mutating func commit(
        _ transaction: Transaction, _ attempt: UInt64, _ observed: [Observation], _ intended: [IntendedWrite]
    ) async {
        var transaction = transaction
        transaction.idempotency = Transaction.IdempotencyKey("\(attempt)", bodyHash: attempt)
        var operation = operation(.write)
        operation.attempt = attempt
        operation.outcome = .inDoubt
        worker.recorder.note(operation, observed, writes: intended)
        var outcome = await worker.stack.commit(transaction)
        for _ in 0..<5 where outcome == .inDoubt && !Task.isCancelled {
            outcome = await worker.stack.commit(transaction)
            // The second sending failed; the first is in doubt still.
            if case .failed = outcome { outcome = .inDoubt }
        }
        operation.end = Clock.now
        switch outcome {
        case .committed(let ticket, _, let epoch):
            operation.outcome = .ok
            operation.ticket = ticket.rawValue
            session?.token.observe(ticket, epoch: epoch)
        case .duplicate(let ticket):
            operation.outcome = .ok
            operation.ticket = ticket.rawValue
            if let epoch = session?.token.epoch, epoch > 0 {
                session?.token.observe(ticket, epoch: epoch)
            } else {
                // The answer names no epoch, so an empty token cannot be raised: the session has not observed it.
                operation.session = Operation.nobody
            }
        case .conflict: operation.outcome = .conflict
        case .failed, .rejected, .keyReused: operation.outcome = .failed
        case .inDoubt: operation.end = Operation.never
        }
        worker.recorder.note(operation, observed, writes: intended)
    }
}
