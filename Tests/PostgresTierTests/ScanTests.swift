import CacheStack
import PostgresTier
import Synchronization
import TestData
import TestServers
import Testing

@Suite("Scans of a real PostgreSQL", .enabled(if: TestServers.areInstalled, "needs PostgreSQL: make deps"))
struct ScanTests {
    private static let accounts: UInt64 = 45_000

    @Test("A scan sees one snapshot in chunks, while transfers that keep the sum constant go on")
    func consistentSnapshot() async throws {
        let tier = try await TestDatabase().tier()
        for first in stride(from: 0, to: Self.accounts, by: 5_000) {
            var writes = WriteSet()
            for id in first..<first + 5_000 {
                writes.append(Sample.account(id), payload: Sample.account(cash: 1_000))
            }
            try await tier.committed(Transaction(writes: writes))
        }
        var writes = WriteSet()
        for id in UInt32(0)..<10 { writes.append(Sample.position(id, id), payload: Sample.integers(Int64(id), 0)) }
        try await tier.committed(Transaction(writes: writes))
        try await tier.committed(Sample.write(Sample.position(3, 3), mode: .delete))
        let prepared = try await tier.committed(Sample.write(Sample.account(0), Sample.account(cash: 1_000)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await transfer(tier) }
            for _ in 0..<5 { try await scan(tier) }
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(try await tier.load([], until: .soon).asOf > prepared, "transfers went on meanwhile")
        await tier.close()
    }

    @Test("A table of exactly one chunk, one row more, and none are scanned whole")
    func chunkBorders() async throws {
        let tier = try await TestDatabase().tier { $0.statementTimeout = .seconds(20) }
        for (rows, sizes) in [(0, []), (20_000, [20_000]), (20_001, [20_000, 1])] {
            var writes = WriteSet()
            for id in 0..<rows { writes.append(Sample.trade(UInt64(id)), payload: Sample.integers(1)) }
            if rows > 0 { try await tier.committed(Transaction(writes: writes)) }
            let seen = Mutex<[Int]>([])
            _ = try await tier.scan([Sample.trades.space], until: .soon) { chunk in
                seen.withLock { $0.append(chunk.ids.count) }
            }
            #expect(seen.withLock { $0 } == sizes)
        }
        await tier.close()
    }

    @Test("A scan past its deadline throws, and the next one works")
    func deadline() async throws {
        let tier = try await TestDatabase().tier()
        await #expect(throws: TierError.self) {
            try await tier.scan([Sample.trades.space], until: .now - .seconds(1)) { _ in }
        }
        #expect(try await tier.scan([Sample.trades.space], until: .soon) { _ in } == .zero)
        await tier.close()
    }

    /// One scan: its sums and versions must be those of one ticket.
    private func scan(_ tier: PostgresTier) async throws {
        struct Seen {
            var ids: Set<UInt64> = []
            var cash: Int64 = 0
            var newest: UInt64 = 0
            var positions: [UInt64] = []
            var largest = 0
        }
        let seen = Mutex(Seen())
        let ticket = try await tier.scan([Sample.accounts.space, Sample.positions.space], until: .soon) { chunk in
            seen.withLock { seen in
                seen.largest = max(seen.largest, chunk.ids.count)
                seen.newest = max(seen.newest, chunk.versions.max() ?? 0)
                guard chunk.space == Sample.accounts.space else { return seen.positions += chunk.ids }
                seen.ids.formUnion(chunk.ids)
                let size = Sample.accounts.payloadSize
                chunk.bytes.withUnsafeBytes { bytes in
                    for row in chunk.ids.indices {
                        seen.cash += bytes.loadUnaligned(fromByteOffset: row * size, as: Int64.self)
                    }
                }
            }
        }
        let result = seen.withLock { $0 }
        #expect(result.ids.count == Int(Self.accounts))
        #expect(result.cash == Int64(Self.accounts) * 1_000)
        #expect(result.newest == ticket.rawValue, "the newest batch of the snapshot wrote some account")
        #expect(result.positions.map { $0 >> 32 }.sorted() == [0, 1, 2, 4, 5, 6, 7, 8, 9])
        #expect(result.largest <= 20_000)
    }

    /// Moves money between random accounts, batch after batch, until it is cancelled.
    private func transfer(_ tier: PostgresTier) async throws {
        var generator = SplitMix64(seed: 5)
        while !Task.isCancelled {
            let pair = (0..<2).map { _ in UInt64.random(in: 0..<Self.accounts, using: &generator) }
            guard pair[0] != pair[1] else { continue }
            let rows = try await tier.load(pair.map { Sample.account($0) }, until: .soon)
            var writes = WriteSet()
            for (row, change) in zip(rows.entries, [Int64(-7), 7]) {
                let cash = try #require(row.payload).withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
                writes.append(row.key, payload: Sample.account(cash: cash + change))
            }
            try await tier.committed(Transaction(writes: writes))
        }
    }
}
