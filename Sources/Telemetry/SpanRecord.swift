/// One finished piece of work of a trace, as OTLP has it (opentelemetry-proto, `Span`).
///
/// Called so because `Span` is a type of Swift's standard library.
public struct SpanRecord: Sendable, Hashable {
    /// What a span is to the other side; raw values as in OTLP.
    public enum Kind: UInt8, Sendable {
        /// Work inside one process.
        case `internal` = 1
        /// Answers a request of another process.
        case server = 2
        /// Asks another process.
        case client = 3
    }

    /// How the work ended; raw values as in OTLP.
    public enum Status: UInt8, Sendable {
        /// Nothing to say: it ended as it should, or nobody judged.
        case unset = 0
        /// Judged good.
        case ok = 1
        /// Failed.
        case error = 2
    }

    /// The facts a span may carry; what is nil or empty is not written.
    public struct Attributes: Sendable, Hashable {
        /// `batch.size`: requests that shared this stage.
        public var batchSize: Int32?
        /// `cache.l1.hits`, `cache.l2.hits`, `cache.l3.hits`, `cache.missing`: rows of the batch by who answered.
        public var cache: CacheHits?
        /// `http.response.status_code`.
        public var httpStatus: Int32?
        /// `http.route`, with its placeholders.
        public var httpRoute = ""

        /// None.
        public init() {}
    }

    /// Rows that a batch needed, by the tier that answered.
    public struct CacheHits: Sendable, Hashable {
        public var l1: Int32
        public var l2: Int32
        public var l3: Int32
        /// Rows that no tier answered.
        public var missing: Int32

        /// Counts of rows.
        public init(l1: Int32 = 0, l2: Int32 = 0, l3: Int32 = 0, missing: Int32 = 0) {
            self.l1 = l1
            self.l2 = l2
            self.l3 = l3
            self.missing = missing
        }
    }

    /// The trace, and this span's own id.
    public var context: TraceContext
    /// The span it belongs to; 0 for the first of a trace.
    public var parent: UInt64
    /// Of low cardinality: names of operations, never ids.
    public var name: String
    public var kind: Kind
    /// Nanoseconds since 1970 UTC.
    public var start: Int64
    /// Nanoseconds since 1970 UTC, never before `start`.
    public var end: Int64
    public var status: Status
    public var attributes: Attributes

    /// A span of those parts; an end before the start (a clock that was set back) counts as the start.
    public init(
        context: TraceContext, parent: UInt64 = 0, name: String, kind: Kind = .internal, start: Int64, end: Int64,
        status: Status = .unset, attributes: Attributes = Attributes()
    ) {
        self.context = context
        self.parent = parent
        self.name = name
        self.kind = kind
        self.start = start
        self.end = max(start, end)
        self.status = status
        self.attributes = attributes
    }

    /// `end - start`, nanoseconds.
    public var duration: Int64 { end - start }
}
