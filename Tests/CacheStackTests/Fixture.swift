import CacheStack
import Synchronization
import Telemetry

/// A stack over tiers in memory, on a clock that moves only when told to.
struct Fixture {
    static let accounts = SpaceID(rawValue: 1)
    static let orders = SpaceID(rawValue: 2)
    static let schemas = [
        SpaceSchema(space: accounts, table: "accounts", key: .id("id"), fields: [.init("balance", .int16)]),
        SpaceSchema(
            space: orders, table: "orders", key: .id("id"), fields: [.init("quantity", .int16)], isShared: false),
    ]

    let time = ManualTime()
    let durable: MemoryDurableTier
    let shared: MemorySharedTier
    let registry = MetricsRegistry()
    let stack: CacheStack

    init(_ configure: (inout CacheStack.Configuration) -> Void = { _ in }) {
        let time = time
        durable = MemoryDurableTier(schemas: Self.schemas) { time.microseconds }
        shared = MemorySharedTier(time: time.source)
        stack = Self.stack(durable, shared, time, registry, configure)
    }

    static func stack(
        _ durable: MemoryDurableTier, _ shared: MemorySharedTier?, _ time: ManualTime,
        _ registry: MetricsRegistry = MetricsRegistry(),
        _ configure: (inout CacheStack.Configuration) -> Void = { _ in }
    ) -> CacheStack {
        var configuration = CacheStack.Configuration()
        configuration.time = time.source
        configure(&configuration)
        return CacheStack(configuration, schemas: schemas, shared: shared, durable: durable, metrics: registry)
    }

    /// Another process over the same tiers.
    func peer(hasShared: Bool = true) -> CacheStack { Self.stack(durable, hasShared ? shared : nil, time) }

    static func key(_ id: UInt64, _ space: SpaceID = accounts) -> CacheKey { CacheKey(space, id) }

    static func write(
        _ values: [UInt64: UInt8], space: SpaceID = accounts, expecting: [Transaction.Expectation] = [],
        key: String? = nil
    ) -> Transaction {
        var writes = WriteSet()
        for (id, value) in values.sorted(by: { $0.key < $1.key }) {
            writes.append(CacheKey(space, id), payload: [value, 0])
        }
        return Transaction(
            expectations: expecting, writes: writes,
            idempotency: key.map { Transaction.IdempotencyKey($0, bodyHash: 1) })
    }

    /// Commits behind every stack's back, as a process that dies before publishing.
    func commitElsewhere(_ values: [UInt64: UInt8]) async -> Ticket {
        _ = await durable.commit([Self.write(values)], until: .now)
        return durable.newest
    }

    func value(_ id: UInt64, _ level: ReadLevel = .bounded(), allowStale: Bool = false) async throws -> CachedValue {
        try await stack.read(Self.key(id), level, allowStale: allowStale)
    }

    /// The value of a metric's series as the text says it, e.g. `cache_loads_coalesced_total`.
    func metric(_ series: String) -> Double? {
        registry.text().split(separator: "\n").first { $0.hasPrefix(series + " ") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
    }
}

extension CacheStack.Configuration {
    /// Lets the loops of `run` turn without moving the clock: however long the test takes, nothing grows old.
    mutating func restWithoutTime() {
        time = TimeSource(now: time.now) { _ in
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}

extension CommitOutcome {
    /// The ticket of a committed transaction.
    var ticket: Ticket? {
        if case .committed(let ticket, _, _) = self { return ticket }
        return nil
    }
}

/// A gate tasks wait at until it is opened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var arrived: Int { state.withLock { $0.arrived } }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                state.arrived += 1
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Yields until a condition holds.
    static func until(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }
}
