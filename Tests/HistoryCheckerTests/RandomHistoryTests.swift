import HistoryChecker
import TestData
import Testing

@Suite("Random histories")
struct RandomHistoryTests {
    @Test("Histories of a cache that keeps its promises are never flagged", arguments: 1...120 as ClosedRange<UInt64>)
    func correct(seed: UInt64) {
        var shape = RandomHistory.Shape()
        shape.keys = seed % 3 == 0 ? 3 : 12
        let history = RandomHistory(seed: seed, shape).history
        let report = HistoryChecker.check(history)
        for anomaly in report.anomalies { Issue.record("seed \(seed): \(report.text(of: anomaly, in: history))") }
        #expect(report.isClean && history.operations.count == shape.calls)
    }

    /// The history with one observation of a read of `kinds` changed by `change`, which returns nil where it cannot.
    private func corrupted(
        _ history: History, _ kinds: Set<Operation.Kind>, _ random: inout SplitMix64,
        _ change: (inout Operation, Observation) -> Observation?
    ) -> History? {
        for _ in 0..<500 {
            let index = Int.random(in: history.operations.indices, using: &random)
            var operation = history.operations[index]
            var observed = Array(history.observations(of: index))
            guard kinds.contains(operation.kind), operation.outcome == .ok, let last = observed.last,
                let changed = change(&operation, last)
            else { continue }
            observed[observed.count - 1] = changed
            var copy = History()
            for other in history.operations.indices {
                if other == index {
                    copy.append(operation, observed)
                } else {
                    copy.append(
                        history.operations[other], Array(history.observations(of: other)),
                        writes: Array(history.writes(of: other)))
                }
            }
            copy.versions = history.versions
            copy.attempts = history.attempts
            return copy
        }
        return nil
    }

    @Test("One read changed in a correct history is found, for what it is", arguments: 1...20 as ClosedRange<UInt64>)
    func corruption(seed: UInt64) throws {
        var random = SplitMix64(seed: seed &* 977)
        let history = RandomHistory(seed: seed).history
        let all = Set(Operation.Kind.allCases).subtracting([.write])
        func next(_ item: Observation) -> DurableVersion? {
            history.versions.filter { $0.key == item.key && $0.ticket > item.version }.min { $0.ticket < $1.ticket }
        }
        func found(_ history: History?) throws -> [AnomalyKind: Int] {
            HistoryChecker.check(try #require(history)).counts
        }

        let garbage = corrupted(history, all, &random) { _, item in
            Observation(item.key, version: item.version, asOf: item.asOf, value: 1 << 40)
        }
        #expect(try found(garbage) == [.garbage: 1])
        let aborted = corrupted(history, all, &random) { _, item in
            guard
                let at = history.operations.indices.first(where: { index in
                    history.operations[index].outcome == .failed
                        && history.writes(of: index).contains { $0.key == item.key && $0.value != 0 }
                })
            else { return nil }
            return Observation(
                item.key, version: item.version, asOf: item.asOf, value: history.operations[at].attempt)
        }
        #expect(try found(aborted) == [.abortedRead: 1])
        let lie = corrupted(history, all, &random) { _, item in
            next(item).map { Observation(item.key, version: item.version, asOf: $0.ticket, value: item.value) }
        }
        #expect(try found(lie) == [.untrueCertificate: 1])
        let stale = corrupted(history, [.bounded], &random) { operation, item in
            guard let newer = next(item),
                let at = history.operations.firstIndex(where: { $0.ticket == newer.ticket && $0.kind == .write })
            else { return nil }
            operation.begin = history.operations[at].end + 10_000
            operation.end = operation.begin + 1
            operation.maxAge = 9_999
            operation.process = Operation.nobody
            return item
        }
        #expect(try found(stale)[.staleRead] ?? 0 > 0)
        let strict = corrupted(history, [.strict], &random) { _, item in
            let older = history.versions.filter { $0.key == item.key && $0.ticket < item.version }
            // The version before the last: the write that replaced it had begun before the read.
            guard older.count > 3 else { return nil }
            let old = older.sorted { $0.ticket < $1.ticket }[0]
            return Observation(item.key, version: old.ticket, asOf: old.ticket, value: old.value)
        }
        #expect(try found(strict)[.notLinearizable] ?? 0 > 0)
    }

    @Test("The text of a call reads back; anything else is refused and adds nothing")
    func text() {
        let history = RandomHistory(seed: 5).history
        var copy = History()
        for index in history.operations.indices {
            let line = History.line(
                history.operations[index], Array(history.observations(of: index)),
                writes: Array(history.writes(of: index)))
            let isRead = copy.append(line: line)
            #expect(isRead)
        }
        #expect(copy.operations == history.operations && copy.observationCount == history.observationCount)
        for index in history.operations.indices {
            #expect(copy.observations(of: index).elementsEqual(history.observations(of: index)))
            #expect(copy.writes(of: index).elementsEqual(history.writes(of: index)))
        }
        let good = "bounded ok 1 -1 5 6 7 0 0 0 1 9 2 3 4 0"
        let isRead = copy.append(line: good)
        #expect(isRead)
        let bad = [
            "", "bounded", good + " ", good + " 1", String(good.dropLast(2)), "fast" + good.dropFirst(7),
            good.replacing(" 1 9 2 3 4 0", with: " 2 9 2 3 4 0"), good.replacing("5 6", with: "5 x"),
            "bounded ok 1 -1 5 6 7 0 0 0 99999999999 9 2 3 4 0",
        ]
        for line in bad {
            let isRead = copy.append(line: line)
            #expect(!isRead, "\(line)")
        }
        #expect(copy.operations.count == history.operations.count + 1)
    }

    @Test("A long history on a thousand keys is judged in one go: 300,000 calls, 840,000 values")
    func large() {
        var history = History()
        // Tickets 1... write keys in turn; every read sees the newest, 3 keys at a time.
        var newest = [UInt64](repeating: 0, count: 1_000)
        var (ticket, time): (UInt64, Int64) = (0, 0)
        for index in 0..<300_000 {
            time += 10
            if index % 10 == 0 {
                ticket += 1
                let key = ticket &* 7_919 % 1_000
                history.append(
                    Operation(
                        .write, process: 0, session: 1, begin: time, end: time + 5, ticket: ticket, attempt: ticket),
                    [Observation(key, version: newest[Int(key)], asOf: ticket - 1)],
                    writes: [IntendedWrite(key, ticket)])
                history.versions.append(DurableVersion(key, at: ticket, value: ticket, attempt: ticket))
                newest[Int(key)] = ticket
                continue
            }
            let kind = Operation.Kind.allCases[index % 4]
            let keys = (0..<3 as Range<UInt64>).map { (UInt64(index) &* 31 + $0 * 17) % 1_000 }
            history.append(
                Operation(
                    kind, process: Int32(index % 8), session: kind == .bounded ? Operation.nobody : Int32(index % 64),
                    begin: time, end: time + 5, maxAge: 1, ticket: kind == .snapshot ? ticket : 0),
                keys.map { Observation($0, version: newest[Int($0)], asOf: ticket, value: newest[Int($0)]) })
        }
        let report = HistoryChecker.check(history)
        #expect(report.isClean && report.staleness[.bounded]?.count == 180_000)
    }
}
