internal import Logging
internal import RedisTier

/// Makes the shards of a running node those of its configuration file: what SIGHUP asks for.
///
/// Only `redis.addresses` of mode ring is taken; all other keys wait for a restart. A file that does not hold, or names
/// another mode, changes nothing and is logged. Every node of a ring must be told, within the 60 s that entries live: until then
/// two nodes look for moved keys in different places, which costs loads and serves nothing false (`RedisTier.addShard`).
struct RingReload: Sendable {
    /// The file the node was started with.
    let file: String
    let logger: Logger

    /// Reads the file and applies it. New shards come before old ones go, so that the ring is never empty.
    func apply(to tier: RedisTier) {
        do {
            let (added, removed) = try Self.change(tier, to: try ServeConfiguration.read(file).redis)
            logger.info("ring reloaded", metadata: ["added": "\(added)", "removed": "\(removed)"])
        } catch {
            logger.error("the ring is as it was", metadata: ["error": "\(error)"])
        }
    }

    private static func change(
        _ tier: RedisTier, to mode: RedisTier.Configuration.Mode?
    ) throws -> (added: [String], removed: [String]) {
        guard case .ring(let shards)? = mode, !shards.isEmpty, !tier.shards.isEmpty else {
            throw ConfigurationError(description: "only a ring that stays a ring can be reloaded; restart the node")
        }
        let (old, new) = (Set(tier.shards.map(\.name)), Set(shards.map(\.name)))
        let added = shards.filter { !old.contains($0.name) }
        let removed = tier.shards.map(\.name).filter { !new.contains($0) }
        for shard in added { try tier.addShard(shard) }
        for name in removed { try tier.removeShard(named: name) }
        return (added.map(\.name), removed)
    }
}
