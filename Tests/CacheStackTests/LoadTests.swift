import CacheStack
import Synchronization
import Testing

@Suite("Loads")
struct LoadTests {
    typealias F = Fixture

    @Test("Many readers of one missing row share one load")
    func singleFlight() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .beforeSnapshot { await gate.wait() } }
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            for _ in 0..<50 { group.addTask { try await f.value(1).payload } }
            await Gate.until { gate.arrived == 1 && f.metric("cache_loads_coalesced_total") == 49 }
            gate.open()
            for try await payload in group { #expect(payload == [1, 0]) }
        }
        #expect(f.durable.loadCount.loads == 1)
    }

    @Test("Stale set: a value loaded before a commit is neither filled nor installed after it")
    func staleSet() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 7])
        _ = try await f.value(99)
        let peer = f.peer()
        _ = try await peer.read(F.key(98))
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .afterSnapshot { await gate.wait() } }
        async let early = f.value(1)
        await Gate.until { gate.arrived == 1 }
        f.durable.setHook(nil)
        // The other process commits and announces while the answer with the old value is on its way.
        _ = await peer.commit(F.write([1: 8]))
        await peer.publishPending()
        #expect(f.shared.bytes(of: F.key(1))?.first == UInt8(ascii: "L"), "the lease's floor was raised")
        gate.open()
        #expect(try await early.payload == [7, 0], "the read began before the commit ended")
        #expect(f.shared.bytes(of: F.key(1))?.first == UInt8(ascii: "T"), "the fill was STALE")
        #expect(f.stack.peek(F.key(1)) == nil)
        #expect(try await f.value(1).payload == [8, 0])
    }

    @Test(
        "A change announced during a load keeps the load out of L1, and later readers start another", arguments: 0...2)
    func invalidationDuringLoad(source: Int) async throws {
        let f = F { _ in }
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .afterSnapshot { await gate.wait() } }
        async let early = f.value(1)
        await Gate.until { gate.arrived == 1 }
        f.durable.setHook(nil)
        switch source {
        case 0:
            _ = await f.commitElsewhere([1: 2])
            try await f.stack.pollChanges()
        case 1: _ = await f.stack.commit(F.write([1: 2]))
        default:
            _ = await f.commitElsewhere([1: 2])
            f.stack.markSuspect([F.key(1)])
        }
        gate.open()
        let first = try await early.payload
        // With a floor known the old value is not returned any more; a mark without a version cannot tell.
        #expect(first == (source == 2 ? [1, 0] : [2, 0]))
        if source == 2 { #expect(f.stack.peek(F.key(1)) == nil) }
    }

    @Test("An unshared row loaded across an own commit is not installed")
    func unshared() async throws {
        let f = F()
        let key = F.key(1, F.orders)
        _ = await f.stack.commit(F.write([1: 1], space: F.orders))
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .afterSnapshot { await gate.wait() } }
        async let early = f.stack.read(key)
        await Gate.until { gate.arrived == 1 }
        f.durable.setHook(nil)
        _ = await f.stack.commit(F.write([1: 2], space: F.orders))
        gate.open()
        _ = try await early
        #expect(try await f.stack.read(key).payload == [2, 0])
        #expect(f.shared.bytes(of: key) == nil, "unshared rows do not enter L2")
    }

    @Test("A process waits for another's lease, and after it has ended loads by itself without caching")
    func waits() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        // A loader that died: its lease of 2 s is in L2.
        _ = try await f.shared.lease([F.key(1)], until: .now)
        let before = f.time.now
        #expect(try await f.value(1).payload == [1, 0])
        #expect(f.time.now - before >= .seconds(2) - .milliseconds(20))
    }

    @Test("A fill is not sent when its query is older than a second")
    func lateFill() async throws {
        let f = F()
        _ = await f.commitElsewhere([1: 1])
        _ = try await f.value(99)
        let time = f.time
        f.durable.setHook { moment, _ in if moment == .afterSnapshot { time.advance(by: .milliseconds(1_001)) } }
        #expect(try await f.value(1).payload == [1, 0])
        #expect(f.shared.bytes(of: F.key(1))?.first == UInt8(ascii: "L"))
    }

    @Test("The bulkhead lets its number in, lets its queue wait, and refuses the next at once")
    func bulkhead() async throws {
        let f = F {
            $0.loadsMax = 2; $0.loadQueueMax = 3
        }
        let gate = Gate()
        f.durable.setHook { moment, _ in if moment == .beforeSnapshot { await gate.wait() } }
        await withTaskGroup(of: CacheError.Code?.self) { group in
            for id in 1...5 as ClosedRange<UInt64> {
                group.addTask {
                    do throws(CacheError) {
                        _ = try await f.stack.read(F.key(id))
                        return nil
                    } catch { return error.code }
                }
            }
            await Gate.until { gate.arrived == 2 && f.metric("cache_load_queue_batches") == 3 }
            do throws(CacheError) {
                _ = try await f.stack.read(F.key(6))
                Issue.record("the sixth load was let in")
            } catch {
                #expect(error.code == .overloaded)
            }
            gate.open()
            for await code in group { #expect(code == nil) }
        }
        #expect(f.durable.loadCount.loads == 5)
        #expect(f.metric("cache_overloads_total") == 1)
    }

    @Test("Readers that learn the epoch together load each row once: none finds L1 half way into it")
    func firstReaders() async throws {
        for _ in 0..<200 {
            let f = F()
            await withTaskGroup(of: CacheError.Code?.self) { group in
                for id in 1...4 as ClosedRange<UInt64> {
                    group.addTask {
                        do throws(CacheError) {
                            _ = try await f.stack.read(F.key(id))
                            return nil
                        } catch { return error.code }
                    }
                }
                for await code in group { #expect(code == nil) }
            }
            #expect(f.durable.loadCount.loads == 4)
        }
    }

    @Test("A read of more rows than one load takes is split")
    func chunks() async throws {
        let f = F { $0.loadRowsMax = 4 }
        let values = try await f.stack.read((0..<9 as Range<UInt64>).map { F.key($0) })
        #expect(values.count == 9 && f.durable.loadCount.loads == 3)
    }

    @Test("A failed load fails all who wait for it, and the next reader tries again")
    func failure() async throws {
        let f = F()
        f.durable.setFaults { $0.reads = TierError(.unavailable, "down") }
        await #expect(throws: CacheError.self) { try await f.value(1) }
        f.durable.setFaults { $0.reads = nil }
        #expect(try await f.value(1).payload == nil)
    }
}
