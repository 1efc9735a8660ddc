internal import CacheStack
internal import HistoryChecker

/// Writes the calls of all clients into one history for each epoch: a ticket names one commit only within its epoch.
final class Recorder {
    private var histories: [UInt32: History] = [:]
    /// The name under which an attempt is known in the history.
    private var names: [UInt64: UInt64] = [:]

    // MARK: Calls

    /// Adds a read that began at `began` and ends now, in each epoch its values are of.
    func read(
        _ kind: Operation.Kind, _ values: [Sighting], by host: Host, session: Int32 = Operation.nobody, began: Int64,
        maxAge: Int64, ticket: UInt64 = 0, isStale: Bool = false
    ) {
        guard let epoch = values.first?.epoch else { return }
        let world = host.world
        // Only rows that the stream tells of are promised never to go back in a process.
        var (followed, alone): ([Observation], [Observation]) = ([], [])
        for value in values {
            guard value.epoch == epoch else {
                for epoch in Set(values.map(\.epoch)).sorted() {
                    read(
                        kind, values.filter { $0.epoch == epoch }, by: host, session: session, began: began,
                        maxAge: maxAge, ticket: ticket, isStale: isStale)
                }
                return
            }
            let identity = min(value.content.attempt, Observation.unknown - 1)
            let item = Observation(UInt64(value.row), version: value.version, asOf: value.asOf, value: identity)
            if world.isShared(value.row) || kind == .snapshot || kind == .strict {
                followed.append(item)
            } else {
                alone.append(item)
            }
        }
        for (items, process) in [(followed, host.number), (alone, Operation.nobody)] where !items.isEmpty {
            let operation = Operation(
                kind, process: process, session: session, begin: began, end: world.scheduler.now,
                maxAge: maxAge + Truth.tolerance(maxAge), ticket: ticket, isStale: isStale)
            histories[epoch, default: History()].append(operation, items)
        }
    }

    /// A commit under way.
    struct Write {
        var attempt: UInt64
        /// The same for all attempts of which more than one taking effect would be wrong.
        var name: UInt64
        var began: Int64
        var session = Operation.nobody
        /// Whether the process was told of the commit itself: of a duplicate it learns from the stream, as others do.
        var isApplied = true
        var expected: [Observation]
        var writes: [IntendedWrite]
    }

    /// Adds a commit that ends now.
    func write(_ write: Write, _ outcome: Operation.Outcome, ticket: UInt64 = 0, epoch: UInt32, by host: Host) {
        names[write.attempt] = write.name
        let operation = Operation(
            .write, outcome, process: write.isApplied ? host.number : Operation.nobody, session: write.session,
            begin: write.began,
            end: host.world.scheduler.now, ticket: ticket, attempt: write.name)
        histories[epoch, default: History()].append(operation, write.expected, writes: write.writes)
    }

    /// A new epoch begins at `ticket`: what was acknowledged up to it is part of the new history too.
    func restart(_ old: UInt32, at ticket: UInt64, epoch: UInt32) {
        guard let before = histories[old] else { return }
        var after = History()
        for (index, operation) in before.operations.enumerated()
        where operation.kind == .write && operation.outcome == .ok && operation.ticket <= ticket {
            after.append(
                operation, Array(before.observations(of: index)), writes: Array(before.writes(of: index)))
        }
        histories[epoch] = after
    }

    // MARK: The verdict

    /// What the checker finds, epoch by epoch; the text is of the first anomaly.
    func verdict(_ truth: Truth) -> (text: String?, counts: [AnomalyKind: Int], observations: Int) {
        var (text, counts, observations): (String?, [AnomalyKind: Int], Int) = (nil, [:], 0)
        for (epoch, timeline) in truth.timelines.sorted(by: { $0.key < $1.key }) {
            guard var history = histories[epoch] else { continue }
            for (row, versions) in timeline.rows.enumerated() {
                for version in versions where version.ticket > 0 {
                    let name = names[version.content.attempt] ?? 0
                    history.versions.append(
                        DurableVersion(
                            UInt64(row), at: version.ticket, value: version.content.attempt, attempt: name))
                }
            }
            for (attempt, ticket) in timeline.attempts.sorted(by: { $0.key < $1.key }) {
                if let name = names[attempt] { history.attempts.append(DurableAttempt(name, at: ticket)) }
            }
            observations += history.observationCount
            let report = HistoryChecker.check(history)
            counts.merge(report.counts) { $0 + $1 }
            if text == nil, let first = report.anomalies.first {
                text = "epoch \(epoch): " + report.text(of: first, in: history)
            }
        }
        return (text, counts, observations)
    }
}
