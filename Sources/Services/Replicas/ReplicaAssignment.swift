public import Market

/// Who owns what: the partitions of a service spread over its members by rendezvous hashing.
///
/// Each member draws a score for each partition, and the highest score owns it (Thaler and Ravishankar, 1998). So a
/// member that joins takes its share from the others and nothing else moves; when one leaves only its own partitions
/// move. Every process that knows the same members computes the same owners.
public struct ReplicaAssignment: Sendable, Equatable {
    /// Grows with every change of the members.
    public let epoch: UInt64
    /// Names of the members, ascending.
    public let members: [String]
    /// Number of partitions.
    public let partitions: Int
    /// Index into `members` by partition; empty without members.
    private let owners: [Int]

    /// The owners of `partitions` partitions among members with distinct names; cost: their product.
    public init(epoch: UInt64, members: [String], partitions: Int) {
        precondition(partitions > 0, "a service has a partition")
        self.epoch = epoch
        self.members = members.sorted()
        self.partitions = partitions
        let seeds = self.members.map { Self.mix(Self.hash($0.utf8)) }
        owners =
            seeds.isEmpty
            ? [] : (0..<partitions).map { partition in Self.winner(Self.mix(UInt64(partition) &+ 1), seeds) }
    }

    /// The member that owns a partition, nil where there is none.
    public func owner(of partition: Int) -> String? { owners.isEmpty ? nil : members[owners[partition]] }

    /// The partitions of a member, ascending.
    public func partitions(of member: String) -> [Int] {
        guard let index = members.firstIndex(of: member) else { return [] }
        return owners.indices.filter { owners[$0] == index }
    }

    /// The partition of an account among `count`: the same in every process and for good.
    public static func partition(of account: AccountID, count: Int) -> Int {
        Int(mix(UInt64(account.rawValue) ^ 0x5354_5041_5254) % UInt64(count))
    }

    private static func winner(_ hash: UInt64, _ seeds: [UInt64]) -> Int {
        var best = 0
        var highest: UInt64 = 0
        for (index, seed) in seeds.enumerated() {
            let score = mix(hash ^ seed)
            if index == 0 || score > highest { (best, highest) = (index, score) }
        }
        return best
    }

    /// FNV-1a-64.
    private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
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
