/// A ring that grows and shrinks while it is used.
///
/// **What moves.** A new shard wins its share of the keys and no others; a removed one's keys spread over the rest
/// (`RendezvousRing`). Nothing is copied: a key that moved is missed once and loaded from L3 into its new owner.
///
/// **Why old values do no harm.** What stays behind on the old owner is a certificate: "this version was the newest at
/// that ticket, at that time". It stays true wherever it lies, so a process that has not heard of the change, or a shard
/// that comes back with what it held, can serve something *old* but never something false; how old it may be is judged
/// by the reader (age, and the floors of the guaranteed stream), not here. Announcements reach the new owner only, so
/// until its time to live has passed (60 s at most) the old owner may keep a version that they would have replaced; a
/// reader who meets it finds its version below the floor, or its age above the bound, and loads. Leases on the old owner
/// end by themselves; a fill under one stores at the new owner nothing (`.lost`), since the lease is not there.
///
/// **Commands in flight.** Those placed before the change finish where they are: the connection to a removed shard
/// stays for `connectTimeout` and then until its last answer or deadline.
extension RedisTier {
    /// The shards of the ring at present, in the order they were added; empty for a cluster.
    public var shards: [Configuration.Shard] { placement?.shards ?? [] }

    /// Adds a server to the ring; returns at once, its connection follows. Costs at most a lock, and no reader waits.
    ///
    /// - Throws: where the tier uses a cluster, the name or the server is there already, the tier was shut down, or a
    ///   limit is reached (64 shards, 1,024 changes); nothing has changed then.
    public func addShard(_ shard: Configuration.Shard) throws(RingError) {
        guard let placement else { throw RingError("a Redis Cluster moves its slots itself") }
        guard configuration.tls == nil || !shard.address.isUnixSocket else {
            throw RingError("Unix sockets take no TLS")
        }
        try placement.add(shard) { node, isNew in
            submit(isNew ? .add(shard.address) : .revive(node))
        }
    }

    /// Takes a server out of the ring; commands that were sent to it still finish.
    ///
    /// - Throws: where the tier uses a cluster, or the ring has no such shard or no other one.
    public func removeShard(named name: String) throws(RingError) {
        guard let placement else { throw RingError("a Redis Cluster moves its slots itself") }
        try placement.remove(named: name) { node in submit(.retire(node)) }
    }
}
