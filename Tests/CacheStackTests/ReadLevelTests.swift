import CacheStack
import Testing

@Suite("Read levels")
struct ReadLevelTests {
    typealias F = Fixture

    @Test("A value is loaded once, then served by L1, and by L2 to another process")
    func levels() async throws {
        let f = F()
        let ticket = await f.commitElsewhere([1: 7])
        _ = try await f.value(99)  // learns the epoch
        let first = try await f.value(1)
        #expect(first.payload == [7, 0] && first.version == ticket && first.level == .l3 && first.asOf == ticket)
        #expect(try await f.value(1).level == .l1)
        let peer = f.peer()
        _ = try await peer.read(F.key(98))
        #expect(try await peer.read(F.key(1)).level == .l2)
        #expect(try await peer.read(F.key(1)).level == .l1)
        #expect(f.stack.peek(F.key(1))?.payload == [7, 0])
        #expect(f.durable.loadCount.rows == 3)
    }

    @Test("Results are in the order of the keys, duplicates and absent rows included")
    func order() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 2, 3: 3])
        let values = try await f.stack.read([3, 1, 9, 3, 2].map { F.key($0) })
        #expect(values.map(\.payload) == [[3, 0], [1, 0], nil, [3, 0], [2, 0]])
        #expect(values.map(\.key.id) == [3, 1, 9, 3, 2] && values[2].version == .zero)
        #expect(f.durable.loadCount.loads == 1 && f.durable.loadCount.rows == 4)
    }

    @Test("An absent row is cached as absent, and its creation ends that")
    func negative() async throws {
        let f = F()
        _ = try await f.value(5)
        #expect(try await f.value(5).level == .l1)
        #expect(f.metric("cache_requests_total{result=\"negative\",tier=\"l1\"}") == 1)
        let outcome = await f.stack.commit(F.write([5: 3], expecting: [.init(F.key(5), at: .zero)]))
        let value = try await f.value(5)
        #expect(value.payload == [3, 0] && value.version == outcome.ticket)
    }

    @Test("Bounded: without the stream a value is served until it is maxAge old, not longer")
    func boundedAge() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        _ = await f.commitElsewhere([1: 2])
        f.time.advance(by: .seconds(5))
        #expect(try await f.value(1, .bounded(maxAge: .seconds(5))).payload == [1, 0])
        f.time.advance(by: .nanoseconds(1))
        #expect(try await f.value(1, .bounded(maxAge: .seconds(5))).payload == [2, 0])
    }

    @Test("Bounded: the stream renews what it did not touch and closes what it did")
    func stream() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1, 2: 2])
        _ = try await f.stack.read([F.key(1), F.key(2)])
        f.time.advance(by: .seconds(5))
        _ = await f.commitElsewhere([2: 3])
        try await f.stack.pollChanges()
        #expect(f.stack.watermark == Ticket(2))
        #expect(f.stack.peek(F.key(1), maxAge: .zero)?.asOf == Ticket(2))
        #expect(f.stack.peek(F.key(2)) == nil)
        #expect(try await f.value(2).payload == [3, 0])
    }

    @Test("maxAge is capped at 60 s")
    func cap() async throws {
        let f = F {
            $0.local.lifetime = .seconds(300); $0.local.sharedLifetime = .seconds(300)
        }
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        _ = await f.commitElsewhere([1: 2])
        f.time.advance(by: .seconds(61))
        #expect(try await f.value(1, .bounded(maxAge: .seconds(200))).payload == [2, 0])
    }

    @Test("Session: a session reads its own writes in a process that has an older value, by its token's text")
    func session() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        let peer = f.peer()
        _ = try await peer.read(F.key(1))
        var token = SessionToken()
        token.observe(await f.stack.commit(F.write([1: 2])))
        #expect(try await peer.read(F.key(1)).payload == [1, 0], "bounded may be behind")
        let moved = try #require(SessionToken(text: token.description))
        let value = try await peer.read(F.key(1), .session(moved))
        #expect(value.payload == [2, 0] && value.asOf >= token.ticket)
        let values = try await peer.read([F.key(1)], session: &token)
        #expect(values[0].payload == [2, 0])
    }

    @Test("Session: a token ahead of L3 and a token of a past epoch are errors, never older data")
    func sessionErrors() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        await #expect(throws: CacheError.self) {
            try await f.value(1, .session(SessionToken(epoch: 1, ticket: Ticket(50))))
        }
        f.durable.restoreBackup(at: .zero)
        try await f.stack.pollChanges()
        do {
            _ = try await f.value(1, .session(SessionToken(epoch: 1, ticket: Ticket(1))))
            Issue.record("a token of the old epoch was accepted")
        } catch {
            #expect((error as? CacheError)?.code == .otherEpoch)
        }
        let ahead = SessionToken(epoch: 3, ticket: Ticket(1))
        await #expect(throws: CacheError.self) { try await f.value(1, .session(ahead)) }
    }

    @Test("Session: a token of an epoch this process has not met yet is settled by L3")
    func sessionNewEpoch() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        f.durable.restoreBackup(at: .zero)
        let ticket = await f.commitElsewhere([1: 9])
        let value = try await f.value(1, .session(SessionToken(epoch: 2, ticket: ticket)))
        #expect(value.payload == [9, 0] && value.epoch == 2)
    }

    @Test("Strict goes to L3 each time and raises the floor for every later read")
    func strict() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        _ = await f.commitElsewhere([1: 2])
        #expect(try await f.value(1).payload == [1, 0])
        #expect(try await f.value(1, .strict).payload == [2, 0])
        #expect(try await f.value(1).payload == [2, 0], "a key never goes back in one process")
    }

    @Test("With L3 down, reads go on while provable, then fail, or return a marked value on request")
    func allowStale() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        f.durable.setFaults { $0.reads = TierError(.unavailable, "down") }
        f.time.advance(by: .seconds(9) - .milliseconds(1))
        #expect(try await f.value(1).isStale == false)
        f.time.advance(by: .seconds(20))
        do {
            _ = try await f.value(1)
            Issue.record("an unprovable value was returned")
        } catch {
            #expect((error as? CacheError)?.code == .stalenessUnprovable)
            #expect((error as? CacheError)?.underlying?.code == .unavailable)
        }
        let stale = try await f.value(1, allowStale: true)
        #expect(stale.isStale && stale.payload == [1, 0] && stale.ageBound > .seconds(28))
        f.time.advance(by: .seconds(40))
        await #expect(throws: CacheError.self) { try await f.value(1, allowStale: true) }
    }

    @Test("With L2 down every read is answered by L3, and L1 still caches")
    func sharedDown() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        f.shared.setFaults { $0.all = TierError(.breakerOpen, "open") }
        #expect(try await f.value(1).level == .l3)
        #expect(try await f.value(1).level == .l1)
    }

    @Test("Poison in L2 is counted and costs a load, never a wrong value", arguments: [0, 10, 55, 60, 70])
    func poison(index: Int) async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        _ = try await f.value(1)
        var bytes = try #require(f.shared.bytes(of: F.key(1)))
        bytes[index] ^= 1
        f.shared.overwrite(F.key(1), with: bytes)
        let peer = f.peer()
        _ = try await peer.read(F.key(98))
        let value = try await peer.read(F.key(1))
        #expect(value.payload == [1, 0] && value.level == .l3)
    }

    @Test("An entry of L2 from beyond the newest ticket or from the future is refused", arguments: [true, false])
    func implausible(isTicket: Bool) async throws {
        let f = F { $0.ticketSlack = 10 }
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        let certificate = Certificate(
            version: Ticket(1), asOf: Ticket(isTicket ? 12 : 1),
            asOfTime: f.time.microseconds + (isTicket ? 0 : 60_000_000), epoch: 1)
        let entry = CertifiedEntry(key: F.key(1), certificate: certificate, payload: [9, 9])
        f.shared.overwrite(F.key(1), with: EntryFormat.encode(entry, keyHash: F.key(1).l2Hash(epoch: 1)))
        #expect(try await f.value(1).payload == [1, 0])
        #expect(f.metric("cache_poison_total{tier=\"l2\"}") == 2)  // GET, and the lease's HIT
    }

    @Test("An L2 that went back to an older value is refused by the floor and repaired")
    func sharedWentBack() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        _ = try await f.value(1)
        let old = f.shared.bytes(of: F.key(1))
        _ = await f.commitElsewhere([1: 2])
        try await f.stack.pollChanges()
        f.shared.overwrite(F.key(1), with: old)
        #expect(try await f.value(1).payload == [2, 0])
        await f.stack.publishPending()
        let peer = f.peer()
        _ = try await peer.read(F.key(98))
        let value = try await peer.read(F.key(1))
        #expect(value.payload == [2, 0] && value.level == .l2)
    }
}
