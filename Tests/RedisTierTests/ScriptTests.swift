import CacheStack
import Foundation
import LocalStack
import RedisTier
import Synchronization
import TestData
import TestServers
import Testing
import TierConformance

/// The three scripts and the operations on them, on the shared Redis Cluster; each test has a space of its own.
@Suite(
    .enabled(if: TestServers.areInstalled, "needs redis-server and postgresql: make deps"), .timeLimit(.minutes(2)))
struct ScriptTests {
    private func clusterTier() throws -> TestTier {
        let seeds = try TestServers.shared.redis.addresses.compactMap { RedisAddress($0) }
        return TestTier(.cluster(seeds: Array(seeds.prefix(1))))
    }

    private static let soon = Duration.seconds(10)

    @Test("Redis computes the digests that the tier calls the scripts by", arguments: Script.allCases)
    func digests(script: Script) throws {
        let port = try TestServers.shared.redis.nodes[0].port
        let digest = try PrivateRedis.send(port, ["SCRIPT", "LOAD", script.text])
        #expect(digest == String(decoding: script.digest, as: UTF8.self))
    }

    /// The transcript of the protocol's reference, step by step: replies, and the key's head (17 bytes) afterwards.
    @Test("The scripts follow the conformance transcript")
    func transcript() throws {
        let name = "{acct:42}:transcript"
        let slot = Int(KeySlot.of(Array(name.utf8)[...]))
        let nodes = try TestServers.shared.redis.nodes
        let port = nodes[slot * nodes.count / 16_384].port
        func run(_ script: Script, _ arguments: String...) throws -> String {
            try PrivateRedis.send(port, ["EVAL", script.text, "1", name] + arguments)
        }
        func key() throws -> String { try PrivateRedis.send(port, ["GET", name]) }
        func rest(_ asOf: String) -> String { asOf + "1767225600123456" + "payload" }
        let (v7, v8, v9) = ("0000000000000007", "0000000000000008", "0000000000000009")
        try PrivateRedis.send(port, ["DEL", name])
        #expect(try run(.getOrLease, "tokA", "2000") == "LEASE\n0000000000000000")
        #expect(try key() == "L0000000000000000tokA")
        let wait = try run(.getOrLease, "tokB", "2000")
        #expect(wait.hasPrefix("WAIT\n") && (1...2_000).contains(Int(wait.dropFirst(5)) ?? 0))
        #expect(try run(.publish, v8, rest(v8), "5000", "60000") == "0")
        #expect(try key() == "L\(v8)tokA")
        let left = try PrivateRedis.send(port, ["PTTL", name])
        #expect((1...2_000).contains(Int(left) ?? 0), "the loader keeps its time")
        #expect(try run(.fill, "tokA", v7, rest(v7), "60000", "5000") == "STALE")
        #expect(try key() == "T\(v8)")
        #expect(try run(.getOrLease, "tokC", "2000") == "LEASE\n\(v8)")
        #expect(try run(.fill, "tokB", v8, rest(v9), "60000", "5000") == "LOST")
        #expect(try key() == "L\(v8)tokC")
        #expect(try run(.fill, "tokC", v8, rest(v9), "60000", "5000") == "OK")
        #expect(try key() == "V\(v8)\(rest(v9))")
        #expect(try run(.getOrLease, "tokD", "2000").hasPrefix("HIT\nV\(v8)"))
        #expect(try run(.publish, v8, rest("0000000000000012"), "5000", "60000") == "2")
        #expect(try run(.publish, "0000000000000010", rest("0000000000000010"), "5000", "60000") == "1")
        #expect(try key() == "V0000000000000010" + rest("0000000000000010"))
        #expect(try run(.publish, "0000000000000011", "", "5000", "60000") == "0")
        #expect(try key() == "T0000000000000011")
        #expect(try run(.publish, "0000000000000010", rest(v9), "5000", "60000") == "-1")
        #expect(try run(.publish, "0000000000000012", rest("0000000000000012"), "5000", "60000") == "0")
        #expect(try key() == "T0000000000000012")
        try PrivateRedis.send(port, ["DEL", name])
        #expect(try run(.publish, "0000000000000013", rest("0000000000000013"), "5000", "60000") == "0")
        #expect(try key() == "T0000000000000013")
        try PrivateRedis.send(port, ["DEL", name])
    }

    @Test("The tier conforms to the transcript every L2 must follow")
    func conformance() async throws {
        let test = try clusterTier()
        defer { test.tier.shutdown() }
        let key = key(42, space: 65_000)
        let slot = Int(KeySlot.of(Array(key.l2Name(epoch: 1).utf8)[...]))
        let nodes = try TestServers.shared.redis.nodes
        let port = nodes[slot * nodes.count / 16_384].port
        let mismatches = try await TierConformance.mismatches(of: test.tier, key: key, epoch: 1) { key in
            try PrivateRedis.send(port, ["DEL", key.l2Name(epoch: 1)])
        }
        #expect(mismatches == [])
    }

    @Test("Lease, fill, read, publish: a key's whole life through the tier")
    func wholeLife() async throws {
        let test = try clusterTier()
        defer { test.tier.shutdown() }
        let (tier, key) = (test.tier, key(UInt64.max, space: 65_535))
        let publish = { (entry: CertifiedEntry, invalidateOnly: Bool) in
            try await tier.publish(
                [(entry: entry, lifetime: .seconds(60), invalidateOnly: invalidateOnly)], until: .now + Self.soon)
        }
        let fill = { (entry: CertifiedEntry, token: UInt64) in
            try await tier.fill([(entry: entry, token: token, lifetime: .seconds(60))], until: .now + Self.soon)
        }
        let get = { try await tier.get([key], until: .now + Self.soon)[0] }
        let lease = { try await tier.lease([key], until: .now + Self.soon)[0] }

        #expect(try await get() == .miss)
        guard case .granted(let token, floor: .zero) = try await lease() else { return #expect(Bool(false)) }
        #expect(token != 0)
        guard case .wait(let retry) = try await lease() else { return #expect(Bool(false)) }
        #expect((1...2_000).contains(retry))
        #expect(try await get() == .miss)
        try await publish(entry(key, version: 8), false)
        #expect(try await fill(entry(key, version: 7, asOf: 9), token) == [.stale])
        guard case .granted(let second, let floor) = try await lease() else { return #expect(Bool(false)) }
        #expect(floor == Ticket(8))
        #expect(try await fill(entry(key, version: 8, asOf: 9), token) == [.lost])
        #expect(try await fill(entry(key, version: 8, asOf: 9), second) == [.stored])
        #expect(try await get() == .entry(entry(key, version: 8, asOf: 9)))
        #expect(try await lease() == .entry(entry(key, version: 8, asOf: 9)))
        // An absent row is a value too.
        try await publish(entry(key, version: 10, payload: nil), false)
        #expect(try await get() == .entry(entry(key, version: 10, payload: nil)))
        try await publish(entry(key, version: 9), false)
        #expect(try await get() == .entry(entry(key, version: 10, payload: nil)))
        try await publish(entry(key, version: 11), true)
        #expect(try await get() == .miss)
        try await publish(entry(key, version: 12), false)
        #expect(try await get() == .miss, "publish never creates a value")
    }

    @Test("A value lives as long as it was given, a lease too")
    func lifetimes() async throws {
        let seeds = try TestServers.shared.redis.addresses.compactMap { RedisAddress($0) }
        let test = TestTier(.cluster(seeds: seeds)) { $0.leaseDuration = .milliseconds(30) }
        defer { test.tier.shutdown() }
        let key = key(1, space: 65_001)
        guard case .granted(let lost, _) = try await test.tier.lease([key], until: .now + Self.soon)[0] else {
            return #expect(Bool(false))
        }
        #expect(
            await eventually {
                if case .granted(let token, _) = try? await test.tier.lease([key], until: .now + Self.soon)[0] {
                    return token != lost
                }
                return false
            })
        let replies = try await test.tier.fill(
            [(entry: entry(key, version: 1), token: lost, lifetime: .seconds(60))], until: .now + Self.soon)
        #expect(replies == [.lost])
    }

    @Test("A large batch over all nodes keeps the order of its keys, values and absences")
    func largeBatch() async throws {
        let test = try clusterTier()
        defer { test.tier.shutdown() }
        let keys = (0..<3_000).map { key(UInt64($0) &* 0x9E37_79B9_7F4A_7C15, space: 65_002) }
        let leases = try await test.tier.lease(keys, until: .now + Self.soon)
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (index, lease) in leases.enumerated() where index % 3 != 0 {
            guard case .granted(let token, _) = lease else { return #expect(Bool(false)) }
            let payload = index % 3 == 1 ? "payload \(index)" : nil
            let entry = entry(keys[index], version: UInt64(index), asOf: 9_999, payload: payload)
            fills.append((entry: entry, token: token, lifetime: .seconds(30)))
        }
        #expect(try await test.tier.fill(fills, until: .now + Self.soon).allSatisfy { $0 == .stored })
        let replies = try await test.tier.get(keys, until: .now + Self.soon)
        var next = 0
        for (index, reply) in replies.enumerated() {
            guard index % 3 != 0 else { #expect(reply == .miss); continue }
            #expect(reply == .entry(fills[next].entry))
            next += 1
        }
        let ports = Set(test.tier.nodeStates.filter(\.isConnected).map(\.address.port))
        #expect(ports.count == 3, "the other nodes were found through one seed")
    }

    @Test("SCRIPT FLUSH costs a reload, no call")
    func scriptFlush() async throws {
        let test = try clusterTier()
        defer { test.tier.shutdown() }
        try await test.tier.waitUntilHealthy(until: .now + Self.soon)
        for node in try TestServers.shared.redis.nodes { try PrivateRedis.send(node.port, ["SCRIPT", "FLUSH"]) }
        let keys = (0..<60).map { key($0, space: 65_003) }
        let leases = try await test.tier.lease(keys, until: .now + Self.soon)
        for lease in leases {
            guard case .granted(let token, _) = lease else { return #expect(Bool(false)) }
            #expect(token != 0)
        }
        #expect(test.metric("redis_redirects_total{kind=\"noscript\"}") > 0)
    }

    @Test("An epoch that rises hides all entries of the old one, and lets lower versions in")
    func epochs() async throws {
        let test = try clusterTier()
        defer { test.tier.shutdown() }
        let key = key(1, space: 65_004)
        guard case .granted(let old, _) = try await test.tier.lease([key], until: .now + Self.soon)[0] else {
            return #expect(Bool(false))
        }
        _ = try await test.tier.fill(
            [(entry: entry(key, version: 100), token: old, lifetime: .seconds(30))], until: .now + Self.soon)
        test.tier.raiseEpoch(to: 2)
        test.tier.raiseEpoch(to: 1)
        #expect(test.tier.epoch == 2)
        #expect(try await test.tier.get([key], until: .now + Self.soon) == [.miss])
        guard case .granted(let new, floor: .zero) = try await test.tier.lease([key], until: .now + Self.soon)[0]
        else { return #expect(Bool(false)) }
        let entry = entry(key, version: 50, epoch: 2)
        #expect(
            try await test.tier.fill([(entry: entry, token: new, lifetime: .seconds(30))], until: .now + Self.soon)
                == [.stored])
        #expect(try await test.tier.get([key], until: .now + Self.soon) == [.entry(entry)])
    }

    @Test("A payload above the cap is not stored; publishing it leaves a tombstone")
    func largeValues() async throws {
        let seeds = try TestServers.shared.redis.addresses.compactMap { RedisAddress($0) }
        let cap = EntryFormat.overhead + 100
        let test = TestTier(.cluster(seeds: seeds)) { $0.valueBytesMax = cap }
        defer { test.tier.shutdown() }
        let (fitting, large) = (key(1, space: 65_005), key(2, space: 65_005))
        let entries = [
            entry(fitting, version: 1, payload: String(repeating: "x", count: 100)),
            entry(large, version: 1, payload: String(repeating: "x", count: 101)),
        ]
        let leases = try await test.tier.lease([fitting, large], until: .now + Self.soon)
        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
        for (entry, lease) in zip(entries, leases) {
            guard case .granted(let token, _) = lease else { return #expect(Bool(false)) }
            fills.append((entry: entry, token: token, lifetime: .seconds(30)))
        }
        #expect(try await test.tier.fill(fills, until: .now + Self.soon) == [.stored, .lost])
        #expect(try await test.tier.get([fitting, large], until: .now + Self.soon) == [.entry(entries[0]), .miss])
    }

    /// Every task reads and writes keys of its own, all over the same three connections: a reply that reached the
    /// wrong command would show as poison, a wrong value or a wrong count.
    @Test("Forty tasks at once each get their own answers")
    func concurrency() async throws {
        let test = try clusterTier()
        defer { test.tier.shutdown() }
        let tier = test.tier
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<40 {
                group.addTask {
                    var generator = SplitMix64(seed: UInt64(task))
                    for round in 0..<30 {
                        let keys = (0..<Int(generator.next() % 12) + 1).map { index in
                            key(UInt64(task * 1_000_000 + round * 100 + index), space: 65_006)
                        }
                        let entries = keys.map { entry($0, version: generator.next() % 1_000, asOf: 1_000) }
                        var fills: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)] = []
                        for (entry, lease) in zip(entries, try await tier.lease(keys, until: .now + Self.soon)) {
                            guard case .granted(let token, _) = lease else { continue }
                            fills.append((entry: entry, token: token, lifetime: .seconds(30)))
                        }
                        let stored = try await tier.fill(fills, until: .now + Self.soon)
                        #expect(stored == keys.map { _ in .stored })
                        let read = try await tier.get(keys, until: .now + Self.soon)
                        #expect(read == entries.map { .entry($0) })
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(test.metric("redis_poison_total") == 0)
        #expect(test.metric("redis_reconnects_total") == 0)
        #expect(test.metric("db_client_operation_duration_seconds_count{db_operation_name=\"GET\"") == 1_200)
    }
}
