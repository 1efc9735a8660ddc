/// The way of one sampled request through a node: when each stage ended. Spans are made of it at the end.
///
/// A value of fixed size that travels beside its request, with the batch the request is in: a batch without a sampled
/// request carries an empty array. Stages follow each other without gaps, so their spans add up to the root's:
///
/// | stage | ends when |
/// |---|---|
/// | Decode | the frame is a request (begins when the bytes of its turn had been read) |
/// | QueueWait | the prefetch stage takes the batch it is in |
/// | Prefetch | the batch's rows are there |
/// | SequencerWait | the sequencer takes up the batch |
/// | Execute | the whole batch has passed risk, matching and ledger |
/// | CommitWait | the commit before has returned |
/// | Commit | the batch is durable |
/// | Publish | the reports are with the gateway's thread |
/// | Acknowledge | they are written to the socket |
///
/// A request that is refused at entry has no stages between Decode and Publish.
public struct TracedRequest: Sendable {
    /// What was asked for; names the root span.
    public enum Operation: UInt8, Sendable, CaseIterable {
        case newOrder, cancel, replace

        /// The root span's name.
        public var name: String {
            switch self {
            case .newOrder: "OrderEntry/NewOrder"
            case .cancel: "OrderEntry/Cancel"
            case .replace: "OrderEntry/Replace"
            }
        }
    }

    /// The stages, in their order.
    public enum Stage: Int, Sendable, CaseIterable {
        case decode, queueWait, prefetch, sequencerWait, execute, commitWait, commit, publish, acknowledge

        /// The child span's name.
        public var name: String {
            switch self {
            case .decode: "Decode"
            case .queueWait: "QueueWait"
            case .prefetch: "Prefetch"
            case .sequencerWait: "SequencerWait"
            case .execute: "Execute"
            case .commitWait: "CommitWait"
            case .commit: "Commit"
            case .publish: "Publish"
            case .acknowledge: "Acknowledge"
            }
        }
    }

    /// Most spans of one request: the root and its stages.
    public static let spansMax = 10

    /// Index of the request in the batch it is handed on with.
    public var position: Int
    /// The root span's own place in the trace.
    public let context: TraceContext
    /// The caller's span; 0 where the trace begins here.
    public let parent: UInt64
    public let operation: Operation
    /// When the bytes had been read, nanoseconds since 1970 UTC.
    public let received: Int64
    /// Rows of the prefetch stage's batch, by tier.
    public var cache: SpanRecord.CacheHits?
    /// Refused before the sequencer: the queue was full or the store away.
    public var isRefused = false

    /// End of each stage, 0 where it was not passed; never descending.
    private var ends = InlineArray<9, Int64>(repeating: 0)
    /// Requests that shared a stage, 0 where none did.
    private var sizes = InlineArray<9, Int32>(repeating: 0)
    private var latest: Int64

    /// A request whose trace was begun by the caller.
    ///
    /// - Parameters:
    ///   - ordinal: a number no other request of this process has in this trace; makes the span ids.
    public init(
        caller: TraceContext, _ operation: Operation, received: Int64, ordinal: UInt64, position: Int
    ) {
        self.init(
            caller.child(UInt64(bitPattern: received) &+ ordinal), caller.span, operation, received, position)
    }

    /// A request whose trace begins here.
    public init(root: TraceContext, _ operation: Operation, received: Int64, position: Int) {
        self.init(root, 0, operation, received, position)
    }

    private init(
        _ context: TraceContext, _ parent: UInt64, _ operation: Operation, _ received: Int64, _ position: Int
    ) {
        self.context = context
        self.parent = parent
        self.operation = operation
        self.received = received
        self.position = position
        latest = received
    }

    /// Ends a stage; a time before the last one (a clock that was set back) counts as the last one.
    ///
    /// - Parameter batch: requests that shared the stage, 0 where it was this one's alone.
    public mutating func end(_ stage: Stage, at time: Int64, batch: Int = 0) {
        latest = max(latest, time)
        ends[stage.rawValue] = latest
        sizes[stage.rawValue] = Int32(clamping: batch)
    }

    /// Spans this makes: the root and every stage that was passed.
    public var spanCount: Int {
        var count = 1
        for stage in ends.indices where ends[stage] != 0 { count += 1 }
        return count
    }

    /// The spans: the root first, then its stages in their order.
    public func append(to spans: inout [SpanRecord]) {
        spans.append(
            SpanRecord(
                context: context, parent: parent, name: operation.name, kind: .server, start: received, end: latest,
                status: isRefused ? .error : .unset))
        var start = received
        for stage in Stage.allCases where ends[stage.rawValue] != 0 {
            var attributes = SpanRecord.Attributes()
            if sizes[stage.rawValue] > 0 { attributes.batchSize = sizes[stage.rawValue] }
            if stage == .prefetch { attributes.cache = cache }
            let end = ends[stage.rawValue]
            spans.append(
                SpanRecord(
                    context: context.child(UInt64(stage.rawValue)), parent: context.span, name: stage.name,
                    start: start,
                    end: end, attributes: attributes))
            start = end
        }
    }
}

extension MutableCollection<TracedRequest> {
    /// Ends a stage for all of a batch's sampled requests; see `TracedRequest.end`.
    public mutating func end(_ stage: TracedRequest.Stage, at time: Int64, batch: Int = 0) {
        for index in indices { self[index].end(stage, at: time, batch: batch) }
    }
}
