import HistoryChecker
import Testing

/// For each anomaly a history that has it and nothing else, and one that has almost it.
@Suite("Each anomaly by hand")
struct AnomalyTests {
    /// Key 1 at tickets 1, 2 and 3, committed at 10, 20 and 30 ms; attempts 101, 102 and 103.
    static func three() -> Builder {
        var b = Builder()
        for n in 1...3 as ClosedRange<UInt64> { b.write(100 + n, [1], at: n, Int64(n) * 10 - 5, Int64(n) * 10) }
        return b
    }

    @Test("A1: a value nobody wrote, a foreign value, and a right value under a wrong version")
    func garbage() {
        var b = Self.three()
        b.read(.bounded, [(1, 2)], 25, 26)
        #expect(b.found == [])
        var never = b
        never.read(.bounded, [(1, 2)], 25, 26, value: 999)
        #expect(never.found == [.garbage])
        var wrong = b
        wrong.read(.bounded, [(1, 2)], 25, 26, value: 103)
        #expect(wrong.found == [.garbage])
        var foreign = b
        foreign.write(200, [2], at: 4, 40, 41)
        foreign.read(.bounded, [(1, 3)], 45, 46, value: 200)
        #expect(foreign.found == [.garbage])
        var absent = b
        absent.read(.bounded, [(9, 0)], 45, 46)
        #expect(absent.found == [], "a row that never existed is absent")
        absent.read(.bounded, [(1, 3)], 45, 46, value: 0)
        #expect(absent.found == [.garbage], "a row that exists is not")
    }

    @Test("A2: the value of a write that failed; that of one in doubt which L3 holds is right")
    func abortedRead() {
        var b = Self.three()
        b.write(104, [1], at: nil, 35, 40, outcome: .failed)
        b.read(.bounded, [(1, 4)], 45, 46, value: 104)
        #expect(b.found == [.abortedRead])
        var doubt = Self.three()
        doubt.write(104, [1], at: 4, 35, nil, outcome: .inDoubt)
        doubt.read(.bounded, [(1, 4)], 45, 46)
        #expect(doubt.found == [])
        var gone = Self.three()
        gone.write(104, [1], at: nil, 35, nil, outcome: .inDoubt)
        gone.read(.bounded, [(1, 4)], 45, 46, value: 104)
        #expect(gone.found == [.abortedRead])
    }

    @Test("A3: a value that its transaction replaced; the one it replaced it by is right")
    func intermediateRead() {
        func history(_ seen: UInt64) -> Builder {
            var b = Builder()
            b.history.append(
                Operation(.write, begin: 0, end: 5, ticket: 1, attempt: 9), [],
                writes: [IntendedWrite(1, 91), IntendedWrite(1, 92)])
            b.history.versions.append(DurableVersion(1, at: 1, value: 92, attempt: 9))
            b.read(.bounded, [(1, 1)], 7, 8, value: seen)
            return b
        }
        #expect(history(91).found == [.intermediateRead])
        #expect(history(92).found == [])
    }

    @Test("A4: superseded for longer than the bound, by a commit that had completed; to the millisecond")
    func staleRead() {
        var b = Self.three()
        b.read(.bounded, [(1, 2)], 130, 131, maxAge: 100)
        #expect(b.found == [])
        #expect(HistoryChecker.check(b.history).staleness[.bounded]?.maximum == 100_000_000)
        b.read(.bounded, [(1, 2)], 131, 132, maxAge: 100)
        #expect(b.found == [.staleRead])
        var tagged = Self.three()
        tagged.read(.bounded, [(1, 2)], 500, 501, maxAge: 100, isStale: true)
        #expect(tagged.found == [], "values returned as stale owe no bound")
        var doubt = Builder()
        doubt.write(101, [1], at: 1, 0, 5)
        doubt.write(102, [1], at: 2, 10, nil, outcome: .inDoubt)
        doubt.read(.bounded, [(1, 1)], 500, 501, maxAge: 100)
        #expect(doubt.found == [], "nobody knew of the commit")
        doubt.write(103, [2], at: 3, 20, 30)
        doubt.read(.bounded, [(1, 1)], 500, 501, maxAge: 100)
        #expect(doubt.found == [.staleRead], "a later ticket was acknowledged at 30 ms")
    }

    @Test("A5: a session, or a process, that goes back; overlapping calls may, snapshots of the past may")
    func nonMonotonicRead() {
        var b = Self.three()
        b.read(.session, [(1, 3)], 31, 33, session: 1)
        var overlapping = b
        overlapping.read(.session, [(1, 2)], 33, 34, session: 1)
        #expect(overlapping.found == [], "the first had not ended when the second began")
        var back = b
        back.read(.session, [(1, 2)], 34, 35, session: 1)
        #expect(back.found == [.nonMonotonicRead])
        var other = b
        other.read(.session, [(1, 2)], 34, 35, session: 2)
        #expect(other.found == [])
        var process = Self.three()
        process.read(.bounded, [(1, 3)], 31, 33, process: 1)
        process.read(.snapshot, [(1, 2)], 34, 35, ticket: 2, process: 1)
        #expect(process.found == [])
        process.read(.bounded, [(1, 2)], 34, 35, process: 1)
        #expect(process.found == [.nonMonotonicRead])
    }

    @Test("A6: own writes, and writes that follow from what was read")
    func missedOwnWrite() {
        var b = Builder()
        b.write(101, [1], at: 1, 0, 5)
        b.write(102, [1], at: 2, 10, 20, session: 1)
        var early = b
        early.read(.session, [(1, 1)], 20, 21, session: 1)
        #expect(early.found == [], "the write had not ended")
        var own = b
        own.read(.session, [(1, 1)], 21, 22, session: 1)
        #expect(own.found == [.missedOwnWrite])
        // Key 2 is written after key 1's second version; who has seen it must see that.
        var causal = b
        causal.write(103, [2], at: 3, 25, 26, session: 1)
        causal.read(.session, [(2, 3)], 30, 31, session: 2)
        var right = causal
        right.read(.session, [(1, 2)], 32, 33, session: 2)
        #expect(right.found == [])
        causal.read(.session, [(1, 1)], 32, 33, session: 2)
        #expect(causal.found == [.missedOwnWrite])
    }

    @Test("A7: two versions from one, and an acknowledged version that is gone")
    func lostUpdate() {
        var b = Builder()
        b.write(101, [1], at: 1, 0, 1)
        b.write(102, [1], at: 2, 2, 3, expecting: [1: 1])
        var right = b
        right.write(103, [1], at: 3, 4, 5, expecting: [1: 2])
        #expect(right.found == [])
        var lost = b
        lost.write(103, [1], at: 3, 4, 5, expecting: [1: 1])
        // Two updates from one version cannot be put in one order either.
        #expect(lost.found == [.lostUpdate, .notSerializable])
        var gone = b
        gone.write(103, [1], at: 3, 4, 5)
        gone.history.versions.removeLast()
        #expect(gone.found == [.lostUpdate])
    }

    @Test("A8: values that never held together, and a ticket at which they did not")
    func fracturedSnapshot() {
        var b = Builder()
        b.write(101, [1, 2], at: 1, 0, 1)
        b.write(102, [1, 2], at: 2, 2, 3)
        b.write(103, [3], at: 3, 4, 5)
        b.write(104, [1], at: 4, 6, 7)
        var right = b
        right.read(.snapshot, [(1, 2), (2, 2), (3, 0)], 8, 9, ticket: 2)
        right.read(.snapshot, [(1, 2), (2, 2), (3, 3)], 8, 9, ticket: 3)
        right.read(.bounded, [(1, 1), (2, 2)], 8, 9)
        #expect(right.found == [], "bounded reads are no snapshot")
        var fractured = b
        fractured.read(.snapshot, [(1, 1), (2, 2)], 8, 9, ticket: 2)
        #expect(fractured.found == [.fracturedSnapshot])
        var mislabelled = b
        mislabelled.read(.snapshot, [(1, 2), (2, 2)], 8, 9, ticket: 4)
        #expect(mislabelled.found == [.fracturedSnapshot])
    }

    @Test("A9: a write in doubt may take effect after a read that began when its call had ended, an answered one not")
    func lateEffect() {
        func history(_ outcome: Operation.Outcome) -> Builder {
            var builder = Builder()
            builder.write(1, [7], at: 10, 0, 1)
            builder.write(2, [7], at: 20, 2, 5, expecting: [7: 10], outcome: outcome)
            builder.read(.strict, [(7, 10)], 6, 8, asOf: 19)
            return builder
        }
        #expect(history(.inDoubt).found == [])
        #expect(history(.ok).found.contains(.notSerializable))
    }

    @Test("A9: write skew between two strict transactions; one after the other is right")
    func notSerializable() {
        // Each reads both keys and writes one: in no order do both see what they saw.
        var skew = Builder()
        skew.write(101, [1, 2], at: 1, 0, 1)
        var right = skew
        skew.write(102, [1], at: 2, 2, 9, expecting: [1: 1, 2: 1])
        skew.write(103, [2], at: 3, 2, 9, expecting: [1: 1, 2: 1])
        #expect(skew.found == [.notSerializable])
        let report = HistoryChecker.check(skew.history)
        #expect(report.anomalies[0].message.hasPrefix("G2") && report.anomalies[0].operations.count == 2)
        right.write(102, [1], at: 2, 2, 9, expecting: [1: 1, 2: 1])
        right.write(103, [2], at: 3, 2, 9, expecting: [1: 2, 2: 1])
        #expect(right.found == [])
    }

    @Test("A10: a strict read that misses a completed write, sees one not begun, or goes back")
    func notLinearizable() {
        var b = Self.three()
        var during = b
        during.read(.strict, [(1, 2)], 26, 30)
        during.read(.strict, [(1, 3)], 25, 29)
        #expect(during.found == [], "they overlap each other and the write of 3")
        var missed = b
        missed.read(.strict, [(1, 2)], 31, 32)
        #expect(missed.found.contains(.notLinearizable))
        var early = b
        early.read(.strict, [(1, 3)], 23, 24)
        #expect(early.found.contains(.notLinearizable))
        b.write(104, [1], at: 4, 40, 90)
        b.read(.strict, [(1, 4)], 41, 42)
        var apart = b
        apart.read(.strict, [(1, 3)], 42, 43)
        #expect(apart.found == [], "the reads overlap")
        b.read(.strict, [(1, 3)], 43, 44)
        #expect(b.found == [.notSerializable, .notLinearizable])
    }

    @Test("A11: an effect twice, an acknowledged write without effect, a failed one with it")
    func wrongOutcome() {
        var twice = Self.three()
        twice.history.versions.append(DurableVersion(2, at: 4, value: 101, attempt: 101))
        #expect(twice.found == [.wrongOutcome])
        var nothing = Self.three()
        nothing.write(104, [1], at: nil, 40, 41)
        #expect(nothing.found.contains(.wrongOutcome))
        for outcome in [Operation.Outcome.failed, .conflict] {
            var phantom = Self.three()
            phantom.write(104, [1], at: 4, 40, 41, outcome: outcome)
            #expect(phantom.found == [.wrongOutcome])
        }
        for ticket in [nil, 4] as [UInt64?] {
            var doubt = Self.three()
            doubt.write(104, [1], at: ticket, 40, 41, outcome: .inDoubt)
            #expect(doubt.found == [], "in doubt may be either")
        }
    }

    @Test("A12: a certificate that reaches over a newer version; one that ends before it is true")
    func untrueCertificate() {
        var b = Self.three()
        b.write(200, [2], at: 4, 40, 41)
        b.write(104, [1], at: 5, 42, 43)
        b.read(.bounded, [(1, 3)], 44, 45, asOf: 4)
        #expect(b.found == [])
        var lie = b
        lie.read(.bounded, [(1, 3)], 44, 45, asOf: 5)
        #expect(lie.found == [.untrueCertificate])
        var stale = b
        stale.read(.bounded, [(1, 3)], 44, 45, asOf: 5, isStale: true)
        #expect(stale.found == [.untrueCertificate], "stale or not, a certificate is true")
        b.read(.bounded, [(1, 3)], 44, 45, asOf: 2)
        #expect(b.found == [.untrueCertificate], "below its own version")
    }
}
