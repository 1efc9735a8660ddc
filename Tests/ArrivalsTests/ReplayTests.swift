import Arrivals
import Foundation
import TestData
import Testing

@Suite("Replayed arrivals")
struct ReplayTests {
    private func times(_ recording: TimeRecording, seconds: Double) -> [UInt64] {
        Array(ArrivalSchedule(ArrivalProcess.replay(recording), profile: .constant(1, seconds: seconds), seed: 1))
    }

    @Test("Times are replayed exactly, faster, and again and again")
    func recorded() throws {
        let list: [UInt64] = [0, 0, 5, 1_000, 999_999_999]
        #expect(times(try TimeRecording(times: list), seconds: 1) == list)
        #expect(times(try TimeRecording(times: list, speed: 2), seconds: 1) == [0, 0, 3, 500, 500_000_000])
        #expect(times(try TimeRecording(times: list), seconds: 0.5) == [0, 0, 5, 1_000])
        let again = try TimeRecording(times: [100, 200], repeats: true, lengthSeconds: 1e-6)
        #expect(times(again, seconds: 3.15e-6) == [100, 200, 1_100, 1_200, 2_100, 2_200, 3_100])
        let process = ArrivalProcess.replay(again)
        #expect(process.expected(over: .constant(1, seconds: 3.15e-6)) == 7)
        // 2,000 passes of 1 us and 150 ns more: one of two times.
        #expect(process.expected(over: .constant(1, seconds: 2_000.15e-6)) == 4_001)
        #expect(times(again, seconds: 2_000.15e-6).count == 4_001)
        // Without a length the recording ends a mean gap after its last time: 200 + 100.
        let open = try TimeRecording(times: [100, 200], repeats: true)
        #expect(times(open, seconds: 6e-7) == [100, 200, 400, 500])
    }

    @Test("Jitter moves every arrival by at most itself and keeps the order")
    func jitter() throws {
        let list = (0..<5_000).map { UInt64($0) * 1_000 + 1_000_000 }
        let recording = try TimeRecording(times: list, jitterSeconds: 50e-6)
        let moved = times(recording, seconds: 1)
        #expect(moved.count == list.count && moved != list)
        #expect(zip(moved, moved.dropFirst()).allSatisfy { $0 <= $1 })
        // Sorting cannot carry an arrival farther than the jitter either.
        #expect(zip(moved, list).allSatisfy { $0 + 50_000 >= $1 && $0 <= $1 + 50_000 })
        #expect(moved == times(recording, seconds: 1))
    }

    @Test("Counts are replayed exactly, at random or even places", arguments: CountRecording.Placement.allCases)
    func counts(placement: CountRecording.Placement) throws {
        var random = SplitMix64(seed: 3)
        let counts = (0..<200).map { _ in Int(random.next() % 40) }
        for (bucket, speed) in [(1, 1), (60, 1), (60, 45), (1, 3)] as [(Double, Double)] {
            let recording = try CountRecording(
                counts: counts, bucketSeconds: bucket, speed: speed, placement: placement)
            let profile = recording.profile()
            let times = Array(ArrivalSchedule(ArrivalProcess.replayCounts(recording), profile: profile, seed: 2))
            var found = [Int](repeating: 0, count: counts.count)
            let width = bucket / speed * 1e9
            for time in times { found[Int(Double(time) / width)] += 1 }
            #expect(found == counts, "\(bucket) s at \(speed)")
            #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(abs(profile.mass - Double(times.count)) < 1e-6)
        }
        let again = try CountRecording(counts: [2, 0, 1], bucketSeconds: 1, repeats: true, placement: placement)
        let looped = Array(
            ArrivalSchedule(ArrivalProcess.replayCounts(again), profile: .constant(1, seconds: 7), seed: 2))
        #expect(looped.map { $0 / 1_000_000_000 } == [0, 0, 2, 3, 3, 5, 6, 6])
        #expect(ArrivalProcess.replayCounts(again).expected(over: .constant(1, seconds: 7)) == 8)
    }

    @Test("Even places are the middles of equal parts")
    func middles() throws {
        let recording = try CountRecording(counts: [4], bucketSeconds: 1, placement: .even)
        let times = Array(
            ArrivalSchedule(ArrivalProcess.replayCounts(recording), profile: recording.profile(), seed: 1))
        #expect(times == [125_000_000, 375_000_000, 625_000_000, 875_000_000])
    }

    @Test("Random places are uniform: a long bucket is an exact Poisson process")
    func places() throws {
        let recording = try CountRecording(counts: [50_000], bucketSeconds: 1)
        let times = Array(
            ArrivalSchedule(ArrivalProcess.replayCounts(recording), profile: recording.profile(), seed: 4))
        let gaps = ArrivalStatistics.rescaledGaps(of: times, profile: .constant(50_000, seconds: 1))
        #expect(ArrivalStatistics.exponentialDistance(of: gaps) < 1.95)
        #expect(abs(ArrivalStatistics.lagOneCorrelation(of: gaps)) < 3.3 / Double(gaps.count).squareRoot())
    }

    @Test("Recordings that cannot be replayed are refused with what to do")
    func badRecordings() {
        #expect(throws: ArrivalError.self) { try TimeRecording(times: []) }
        #expect {
            try TimeRecording(times: [3, 5, 4])
        } throws: {
            "\($0)".contains("time 3, 4") && "\($0)".contains("sort")
        }
        #expect(throws: ArrivalError.self) { try TimeRecording(times: [1 << 53 + 1]) }
        #expect(throws: ArrivalError.self) { try TimeRecording(times: [1], speed: 0) }
        #expect(throws: ArrivalError.self) { try TimeRecording(times: [1], jitterSeconds: -1) }
        #expect(throws: ArrivalError.self) { try TimeRecording(times: [2_000_000_000], lengthSeconds: 2) }
        #expect(throws: ArrivalError.self) { try CountRecording(counts: [0, 0], bucketSeconds: 1) }
        #expect(throws: ArrivalError.self) { try CountRecording(counts: [1, -1], bucketSeconds: 1) }
        #expect(throws: ArrivalError.self) { try CountRecording(counts: [1], bucketSeconds: 0) }
        #expect(throws: ArrivalError.self) { try CountRecording(counts: [1], bucketSeconds: 1, speed: .nan) }
    }

    @Test("A column of a CSV file: header, spaces, line ends; errors name the line")
    func csv() throws {
        #expect(try RecordingText.column(1, of: "offset_ns,op\n0,new\r\n 17 ,cancel\n\n99,new") == [0, 17, 99])
        #expect(try RecordingText.column(nil, of: "minute,requests\n1998,2\n1999,11\n") == [2, 11])
        #expect(try RecordingText.column(1, of: "") == [])
        #expect { try RecordingText.column(1, of: "t\n1\n2.5\n") } throws: { "\($0)".contains("line 3: \"2.5\"") }
        #expect { try RecordingText.column(3, of: "a,b\n") } throws: { "\($0)".contains("line 1: no column 3") }
        #expect { try RecordingText.column(1, of: "1\nx\n") } throws: { "\($0)".contains("line 2") }
    }
}

/// Orders and cancels of Shanghai symbol-days; the figures are in the README beside the recorded data, section 8.
@Suite("Recorded arrivals")
struct RecordedArrivalTests {
    struct Day: Sendable {
        let symbol: String
        let total: Int
        let mean: Double
        let busiest: Int
        let dispersion: Double
    }

    @Test(
        "Per-second counts of recorded order flow are replayed exactly, with their dispersion",
        .enabled(if: RecordedData.orderFlow != nil, "SPRINGTIDE_DATA names no folder with recorded order flow"),
        arguments: [
            Day(symbol: "600536", total: 64_664, mean: 4.55, busiest: 238, dispersion: 10.9),
            Day(symbol: "601825", total: 10_231, mean: 0.72, busiest: 90, dispersion: 11.0),
            Day(symbol: "605580", total: 32_545, mean: 2.29, busiest: 103, dispersion: 6.9),
        ])
    func perSecond(day: Day) throws {
        // Continuous trading: 9:30-11:30 and 13:00-14:57.
        let morning = 34_200..<41_400
        let afternoon = 46_800..<53_820
        var counts = [Int](repeating: 0, count: morning.count + afternoon.count)
        for row in try RecordedData.shanghaiDay(day.symbol, "orders").split(separator: "\n").dropFirst() {
            let second = try #require(Int(row.split(separator: ",")[1])) / 1_000
            if morning.contains(second) { counts[second - morning.lowerBound] += 1 }
            if afternoon.contains(second) { counts[morning.count + second - afternoon.lowerBound] += 1 }
        }
        let recording = try CountRecording(counts: counts, bucketSeconds: 1)
        let process = ArrivalProcess.replayCounts(recording)
        let times = Array(ArrivalSchedule(process, profile: recording.profile(), seed: 7))
        #expect(times.count == day.total)
        #expect(abs(Double(times.count) / Double(counts.count) - day.mean) < 0.005)
        var replayed = [Int](repeating: 0, count: counts.count)
        for time in times { replayed[Int(time / 1_000_000_000)] += 1 }
        #expect(replayed == counts)
        #expect(replayed.max() == day.busiest)
        let length = UInt64(counts.count) * 1_000_000_000
        let (index, _) = try #require(ArrivalStatistics.dispersion(of: times, window: 1_000_000_000, length: length))
        #expect(abs(index - day.dispersion) < 0.05, "\(index)")
        let summary = ArrivalCheck.summary(process, profile: recording.profile(), seed: 7)
        #expect(summary.passed && summary.busiestSecond == day.busiest)
        #expect(summary.tests.contains { $0.name == "replayed_counts" && $0.passed == true })
        // A Poisson stream of the same mean has nothing of it: 0.97 to 1.03 at these 14,220 windows.
        let plain = Array(
            ArrivalSchedule(.poisson, profile: .constant(day.mean, seconds: Double(counts.count)), seed: 7))
        let (flat, _) = try #require(ArrivalStatistics.dispersion(of: plain, window: 1_000_000_000, length: length))
        #expect(abs(flat - 1) < 3.3 * (2 / Double(counts.count)).squareRoot() + 0.01, "\(flat)")
    }
}
