import CacheStack
import Foundation
import LocalStack
import RedisTier
import Simulation
import Telemetry
import TestServers
import Testing

/// The fake L2 of the simulation against a real Redis Cluster: the same seeded script on both, every answer compared.
///
/// Lifetimes are long on both sides; what expiry does is done by deleting the key.
@Suite(
    .enabled(if: TestServers.areInstalled, "needs redis-server and postgresql: make deps"), .timeLimit(.minutes(3)))
struct SharedComparisonTests {
    private static let space = SpaceID(rawValue: 64_777)
    private static let keys = 3

    /// What both sides answered to one step, without what may differ: tokens' numbers, waiting times.
    private struct Answer: Equatable, CustomStringConvertible {
        var description: String

        init(_ replies: [SharedTierReply]) { description = "\(replies)" }
        init(_ replies: [FillReply]) { description = "\(replies)" }
        init(_ text: String) { description = text }

        init(_ replies: [LeaseReply]) {
            let texts = replies.map { reply in
                switch reply {
                case .granted(_, let floor): "granted above \(floor.rawValue)"
                case .wait: "wait"
                case .entry(let entry): "\(entry)"
                }
            }
            description = "\(texts)"
        }
    }

    /// One side: a tier and the tokens it has given out, in order.
    private struct Side {
        var tier: any SharedTier
        var tokens: [UInt64] = []

        mutating func lease(_ key: CacheKey) async throws -> Answer {
            let replies = try await tier.lease([key], until: .now + .seconds(20))
            if case .granted(let token, _)? = replies.first { tokens.append(token) }
            return Answer(replies)
        }
    }

    private static func entry(_ key: CacheKey, _ version: Int, _ asOf: Int, isAbsent: Bool) -> CertifiedEntry {
        let certificate = Certificate(
            version: Ticket(UInt64(version)), asOf: Ticket(UInt64(asOf)), asOfTime: 1_700_000_000_000_000 + Int64(asOf),
            epoch: 1)
        return CertifiedEntry(key: key, certificate: certificate, payload: isAbsent ? nil : [UInt8(version % 256)])
    }

    private static func remove(_ key: CacheKey, _ fake: MemorySharedTier, port: UInt16) throws {
        fake.overwrite(key, with: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-c", "-p", "\(port)", "DEL", key.l2Name(epoch: 1)]
        process.standardOutput = Pipe()
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test("The fake L2 answers as Redis does", arguments: [1, 2, 3, 4] as [UInt64])
    func sharedTiersAgree(seed: UInt64) async throws {
        let nodes = try TestServers.shared.redis.nodes
        let seeds = try TestServers.shared.redis.addresses.compactMap { RedisAddress($0) }
        var configuration = RedisTier.Configuration(.cluster(seeds: Array(seeds.prefix(1))))
        configuration.leaseDuration = .seconds(600)
        configuration.tombstoneDuration = .seconds(600)
        let redis = RedisTier(configuration, metrics: MetricsRegistry())
        redis.start()
        defer { redis.shutdown() }
        redis.enter(epoch: 1)
        // A clock that stands: nothing expires.
        let memory = MemorySharedTier(time: ManualTime().source)
        memory.enter(epoch: 1)
        var (fake, real) = (Side(tier: memory), Side(tier: redis))
        var generator = SeededGenerator(seed: seed)
        let keys = (0..<Self.keys).map { CacheKey(Self.space, seed << 8 | UInt64($0)) }
        var kinds: [String: Int] = [:]
        for step in 0..<400 {
            let key = keys[generator.below(keys.count)]
            let (choice, version) = (generator.below(100), generator.below(12))
            let asOf = version + generator.below(4)
            let entry = Self.entry(key, version, asOf, isAbsent: generator.chance(1_000))
            let answers: (Answer, Answer)
            if choice < 25 {
                answers = (try await fake.lease(key), try await real.lease(key))
            } else if choice < 50 {
                guard !fake.tokens.isEmpty, fake.tokens.count == real.tokens.count else { continue }
                // Mostly the latest lease, at times one that is over.
                let place = max(0, fake.tokens.count - 1 - generator.below(3))
                answers = (
                    Answer(try await Self.fill(fake.tier, entry, fake.tokens[place])),
                    Answer(try await Self.fill(real.tier, entry, real.tokens[place]))
                )
            } else if choice < 75 {
                let isOnlyFloor = generator.chance(2_000)
                try await Self.publish(fake.tier, entry, isOnlyFloor)
                try await Self.publish(real.tier, entry, isOnlyFloor)
                answers = (Answer("published"), Answer("published"))
            } else if choice < 97 {
                answers = (
                    Answer(try await fake.tier.get(keys, until: .now + .seconds(20))),
                    Answer(try await real.tier.get(keys, until: .now + .seconds(20)))
                )
            } else {
                try Self.remove(key, memory, port: nodes[0].port)
                answers = (Answer("deleted"), Answer("deleted"))
            }
            kinds[String(answers.0.description.prefix(9)), default: 0] += 1
            try #require(answers.0 == answers.1, "seed \(seed), step \(step): the fake differs from Redis")
        }
        #expect(kinds.count >= 6, "the script meets every kind of answer: \(kinds)")
    }

    private static func fill(
        _ tier: any SharedTier, _ entry: CertifiedEntry, _ token: UInt64
    ) async throws -> [FillReply] {
        try await tier.fill(
            [(entry: entry, token: token, lifetime: .seconds(600))], until: .now + .seconds(20))
    }

    private static func publish(_ tier: any SharedTier, _ entry: CertifiedEntry, _ isOnlyFloor: Bool) async throws {
        try await tier.publish(
            [(entry: entry, lifetime: .seconds(600), invalidateOnly: isOnlyFloor)], until: .now + .seconds(20))
    }
}
