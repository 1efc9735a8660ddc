import CacheStack
import TestData
import Testing

@Suite("L3 clock")
struct L3ClockTests {
    static func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

    @Test("An age is an upper bound by the round trip's uncertainty, and narrows with better round trips")
    func bounds() {
        var clock = L3Clock()
        #expect(clock.born(0, at: Self.at(0)) == nil)
        // Sent at 100 ms, back at 120 ms, L3 said 1,000,000 us: the offset is at most 1000.000999 - 100 ms.
        clock.observe(1_000_000, sent: Self.at(100), received: Self.at(120))
        let wide = clock.born(1_000_000, at: Self.at(120))
        #expect(wide == MonotonicTime(nanoseconds: 100_000_000 - 999 - 1))
        // A round trip of 2 ms around L3's 1,020,000 us: born moves from 100 ms to within 2 ms of the truth.
        clock.observe(1_020_000, sent: Self.at(129), received: Self.at(131))
        let narrow = clock.born(1_000_000, at: Self.at(131))
        #expect(narrow.map { $0.nanoseconds > 108_900_000 && $0.nanoseconds < 111_000_000 } == true)
    }

    @Test("The interval widens by 500 ppm of the time that passes")
    func drift() {
        var clock = L3Clock()
        clock.observe(1_000_000, sent: Self.at(100), received: Self.at(100))
        let now = clock.born(1_000_000, at: Self.at(100))?.nanoseconds ?? 0
        let later = clock.born(1_000_000, at: Self.at(20_100))?.nanoseconds ?? 0
        #expect(now - later == 10_000_000)  // 20 s * 500 ppm = 10 ms
    }

    @Test("A certificate from the future is refused")
    func future() {
        var clock = L3Clock()
        clock.observe(1_000_000, sent: Self.at(100), received: Self.at(101))
        #expect(clock.born(1_001_002, at: Self.at(101)) == nil)
        #expect(clock.born(1_000_999, at: Self.at(101)) != nil)
    }

    @Test("A step back of L3's clock lengthens the ages of what was stamped before, for as long as it can live")
    func stepBack() {
        var clock = L3Clock()
        clock.observe(10_000_000, sent: Self.at(1_000), received: Self.at(1_000))
        // One second later L3 shows 1.5 s less than it should.
        let step = clock.observe(9_500_000, sent: Self.at(2_000), received: Self.at(2_000))
        #expect(step > 1_490_000_000)
        let born = clock.born(9_500_000, at: Self.at(2_000))?.nanoseconds ?? .max
        #expect(born <= 500_000_000)  // stamped at 500 ms of the old clock at the earliest
        let later = clock.born(9_500_000, at: Self.at(64_100))?.nanoseconds ?? 0
        #expect(later > 1_900_000_000)
    }

    @Test("A step forward needs no penalty")
    func stepForward() {
        var clock = L3Clock()
        clock.observe(10_000_000, sent: Self.at(1_000), received: Self.at(1_000))
        #expect(clock.observe(19_000_000, sent: Self.at(2_000), received: Self.at(2_000)) == 0)
        #expect(clock.born(19_000_000, at: Self.at(2_000)).map { $0.nanoseconds > 1_999_000_000 } == true)
    }

    @Test("A true offset is never excluded, over seeded random round trips with drifting clocks")
    func soundness() {
        for seed: UInt64 in 1...20 {
            var random = SplitMix64(seed: seed)
            let rate = 1.0 + (Double(random.next() % 801) - 400) * 1e-6
            var clock = L3Clock()
            var now: Int64 = 5_000_000_000
            func l3(_ own: Int64) -> Int64 { 1_700_000_000_000_000_000 + Int64(Double(own) * rate) }
            for _ in 0..<500 {
                now += Int64(random.next() % 300_000_000)
                let (sent, read) = (now, now + Int64(random.next() % 3_000_000))
                now = read + Int64(random.next() % 3_000_000)
                let back = clock.observe(
                    l3(read) / 1000, sent: .init(nanoseconds: sent), received: .init(nanoseconds: now))
                #expect(back == 0, "seed \(seed)")
                let stamp = l3(now - 1_000_000_000) / 1000
                let born = clock.born(stamp, at: .init(nanoseconds: now))?.nanoseconds ?? .max
                #expect(born <= now - 1_000_000_000 + 400_000 + 2_000, "age is an upper bound, seed \(seed)")
            }
        }
    }
}
