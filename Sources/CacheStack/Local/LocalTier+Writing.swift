extension LocalTier {
    /// What a certificate offered by another tier is worth: its row as of now, moved along with the watermark where
    /// the stream vouches for it. Nil where its epoch is another or its version is below the key's floor.
    public func judge(
        _ key: CacheKey, _ certificate: Certificate, born: MonotonicTime, at now: MonotonicTime, followsStream: Bool
    ) -> LocalRow? {
        withShard(LocalHash.mix(LocalHash.number(key))) {
            $0.judge(key, certificate, born: born.nanoseconds, now: now.nanoseconds, followsStream: followsStream)
        }
    }

    // MARK: Writing

    /// Installs a row unless a newer version is known, and keeps the better of two certificates of one version.
    ///
    /// - Parameters:
    ///   - born: a time at or before which the certificate was current, on this process's clock.
    ///   - followsStream: whether the outbox lists this row's changes.
    ///   - onlyIfPresent: update a row that is held, but take no place for another.
    /// - Returns: false where it was refused: below the floor, older, of another epoch, or too large.
    @discardableResult
    public func install(
        _ entry: CertifiedEntry, born: MonotonicTime, at now: MonotonicTime, followsStream: Bool,
        onlyIfPresent: Bool = false
    ) -> Bool {
        guard let payload = entry.payload else {
            return install(
                entry.key, entry.certificate, payload: nil, born: born, at: now, followsStream: followsStream,
                onlyIfPresent: onlyIfPresent)
        }
        return unsafe install(
            entry.key, entry.certificate, payload: payload.span.bytes, born: born, at: now,
            followsStream: followsStream, onlyIfPresent: onlyIfPresent)
    }

    /// The same for a row whose bytes (nil: it is absent) are anywhere; they are copied, and no reference count is touched.
    @discardableResult
    public func install(
        _ key: CacheKey, _ certificate: Certificate, payload: RawSpan?, born: MonotonicTime, at now: MonotonicTime,
        followsStream: Bool, onlyIfPresent: Bool = false
    ) -> Bool {
        let mixed = LocalHash.mix(LocalHash.number(key))
        let offer = LocalShard.Offer(
            born: born.nanoseconds, now: now.nanoseconds, followsStream: followsStream, onlyIfPresent: onlyIfPresent,
            oldestSnapshot: snapshots.oldest)
        return withShard(mixed) { shard in
            guard let payload else { return unsafe shard.install(key, mixed, certificate, payload: nil, offer) }
            return unsafe payload.withUnsafeBytes { bytes in
                unsafe shard.install(key, mixed, certificate, payload: bytes, offer)
            }
        }
    }

    /// Applies one row of an own commit: updates it where it is held (or `installs` it), and raises its floor where
    /// the stream lists the row; where it does not, an older held version is closed without a floor.
    ///
    /// - Parameters:
    ///   - payload: nil where the row was deleted.
    ///   - sent: when the commit was sent; the certificate is the commit's own.
    func applyCommit(
        _ key: CacheKey, _ certificate: Certificate, payload: RawSpan?, sent: MonotonicTime, at now: MonotonicTime,
        followsStream: Bool, installs: Bool
    ) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        let offer = LocalShard.Offer(
            born: sent.nanoseconds, now: now.nanoseconds, followsStream: followsStream, onlyIfPresent: !installs,
            oldestSnapshot: snapshots.oldest)
        let ticket = certificate.version.rawValue
        withShard(mixed) { shard in
            if let payload {
                unsafe payload.withUnsafeBytes { bytes in
                    _ = unsafe shard.install(key, mixed, certificate, payload: bytes, offer)
                }
            } else {
                _ = unsafe shard.install(key, mixed, certificate, payload: nil, offer)
            }
            if followsStream {
                shard.raiseFloor(key, mixed, to: ticket, epoch: certificate.epoch, at: now.nanoseconds)
            } else {
                shard.close(key, mixed, below: ticket)
            }
        }
    }

    /// Records that `key` has been at version `ticket` of `epoch`: older versions are closed and refused from now on.
    public func raiseFloor(_ key: CacheKey, to ticket: Ticket, epoch: UInt32, at now: MonotonicTime) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) {
            $0.raiseFloor(key, mixed, to: ticket.rawValue, epoch: epoch, at: now.nanoseconds)
        }
    }

    /// Records a version about to be returned that no floor covers, so that no older one is returned later: one ahead of
    /// the stream, or one from before the stream began, which a rolled-back L2 could fall behind.
    func noteRead(_ key: CacheKey, _ certificate: Certificate, at now: MonotonicTime) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        let version = certificate.version.rawValue
        withShard(mixed) { shard in
            guard version > shard.horizon.watermark || version <= shard.floors.began else { return }
            shard.raiseFloor(
                key, mixed, to: version, epoch: certificate.epoch, at: now.nanoseconds)
        }
    }

    /// Drops a row.
    public func drop(_ key: CacheKey) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) { shard in
            let slot = shard.find(key, mixed)
            guard slot >= 0 else { return }
            shard.catchUp()
            shard.remove(slot)
        }
    }

    /// Marks a row as possibly changed: it is not served until an `install` confirms it.
    public func markSuspect(_ key: CacheKey) {
        let mixed = LocalHash.mix(LocalHash.number(key))
        withShard(mixed) { shard in
            let slot = shard.find(key, mixed)
            if slot >= 0 { shard.memory.update(slot) { $0.flags.insert(.suspect) } }
        }
    }

    /// Marks every row held as possibly changed.
    public func markAllSuspect() {
        withEachShard { shard in
            shard.forEachHeld { shard, slot in shard.memory.update(slot) { $0.flags.insert(.suspect) } }
        }
    }

    // MARK: The stream

    /// Moves the watermark: every change up to `watermark` was applied.
    ///
    /// `born` is when that was read, if it was the newest ticket then: a stream that has not caught up moves only its
    /// tickets, not its time.
    public func advance(to watermark: Ticket, born: MonotonicTime?, epoch: UInt32) {
        withEachShard { shard in
            var horizon = shard.horizon
            guard horizon.epoch == epoch else { return }
            horizon.watermark = max(horizon.watermark, watermark.rawValue)
            if let born { horizon.born = max(horizon.born, born.nanoseconds) }
            shard.memory.setHorizon(horizon)
        }
    }

    /// Forgets all rows, and floors but those above `watermark` in the same epoch, and starts at `watermark` in `epoch`.
    ///
    /// With `refusingOlder` (after a gap), certificates of before `watermark` are refused, so that a key does not go
    /// back to what L2 may still hold.
    public func restart(at watermark: Ticket, born: MonotonicTime, epoch: UInt32, refusingOlder: Bool) {
        withEachShard { shard in
            shard.catchUp()
            shard.removeAll()
            shard.floors.restart(
                base: watermark.rawValue, refusingOlder: refusingOlder, keepingNewer: shard.horizon.epoch == epoch)
            shard.memory.setHorizon(.init(watermark: watermark.rawValue, born: born.nanoseconds, epoch: epoch))
        }
    }
}
