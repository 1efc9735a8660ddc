internal import Glibc
public import Telemetry

/// L2 and L3 in memory with one clock: what unit tests put under a stack, or under several as if they were processes.
///
///     let tiers = MemoryTiers([accounts.schema])
///     let (here, there) = (CacheStack.inMemory(tiers), CacheStack.inMemory(tiers))
///     tiers.durable.setFaults { $0.reads = TierError(.unavailable, "as if the database were down") }
///
/// Nothing survives the object. With a `ManualTime` sleeping takes no time and ages are what the test says.
public struct MemoryTiers: Sendable {
    /// The spaces all stacks over these tiers have.
    public let schemas: [SpaceSchema]
    /// L3, with faults at will.
    public let durable: MemoryDurableTier
    /// L2, with faults at will.
    public let shared: MemorySharedTier
    /// The clock of tiers and stacks.
    public let time: TimeSource

    /// Empty tiers on the machine's clock.
    public init(_ schemas: [SpaceSchema]) {
        self.init(schemas, .system) {
            var time = timespec()
            unsafe clock_gettime(CLOCK_REALTIME, &time)
            return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        }
    }

    /// Empty tiers on a clock that moves only when told to.
    public init(_ schemas: [SpaceSchema], time: ManualTime) {
        self.init(schemas, time.source) { time.microseconds }
    }

    private init(_ schemas: [SpaceSchema], _ time: TimeSource, _ clock: @escaping @Sendable () -> Int64) {
        self.schemas = schemas
        self.time = time
        durable = MemoryDurableTier(schemas: schemas, clock: clock)
        shared = MemorySharedTier(time: time)
    }
}

extension CacheStack {
    /// A stack over tiers in memory; each call on the same tiers makes another process, as it were.
    ///
    /// - Parameters:
    ///   - hasShared: false for a stack of two levels.
    ///   - configure: changes the configuration; its time is the tiers'.
    public static func inMemory(
        _ tiers: MemoryTiers, hasShared: Bool = true, metrics registry: MetricsRegistry = MetricsRegistry(),
        _ configure: (inout Configuration) -> Void = { _ in }
    ) -> CacheStack {
        var configuration = Configuration()
        configure(&configuration)
        configuration.time = tiers.time
        return CacheStack(
            configuration, schemas: tiers.schemas, shared: hasShared ? tiers.shared : nil, durable: tiers.durable,
            metrics: registry)
    }

    /// A stack over fresh tiers in memory, on the machine's clock.
    public static func inMemory(_ schemas: [SpaceSchema]) -> CacheStack { inMemory(MemoryTiers(schemas)) }
}
