import Autoscaling
import TestData
import Testing

/// Figures of runs against sums done by hand.
@Suite struct RunScoreTests {
    static func record(
        _ time: Double, requests: Double = 100, violations: Double = 0, replicas: [Int] = [1], p95: Double = 0.01,
        p99: Double = 0.02, utilisation: Double = 0.5
    ) -> ControlRecord {
        ControlRecord(
            time: time, requests: requests, violations: violations,
            replicaSeconds: 10 * Double(replicas.reduce(0, +)), p95: p95, p99: p99, utilisation: utilisation,
            replicas: replicas)
    }

    @Test("Shares, replica-hours and means are those of a sum by hand") func sums() {
        let score = RunScore([
            Self.record(0, requests: 100, violations: 10, replicas: [2, 3], p95: 0.010, utilisation: 0.4),
            Self.record(10, requests: 300, violations: 30, replicas: [4, 3], p95: 0.030, utilisation: 0.8),
        ])
        // 40 of 400; (5 + 7) replicas for 10 s each; p95 (10 + 30) / 2 ms; utilisation (100 · 0.4 + 300 · 0.8) / 400.
        #expect(score.violationShare == 0.1)
        #expect(abs(score.replicaHours - 120 / 3_600.0) < 1e-12)
        #expect(abs(score.p95 - 0.020) < 1e-12)
        #expect(abs(score.utilisation - 0.7) < 1e-12)
        #expect(abs(score.cost(requestsPerHour: 10) - (120 / 3_600.0 + 4)) < 1e-12)
        #expect(abs(score.hours - 20 / 3_600.0) < 1e-12)
    }

    @Test("A latency that is infinite counts as the longest, in mean and worst minute") func infinite() {
        let score = RunScore([
            Self.record(0, p95: .infinity, p99: .nan), Self.record(10), Self.record(60, p95: 0.5),
        ])
        #expect(abs(score.p95 - (60 + 0.01 + 0.5) / 3) < 1e-9)
        #expect(abs(score.p99 - (60 + 0.02 + 0.02) / 3) < 1e-9)
        #expect(abs(score.worstMinute - (60 + 0.01) / 2) < 1e-9)
    }

    @Test("The worst minute is the mean of a whole minute, not of a period") func worstMinute() {
        var records = (0..<6).map { Self.record(Double($0) * 10, p95: 0.020) }
        records[2].p95 = 0.140
        records += (6..<12).map { Self.record(Double($0) * 10, p95: 0.035) }
        // First minute (5 · 20 + 140) / 6 = 40 ms, second 35 ms.
        #expect(abs(RunScore(records).worstMinute - 0.040) < 1e-9)
    }

    @Test("A change is an action; one against the last within 300 s a reversal, at 301 s none") func reversals() {
        func score(_ steps: [(Double, Int)]) -> RunScore {
            var replicas = 5
            var records: [ControlRecord] = []
            for second in 0..<1_000 {
                if let step = steps.first(where: { $0.0 == Double(second) }) { replicas = step.1 }
                var record = Self.record(Double(second), replicas: [replicas])
                record.seconds = 1
                records.append(record)
            }
            return RunScore(records, initial: [5])
        }
        let hour = 3.6
        #expect(score([]).actionsPerHour == 0)
        let up = score([(10, 6), (20, 8)])
        #expect(abs(up.actionsPerHour - 2 * hour) < 1e-9 && up.reversalsPerHour == 0)
        #expect(abs(score([(10, 6), (310, 5)]).reversalsPerHour - hour) < 1e-9)
        #expect(score([(10, 6), (311, 5)]).reversalsPerHour == 0)
        #expect(abs(score([(10, 6), (20, 5), (30, 6)]).reversalsPerHour - 2 * hour) < 1e-9)
    }

    @Test("A change in the first period counts against the replicas before it") func initial() {
        #expect(RunScore([Self.record(0, replicas: [4])], initial: [3]).actionsPerHour == 360)
        #expect(RunScore([Self.record(0, replicas: [4])]).actionsPerHour == 0)
    }

    @Test("The peak hour is the 3,600 s with the most requests") func peakHour() {
        var records: [ControlRecord] = []
        for period in 0..<1_080 {
            let isPeak = (400..<760).contains(period)
            records.append(
                Self.record(Double(period) * 10, requests: isPeak ? 1_000 : 100, utilisation: isPeak ? 0.8 : 0.2))
        }
        let score = RunScore(records)
        #expect(abs(score.utilisationPeakHour - 0.8) < 1e-9)
        #expect(abs(score.utilisation - (360_000 * 0.8 + 72_000 * 0.2) / 432_000) < 1e-9)
    }

    @Test("Recovery is the time to the first whole minute within the promise") func recovery() {
        func records(_ bad: Range<Int>) -> [ControlRecord] {
            (0..<60).map { Self.record(Double($0) * 10, p95: bad.contains($0) ? 0.2 : 0.01) }
        }
        // Bad from 100 s to 150 s: good again from 150 s on, 50 s after the step.
        #expect(RunScore.recovery(records(10..<15), after: 100, target: 0.05) == 50)
        #expect(RunScore.recovery(records(0..<0), after: 100, target: 0.05) == 0)
        #expect(RunScore.recovery(records(10..<60), after: 100, target: 0.05) == nil)
        // A good half minute between two bad ones is no recovery.
        let twice = records(10..<12).enumerated().map { index, record in
            var record = record
            if (15..<18).contains(index) { record.p95 = 0.2 }
            return record
        }
        #expect(RunScore.recovery(twice, after: 100, target: 0.05) == 80)
    }

    @Test("No periods give zeros, not NaN") func empty() {
        let score = RunScore([])
        #expect(score.violationShare == 0 && score.replicaHours == 0 && score.worstMinute == 0)
    }
}

/// Bootstrap intervals.
@Suite struct IntervalTests {
    @Test("The interval holds the mean and shrinks with the root of the runs") func width() {
        var random = SplitMix64(seed: 7)
        func draw(_ count: Int) -> [Double] { (0..<count).map { _ in Double.random(in: 0..<1, using: &random) } }
        let few = Interval(bootstrap: draw(10))
        let many = Interval(bootstrap: draw(1_000))
        #expect(few.low <= few.mean && few.mean <= few.high)
        // Uniform: sd 0.2887; 2 · 1.96 · sd / √n is 0.358 for 10 and 0.0358 for 1,000.
        #expect(abs((many.high - many.low) - 0.0358) < 0.006)
        #expect((0.2...0.5).contains(few.high - few.low))
        #expect(Interval(bootstrap: [1, 2, 3], seed: 5) == Interval(bootstrap: [1, 2, 3], seed: 5))
    }

    @Test("One value is its own interval, none has none") func small() {
        #expect(Interval(bootstrap: [2.5]) == Interval(mean: 2.5, low: 2.5, high: 2.5))
        #expect(Interval(bootstrap: []).mean.isNaN)
    }
}
