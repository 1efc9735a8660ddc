internal import CacheStack

/// One process's way to L2: messages that are late, lost or come twice, and the mutants of the scripts.
final class SharedLink: SharedTier, @unchecked Sendable {  // used by the scheduler's thread only
    private unowned let world: World
    private unowned let host: Host
    private var server: SharedServer { world.redis }
    /// The stack gives up after this long.
    static let timeout: Int64 = 50_000_000

    init(_ world: World, _ host: Host) {
        self.world = world
        self.host = host
    }

    private var isCut: Bool { host.isDead || host.isCutFromL2 || server.isDown }

    func enter(epoch: UInt32) { host.sharedEpoch = epoch }

    /// One round trip. `body` takes effect when the request arrives, whether or not somebody waits for its answer.
    private func call<R: Sendable>(
        repeats: Bool = true, _ body: @escaping @Sendable () async throws(TierError) -> R
    ) async throws(TierError) -> R {
        let scheduler = world.scheduler
        let (request, reply) = (world.latency(), world.latency())
        guard !isCut else {
            await scheduler.sleep(min(request, Self.timeout))
            throw TierError(.unavailable, "no connection")
        }
        let isLost = world.isLost()
        if !isLost || world.faults.chance(5_000) {
            if repeats, world.happens(.duplicatedMessages) { later(request + world.latency() * 3, body) }
            guard request + reply >= Self.timeout || isLost else {
                await scheduler.sleep(request)
                guard !isCut else { throw TierError(.unavailable, "the connection broke") }
                let answer = try await body()
                await scheduler.sleep(reply)
                return answer
            }
            later(request, body)
        }
        await scheduler.sleep(Self.timeout)
        throw TierError(.deadline, "no answer")
    }

    private func later<R: Sendable>(
        _ delay: Int64, _ body: @escaping @Sendable () async throws(TierError) -> R
    ) {
        let world = world
        server.lane.start {
            await world.scheduler.sleep(delay)
            guard !world.redis.isDown else { return }
            _ = try? await body()
        }
    }

    func get(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> [SharedTierReply] {
        let mutant = world.plan.mutant
        if mutant == .snapshotBeforeLease {
            for key in keys { host.durable.early[key] = try? await world.server.tier.load([key], until: deadline) }
        }
        let replies = try await call { [self] () async throws(TierError) -> [SharedTierReply] in
            try await server.tier(for: host).get(keys, until: deadline)
        }
        guard mutant == .timeToLive else { return replies }
        return replies.map { reply in
            guard case .entry(var entry) = reply else { return reply }
            entry.certificate.asOfTime = world.server.microseconds
            return .entry(entry)
        }
    }

    func lease(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) async throws(TierError) -> [LeaseReply] {
        switch world.plan.mutant {
        case .deleteOnWrite, .shortTombstone:
            return keys.map { _ in .granted(token: 1, floor: .zero) }
        default:
            return try await call { [self] () async throws(TierError) -> [LeaseReply] in
                let tier = server.tier(for: host)
                let replies = try await tier.lease(keys, until: deadline)
                server.tell(zip(keys, replies).filter { $1.isLease }.map(\.0), of: tier)
                return replies
            }
        }
    }

    func fill(
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [FillReply] {
        try await call { [self] () async throws(TierError) -> [FillReply] in
            let tier = server.tier(for: host)
            let replies: [FillReply]
            if let scripts = BrokenScripts(world.plan.mutant), scripts.breaksFill {
                for item in entries { scripts.fill(item.entry, into: tier) }
                replies = entries.map { _ in .stored }
            } else {
                replies = try await tier.fill(entries, until: deadline)
            }
            check(entries.map(\.entry), tier)
            return replies
        }
    }

    func publish(
        _ entries: [(entry: CertifiedEntry, lifetime: Duration, invalidateOnly: Bool)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) {
        try await call { [self] () async throws(TierError) -> Void in
            let tier = server.tier(for: host)
            if let scripts = BrokenScripts(world.plan.mutant) {
                for item in entries
                where !scripts.publish(item.entry, invalidateOnly: item.invalidateOnly, into: tier) {
                    try await tier.publish([item], until: deadline)
                }
            } else {
                try await tier.publish(entries, until: deadline)
            }
            if tier === server.primary { for item in entries { server.note(item.entry) } }
            check(entries.map(\.entry), tier)
        }
    }

    /// What the first 17 bytes of each key say.
    func versions(of keys: [CacheKey]) async throws(TierError) -> [HeldVersion] {
        try await call(repeats: false) { [self] () async throws(TierError) -> [HeldVersion] in
            let tier = server.tier(for: host)
            return keys.map { key in
                guard let bytes = tier.bytes(of: key), bytes.first == UInt8(ascii: "V"),
                    let version = EntryFormat.ticket(bytes, at: 1)
                else { return .other }
                return .value(version)
            }
        }
    }

    private func check(_ entries: [CertifiedEntry], _ tier: MemorySharedTier) {
        server.tell(entries.map(\.key), of: tier)
        guard tier === server.primary else { return }
        for entry in entries { server.check(entry.key, epoch: entry.certificate.epoch) }
    }
}

extension LeaseReply {
    /// Whether L2 has written a lease.
    fileprivate var isLease: Bool {
        if case .granted = self { return true }
        return false
    }
}

/// Scripts that are wrong in one way each.
struct BrokenScripts {
    private let mutant: Mutant

    init?(_ mutant: Mutant?) {
        switch mutant {
        case .deleteOnWrite, .setWithoutCompare, .floatVersions, .fillWithoutDeadline, .shortTombstone,
            .publishCreates:
            self.mutant = mutant ?? .deleteOnWrite
        default: return nil
        }
    }

    private func value(_ entry: CertifiedEntry) -> [UInt8] {
        EntryFormat.encode(entry, keyHash: entry.key.l2Hash(epoch: entry.certificate.epoch))
    }

    private func held(_ key: CacheKey, _ tier: MemorySharedTier) -> (kind: UInt8, version: Ticket)? {
        guard let bytes = tier.bytes(of: key), let kind = bytes.first, let version = EntryFormat.ticket(bytes, at: 1)
        else { return nil }
        return (kind, version)
    }

    /// Whether FILL is one of the scripts that are wrong.
    var breaksFill: Bool { [.deleteOnWrite, .fillWithoutDeadline, .shortTombstone].contains(mutant) }

    /// FILL without asking for the lease; floors and newer versions are heeded where there still are some.
    func fill(_ entry: CertifiedEntry, into tier: MemorySharedTier) {
        tier.enter(epoch: entry.certificate.epoch)
        if mutant != .deleteOnWrite, let held = held(entry.key, tier), entry.certificate.version < held.version {
            return
        }
        tier.overwrite(entry.key, with: value(entry))
    }

    /// PUBLISH; false where the mutant leaves it as it is.
    func publish(_ entry: CertifiedEntry, invalidateOnly: Bool, into tier: MemorySharedTier) -> Bool {
        tier.enter(epoch: entry.certificate.epoch)
        let held = held(entry.key, tier)
        switch mutant {
        case .deleteOnWrite, .shortTombstone:
            // A tombstone that is gone at once is a deletion.
            tier.overwrite(entry.key, with: nil)
            return true
        case .setWithoutCompare:
            guard held?.kind == UInt8(ascii: "V"), !invalidateOnly else { return false }
            tier.overwrite(entry.key, with: value(entry))
            return true
        case .floatVersions:
            guard let held else { return false }
            return Double(held.version.rawValue) >= Double(entry.certificate.version.rawValue)
        case .publishCreates:
            guard held == nil, !invalidateOnly else { return false }
            tier.overwrite(entry.key, with: value(entry))
            return true
        default: return false
        }
    }
}
