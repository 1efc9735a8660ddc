internal import Synchronization

/// L2 in memory, for tests: the three scripts byte for byte, expiry on a given clock, and faults at will.
public final class MemorySharedTier: SharedTier {
    /// What goes wrong until it is set back.
    public struct Faults: Sendable {
        /// Every call fails with it.
        public var all: TierError?
        /// Publishes are lost without a word.
        public var losesPublishes = false

        /// No faults.
        public init() {}
    }

    fileprivate struct Cell {
        var bytes: [UInt8]
        var end: MonotonicTime
    }

    private struct State {
        var cells: [String: Cell] = [:]
        var epoch: UInt32 = 0
        var nextToken: UInt64 = 1
        var faults = Faults()
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private static let leaseDuration = Duration.seconds(2)
    private static let tombstoneDuration = Duration.seconds(5)

    /// An empty L2 whose lifetimes run on `time`.
    public init(time: TimeSource = .system) { self.time = time }

    // MARK: For tests

    /// Changes what goes wrong.
    public func setFaults(_ body: (inout Faults) -> Void) { state.withLock { body(&$0.faults) } }

    /// The bytes under a key's name, markers included.
    public func bytes(of key: CacheKey) -> [UInt8]? {
        let now = time.now()
        return state.withLock { Self.live($0, key.l2Name(epoch: $0.epoch), now)?.bytes }
    }

    /// Puts bytes under a key's name, as an operator or a bug would.
    public func overwrite(_ key: CacheKey, with bytes: [UInt8]?) {
        let end = time.now() + .seconds(60)
        state.withLock { state in
            state.cells[key.l2Name(epoch: state.epoch)] = bytes.map { Cell(bytes: $0, end: end) }
        }
    }

    /// What an L2 held at one time.
    package struct Backup: Sendable {
        fileprivate var cells: [String: Cell]
    }

    /// Everything held now, as a replica has it.
    package func backup() -> Backup { state.withLock { Backup(cells: $0.cells) } }

    /// Goes back to what `backup` held, as after a failover that lost the last writes; leases' tokens go on.
    package func restore(_ backup: Backup) { state.withLock { $0.cells = backup.cells } }

    /// Forgets everything (FLUSHALL).
    public func removeAll() { state.withLock { $0.cells = [:] } }

    // MARK: SharedTier

    /// Switches the names.
    public func enter(epoch: UInt32) { state.withLock { $0.epoch = epoch } }

    /// GET.
    public func get(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [SharedTierReply] {
        try guarded { state, now in
            keys.map { key in
                guard let bytes = Self.live(state, key.l2Name(epoch: state.epoch), now)?.bytes else { return .miss }
                guard bytes.first == UInt8(ascii: "V") || !Self.isMarker(bytes) else { return .miss }
                return Self.reply(bytes, key, state.epoch)
            }
        }
    }

    /// GETL.
    public func lease(
        _ keys: [CacheKey], until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [LeaseReply] {
        try guarded { state, now in keys.map { Self.getl($0, &state, now) } }
    }

    private static func getl(_ key: CacheKey, _ state: inout State, _ now: MonotonicTime) -> LeaseReply {
        let name = key.l2Name(epoch: state.epoch)
        let cell = live(state, name, now)
        let floor: Ticket
        switch cell?.bytes.first {
        case UInt8(ascii: "L"):
            let left = ((cell?.end ?? now) - now).nanoseconds / 1_000_000
            return .wait(retryMilliseconds: Int(left))
        case UInt8(ascii: "V"):
            if case .entry(let entry) = reply(cell?.bytes ?? [], key, state.epoch) { return .entry(entry) }
            // Poison: the script answers HIT; the caller replaces the bytes by deleting them first.
            floor = .zero
        case UInt8(ascii: "T"): floor = EntryFormat.ticket(cell?.bytes ?? [], at: 1) ?? .zero
        default: floor = .zero
        }
        let token = state.nextToken
        state.nextToken += 1
        let bytes = [UInt8(ascii: "L")] + EntryFormat.digits(floor) + Array(String(token).utf8)
        state.cells[name] = Cell(bytes: bytes, end: now + leaseDuration)
        return .granted(token: token, floor: floor)
    }

    /// FILL.
    public func fill(
        _ entries: [(entry: CertifiedEntry, token: UInt64, lifetime: Duration)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [FillReply] {
        try guarded { state, now in
            entries.map { entry, token, lifetime in
                let epoch = entry.certificate.epoch
                let name = entry.key.l2Name(epoch: epoch)
                guard let bytes = Self.live(state, name, now)?.bytes, bytes.first == UInt8(ascii: "L"),
                    bytes.dropFirst(17).elementsEqual(String(token).utf8)
                else { return .lost }
                let floor = EntryFormat.ticket(bytes, at: 1) ?? .zero
                guard entry.certificate.version >= floor else {
                    state.cells[name] = Self.tombstone(floor, now)
                    return .stale
                }
                let value = EntryFormat.encode(entry, keyHash: entry.key.l2Hash(epoch: epoch))
                state.cells[name] = Cell(bytes: value, end: now + lifetime)
                return .stored
            }
        }
    }

    /// PUBLISH.
    public func publish(
        _ entries: [(entry: CertifiedEntry, lifetime: Duration, invalidateOnly: Bool)],
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) {
        try guarded { state, now in
            guard !state.faults.losesPublishes else { return }
            for (entry, lifetime, invalidateOnly) in entries {
                Self.publish(entry, lifetime, invalidateOnly, &state, now)
            }
        }
    }

    private static func publish(
        _ entry: CertifiedEntry, _ lifetime: Duration, _ invalidateOnly: Bool, _ state: inout State,
        _ now: MonotonicTime
    ) {
        let epoch = entry.certificate.epoch
        let name = entry.key.l2Name(epoch: epoch)
        let version = entry.certificate.version
        guard let cell = live(state, name, now) else {
            state.cells[name] = tombstone(version, now)
            return
        }
        guard let held = EntryFormat.ticket(cell.bytes, at: 1), held <= version else { return }
        guard held < version else {
            let value = EntryFormat.encode(entry, keyHash: entry.key.l2Hash(epoch: epoch))
            let isLater = cell.bytes.dropFirst(17).prefix(32).lexicographicallyPrecedes(value[17..<49])
            if cell.bytes.first == UInt8(ascii: "V"), !invalidateOnly, isLater {
                state.cells[name] = Cell(bytes: value, end: now + lifetime)
            }
            return
        }
        switch cell.bytes.first {
        case UInt8(ascii: "L"):
            let raised = [UInt8(ascii: "L")] + EntryFormat.digits(version) + cell.bytes.dropFirst(17)
            state.cells[name] = Cell(bytes: raised, end: cell.end)
        case UInt8(ascii: "V") where !invalidateOnly:
            let value = EntryFormat.encode(entry, keyHash: entry.key.l2Hash(epoch: epoch))
            state.cells[name] = Cell(bytes: value, end: now + lifetime)
        default: state.cells[name] = tombstone(version, now)
        }
    }

    // MARK: Cells

    private func guarded<R: Sendable>(_ body: (inout State, MonotonicTime) -> R) throws(TierError) -> R {
        let now = time.now()
        let answer = state.withLock { state -> Result<R, TierError> in
            if let error = state.faults.all { return .failure(error) }
            return .success(body(&state, now))
        }
        return try answer.get()
    }

    private static func live(_ state: State, _ name: String, _ now: MonotonicTime) -> Cell? {
        guard let cell = state.cells[name], now < cell.end else { return nil }
        return cell
    }

    private static func isMarker(_ bytes: [UInt8]) -> Bool {
        bytes.first == UInt8(ascii: "L") || bytes.first == UInt8(ascii: "T")
    }

    private static func tombstone(_ floor: Ticket, _ now: MonotonicTime) -> Cell {
        Cell(bytes: [UInt8(ascii: "T")] + EntryFormat.digits(floor), end: now + tombstoneDuration)
    }

    private static func reply(_ bytes: [UInt8], _ key: CacheKey, _ epoch: UInt32) -> SharedTierReply {
        switch EntryFormat.decode(bytes, key: key, keyHash: key.l2Hash(epoch: epoch)) {
        case .success(let entry): .entry(entry)
        case .failure: .poison
        }
    }
}
