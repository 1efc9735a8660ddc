import CacheStack
import Testing
import TierConformance

@Suite("Outbox tail")
struct OutboxTailTests {
    static func page(_ tickets: ClosedRange<UInt64>?, newest: UInt64, epoch: UInt32 = 1) -> ChangePage {
        let records = tickets.map { $0.map { ChangeRecord(ticket: Ticket($0), keys: [Fixture.key($0)]) } } ?? []
        return ChangePage(records: records, newest: Ticket(newest), time: 0, epoch: epoch)
    }

    static func started(at ticket: UInt64) -> OutboxTail {
        var tail = OutboxTail()
        _ = tail.absorb(page(nil, newest: ticket), after: .zero)
        return tail
    }

    @Test("A cold start begins at the current ticket, whatever the page held")
    func coldStart() {
        var tail = OutboxTail()
        #expect(tail.absorb(Self.page(1...1, newest: 7), after: .zero) == [.start(Ticket(7), epoch: 1)])
        #expect(tail.position == Ticket(7))
    }

    @Test("Contiguous records are applied before the watermark moves")
    func contiguous() {
        var tail = Self.started(at: 7)
        let page = Self.page(8...10, newest: 10)
        #expect(tail.absorb(page, after: Ticket(7)) == [.apply(page.records), .advance(Ticket(10), isNewest: true)])
        #expect(tail.absorb(Self.page(nil, newest: 10), after: Ticket(10)) == [.advance(Ticket(10), isNewest: true)])
    }

    @Test("A page cut by its limit moves the tickets but not the time")
    func limited() {
        var tail = Self.started(at: 7)
        let page = Self.page(8...9, newest: 12)
        #expect(tail.absorb(page, after: Ticket(7)) == [.apply(page.records), .advance(Ticket(9), isNewest: false)])
    }

    @Test("A missing record, at the front, within, or all of them, restarts at the newest ticket")
    func gaps() {
        var within = Self.page(8...10, newest: 10)
        within.records.remove(at: 1)
        for page in [Self.page(9...10, newest: 10), within, Self.page(nil, newest: 10)] {
            var tail = Self.started(at: 7)
            #expect(tail.absorb(page, after: Ticket(7)) == [.restartAfterGap(Ticket(10))])
            #expect(tail.position == Ticket(10))
        }
    }

    @Test("A history that went back restarts, and records beyond the newest ticket are a gap")
    func wentBack() {
        var tail = Self.started(at: 7)
        #expect(tail.absorb(Self.page(nil, newest: 6), after: Ticket(7)) == [.restartAfterGap(Ticket(6))])
        #expect(tail.absorb(Self.page(7...9, newest: 8), after: Ticket(6)) == [.restartAfterGap(Ticket(8))])
    }

    @Test("A newer epoch restarts in it; an older one is not followed back")
    func epochs() {
        var tail = Self.started(at: 7)
        #expect(
            tail.absorb(Self.page(nil, newest: 3, epoch: 2), after: Ticket(7)) == [.restartInEpoch(Ticket(3), epoch: 2)]
        )
        #expect(tail.absorb(Self.page(nil, newest: 9, epoch: 1), after: Ticket(3)) == [])
        #expect(tail.position == Ticket(3) && tail.epoch == 2)
        #expect(tail.meet(Ticket(50), epoch: 2) == [] && tail.meet(Ticket(50), epoch: 1) == [])
        #expect(tail.meet(Ticket(4), epoch: 3) == [.restartInEpoch(Ticket(4), epoch: 3)])
    }

    @Test("A page that was asked for before the tail moved changes nothing")
    func latePage() {
        var tail = Self.started(at: 7)
        #expect(tail.absorb(Self.page(6...9, newest: 9), after: Ticket(5)) == [])
    }
}

@Suite("Stream")
struct StreamTests {
    typealias F = Fixture

    @Test("Cold start: what was certified before the process began proves nothing by its time")
    func coldStart() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        _ = try await f.value(1)
        _ = await f.commitElsewhere([2: 2])
        _ = try await f.value(2)
        f.time.advance(by: .seconds(4))
        let peer = f.peer()
        try await peer.pollChanges()
        #expect(peer.watermark == Ticket(2))
        let early = try await peer.read(F.key(1))
        #expect(early.level == .l3 && early.asOf == Ticket(2) && early.payload == [1, 0])
        // Certified at the very ticket it began at: that was the newest one then, whatever the clock says.
        f.time.advance(by: .seconds(1))
        let known = try await peer.read(F.key(2))
        #expect(known.level == .l2 && known.asOf == Ticket(2))
        #expect(known.ageBound >= .seconds(1) && known.ageBound < .seconds(2))
    }

    @Test("A lost publish leaves L2 old, and the stream keeps it from being served")
    func lostPublish() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        _ = try await f.value(1)
        let peer = f.peer()
        _ = try await peer.read([F.key(98), F.key(1)])
        f.shared.setFaults { $0.losesPublishes = true }
        _ = await f.stack.commit(F.write([1: 2]))
        await f.stack.publishPending()
        #expect(try await peer.read(F.key(1)).payload == [1, 0], "within the bound, before the poll")
        try await peer.pollChanges()
        #expect(try await peer.read(F.key(1)).payload == [2, 0])
    }

    @Test("A failed publish is queued again and sent when L2 is back; the newest version of a row goes")
    func recovery() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        _ = try await f.value(1)
        f.shared.setFaults { $0.all = TierError(.unavailable, "down") }
        _ = await f.stack.commit(F.write([1: 2]))
        #expect(await f.stack.publishPending() == (isSent: false, isEmpty: false))
        _ = await f.stack.commit(F.write([1: 3]))
        f.shared.setFaults { $0.all = nil }
        #expect(await f.stack.publishPending() == (isSent: true, isEmpty: true))
        #expect(f.metric("cache_publishes_total{result=\"sent\"}") == 1)
        let bytes = try #require(f.shared.bytes(of: F.key(1)))
        #expect(EntryFormat.ticket(bytes, at: 1) == Ticket(3) && bytes.first == UInt8(ascii: "V"))
    }

    @Test("The publish queue holds its limit, and what finds no room is dropped and counted")
    func publishLimit() async {
        let f = F { $0.publishQueueMax = 3 }
        _ = await f.stack.commit(F.write([1: 1, 2: 1, 3: 1]))
        #expect(f.metric("cache_publishes_total{result=\"dropped\"}") == 0)
        _ = await f.stack.commit(F.write([4: 1]))
        #expect(f.metric("cache_publishes_total{result=\"dropped\"}") == 1)
    }

    @Test("A gap empties L1, and older entries of L2 are not believed any more")
    func gap() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        let old = f.shared.bytes(of: F.key(1))
        for value in 2...4 as ClosedRange<UInt8> { _ = await f.commitElsewhere([1: value]) }
        f.durable.prune(upTo: Ticket(3))
        try await f.stack.pollChanges()
        #expect(f.stack.watermark == Ticket(4) && f.metric("cache_stream_gaps_total") == 1)
        f.shared.overwrite(F.key(1), with: old)
        #expect(try await f.value(1).payload == [4, 0])
    }

    @Test("A raised epoch empties L1, changes the names in L2 and refuses what was certified before")
    func epoch() async throws {
        let f = F()
        for value in 1...3 as ClosedRange<UInt8> { _ = await f.commitElsewhere([1: value]) }
        _ = try await f.value(1)
        f.durable.restoreBackup(at: Ticket(1))
        try await f.stack.pollChanges()
        #expect(f.stack.watermark == Ticket(1) && f.metric("cache_epoch_changes_total") == 1)
        let value = try await f.value(1)
        #expect(value.epoch == 2 && value.level == .l3 && value.payload == nil)
        // The new history reuses ticket 2; tombstones and floors of the old one do not refuse it.
        let ticket = await f.stack.commit(F.write([1: 9])).ticket
        #expect(ticket == Ticket(2))
        #expect(try await f.value(1).payload == [9, 0])
    }

    @Test("A load that meets a newer epoch switches at once")
    func epochByLoad() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(1)
        f.durable.restoreBackup(at: .zero)
        let ticket = await f.commitElsewhere([2: 2])
        #expect(try await f.value(2).epoch == 2)
        #expect(f.stack.peek(F.key(1)) == nil && f.stack.watermark == ticket)
    }

    @Test("While the stream is down reads drift to L3, and its return takes up where it stopped")
    func down() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        try await f.stack.pollChanges()
        _ = try await f.value(1)
        f.durable.setFaults { $0.reads = TierError(.unavailable, "down") }
        await #expect(throws: TierError.self) { try await f.stack.pollChanges() }
        _ = await f.commitElsewhere([1: 2])
        f.durable.setFaults { $0.reads = nil }
        try await f.stack.pollChanges()
        #expect(f.stack.watermark == Ticket(2) && f.stack.peek(F.key(1)) == nil)
    }

    @Test("run follows and announces until it is cancelled, and then has ended")
    func run() async throws {
        let f = F { $0.restWithoutTime() }
        _ = await f.commitElsewhere([1: 1])
        let running = Task { try await f.stack.run() }
        await Gate.until { f.stack.watermark == Ticket(1) }
        _ = await f.stack.commit(F.write([1: 2]))
        await Gate.until { f.stack.watermark == Ticket(2) }
        await Gate.until { f.metric("cache_publishes_total{result=\"sent\"}") == 1 }
        running.cancel()
        try await running.value
    }

    @Test("L2 in memory answers the transcript of the scripts")
    func conformance() async throws {
        let shared = MemorySharedTier()
        shared.enter(epoch: 3)
        let mismatches = try await TierConformance.mismatches(of: shared, key: F.key(42), epoch: 3) { key in
            shared.overwrite(key, with: nil)
        }
        #expect(mismatches.isEmpty, "\(mismatches.joined(separator: "\n"))")
    }

    @Test("The conformance transcript finds a tier that loses publishes")
    func conformanceFails() async throws {
        let shared = MemorySharedTier()
        shared.enter(epoch: 3)
        shared.setFaults { $0.losesPublishes = true }
        let mismatches = try await TierConformance.mismatches(of: shared, key: F.key(42), epoch: 3) { key in
            shared.overwrite(key, with: nil)
        }
        #expect(!mismatches.isEmpty)
    }

    @Test("Every metric is there at zero before the first request")
    func metrics() {
        let f = F()
        for tier in ["l1", "l2", "l3"] {
            for result in ["hit", "miss", "stale", "negative", "error"] {
                #expect(f.metric("cache_requests_total{result=\"\(result)\",tier=\"\(tier)\"}") == 0)
            }
        }
        for name in [
            "cache_loads_coalesced_total", "cache_write_conflicts_total", "cache_entries{tier=\"l1\"}",
            "cache_watermark", "cache_commit_batch_transactions_count", "cache_commit_duration_seconds_count",
            "cache_commits_total{outcome=\"in_doubt\"}", "cache_stream_gaps_total", "cache_overloads_total",
        ] {
            #expect(f.metric(name) == 0, "\(name)")
        }
    }
}

@Suite("Session token")
struct SessionTokenTests {
    @Test("The text form comes back, and nothing else is taken for one")
    func text() {
        let token = SessionToken(epoch: 4_294_967_295, ticket: Ticket(9_999_999_999_999_999))
        #expect(token.description == "4294967295-9999999999999999" && SessionToken(text: token.description) == token)
        for bad in ["", "1", "1-", "-1", "1-2-3", "a-1", "1-b", "4294967296-1", "1-10000000000000000", " 1-2", "1-+2"] {
            #expect(SessionToken(text: bad) == nil, "\(bad)")
        }
    }

    @Test("A token only rises; a newer epoch replaces it, an older one does not")
    func observe() {
        var token = SessionToken()
        token.observe(Ticket(5), epoch: 1)
        token.observe(Ticket(3), epoch: 1)
        #expect(token == SessionToken(epoch: 1, ticket: Ticket(5)))
        token.observe(Ticket(2), epoch: 2)
        token.observe(Ticket(9), epoch: 1)
        #expect(token == SessionToken(epoch: 2, ticket: Ticket(2)))
    }
}
