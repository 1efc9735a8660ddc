internal import Glibc

/// Highest-random-weight placement of keys on named shards (rendezvous hashing; Thaler and Ravishankar, 1998).
///
/// Every shard draws a pseudo-random score for every key, and the highest score owns the key. So adding a shard moves
/// only the keys that the new shard wins, removing one moves only its own keys, and the order of the list does not
/// matter. With a weight w the score is -w / ln(u), which gives each shard a share proportional to its weight.
/// Cost: one mix per shard and key; good up to about 32 shards.
package struct RendezvousRing: Sendable {
    /// A shard: the name decides what it owns, so an address may change and the keys stay.
    package struct Shard: Sendable, Hashable {
        package let name: String
        package let weight: Double

        /// A shard; `weight` must be positive.
        package init(_ name: String, weight: Double = 1) {
            precondition(weight > 0 && weight.isFinite, "a weight is positive")
            self.name = name
            self.weight = weight
        }
    }

    /// The shards in the order given; results are indices into it.
    package let shards: [Shard]
    private let seeds: [UInt64]
    private let isUniform: Bool

    /// A ring of shards with distinct names; at least one.
    package init(_ shards: [Shard]) {
        precondition(!shards.isEmpty, "a ring has a shard")
        precondition(Set(shards.map(\.name)).count == shards.count, "shard names are distinct")
        self.shards = shards
        seeds = shards.map { Self.mix(Self.fnv1a(Array($0.name.utf8)[...])) }
        isUniform = shards.allSatisfy { $0.weight == shards[0].weight }
    }

    /// The index of the shard that owns `key` (or its hash tag).
    package func owner(of key: ArraySlice<UInt8>) -> Int {
        owner(ofHash: Self.fnv1a(KeySlot.hashTag(key)))
    }

    /// The same for a key without hash tag, by the FNV-1a-64 of its bytes.
    func owner(ofHash hash: UInt64) -> Int {
        if seeds.count == 1 { return 0 }
        return isUniform ? uniformOwner(hash) : weightedOwner(hash)
    }

    private func uniformOwner(_ hash: UInt64) -> Int {
        var best = 0
        var highest: UInt64 = 0
        for index in seeds.indices {
            let score = Self.mix(hash ^ seeds[index])
            if index == 0 || score > highest { (best, highest) = (index, score) }
        }
        return best
    }

    private func weightedOwner(_ hash: UInt64) -> Int {
        var best = 0
        var highest = -Double.infinity
        for index in seeds.indices {
            // u in (0, 1): 53 bits and a half, so that the logarithm is finite and not zero.
            let uniform = (Double(Self.mix(hash ^ seeds[index]) >> 11) + 0.5) / 9_007_199_254_740_992
            let score = -shards[index].weight / log(uniform)
            if score > highest { (best, highest) = (index, score) }
        }
        return best
    }

    private static func fnv1a(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// The finalizer of SplitMix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
