public import CacheStack

/// One batch as a replica gets it.
public struct StreamItem: Sendable, Hashable {
    /// Partition of the service it came by.
    public var partition: Int
    /// Name of the entry in its stream.
    public var id: String
    public var bytes: [UInt8]
    /// How often it was handed out, this time included.
    public var deliveries: Int

    /// A batch as it was read.
    public init(partition: Int, id: String, bytes: [UInt8], deliveries: Int = 1) {
        self.partition = partition
        self.id = id
        self.bytes = bytes
        self.deliveries = deliveries
    }
}

/// What became of a batch that was sent.
public enum SendOutcome: Sendable, Hashable {
    /// The stream has it.
    case sent
    /// The stream is full: too much waits for the replicas.
    case full
    /// It may be there or not. The text is safe to log.
    case unknown(String)
}

/// Members of a service and what waits for them.
public struct ServiceMembership: Sendable, Hashable {
    /// Grows with every change of the members.
    public var epoch: UInt64
    /// Members with the facts they tell, by name.
    public var members: [String: String]

    /// Those members.
    public init(epoch: UInt64, members: [String: String]) {
        self.epoch = epoch
        self.members = members
    }
}

/// How much a service was given, and how much of it waits, by partition.
public struct ServiceLoad: Sendable, Hashable {
    /// Requests ever sent.
    public var offered: [UInt64]
    /// Batches that wait or are being worked on.
    public var waiting: [Int]

    /// Those numbers.
    public init(offered: [UInt64], waiting: [Int]) {
        self.offered = offered
        self.waiting = waiting
    }
}

/// The streams of one service: what its producers and its replicas need of Redis.
///
/// A batch that was sent is handed to one replica at a time until one has ended it; two that work on the same batch
/// are told who of them ended it (`end` says true once). All that may be lost is what Redis loses.
public protocol ServiceStreams: Sendable {
    /// Number of partitions of the service.
    var partitions: Int { get }

    /// Makes streams and groups where they are missing.
    func prepare() async throws(TierError)

    /// Sends batches, each into its partition; `requests` of a batch count as offered once it is sent.
    func send(_ batches: [(partition: Int, requests: Int, bytes: [UInt8])]) async -> [SendOutcome]

    /// New batches of these partitions, at most `limit` of each, waiting at most `wait` for the first.
    func take(
        _ partitions: [Int], as replica: String, limit: Int, wait: Duration
    ) async throws(TierError) -> [StreamItem]

    /// Batches of these partitions that other replicas have held for `idle` without ending them.
    func claim(
        _ partitions: [Int], as replica: String, idle: Duration, limit: Int
    ) async throws(TierError) -> [StreamItem]

    /// Ends batches, and with it sends each producer its answer, if there is one: true for those ended by this call.
    func end(_ items: [(item: StreamItem, answer: (producer: UInt64, bytes: [UInt8])?)]) async throws(TierError)
        -> [Bool]

    /// Puts a batch that cannot be worked on aside; false where another replica ended it.
    func bury(_ item: StreamItem, reason: String) async throws(TierError) -> Bool

    /// Answers to a producer after `id` (`0-0`: all), oldest first.
    func answers(
        to producer: UInt64, after id: String, wait: Duration
    ) async throws(TierError) -> [(id: String, bytes: [UInt8])]

    /// Joins or stays as `replica`, telling `facts`; hands back the members.
    func join(_ replica: String, facts: String) async throws(TierError) -> ServiceMembership

    /// Leaves.
    func leave(_ replica: String) async throws(TierError)

    /// The members now.
    func members() async throws(TierError) -> ServiceMembership

    /// What was offered and what waits.
    func load() async throws(TierError) -> ServiceLoad
}
