import CacheStack
import Telemetry
import Testing

@Suite("Stampedes")
struct StampedeTests {
    typealias F = Fixture

    private static let readers = 10_000

    /// The value of a series in a registry's text.
    private static func metric(_ registry: MetricsRegistry, _ series: String) -> Double? {
        registry.text().split(separator: "\n").first { $0.hasPrefix(series + " ") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
    }

    @Test("Ten thousand readers of one cold row make one query of L3, and all others join it")
    func oneProcess() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 7])
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .beforeSnapshot { await gate.wait() } }
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            for _ in 0..<Self.readers { group.addTask { try await f.value(1).payload } }
            // The query is held until every other reader has joined it.
            await Gate.until {
                gate.arrived == 1 && f.metric("cache_loads_coalesced_total") == Double(Self.readers - 1)
            }
            gate.open()
            for try await payload in group { #expect(payload == [7, 0]) }
        }
        #expect(f.durable.loadCount == (loads: 1, rows: 1))
        #expect(
            f.metric("cache_requests_total{result=\"miss\",tier=\"l2\"}") == 0,
            "the epoch was not known: L2 was not asked")
    }

    @Test("Two processes that share L2 make one query of L3 between them: the other waits for the lease and then hits")
    func twoProcesses() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 7])
        // Both know their epoch before the storm, so that both may use L2.
        let (registry, time) = (MetricsRegistry(), f.time)
        let peer = F.stack(f.durable, f.shared, time, registry) {
            // Waiting must not use up the lease's life: the clock stands still.
            $0.time = TimeSource {
                time.now
            } sleep: { _ in
                try Task.checkCancellation()
                await Task.yield()
            }
        }
        try await f.stack.pollChanges()
        try await peer.pollChanges()
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .beforeSnapshot { await gate.wait() } }
        let half = Self.readers / 2
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            for _ in 0..<half { group.addTask { try await f.value(1).payload } }
            await Gate.until { gate.arrived == 1 && f.metric("cache_loads_coalesced_total") == Double(half - 1) }
            for _ in 0..<half { group.addTask { try await peer.read(F.key(1)).payload } }
            // The peer's one loader has asked for the lease or will, and waits as long as the gate is shut.
            await Gate.until { Self.metric(registry, "cache_loads_coalesced_total") == Double(half - 1) }
            gate.open()
            for try await payload in group { #expect(payload == [7, 0]) }
        }
        #expect(f.durable.loadCount == (loads: 1, rows: 1))
        #expect(Self.metric(registry, "cache_requests_total{result=\"hit\",tier=\"l2\"}") == 1)
    }

    @Test("Readers of many cold rows make one query for each row at most, however they overlap", arguments: [1, 2, 3])
    func manyRows(seed: UInt64) async throws {
        let f = F()
        let values = (0..<64 as Range<UInt64>).map { ($0, UInt8($0)) }
        _ = await f.commitElsewhere(Dictionary(uniqueKeysWithValues: values))
        try await f.stack.pollChanges()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for reader in 0..<UInt64(Self.readers) {
                let id = (reader &* 2_654_435_761 &+ seed) % 64
                group.addTask { try await f.value(id).payload == [UInt8(id), 0] }
            }
            for try await isRight in group { #expect(isRight) }
        }
        #expect(f.durable.loadCount.rows == 64)
    }
}
