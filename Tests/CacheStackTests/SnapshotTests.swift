import CacheStack
import TestData
import Testing

@Suite("Snapshots")
struct SnapshotTests {
    typealias F = Fixture

    @Test("Held rows whose intervals meet are a snapshot without L3")
    func fromCache() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        _ = await f.commitElsewhere([2: 2])
        try await f.stack.pollChanges()
        _ = try await f.value(2)
        let loads = f.durable.loadCount.loads
        let snapshot = try await f.stack.snapshot([F.key(1), F.key(2)])
        #expect(snapshot.ticket == Ticket(2) && snapshot.values.map(\.payload) == [[1, 0], [2, 0]])
        #expect(f.durable.loadCount.loads == loads)
    }

    @Test("Rows that do not meet fall forward: the older one is read again")
    func fallForward() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 1])
        _ = try await f.value(1)  // proven at ticket 1 only: the stream is not read
        _ = await f.commitElsewhere([1: 2, 2: 2])
        _ = try await f.value(2)
        let snapshot = try await f.stack.snapshot([F.key(1), F.key(2)])
        #expect(snapshot.ticket == Ticket(2) && snapshot.values.map(\.payload) == [[2, 0], [2, 0]])
    }

    @Test(
        "A snapshot is never fractured, over random commits, reads and polls", arguments: 1...20 as ClosedRange<UInt64>)
    func neverFractured(seed: UInt64) async throws {
        let f = F()
        var random = SplitMix64(seed: seed)
        // Every commit keeps the sum of rows 0...3 at 100: a transfer from one row to another.
        var rows: [UInt64: UInt8] = [0: 25, 1: 25, 2: 25, 3: 25]
        _ = await f.commitElsewhere(rows)
        for step in 0..<200 {
            let (from, to) = (random.next() % 4, random.next() % 4)
            switch random.next() % 6 {
            case 0, 1:
                guard from != to, let a = rows[from], let b = rows[to], a > 0 else { continue }
                (rows[from], rows[to]) = (a - 1, b + 1)
                let transaction = F.write([from: a - 1, to: b + 1])
                if random.next() % 2 == 0 {
                    _ = await f.stack.commit(transaction)
                } else {
                    _ = await f.durable.commit([transaction], until: .now)
                }
            case 2: _ = try await f.value(from)
            case 3: try await f.stack.pollChanges()
            case 4:
                f.time.advance(by: .milliseconds(Int64(random.next() % 3_000)))
                await f.stack.publishPending()
            default:
                let snapshot = try await f.stack.snapshot((0..<4 as Range<UInt64>).map { F.key($0) })
                let sum = snapshot.values.reduce(0) { $0 + Int($1.payload?[0] ?? 0) }
                #expect(sum == 100, "seed \(seed) step \(step)")
                #expect(snapshot.values.allSatisfy { $0.version <= snapshot.ticket && $0.asOf == snapshot.ticket })
            }
        }
    }

    @Test("A snapshot is not older than maxAge, nor than the token, and a token ahead of L3 is an error")
    func bounds() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 1])
        _ = try await f.stack.read([F.key(1), F.key(2)])
        _ = await f.commitElsewhere([1: 2])
        let keys = [F.key(1), F.key(2)]
        #expect(try await f.stack.snapshot(keys).ticket == Ticket(1))
        let token = SessionToken(epoch: 1, ticket: Ticket(2))
        #expect(try await f.stack.snapshot(keys, token: token).values[0].payload == [2, 0])
        _ = await f.commitElsewhere([1: 3])
        f.time.advance(by: .seconds(3))
        #expect(try await f.stack.snapshot(keys, maxAge: .seconds(2)).ticket == Ticket(3))
        await #expect(throws: CacheError.self) {
            try await f.stack.snapshot(keys, token: SessionToken(epoch: 1, ticket: Ticket(9)))
        }
    }

    @Test("No keys are a snapshot too, and one key more than the limit is refused")
    func limits() async throws {
        let f = F { $0.snapshotKeysMax = 3 }
        #expect(try await f.stack.snapshot([]).values.isEmpty)
        #expect(try await f.stack.snapshot((1...3 as ClosedRange<UInt64>).map { F.key($0) }).values.count == 3)
        await #expect(throws: CacheError.self) {
            try await f.stack.snapshot((1...4 as ClosedRange<UInt64>).map { F.key($0) })
        }
    }
}
