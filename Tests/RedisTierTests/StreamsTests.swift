import CacheStack
import Foundation
import LocalStack
import RedisTier
import Telemetry
import TestServers
import Testing

/// Streams on a real Redis Cluster: nothing is lost, nothing ends twice.
@Suite(.enabled(if: TestServers.areInstalled, "redis-server or postgresql is not installed"), .timeLimit(.minutes(2)))
struct StreamsTests {
    private let metrics = MetricsRegistry()
    private let tier: RedisTier
    private let streams: RedisStreams
    /// Keys of this test alone.
    private let prefix = "{t:\(UUID().uuidString)}"

    init() async throws {
        let seeds = try TestServers.shared.redis.addresses.compactMap { RedisAddress($0) }
        tier = RedisTier(RedisTier.Configuration(.cluster(seeds: seeds)), metrics: metrics)
        tier.start()
        try await tier.waitUntilHealthy(until: .now + .seconds(20))
        streams = RedisStreams(tier, metrics: metrics)
    }

    private var soon: ContinuousClock.Instant { .now + .seconds(10) }
    private var key: String { "\(prefix):s" }
    private var counters: String { "\(prefix):offered" }

    private func append(_ texts: [String], max: Int = 1_000) async -> [StreamAppend] {
        await streams.append(
            texts.map { (key, "0", 1, Array($0.utf8)) }, counters: counters, lengthMax: max, until: soon)
    }

    private func read(_ consumer: String, limit: Int = 100) async throws -> [StreamEntry] {
        try await streams.read([key], group: "g", consumer: consumer, limit: limit, wait: .zero)
    }

    private func end(_ entries: [StreamEntry], reply: String? = nil) async throws -> [Bool] {
        try await streams.complete(
            entries.map { entry in (entry, reply.map { (stream: "\(prefix):r", payload: Array($0.utf8)) }) },
            group: "g", replyLengthMax: 100, replyLifetime: .seconds(60), until: soon)
    }

    private func texts(_ entries: [StreamEntry]) -> [String] {
        entries.map { String(decoding: $0.payload, as: UTF8.self) }
    }

    @Test("Each entry goes to one consumer, in order, and leaves the stream when it is ended")
    func delivery() async throws {
        defer { tier.shutdown() }
        try await streams.prepare([key], group: "g", until: soon)
        try await streams.prepare([key], group: "g", until: soon)
        #expect(await append(["a", "b", "c"]) == [.appended, .appended, .appended])
        let first = try await read("one", limit: 2)
        let second = try await read("two")
        #expect(texts(first) == ["a", "b"])
        #expect(texts(second) == ["c"])
        #expect(try await read("one").isEmpty)
        #expect(try await end(first + second) == [true, true, true])
        let (depths, counts) = try await streams.depths([key], counters: counters, until: soon)
        #expect(depths.map(\.length) == [0])
        #expect(counts == ["0": 3])
    }

    @Test("A full stream refuses, and keeps every entry that is not ended, at the limit and one past it")
    func bounded() async throws {
        defer { tier.shutdown() }
        try await streams.prepare([key], group: "g", until: soon)
        #expect(await append(["a", "b", "c"], max: 2) == [.appended, .appended, .full])
        let taken = try await read("one", limit: 1)
        #expect(await append(["d"], max: 2) == [.full], "an entry in hand still counts")
        #expect(try await end(taken) == [true])
        #expect(await append(["d"], max: 2) == [.appended])
        #expect(texts(try await read("one")) == ["b", "d"])
    }

    @Test("Of two consumers that end the same entry one is told that it did, and one reply is written")
    func endsOnce() async throws {
        defer { tier.shutdown() }
        try await streams.prepare([key], group: "g", until: soon)
        _ = await append(["a"])
        let held = try await read("dead")
        try await Task.sleep(for: .milliseconds(30))
        let claimed = try await streams.claim(
            [key], group: "g", consumer: "heir", idle: .milliseconds(20), limit: 10, until: soon)
        #expect(texts(claimed) == ["a"])
        #expect(claimed.map(\.deliveries) == [2])
        async let one = end(held, reply: "x")
        async let two = end(claimed, reply: "x")
        #expect(try await (one + two).filter { $0 }.count == 1)
        let replies = try await streams.follow("\(prefix):r", after: "0-0", limit: 10, wait: .zero)
        #expect(texts(replies) == ["x"])
        try await streams.trim("\(prefix):r", through: replies[0].id, until: soon)
        #expect(try await streams.follow("\(prefix):r", after: "0-0", limit: 10, wait: .zero).isEmpty)
    }

    @Test("Nothing is claimed before its time; deliveries are counted; what is buried is with the dead letters")
    func claims() async throws {
        defer { tier.shutdown() }
        try await streams.prepare([key], group: "g", until: soon)
        _ = await append(["a", "b"])
        _ = try await read("one")
        let early = try await streams.claim(
            [key], group: "g", consumer: "two", idle: .seconds(60), limit: 10, until: soon)
        #expect(early.isEmpty)
        var claimed: [StreamEntry] = []
        for round in 2...4 {
            try await Task.sleep(for: .milliseconds(5))
            claimed = try await streams.claim(
                [key], group: "g", consumer: "two", idle: .milliseconds(1), limit: 10, until: soon)
            #expect(claimed.map(\.deliveries) == [round, round])
        }
        let letters = "\(prefix):dead"
        let reason = "does not parse"
        #expect(
            try await streams.bury(
                claimed[0], group: "g", letters: letters, reason: reason, lengthMax: 10, until: soon))
        #expect(
            try await !streams.bury(
                claimed[0], group: "g", letters: letters, reason: reason, lengthMax: 10, until: soon))
        #expect(texts(try await streams.follow(letters, after: "0-0", limit: 10, wait: .zero)) == ["a"])
        #expect(try await end(claimed) == [false, true])
    }

    @Test("A group that is gone is told apart, and made again")
    func lostGroup() async throws {
        defer { tier.shutdown() }
        do {
            _ = try await read("one")
            Issue.record("there is no such group")
        } catch let error as TierError {
            #expect(RedisStreams.isGroupMissing(error))
        }
        try await streams.prepare([key], group: "g", until: soon)
        #expect(try await read("one").isEmpty)
    }

    @Test("A read that waits returns with the first entry")
    func blocking() async throws {
        defer { tier.shutdown() }
        try await streams.prepare([key], group: "g", until: soon)
        let other = RedisTier(
            RedisTier.Configuration(
                .cluster(seeds: try TestServers.shared.redis.addresses.compactMap { RedisAddress($0) })),
            metrics: metrics)
        other.start()
        defer { other.shutdown() }
        try await other.waitUntilHealthy(until: .now + .seconds(20))
        let waiting = RedisStreams(other, metrics: metrics)
        async let taken = waiting.read([key], group: "g", consumer: "one", limit: 10, wait: .seconds(20))
        try await Task.sleep(for: .milliseconds(50))
        _ = await append(["late"])
        #expect(texts(try await taken) == ["late"])
    }

    @Test("Members that are not heard of are removed; the epoch grows with every change, and only then")
    func membership() async throws {
        defer { tier.shutdown() }
        func beat(_ kind: RedisStreams.Beat, _ name: String, lifetime: Duration = .seconds(60)) async throws
            -> StreamMembers
        {
            try await streams.beat(kind, name, facts: "of \(name)", scope: prefix, lifetime: lifetime, until: soon)
        }
        #expect(try await beat(.look, "").members.isEmpty)
        #expect(try await beat(.join, "b").epoch == 1)
        #expect(try await beat(.join, "b").epoch == 1)
        let two = try await beat(.join, "a")
        #expect(two.epoch == 2)
        #expect(two.members.map(\.name) == ["a", "b"])
        #expect(two.members.map(\.facts) == ["of a", "of b"])
        #expect(try await beat(.leave, "b").epoch == 3)
        #expect(try await beat(.leave, "b").epoch == 3)
        _ = try await beat(.join, "c")
        try await Task.sleep(for: .milliseconds(60))
        let alone = try await beat(.join, "a", lifetime: .milliseconds(50))
        #expect(alone.members.map(\.name) == ["a"])
        #expect(alone.epoch == 5)
    }

    @Test("Entries hold any bytes, and a server that is away is a fault, not a wait")
    func bytes() async throws {
        try await streams.prepare([key], group: "g", until: soon)
        let all = (0...255).map { UInt8($0) } + Array("\r\n$-1\r\n".utf8)
        _ = await streams.append([(key, "0", 7, all)], counters: counters, lengthMax: 10, until: soon)
        #expect(try await read("one").map(\.payload) == [all])
        tier.shutdown()
        guard case .unknown = await append(["a"])[0] else { throw TierError(.unavailable, "it was taken") }
        await #expect(throws: TierError.self) { try await read("one") }
    }
}
