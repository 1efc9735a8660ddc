internal import Synchronization

/// A ring of shards could not be changed.
public struct RingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, and what to do about it.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Which server of a ring owns a key at present, and which servers there have been.
///
/// Readers take no lock: they load a pointer to an immutable version. Versions are kept until the placement goes, a few
/// KB for each change that an operator makes (`changesMax` of them).
final class ShardPlacement: Sendable {
    private final class Version: Sendable {
        let ring: RendezvousRing
        /// The engine's node of each shard of the ring.
        let nodes: [UInt16]

        init(_ ring: RendezvousRing, _ nodes: [UInt16]) {
            self.ring = ring
            self.nodes = nodes
        }
    }

    private struct History {
        var versions: [Version]
        var shards: [RedisTier.Configuration.Shard]
        /// The address of every node there has been, by index.
        var addresses: [RedisAddress]
    }

    /// Shards of a ring at one time; each costs a mix of 64 bits per key.
    static let shardsMax = 64
    /// Changes of one placement.
    static let changesMax = 1_024

    private let current: Atomic<Unmanaged<Version>>
    private let history: Mutex<History>

    /// A placement on `shards`, whose nodes are 0, 1, 2 and so on.
    init(_ shards: [RedisTier.Configuration.Shard]) {
        let first = Version(Self.ring(shards), shards.indices.map { UInt16($0) })
        current = Atomic(Unmanaged.passUnretained(first))
        history = Mutex(History(versions: [first], shards: shards, addresses: shards.map(\.address)))
    }

    private static func ring(_ shards: [RedisTier.Configuration.Shard]) -> RendezvousRing {
        RendezvousRing(shards.map { RendezvousRing.Shard($0.name, weight: $0.weight) })
    }

    /// The node that owns a key.
    func owner(of key: ArraySlice<UInt8>) -> UInt16 {
        // The history holds every version, so the reference is good for as long as `self` is.
        current.load(ordering: .acquiring)._withUnsafeGuaranteedRef { $0.nodes[$0.ring.owner(of: key)] }
    }

    /// The same for a key without hash tag, by the FNV-1a-64 of its bytes.
    func owner(ofHash hash: UInt64) -> UInt16 {
        current.load(ordering: .acquiring)._withUnsafeGuaranteedRef { $0.nodes[$0.ring.owner(ofHash: hash)] }
    }

    /// The shards at present.
    var shards: [RedisTier.Configuration.Shard] { history.withLock { $0.shards } }

    /// Adds a shard. `announce` tells the engine of its node before any key is placed there; false where it is gone.
    func add(
        _ shard: RedisTier.Configuration.Shard, _ announce: (_ node: UInt16, _ isNew: Bool) -> Bool
    ) throws(RingError) {
        try history.withLock { history throws(RingError) in
            guard shard.weight > 0, shard.weight.isFinite else { throw RingError("a weight must be positive") }
            guard !history.shards.contains(where: { $0.name == shard.name }) else {
                throw RingError("the ring has a shard \(shard.name) already")
            }
            guard !history.shards.contains(where: { $0.address == shard.address }) else {
                throw RingError("the ring uses the server \(shard.address) already")
            }
            guard history.shards.count < Self.shardsMax else {
                throw RingError("a ring has at most \(Self.shardsMax) shards")
            }
            guard history.versions.count <= Self.changesMax else {
                throw RingError("the ring was changed \(Self.changesMax) times; start again with the new list")
            }
            let known = history.addresses.lastIndex(of: shard.address)
            let node = known ?? history.addresses.count
            guard announce(UInt16(node), known == nil) else { throw RingError("the Redis tier was shut down") }
            if known == nil { history.addresses.append(shard.address) }
            publish(history.shards + [shard], &history)
        }
    }

    /// Removes a shard; `announce` tells the engine of its node after the last key was placed there.
    func remove(named name: String, _ announce: (_ node: UInt16) -> Bool) throws(RingError) {
        try history.withLock { history throws(RingError) in
            guard let index = history.shards.firstIndex(where: { $0.name == name }) else {
                throw RingError("the ring has no shard \(name)")
            }
            guard history.shards.count > 1 else { throw RingError("a ring keeps at least one shard") }
            guard let node = history.addresses.lastIndex(of: history.shards[index].address) else { return }
            var rest = history.shards
            rest.remove(at: index)
            publish(rest, &history)
            guard announce(UInt16(node)) else { throw RingError("the Redis tier was shut down") }
        }
    }

    private func publish(_ shards: [RedisTier.Configuration.Shard], _ history: inout History) {
        let nodes = shards.map { shard in UInt16(history.addresses.lastIndex(of: shard.address) ?? 0) }
        let version = Version(Self.ring(shards), nodes)
        history.versions.append(version)
        history.shards = shards
        current.store(Unmanaged.passUnretained(version), ordering: .releasing)
    }
}
