/// Rows that are to stay: pinned ones, and older versions while a snapshot is open.
extension LocalTier {
    // MARK: Pins

    /// Keeps a held row from eviction until it is unpinned, dropped or forgotten by `restart`; newer versions of it
    /// stay pinned. Ages and floors hold for it as for any row.
    /// - Returns: false where it is not held, or where half its shard's entries or bytes would be pinned.
    public func pin(_ key: CacheKey) -> Bool {
        let mixed = LocalHash.mix(LocalHash.number(key))
        return withShard(mixed) { shard in
            let slot = shard.find(key, mixed)
            guard slot >= 0 else { return false }
            shard.catchUp()
            return shard.pin(slot)
        }
    }

    /// Lets a pinned row be evicted again; it counts as just used.
    public func unpin(_ key: CacheKey) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) { shard in
            let slot = shard.find(key, mixed)
            guard slot >= 0 else { return }
            shard.catchUp()
            shard.unpin(slot)
        }
    }

    // MARK: Snapshots

    /// From now on versions are kept that held at `ticket` or later when a newer one takes their place: at most three
    /// a row beside the newest, as long as there are bytes for them, and up to the shared lifetime.
    /// - Returns: what `closeSnapshot` wants; nil where 1,024 are open already.
    public func openSnapshot(from ticket: Ticket) -> UInt64? { snapshots.open(from: ticket) }

    /// Ends a snapshot: versions that no other open one can use are freed, in every shard.
    public func closeSnapshot(_ number: UInt64) {
        guard let oldest = snapshots.close(number) else { return }
        withEachShard { shard in
            guard !shard.chains.isEmpty else { return }
            shard.bytes -= shard.chains.prune(before: oldest)
        }
    }

    /// The newest held version of a row whose interval [version, asOf] meets [low, high]; closed ones too.
    public func version(
        _ key: CacheKey, meeting low: Ticket, _ high: Ticket, at now: MonotonicTime
    ) -> (LocalRow, [UInt8]?)? {
        versions(key, at: now).first { $0.0.version <= high && $0.0.asOf >= low }
    }

    /// All held versions of a row that are not too old, newest first; a suspect or expired newest one is left out.
    public func versions(_ key: CacheKey, at now: MonotonicTime) -> [(LocalRow, [UInt8]?)] {
        let mixed = LocalHash.mix(LocalHash.number(key))
        return withShard(mixed) { shard in
            var found: [(LocalRow, [UInt8]?)] = []
            if let (slot, row) = shard.any(key, mixed, now.nanoseconds, isStaleAllowed: false) {
                found.append((row, row.isAbsent ? nil : shard.memory.payload(slot)))
            }
            return found + shard.olderVersions(key, now.nanoseconds)
        }
    }

    /// A row whatever its age: closed rows too, for snapshots; with `isStaleAllowed` also suspect and expired ones.
    public func anyValue(
        _ key: CacheKey, at now: MonotonicTime, isStaleAllowed: Bool = false
    ) -> (LocalRow, [UInt8]?)? {
        let mixed = LocalHash.mix(LocalHash.number(key))
        return withShard(mixed) { shard in
            guard let (slot, row) = shard.any(key, mixed, now.nanoseconds, isStaleAllowed: isStaleAllowed) else {
                return nil
            }
            return (row, row.isAbsent ? nil : shard.memory.payload(slot))
        }
    }
}
