internal import CacheStack

/// The one L2 of a run: `MemorySharedTier` with flushes, evictions, failovers that lose the last writes, old primaries
/// that go on answering, and bytes that nobody wrote. After each write it is checked that L2 keeps its own promise:
/// no value is older than a version that was published, and every certificate is true.
final class SharedServer: @unchecked Sendable {  // used by the scheduler's thread only
    private unowned let world: World
    let primary: MemorySharedTier
    let lane: Lane
    var isDown = false
    private var zombie: MemorySharedTier?
    private var backup: MemorySharedTier.Backup?
    /// Highest version of each row whose publish is complete, in this epoch.
    private var published: [UInt64]
    private var epoch: UInt32 = 0

    init(_ world: World) {
        self.world = world
        lane = world.scheduler.lane()
        primary = MemorySharedTier(time: world.time(drift: 0, offset: 0))
        published = Array(repeating: 0, count: world.plan.keys)
    }

    /// The server that a process talks to, in the epoch it believes in.
    func tier(for host: Host) -> MemorySharedTier {
        let tier = host.seesZombie ? zombie ?? primary : primary
        tier.enter(epoch: host.sharedEpoch)
        return tier
    }

    // MARK: What it tells

    /// Tells the processes that are connected to `tier` of writes to these keys, all of one epoch.
    func tell(_ keys: [CacheKey], of tier: MemorySharedTier) {
        guard !keys.isEmpty else { return }
        for host in world.hosts where !host.isDead && (host.seesZombie ? zombie ?? primary : primary) === tier {
            host.feed.send(.keys(keys))
        }
    }

    /// Breaks every link, or makes those that can be.
    func relink(_ hosts: [Host], silent: Bool = false) {
        for host in hosts {
            host.feed.disconnect(silent: silent)
            host.feed.connect()
        }
    }

    // MARK: Its promise

    func forgetPublished() { published = published.map { _ in 0 } }

    /// Notes a publish that has reached the primary.
    func note(_ entry: CertifiedEntry) {
        if entry.certificate.epoch > epoch {
            epoch = entry.certificate.epoch
            forgetPublished()
        }
        let row = world.row(entry.key)
        if entry.certificate.epoch == epoch {
            published[row] = max(published[row], entry.certificate.version.rawValue)
        }
    }

    /// Checks what the primary holds of a row of `epoch`.
    func check(_ key: CacheKey, epoch: UInt32) {
        primary.enter(epoch: epoch)
        guard let bytes = primary.bytes(of: key),
            case .success(let entry) = EntryFormat.decode(bytes, key: key, keyHash: key.l2Hash(epoch: epoch))
        else { return }
        let row = world.row(key)
        if epoch == self.epoch, entry.certificate.version.rawValue < published[row] {
            world.truth.fail(
                "L2 holds version \(entry.certificate.version.rawValue) of row \(row), "
                    + "\(published[row]) was published")
        }
        guard world.plan.mutant != .epochNotRaised, let content = Content(entry.payload) else { return }
        world.truth.checkCertificate(row, entry.certificate, content: content)
    }

    // MARK: Faults

    func flush() {
        primary.removeAll()
        for host in world.hosts where !host.seesZombie { host.feed.send(.region(.everything, .flushed)) }
    }

    func evict(_ row: Int) {
        primary.enter(epoch: world.truth.epoch)
        primary.overwrite(world.key(row), with: nil)
        tell([world.key(row)], of: primary)
    }

    func takeBackup() { backup = primary.backup() }

    /// A replica takes over that misses what came after the last backup; with `leavesZombie` the old primary goes on
    /// answering some processes.
    func failOver(leavesZombie: Bool) {
        guard let backup else { return }
        if leavesZombie {
            let old = MemorySharedTier(time: world.time(drift: 0, offset: 0))
            old.restore(primary.backup())
            zombie = old
        }
        primary.restore(backup)
        forgetPublished()
        relink(world.hosts)
    }

    func endZombie() { zombie = nil }

    /// Spoils what is stored of a row: bits, another row's bytes, or nonsense.
    func poison(_ row: Int) {
        let (key, other) = (world.key(row), world.key(world.faults.below(world.plan.keys)))
        primary.enter(epoch: world.truth.epoch)
        guard var bytes = primary.bytes(of: key), bytes.count >= EntryFormat.overhead else { return }
        switch world.faults.below(3) {
        case 0: bytes[33 + world.faults.below(bytes.count - 33)] ^= 1 << UInt8(world.faults.below(8))
        case 1: bytes = other == key ? Array(bytes.dropLast()) : primary.bytes(of: other) ?? []
        default: bytes = Array(bytes.prefix(world.faults.below(bytes.count)))
        }
        primary.overwrite(key, with: bytes)
        // Whatever version the bytes show, it is not the one that was published.
        published[row] = 0
        tell([key], of: primary)
    }
}
