import CacheStack
import Testing

@Suite("Shadow checks")
struct ShadowTests {
    typealias F = Fixture

    private func bench(_ configure: (inout CacheStack.Configuration) -> Void = { _ in }) async throws -> Fixture {
        let f = F {
            $0.shadow.everyReads = 1
            configure(&$0)
        }
        _ = await f.commitElsewhere([1: 1, 2: 2])
        try await f.stack.pollChanges()
        _ = try await f.stack.read([F.key(1), F.key(2)])
        _ = await f.stack.checkSamples()
        return f
    }

    private func checks(_ f: Fixture, _ result: String) -> Double {
        f.metric("cache_shadow_checks_total{result=\"\(result)\"}") ?? .nan
    }

    @Test("A value that is still the newest is current, with staleness zero")
    func current() async throws {
        let f = try await bench()
        _ = try await f.value(1)
        #expect(await f.stack.checkSamples() == 0, "not before the delay")
        f.time.advance(by: .milliseconds(250))
        #expect(await f.stack.checkSamples() == 1)
        #expect(checks(f, "current") == 1 && checks(f, "violation") == 0)
        #expect(f.metric("cache_staleness_seconds_bucket{le=\"0.0\"}") == 1)
    }

    @Test("A value superseded before the read is stale, by no less than it was")
    func stale() async throws {
        let f = try await bench()
        _ = await f.commitElsewhere([1: 9])
        f.time.advance(by: .milliseconds(400))
        let value = try await f.value(1)
        #expect(value.payload == [1, 0] && value.level == .l1)
        f.time.advance(by: .milliseconds(50))
        try await f.stack.pollChanges()
        f.time.advance(by: .milliseconds(250))
        _ = await f.stack.checkSamples()
        #expect(checks(f, "stale") == 1 && checks(f, "violation") == 0)
        // Committed at the time of the poll before it, as far as the stream can tell: 400 ms before the read.
        #expect(f.metric("cache_staleness_seconds_sum") == 0.4)
    }

    @Test("A value superseded after the read was current")
    func later() async throws {
        let f = try await bench()
        _ = try await f.value(1)
        f.time.advance(by: .milliseconds(10))
        try await f.stack.pollChanges()
        _ = await f.commitElsewhere([1: 9])
        f.time.advance(by: .milliseconds(300))
        try await f.stack.pollChanges()
        _ = await f.stack.checkSamples()
        #expect(checks(f, "current") == 1 && checks(f, "stale") == 0)
    }

    @Test("A value older than promised, one that L3 never had, and other bytes under its version are violations")
    func violations() async throws {
        let f = try await bench()
        // Superseded for 3 s by the stream's own account, while the bound was 1 s.
        let old = try await f.value(1)
        _ = await f.commitElsewhere([1: 9])
        try await f.stack.pollChanges()
        f.time.advance(by: .seconds(3))
        let now = f.time.now
        f.stack.submitForCheck(old, began: now, maxAge: .seconds(1))
        f.stack.submitForCheck(old, began: now, maxAge: .seconds(10))
        var invented = old
        invented.version = Ticket(900)
        f.stack.submitForCheck(invented, began: now, maxAge: .seconds(10))
        var torn = try await f.value(2)
        torn.payload = [3, 0]
        f.stack.submitForCheck(torn, began: now, maxAge: .seconds(10))
        f.time.advance(by: .milliseconds(250))
        _ = await f.stack.checkSamples()
        #expect(checks(f, "violation") == 3 && checks(f, "stale") == 1)
        #expect(f.metric("cache_bound_violations_total") == 3)
    }

    @Test("Samples above the rate are dropped and counted, and a failing L3 is not a verdict")
    func limits() async throws {
        let f = try await bench { $0.shadow.checksPerSecondMax = 3 }
        for _ in 0..<5 { _ = try await f.value(1) }
        #expect(f.metric("cache_shadow_dropped_total") == 2)
        f.durable.setFaults { $0.reads = TierError(.unavailable, "down") }
        f.time.advance(by: .seconds(1))
        #expect(await f.stack.checkSamples() == 3)
        #expect(checks(f, "failed") == 3)
    }

    @Test("One read in the given number is sampled, by chance; none where it is off; peeks count too")
    func rate() async throws {
        let f = try await bench {
            $0.shadow.everyReads = 16
            $0.shadow.checksPerSecondMax = 1_000_000
        }
        for _ in 0..<16_000 {
            f.time.advance(by: .nanoseconds(97_001))
            _ = f.stack.peek(F.key(1), maxAge: .seconds(60))
        }
        f.time.advance(by: .milliseconds(250))
        let count = await f.stack.checkSamples()
        // Binomial: 1,000 expected, standard deviation 31.
        #expect((850...1_150).contains(count))
        let off = try await bench { $0.shadow.everyReads = 0 }
        _ = try await off.value(1)
        off.time.advance(by: .seconds(1))
        #expect(await off.stack.checkSamples() == 0)
    }

    @Test("Rows that the stream does not list are not sampled")
    func unshared() async throws {
        let f = try await bench()
        let key = F.key(7, F.orders)
        _ = try await f.stack.read(key)
        _ = try await f.stack.read(key)
        f.time.advance(by: .seconds(1))
        #expect(await f.stack.checkSamples() == 0)
    }

    @Test("The lag of a change is measured by space, the age of the watermark grows until the next poll")
    func lag() async throws {
        let f = try await bench()
        #expect(f.metric("cache_watermark_age_seconds") == 0)
        f.time.advance(by: .milliseconds(200))
        #expect(f.metric("cache_watermark_age_seconds") == 0.2)
        _ = await f.commitElsewhere([1: 5])
        try await f.stack.pollChanges()
        #expect(f.metric("cache_invalidation_lag_seconds_count{space=\"accounts\"}") == 1)
        #expect(f.metric("cache_invalidation_lag_seconds_sum{space=\"accounts\"}") == 0.2)
        #expect(f.metric("cache_watermark_age_seconds") == 0)
    }
}
