internal import CacheStack

extension Client {
    /// Where an attempt has got to.
    enum Progress {
        case done, refused, unknown
    }

    /// Moves money between two accounts, on data of any level; the commit guards it.
    func transfer() async {
        let intent = world.makeIntent()
        var isFirst = true
        for _ in 0..<4 {
            guard !host.isDead else { return }
            let (from, to) = (generator.below(world.plan.accounts), generator.below(world.plan.accounts))
            guard from != to else { return }
            let level: ReadLevel = generator.chance(3_000) ? .strict : .bounded()
            let values = await read([from, to], level, maxAge: nil)
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
            switch await settle(transaction, attempt: attempt, intent: intent) {
            case .done: return
            case .refused: continue
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
        if generator.chance(3_000) {
            writes.append(world.key(row), .delete, payload: EmptyCollection())
        } else {
            writes.append(world.key(row), payload: Content(attempt: attempt, balance: 1).bytes)
        }
        let transaction = Transaction(writes: writes, idempotency: .init("\(intent)", bodyHash: attempt))
        _ = await settle(transaction, attempt: attempt, intent: intent)
    }

    /// Commits until the outcome is known, always under the same key; what it is told must be the truth.
    private func settle(_ transaction: Transaction, attempt: UInt64, intent: UInt64) async -> Progress {
        var wasInDoubt = false
        for _ in 0..<6 {
            let outcome = await stack.commit(transaction)
            guard !host.isDead else { return .unknown }
            world.scheduler.note(Self.number(outcome))
            switch outcome {
            case .committed(let ticket, _, let epoch):
                let epoch = world.epoch(epoch)
                truth.acknowledge(attempt: attempt, ticket: ticket.rawValue, epoch: epoch)
                transaction.writes.forEachKey { key in
                    host.note(world.row(key), epoch: epoch, version: ticket.rawValue, by: "commit")
                }
                if !world.idleSessions.isEmpty {
                    let index = generator.below(world.idleSessions.count)
                    world.idleSessions[index].token.observe(outcome)
                }
                return .done
            case .duplicate(let ticket):
                truth.acknowledge(attempt: attempt, ticket: ticket.rawValue, epoch: truth.epoch)
                return .done
            case .keyReused:
                if !truth.isDone(intent) { truth.fail("intent \(intent) is said to be done, it is not") }
                return .done
            case .conflict:
                truth.refuse(attempt: attempt)
                return .refused
            case .rejected(let text):
                truth.fail("attempt \(attempt) was rejected: \(text)")
            case .failed(let error):
                if world.plan.rates.isEmpty { truth.fail("\(error) though nothing is at fault") }
                if wasInDoubt {
                    await world.scheduler.sleep(generator.waiting(mean: 200_000_000))
                    continue
                }
                truth.refuse(attempt: attempt)
                return .refused
            case .inDoubt:
                if world.plan.rates.isEmpty { truth.fail("in doubt though nothing is at fault") }
                if world.plan.mutant == .retriedWithoutKey { return .unknown }
                wasInDoubt = true
                await world.scheduler.sleep(generator.waiting(mean: 200_000_000))
            }
        }
        return .unknown
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
