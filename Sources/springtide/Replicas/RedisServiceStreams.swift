internal import CacheStack
internal import RedisTier
internal import Services
internal import Telemetry

/// The streams of one service in Redis: what Schemas/streams.md says, over two connections a node.
///
/// Reads that wait block their connection, so they have a tier of their own.
final class RedisServiceStreams: ServiceStreams {
    /// Answers that a producer's stream keeps, about: whoever lags more has stopped waiting for them.
    static let answersMax = 10_000
    /// Batches put aside that are kept, about.
    static let lettersMax = 10_000
    /// Longest time an ordinary command may take.
    static let timeout = Duration.seconds(2)

    let partitions: Int
    private let service: String
    private let keys: [String]
    private let partitionOfKey: [String: Int]
    private let prefix: String
    private let batchesMax: Int
    private let lifetime: Duration
    private let commands: RedisStreams
    private let waits: RedisStreams
    private let tiers: [RedisTier]

    /// The streams of `service`; connects at once, in the background.
    init(
        service: String, _ settings: ReplicaSettings, _ configuration: RedisTier.Configuration,
        metrics: MetricsRegistry
    ) {
        self.service = service
        partitions = settings.partitions
        batchesMax = settings.batchesMax
        lifetime = settings.lifetime
        prefix = "{\(settings.scope):\(service)}"
        keys = (0..<settings.partitions).map { [prefix] in "\(prefix):p:\($0)" }
        partitionOfKey = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0) })
        var configuration = configuration
        configuration.replicaReads = false
        // One read may bring a few batches of each partition.
        configuration.replyBytesMax = 64 << 20
        configuration.batchReplyBytesMax = 64 << 20
        configuration.replyElementsMax = 65_536
        tiers = (0..<2).map { _ in RedisTier(configuration, metrics: metrics) }
        for tier in tiers { tier.start() }
        commands = RedisStreams(tiers[0], metrics: metrics)
        waits = RedisStreams(tiers[1], metrics: metrics)
    }

    /// Closes the connections.
    func close() { for tier in tiers { tier.shutdown() } }

    private var deadline: ContinuousClock.Instant { .now + Self.timeout }

    func prepare() async throws(TierError) {
        try await commands.prepare(keys, group: service, until: .now + .seconds(5))
    }

    func send(_ batches: [(partition: Int, requests: Int, bytes: [UInt8])]) async -> [SendOutcome] {
        let outcomes = await commands.append(
            batches.map { (keys[$0.partition], "\($0.partition)", $0.requests, $0.bytes) },
            counters: "\(prefix):offered", lengthMax: batchesMax, until: deadline)
        return outcomes.map { outcome in
            switch outcome {
            case .appended: .sent
            case .full: .full
            case .unknown(let text): .unknown(text)
            }
        }
    }

    func take(
        _ partitions: [Int], as replica: String, limit: Int, wait: Duration
    ) async throws(TierError) -> [StreamItem] {
        let entries = try await waits.read(
            partitions.map { keys[$0] }, group: service, consumer: replica, limit: limit, wait: wait)
        return entries.map(item)
    }

    func claim(
        _ partitions: [Int], as replica: String, idle: Duration, limit: Int
    ) async throws(TierError) -> [StreamItem] {
        let entries = try await commands.claim(
            partitions.map { keys[$0] }, group: service, consumer: replica, idle: idle, limit: limit, until: deadline)
        return entries.map(item)
    }

    private func item(_ entry: StreamEntry) -> StreamItem {
        StreamItem(
            partition: partitionOfKey[entry.stream] ?? 0, id: entry.id, bytes: entry.payload,
            deliveries: entry.deliveries)
    }

    private func entry(_ item: StreamItem) -> StreamEntry {
        StreamEntry(stream: keys[item.partition], id: item.id, payload: item.bytes, deliveries: item.deliveries)
    }

    func end(
        _ items: [(item: StreamItem, answer: (producer: UInt64, bytes: [UInt8])?)]
    ) async throws(TierError) -> [Bool] {
        try await commands.complete(
            items.map { item, answer in (entry(item), answer.map { (answers(of: $0.producer), $0.bytes) }) },
            group: service, replyLengthMax: Self.answersMax, replyLifetime: .seconds(600), until: deadline)
    }

    func bury(_ item: StreamItem, reason: String) async throws(TierError) -> Bool {
        try await commands.bury(
            entry(item), group: service, letters: "\(prefix):dead", reason: reason, lengthMax: Self.lettersMax,
            until: deadline)
    }

    private func answers(of producer: UInt64) -> String { "\(prefix):answers:\(producer)" }

    func answers(
        to producer: UInt64, after id: String, wait: Duration
    ) async throws(TierError) -> [(id: String, bytes: [UInt8])] {
        let stream = answers(of: producer)
        let entries = try await waits.follow(stream, after: id, limit: 1_000, wait: wait)
        // Read once, by one process: what it has need not be kept.
        if let last = entries.last { try await commands.trim(stream, through: last.id, until: deadline) }
        return entries.map { ($0.id, $0.payload) }
    }

    func join(_ replica: String, facts: String) async throws(TierError) -> ServiceMembership {
        membership(
            try await commands.beat(
                .join, replica, facts: facts, scope: prefix, lifetime: lifetime, until: deadline))
    }

    func leave(_ replica: String) async throws(TierError) {
        _ = try await commands.beat(.leave, replica, scope: prefix, lifetime: lifetime, until: deadline)
    }

    func members() async throws(TierError) -> ServiceMembership {
        membership(try await commands.beat(.look, "", scope: prefix, lifetime: lifetime, until: deadline))
    }

    private func membership(_ found: StreamMembers) -> ServiceMembership {
        ServiceMembership(
            epoch: found.epoch,
            members: Dictionary(found.members.map { ($0.name, $0.facts) }) { first, _ in first })
    }

    func load() async throws(TierError) -> ServiceLoad {
        let (depths, counters) = try await commands.depths(keys, counters: "\(prefix):offered", until: deadline)
        return ServiceLoad(
            offered: (0..<partitions).map { counters["\($0)"] ?? 0 }, waiting: depths.map(\.length))
    }
}
