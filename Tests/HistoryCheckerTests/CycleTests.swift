import HistoryChecker
import Testing

/// The published classes of dependency cycles (Adya 1999; the fixtures of Elle), in versions instead of lists.
@Suite("Cycles of strict operations")
struct CycleTests {
    private func message(_ b: Builder) -> String? {
        HistoryChecker.check(b.history).anomalies.first { $0.kind == .notSerializable }?.message
    }

    @Test("G0: two transactions wrote two keys in opposite orders")
    func writes() {
        var b = Builder()
        b.history.append(
            Operation(.write, begin: 0, end: 90, ticket: 2, attempt: 11), [],
            writes: [IntendedWrite(1, 11), IntendedWrite(2, 11)])
        b.history.append(
            Operation(.write, begin: 0, end: 90, ticket: 2, attempt: 12), [],
            writes: [IntendedWrite(1, 12), IntendedWrite(2, 12)])
        for (key, ticket, attempt) in [(1, 1, 11), (1, 2, 12), (2, 1, 12), (2, 2, 11)] as [(UInt64, UInt64, UInt64)] {
            b.history.versions.append(DurableVersion(key, at: ticket, value: attempt, attempt: attempt))
        }
        #expect(message(b)?.hasPrefix("G0") == true)
    }

    @Test("G1c: two transactions that each read the other's write")
    func reads() {
        var b = Builder()
        b.write(11, [1], at: 1, 0, 90, expecting: [2: 2])
        b.write(12, [2], at: 2, 0, 90, expecting: [1: 1])
        #expect(message(b)?.hasPrefix("G1c") == true)
        var right = Builder()
        right.write(11, [1], at: 1, 0, 90)
        right.write(12, [2], at: 2, 0, 90, expecting: [1: 1])
        #expect(right.found == [])
    }

    @Test("G-single: a strict read that sees one key before a transaction and another after it")
    func single() {
        var b = Builder()
        b.write(10, [1, 2], at: 1, 0, 1)
        b.write(11, [1, 2], at: 2, 2, 90)
        b.read(.strict, [(1, 1), (2, 2)], 3, 80)
        #expect(message(b)?.hasPrefix("G-single") == true)
        #expect(b.found == [.fracturedSnapshot, .notSerializable])
    }

    @Test("Time: two strict reads of different keys, one after the other, that saw two writes in opposite order")
    func time() {
        // The reader of key 1's write ends before the one begins that misses key 2's, which is the earlier ticket.
        func history(_ begin: Int64) -> Builder {
            var b = Builder()
            b.write(10, [1, 2], at: 1, 0, 1)
            b.write(11, [2], at: 2, 2, 90)
            b.write(12, [1], at: 3, 2, 90, expecting: [2: 2])
            b.read(.strict, [(1, 3)], 10, 20)
            b.read(.strict, [(2, 1)], begin, begin + 10)
            return b
        }
        #expect(history(21).found == [.notSerializable])
        #expect(history(20).found == [], "they overlap")
    }

    @Test("The slice of a cycle holds its operations and versions and no more")
    func slice() {
        var b = Builder()
        for n in 1...50 as ClosedRange<UInt64> { b.write(n, [n % 5 + 10], at: n, Int64(n), Int64(n)) }
        b.write(101, [1, 2], at: 51, 100, 101)
        b.write(102, [1], at: 52, 102, 190, expecting: [1: 51, 2: 51])
        b.write(103, [2], at: 53, 102, 190, expecting: [1: 51, 2: 51])
        let report = HistoryChecker.check(b.history)
        #expect(report.counts == [.notSerializable: 1])
        let anomaly = report.anomalies[0]
        #expect(anomaly.operations == [51, 52])
        #expect(Set(anomaly.versions.map(\.key)) == [1, 2])
        let text = report.text(of: anomaly, in: b.history)
        #expect(text.split(separator: "\n").count == 3 + anomaly.versions.count && text.contains("attempt 103"))
    }
}
