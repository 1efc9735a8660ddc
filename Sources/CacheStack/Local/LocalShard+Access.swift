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

    @inlinable
    init(
        version: Ticket, asOf: Ticket, ageNanoseconds: Int64, isAbsent: Bool, isClosed: Bool, epoch: UInt32
    ) {
        (self.version, self.asOf, self.ageNanoseconds) = (version, asOf, ageNanoseconds)
        (self.isAbsent, self.isClosed, self.epoch) = (isAbsent, isClosed, epoch)
    }
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
        /// Versions that held at this ticket or later are kept for open snapshots; `UInt64.max`: none is open.
        var oldestSnapshot = UInt64.max
    }

    @inline(__always)
    func find(_ key: CacheKey, _ mixed: UInt64) -> Int32 { memory.find(key, mixed) }

    /// A row for a snapshot (`suspect` rows are left out) or, with `isStaleAllowed`, for a reader who takes anything.
    mutating func any(_ key: CacheKey, _ mixed: UInt64, _ now: Int64, isStaleAllowed: Bool) -> (Int32, LocalRow)? {
        let slot = find(key, mixed)
        guard slot >= 0 else { return nil }
        let fields = memory.fields(slot)
        guard isStaleAllowed || (now < fields.deadline && !fields.flags.contains(.suspect)) else { return nil }
        let row = row(fields, now)
        guard row.ageNanoseconds < limits.sharedLifetime else {
            catchUp()
            counts.evictedTTL += 1
            remove(slot)
            return nil
        }
        return (slot, row)
    }

    private func row(_ fields: SlotMemory.Fields, _ now: Int64) -> LocalRow {
        var (asOf, born) = (fields.asOf, fields.born)
        let horizon = horizon
        if fields.flags.contains(.recertifiable) && !fields.flags.contains(.closed) {
            asOf = max(asOf, horizon.watermark)
            born = max(born, horizon.born)
        }
        return LocalRow(
            version: Ticket(fields.version), asOf: Ticket(asOf), ageNanoseconds: now - born,
            isAbsent: fields.flags.contains(.absent), isClosed: fields.flags.contains(.closed), epoch: horizon.epoch)
    }

    /// The older versions of a key that are not too old, newest first.
    func olderVersions(_ key: CacheKey, _ now: Int64) -> [(LocalRow, [UInt8]?)] {
        chains.versions(key).compactMap { version in
            guard now - version.born < limits.sharedLifetime else { return nil }
            let row = LocalRow(
                version: Ticket(version.version), asOf: Ticket(version.asOf), ageNanoseconds: now - version.born,
                isAbsent: version.payload == nil, isClosed: true, epoch: horizon.epoch)
            return (row, version.payload)
        }
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
        let fields = memory.fields(slot)
        guard fields.version < ticket, !fields.flags.contains(.closed) else { return }
        unsafe memory.write(slot, closed(fields, below: ticket))
        counts.evictedVersion += 1
    }

    private func closed(_ fields: SlotMemory.Fields, below ticket: UInt64) -> SlotMemory.Fields {
        var fields = fields
        if fields.flags.contains(.recertifiable), !fields.flags.contains(.closed) {
            // An own commit may close ahead of the stream: what lies between the watermark and it is not known.
            let horizon = horizon
            fields.asOf = max(fields.asOf, min(horizon.watermark, ticket - 1))
            fields.born = max(fields.born, horizon.born)
        }
        fields.flags.insert(.closed)
        return fields
    }

    /// Whether an offered certificate is of this epoch and its version not below the key's floor.
    @inline(__always)
    private func believes(_ key: CacheKey, _ certificate: Certificate) -> Bool {
        certificate.epoch == memory.epoch
            && floors.allows(
                version: certificate.version.rawValue, asOf: certificate.asOf.rawValue, LocalHash.number(key))
    }

    /// What an offered certificate is worth here and now; nil where it is of another epoch or below a floor.
    func judge(_ key: CacheKey, _ certificate: Certificate, born: Int64, now: Int64, followsStream: Bool) -> LocalRow? {
        guard believes(key, certificate) else { return nil }
        let asOf = certificate.asOf.rawValue
        let horizon = horizon
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
        guard believes(key, certificate) else { return false }
        let slot = find(key, mixed)
        let old = slot >= 0 ? memory.fields(slot) : SlotMemory.Fields()
        if slot >= 0, certificate.version.rawValue < old.version { return false }
        if slot < 0 && offer.onlyIfPresent { return false }
        let bytes = unsafe payload ?? UnsafeRawBufferPointer(start: nil, count: 0)
        let weight = weigh(key, bytes.count)
        guard fits(bytes.count, weight: weight) else {
            if slot >= 0 { remove(slot) }
            return false
        }
        let follows: SlotMemory.Flags =
            offer.followsStream && certificate.asOf.rawValue >= floors.base ? .recertifiable : []
        let fields = SlotMemory.Fields(
            id: key.id, version: certificate.version.rawValue, asOf: certificate.asOf.rawValue, born: offer.born,
            deadline: min(
                offer.now + LocalHash.jittered(limits.lifetime, mixed),
                offer.born + LocalHash.jittered(limits.sharedLifetime, mixed)),
            space: key.space.rawValue, flags: unsafe payload == nil ? follows.union(.absent) : follows)
        if slot >= 0, old.version == fields.version {
            renew(slot, fields, follows)
            return true
        }
        if slot >= 0 { return unsafe supersede(slot, old, fields, bytes, weight: weight, offer) }
        // A new row is newer than all uses so far.
        catchUp()
        let size = SlotMemory.stride + BlockArena.size(bytes.count)
        guard makeRoom(entries: 1, bytes: size, weight: weight, keeping: -1) else { return false }
        unsafe insert(fields, bytes, mixed, weight: weight)
        return true
    }

    /// The same version was certified again: both certificates are true, so the better parts of both are.
    private mutating func renew(_ slot: Int32, _ offered: SlotMemory.Fields, _ follows: SlotMemory.Flags) {
        memory.update(slot) { fields in
            fields.asOf = max(fields.asOf, offered.asOf)
            fields.born = max(fields.born, offered.born)
            fields.deadline = max(fields.deadline, offered.deadline)
            fields.flags.formUnion(follows)
            fields.flags.remove(.suspect)
        }
        touch(slot)
    }

    /// Puts a newer version in the place of an older one, which is kept for open snapshots that may want it.
    private mutating func supersede(
        _ slot: Int32, _ old: SlotMemory.Fields, _ fields: SlotMemory.Fields, _ payload: UnsafeRawBufferPointer,
        weight: Int, _ offer: Offer
    ) -> Bool {
        touch(slot)
        let growth = BlockArena.size(payload.count) - BlockArena.size(Int(old.length))
        guard
            makeRoom(
                entries: 0, bytes: max(0, growth), weight: max(0, weight - self.weight(slot)), keeping: slot)
        else {
            remove(slot)
            return false
        }
        if offer.oldestSnapshot != .max {
            keep(slot, old, before: fields.version, offer.oldestSnapshot, beside: growth)
        }
        unsafe replace(slot, old, by: fields, payload, weight: weight)
        return true
    }

    private mutating func keep(
        _ slot: Int32, _ old: SlotMemory.Fields, before ticket: UInt64, _ oldest: UInt64, beside growth: Int
    ) {
        let last = closed(old, below: ticket)
        guard last.asOf >= oldest, last.asOf < ticket else { return }
        let payload = old.flags.contains(.absent) ? nil : memory.payload(slot)
        let version = VersionChains.Version(
            version: old.version, asOf: last.asOf, born: last.born, payload: payload)
        let size = SlotMemory.stride + (payload?.count ?? 0)
        // Room that is not there is not made for the past.
        guard bytes + max(0, growth) + size <= limits.bytes else { return }
        bytes += chains.push(old.key, version)
    }
}
