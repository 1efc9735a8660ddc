/// What L1 knows of a row, besides its bytes.
@frozen
public struct LocalRow: Hashable, Sendable {
    /// Version of the row.
    public var version: Ticket
    /// The newest ticket at which that version is known to be the newest.
    public var asOf: Ticket
    /// Upper bound of how long ago that was current, in nanoseconds.
    public var ageNanoseconds: Int64
    /// Whether the row does not exist.
    public var isAbsent: Bool
    /// Whether a newer version is known; such rows serve only snapshots of the past and stale reads.
    public var isClosed: Bool
    /// Epoch of both tickets.
    public var epoch: UInt32
}

/// What a reader demands of a certificate.
@frozen
public struct AgeBound: Hashable, Sendable {
    public let maxAgeNanoseconds: Int64
    /// The certificate must be at or after this ticket.
    public let atLeast: Ticket

    /// At most `maxAge` old and at `atLeast` or later. Make it once and use it for many reads.
    public init(maxAge: Duration = .seconds(10), atLeast: Ticket = .zero) {
        maxAgeNanoseconds = maxAge.nanoseconds
        self.atLeast = atLeast
    }
}

extension LocalShard {
    /// The circumstances of an installation; times in nanoseconds.
    struct Offer {
        var born: Int64
        var now: Int64
        var followsStream: Bool
        var onlyIfPresent: Bool
    }

    @inline(__always)
    mutating func lookup(_ key: CacheKey, _ mixed: UInt64, _ bound: AgeBound, _ now: Int64) -> (Int32, LocalRow)? {
        let slot = find(key, mixed)
        guard slot >= 0 else {
            counts.misses += 1
            return nil
        }
        let row = row(slot, now)
        let (flags, deadline) = unsafe (self[slot].pointee.flags, self[slot].pointee.deadline)
        guard flags.isDisjoint(with: [.closed, .suspect]), now < deadline, row.asOf >= bound.atLeast,
            row.ageNanoseconds <= bound.maxAgeNanoseconds
        else {
            counts.stales += 1
            return nil
        }
        if row.isAbsent { counts.negatives += 1 } else { counts.hits += 1 }
        touch(slot)
        return (slot, row)
    }

    /// A row for a snapshot (`suspect` rows are left out) or, with `isStaleAllowed`, for a reader who takes anything.
    mutating func any(_ key: CacheKey, _ mixed: UInt64, _ now: Int64, isStaleAllowed: Bool) -> (Int32, LocalRow)? {
        let slot = find(key, mixed)
        guard slot >= 0 else { return nil }
        let (flags, deadline) = unsafe (self[slot].pointee.flags, self[slot].pointee.deadline)
        guard isStaleAllowed || (now < deadline && !flags.contains(.suspect)) else { return nil }
        let row = row(slot, now)
        guard row.ageNanoseconds < limits.sharedLifetime else {
            counts.evictedTTL += 1
            remove(slot)
            return nil
        }
        return (slot, row)
    }

    @inline(__always)
    private func row(_ slot: Int32, _ now: Int64) -> LocalRow {
        let node = unsafe self[slot]
        let flags = unsafe node.pointee.flags
        var (asOf, born) = unsafe (node.pointee.asOf, node.pointee.born)
        if flags.contains(.recertifiable) && !flags.contains(.closed) {
            asOf = max(asOf, horizon.watermark)
            born = max(born, horizon.born)
        }
        return unsafe LocalRow(
            version: Ticket(node.pointee.version), asOf: Ticket(asOf), ageNanoseconds: now - born,
            isAbsent: flags.contains(.absent), isClosed: flags.contains(.closed), epoch: horizon.epoch)
    }

    /// Records that `key` has been at version `ticket` of `epoch` and closes an older node.
    mutating func raiseFloor(_ key: CacheKey, _ mixed: UInt64, to ticket: UInt64, epoch: UInt32, at now: Int64) {
        guard epoch == horizon.epoch else { return }
        floors.raise(LocalHash.number(key), to: ticket, at: now)
        close(key, mixed, below: ticket)
    }

    /// Freezes the certificate of a node older than `ticket` at what the stream has proven so far.
    mutating func close(_ key: CacheKey, _ mixed: UInt64, below ticket: UInt64) {
        let slot = find(key, mixed)
        guard slot >= 0 else { return }
        let node = unsafe self[slot]
        let flags = unsafe node.pointee.flags
        guard unsafe node.pointee.version < ticket, !flags.contains(.closed) else { return }
        if flags.contains(.recertifiable) {
            // An own commit may close ahead of the stream: what lies between the watermark and it is not known.
            unsafe node.pointee.asOf = max(node.pointee.asOf, min(horizon.watermark, ticket - 1))
            unsafe node.pointee.born = max(node.pointee.born, horizon.born)
        }
        unsafe node.pointee.flags.insert(.closed)
        counts.evictedVersion += 1
    }

    /// What an offered certificate is worth here and now; nil where it is of another epoch or below a floor.
    func judge(_ key: CacheKey, _ certificate: Certificate, born: Int64, now: Int64, followsStream: Bool) -> LocalRow? {
        let (version, asOf) = (certificate.version.rawValue, certificate.asOf.rawValue)
        guard certificate.epoch == horizon.epoch,
            floors.allows(version: version, asOf: asOf, LocalHash.number(key))
        else { return nil }
        let follows = followsStream && asOf >= floors.base
        return LocalRow(
            version: certificate.version, asOf: Ticket(follows ? max(asOf, horizon.watermark) : asOf),
            ageNanoseconds: now - (follows ? max(born, horizon.born) : born), isAbsent: false, isClosed: false,
            epoch: horizon.epoch)
    }

    /// Installs a certified row unless something newer is known; `payload` is nil where the row is absent.
    mutating func install(
        _ key: CacheKey, _ mixed: UInt64, _ certificate: Certificate, payload: UnsafeRawBufferPointer?, _ offer: Offer
    ) -> Bool {
        guard judge(key, certificate, born: offer.born, now: offer.now, followsStream: offer.followsStream) != nil
        else { return false }
        var slot = find(key, mixed)
        if slot >= 0, unsafe certificate.version.rawValue < self[slot].pointee.version { return false }
        if slot < 0 && offer.onlyIfPresent { return false }
        guard unsafe fits(payload?.count ?? 0) else {
            if slot >= 0 { remove(slot) }
            return false
        }
        let follows: Flags = offer.followsStream && certificate.asOf.rawValue >= floors.base ? .recertifiable : []
        let deadline = min(
            offer.now + LocalHash.jittered(limits.lifetime, mixed),
            offer.born + LocalHash.jittered(limits.sharedLifetime, mixed))
        if slot >= 0, unsafe self[slot].pointee.version == certificate.version.rawValue {
            renew(slot, certificate, born: offer.born, deadline: deadline, follows)
            return true
        }
        if slot < 0 { slot = insert(key, mixed) } else { touch(slot) }
        let node = unsafe self[slot]
        unsafe node.pointee.version = certificate.version.rawValue
        unsafe node.pointee.asOf = certificate.asOf.rawValue
        unsafe node.pointee.born = offer.born
        unsafe node.pointee.deadline = deadline
        unsafe node.pointee.flags = payload == nil ? follows.union(.absent) : follows
        unsafe store(payload ?? UnsafeRawBufferPointer(start: nil, count: 0), in: slot)
        return true
    }

    /// The same version was certified again: both certificates are true, so the better parts of both are.
    private mutating func renew(
        _ slot: Int32, _ certificate: Certificate, born: Int64, deadline: Int64, _ follows: Flags
    ) {
        let node = unsafe self[slot]
        unsafe node.pointee.asOf = max(node.pointee.asOf, certificate.asOf.rawValue)
        unsafe node.pointee.born = max(node.pointee.born, born)
        unsafe node.pointee.deadline = max(node.pointee.deadline, deadline)
        unsafe node.pointee.flags.formUnion(follows)
        unsafe node.pointee.flags.remove(.suspect)
        touch(slot)
    }
}
