import Arrivals
import Engine
import Synchronization
import Testing

/// The pure parts beside naive models of them.
@Suite("Heap, user changes, search course")
struct CourseTests {
    @Test(
        "The heap gives what a stable sort gives, also where its counter wraps",
        arguments: 1...20 as ClosedRange<UInt64>)
    func heap(seed: UInt64) {
        var random = Xoshiro256(seed: seed)
        var heap = TimerHeap(order: .max - 50)
        var model: [(time: UInt64, item: Int32)] = []
        var item: Int32 = 0
        for _ in 0..<2_000 {
            if random.below(5) < 3 {
                let time = UInt64(random.below(40))
                heap.push(item, at: time)
                model.insert((time, item), at: model.firstIndex { $0.time > time } ?? model.count)
                item += 1
            } else {
                let expected = model.isEmpty ? nil : model.removeFirst()
                let popped = heap.pop()
                #expect(popped?.item == expected?.item && popped?.time == expected?.time, "seed \(seed)")
            }
            #expect(heap.count == model.count && heap.first == model.first?.time ?? .max)
        }
    }

    @Test("Users come and go as the profile says, over all workers", arguments: 1...10 as ClosedRange<UInt64>)
    func changes(seed: UInt64) {
        var random = Xoshiro256(seed: seed)
        let stages = (0..<5).map { _ in UserProfile.Stage(users: random.below(30), seconds: Double(random.below(4))) }
        let profile = UserProfile(stages)
        let workers = 1 + random.below(4)
        var events: [(time: Double, user: Int, comes: Bool)] = []
        for index in 0..<workers {
            var changes = UserChanges(profile, stripe: Stripe(index: index, of: workers))
            var last = 0.0
            while let change = changes.next() {
                #expect(change.user % workers == index && change.time >= last)
                last = change.time
                events.append(change)
            }
        }
        events.sort { $0.time < $1.time }
        // Between two changes the number of users is the profile's.
        for time in stride(from: 0.0137, to: profile.seconds, by: 0.05) {
            let here = events.filter { $0.time <= time }.reduce(0) { $0 + ($1.comes ? 1 : -1) }
            #expect(here == profile.users(at: time), "seed \(seed) at \(time)")
        }
        #expect(events.allSatisfy { $0.user >= 0 && $0.user < 30 })
    }

    @Test(
        "A search brackets any capacity within its tolerance, in logarithmically many steps",
        arguments: 1...50 as ClosedRange<UInt64>)
    func course(seed: UInt64) throws {
        var random = Xoshiro256(seed: seed)
        let capacity = 100 * (1 + 1_000 * random.unit())
        var search = CapacitySearch(rates: 100...200_000, until: try Threshold.parse("errors==0"), process: .even)
        search.tolerance = 0.01
        search.attempts = 1
        var course = CapacityCourse(search)
        var tried: [Double] = []
        while let rate = course.rate {
            tried.append(rate)
            course.judge(isMet: rate <= capacity)
        }
        let passed = tried.filter { $0 <= capacity }.max() ?? 0
        let failed = tried.filter { $0 > capacity }.min() ?? .infinity
        #expect(failed / passed < 1.0102 && passed <= capacity && failed > capacity)
        // At most 11 doublings from 100 to 200,000, then log2 of (half the failed rate / 1 %) halvings.
        #expect(tried.count == course.steps && tried.count <= 12 + 7)
    }

    @Test("A search of few steps ends with them")
    func stepsMax() throws {
        var search = CapacitySearch(rates: 1...1_000_000, until: try Threshold.parse("errors==0"), process: .even)
        search.stepsMax = 3
        var course = CapacityCourse(search)
        for _ in 0..<3 { course.judge(isMet: true) }
        #expect(course.rate == nil && course.steps == 3)
        course.judge(isMet: true)
        #expect(course.steps == 3)
    }

    @Test("A rate that fails once and passes when repeated has passed; one that fails each time has failed")
    func attempts() throws {
        var search = CapacitySearch(rates: 100...1_600, until: try Threshold.parse("errors==0"), process: .even)
        search.tolerance = 0.2
        search.attempts = 3
        var course = CapacityCourse(search)
        var tried: [Double] = []
        for isMet in [false, true, true, false, false, true, false, false, false, true] {
            tried.append(try #require(course.rate))
            course.judge(isMet: isMet)
        }
        #expect(tried == [100, 100, 200, 400, 400, 400, 800, 800, 800, 600])
        #expect((course.passed, course.failed, course.steps) == (600, 800, 10) && course.rate == 700)
        for _ in 0..<3 { course.judge(isMet: false) }
        #expect(course.rate == nil && course.failed == 700)
        // The last step a search has decides, however few there were at its rate.
        search.stepsMax = 2
        course = CapacityCourse(search)
        course.judge(isMet: true)
        course.judge(isMet: false)
        #expect(course.rate == nil && course.failed == 200)
    }

    @Test("Progress tells phases, users, rates and conditions once a second")
    func progress() throws {
        var plan = try Samples.callPlan("progress")
        var search = CapacitySearch(rates: 100...200, until: try Threshold.parse("errors==0"), process: .even)
        (search.settleSeconds, search.stepSeconds) = (0, 1)
        plan.scenarios = [
            ScenarioPlan(
                name: "users", mix: 0,
                executor: .users(
                    UserProfile([.init(users: 4, seconds: 0), .init(users: 4, seconds: 2.5)]), .constant(0.05))),
            ScenarioPlan(name: "search", mix: 0, executor: .findCapacity(search)),
        ]
        plan.scenarios[1].start = 3
        plan.thresholds = try Threshold.parse("requests>50 and throughput{scenario:search}>1")
        let seen = Mutex<[LoadProgress]>([])
        _ = try Samples.simulate(plan, onProgress: { p in seen.withLock { $0.append(p) } }) { _ in
            InProcessReply(after: 50_000_000)
        }
        let all = seen.withLock { $0 }
        #expect(all.map { Int($0.elapsed) } == Array(1...all.count) && all.count >= 4)
        #expect(all[0].scenarios[0] == all[1].scenarios[0] && all[0].scenarios[0].users == 4)
        #expect(all[0].scenarios.map(\.phase) == [.running, .waiting] && all[2].scenarios[0].phase == .ended)
        #expect(
            all[3].scenarios[1].phase == .running && all[3].scenarios[1].rate >= 100 && all[3].scenarios[1].step != nil)
        #expect(all[0].thresholds.map(\.isMet) == [false, false] && all[3].thresholds.map(\.isMet) == [true, true])
        #expect(all.allSatisfy { $0.sent == $0.totals.total + $0.interval.inFlight && $0.errors == 0 })
    }
}
