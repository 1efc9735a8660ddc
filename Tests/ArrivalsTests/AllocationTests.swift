import Arrivals
import MallocCount
import Testing

@Suite("Memory of schedules")
struct AllocationTests {
    @Test("An arrival of any process, after the first ones, allocates nothing")
    func noAllocation() throws {
        for one in try ProcessTests.cases() {
            var schedule = ArrivalSchedule(one.process, profile: one.profile, seed: 5)
            var sum: UInt64 = 0
            for _ in 0..<1_000 { sum &+= schedule.next() ?? 0 }
            let before = malloc_count()
            for _ in 0..<20_000 { sum &+= schedule.next() ?? 0 }
            #expect(malloc_count() - before == 0, "\(one), sum \(sum)")
        }
    }

    @Test("Replays of times and counts allocate nothing an arrival either")
    func replays() throws {
        let times = try TimeRecording(times: (0..<30_000).map { UInt64($0) * 50_000 })
        let counts = try CountRecording(counts: [Int](repeating: 100, count: 300), bucketSeconds: 1)
        for process in [ArrivalProcess.replay(times), .replayCounts(counts)] {
            var schedule = ArrivalSchedule(process, profile: .constant(100, seconds: 300), seed: 5)
            var sum: UInt64 = 0
            for _ in 0..<1_000 { sum &+= schedule.next() ?? 0 }
            let before = malloc_count()
            for _ in 0..<20_000 { sum &+= schedule.next() ?? 0 }
            #expect(malloc_count() - before == 0, "\(process.name), sum \(sum)")
        }
    }
}
