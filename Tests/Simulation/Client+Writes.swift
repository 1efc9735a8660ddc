internal import CacheStack
internal import HistoryChecker

extension Client {
    /// Where an attempt has got to.
    enum Progress {
        case done, refused, unknown
    }

    /// Moves money between two accounts, on data of any level; the commit guards it.
    func transfer() async {
        let intent = world.makeIntent()
        var isFirst = true
        // What was refused cannot take effect any more; what is unknown can.
        var name: UInt64?
        for _ in 0..<4 {
            guard !host.isDead else { return }
            let (from, to) = (generator.below(world.plan.accounts), generator.below(world.plan.accounts))
            guard from != to else { return }
            let isStrict = generator.chance(3_000)
            let values = await read(
                [from, to], isStrict ? .strict : .bounded(), maxAge: isStrict ? nil : 10_000_000_000)
            guard values.count == 2, let source = Content(values[0].payload), let target = Content(values[1].payload)
            else { return }
            let amount = Int64(1 + generator.below(100))
            guard source.balance >= amount else { return }
            let attempt = world.makeAttempt(intent)
            var writes = WriteSet()
            let debit = Content(attempt: attempt, balance: source.balance - amount)
            let credit = Content(attempt: attempt, balance: target.balance + amount)
            writes.append(world.key(from), payload: debit.bytes)
            writes.append(world.key(to), payload: credit.bytes)
            let forgets = world.plan.mutant == .retriedWithoutKey && !isFirst
            let transaction = Transaction(
                expectations: values.map { .init($0.key, at: $0.version, epoch: $0.epoch) }, writes: writes,
                idempotency: .init(forgets ? "again-\(attempt)" : "\(intent)", bodyHash: attempt))
            isFirst = false
            let write = Recorder.Write(
                attempt: attempt, name: name ?? attempt, began: now, expected: values.map { observed($0) },
                writes: [from, to].map { IntendedWrite(UInt64($0), attempt) })
            name = write.name
            switch await settle(transaction, write, intent: intent) {
            case .done: return
            case .refused: name = nil
            case .unknown: if world.plan.mutant != .retriedWithoutKey { return }
            }
        }
    }

    /// Writes or deletes a row without looking, or inserts a version on top of the one read.
    func writeOther() async {
        let row = world.plan.accounts + generator.below(world.plan.notes + world.plan.orders)
        let intent = world.makeIntent()
        let attempt = world.makeAttempt(intent)
        var writes = WriteSet()
        let isDeletion = generator.chance(3_000)
        if isDeletion {
            writes.append(world.key(row), .delete, payload: EmptyCollection())
        } else {
            writes.append(world.key(row), payload: Content(attempt: attempt, balance: 1).bytes)
        }
        let write = Recorder.Write(
            attempt: attempt, name: attempt, began: now, expected: [],
            writes: [IntendedWrite(UInt64(row), isDeletion ? 0 : attempt)])
        let transaction = Transaction(writes: writes, idempotency: .init("\(intent)", bodyHash: attempt))
        _ = await settle(transaction, write, intent: intent)
    }

    private func observed(_ value: CachedValue) -> Observation {
        Observation(
            UInt64(world.row(value.key)), version: value.version.rawValue, asOf: value.asOf.rawValue,
            value: Content(value.payload)?.attempt ?? Observation.unknown)
    }

    /// Commits until the outcome is known, always under the same key; what it is told must be the truth.
    private func settle(_ transaction: Transaction, _ write: Recorder.Write, intent: UInt64) async -> Progress {
        var write = write
        var wasInDoubt = false
        for _ in 0..<6 {
            let outcome = await stack.commit(transaction)
            guard !host.isDead else { return .unknown }
            world.scheduler.note(Self.number(outcome))
            switch outcome {
            case .committed(let ticket, _, let epoch):
                learn(transaction, outcome, &write)
                record(write, .ok, ticket: ticket.rawValue, epoch: world.epoch(epoch))
                return .done
            case .duplicate(let ticket):
                truth.acknowledge(attempt: write.attempt, ticket: ticket.rawValue, epoch: truth.epoch)
                let epoch = truth.epoch(of: write.attempt, at: ticket.rawValue)
                write.isApplied = false
                record(write, .ok, ticket: ticket.rawValue, epoch: epoch)
                return .done
            case .keyReused:
                if !truth.isDone(intent) { truth.fail("intent \(intent) is said to be done, it is not") }
                return .done
            case .conflict:
                truth.refuse(attempt: write.attempt)
                record(write, .conflict)
                return .refused
            case .rejected(let text):
                truth.fail("attempt \(write.attempt) was rejected: \(text)")
            case .failed(let error):
                if world.plan.rates.isEmpty { truth.fail("\(error) though nothing is at fault") }
                guard wasInDoubt else {
                    truth.refuse(attempt: write.attempt)
                    record(write, .failed)
                    return .refused
                }
            case .inDoubt:
                if world.plan.rates.isEmpty { truth.fail("in doubt though nothing is at fault") }
                wasInDoubt = true
                guard world.plan.mutant != .retriedWithoutKey else {
                    // What follows goes by the same name with other rows: only that both take effect is to be found.
                    (write.expected, write.writes) = ([], [])
                    record(write, .inDoubt)
                    return .unknown
                }
            }
            if wasInDoubt { await world.scheduler.sleep(generator.waiting(mean: 200_000_000)) }
        }
        record(write, .inDoubt)
        return .unknown
    }

    /// Takes in that a transaction was committed: in the truth, in this process and in some session.
    private func learn(_ transaction: Transaction, _ outcome: CommitOutcome, _ write: inout Recorder.Write) {
        guard case .committed(let ticket, _, let epoch) = outcome else { return }
        let actual = world.epoch(epoch)
        truth.acknowledge(attempt: write.attempt, ticket: ticket.rawValue, epoch: actual)
        transaction.writes.forEachKey { key in
            host.note(world.row(key), epoch: actual, version: ticket.rawValue, by: .init(call: "commit"))
        }
        guard !world.idleSessions.isEmpty else { return }
        let session = world.idleSessions[generator.below(world.idleSessions.count)]
        session.token.observe(outcome)
        write.session = session.number
    }

    private func record(
        _ write: Recorder.Write, _ outcome: Operation.Outcome, ticket: UInt64 = 0, epoch: UInt32? = nil
    ) {
        world.recorder?.write(write, outcome, ticket: ticket, epoch: epoch ?? truth.epoch, by: host)
    }

    private static func number(_ outcome: CommitOutcome) -> UInt64 {
        switch outcome {
        case .committed(let ticket, _, _): ticket.rawValue << 3
        case .conflict: 1
        case .duplicate: 2
        case .keyReused: 3
        case .rejected: 4
        case .failed: 5
        case .inDoubt: 6
        }
    }
}
