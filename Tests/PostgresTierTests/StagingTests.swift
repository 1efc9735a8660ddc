import CacheStack
import PostgresTier
import TestData
import Testing

@Suite("Coalescing of a batch's writes")
struct StagingTests {
    @Test("Coalesced batches equal a naive replay of their transactions, over many seeds")
    func againstNaiveReplay() throws {
        var refusals = 0
        for seed in UInt64(1)...400 {
            var generator = SplitMix64(seed: seed)
            let batch = (0..<Int.random(in: 2...12, using: &generator)).map { _ in
                Self.transaction(using: &generator)
            }
            let staged = try Inspection.staged(batch, Sample.trades)
            let expected = Self.replay(batch)
            refusals += expected == nil ? 1 : 0
            #expect((staged == nil) == (expected == nil), "seed \(seed)")
            guard let staged, let expected else { continue }
            #expect(Self.execute(staged) == expected, "seed \(seed)")
        }
        #expect((20...380).contains(refusals), "both cases occur: \(refusals) of 400 refused")
    }

    @Test("A thousand transactions on few keys leave one row a key")
    func manyTransactions() throws {
        let batch = (0..<1_000).map { Sample.write(Sample.trade(UInt64($0 % 7)), Sample.integers(Int64($0))) }
        let staged = try #require(try Inspection.staged(batch, Sample.trades))
        var expected: [UInt64: [UInt8]] = [:]
        for number in 0..<1_000 { expected[UInt64(number % 7)] = Sample.integers(Int64(number)) }
        #expect(staged == [.upsert: expected])
    }

    /// Up to four rows with distinct keys of ten.
    private static func transaction(using generator: inout SplitMix64) -> Transaction {
        var writes = WriteSet()
        let keys = (UInt64(0)..<10).shuffled(using: &generator).prefix(Int.random(in: 1...4, using: &generator))
        for key in keys {
            switch Int.random(in: 0..<12, using: &generator) {
            case 0:
                writes.append(
                    Sample.trade(key), .insert, payload: Sample.integers(Int64.random(in: 0...999, using: &generator)))
            case 1...4: writes.append(Sample.trade(key), .delete, payload: [])
            default:
                writes.append(
                    Sample.trade(key), payload: Sample.integers(Int64.random(in: 0...999, using: &generator)))
            }
        }
        return Transaction(writes: writes)
    }

    /// Key -> payload after the batch (empty = deleted); nil where an insert meets a row that the batch wrote before.
    private static func replay(_ batch: [Transaction]) -> [UInt64: [UInt8]]? {
        var rows: [UInt64: [UInt8]] = [:]
        for transaction in batch {
            for group in transaction.writes.groups {
                for (row, id) in group.ids.enumerated() {
                    if group.mode == .insert, rows[id] != nil { return nil }
                    rows[id] = group.mode == .delete ? [] : Array(group.bytes[row * 8..<row * 8 + 8])
                }
            }
        }
        return rows
    }

    /// What the statements leave: inserts, then upserts, then deletions.
    private static func execute(_ staged: [WriteSet.Mode: [UInt64: [UInt8]]]) -> [UInt64: [UInt8]] {
        var rows = staged[.insert] ?? [:]
        rows.merge(staged[.upsert] ?? [:]) { $1 }
        rows.merge(staged[.delete] ?? [:]) { $1 }
        return rows
    }
}
