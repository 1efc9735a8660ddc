/// The spans of one trace, put in order: what a report shows of a slow request.
public struct SpanTree: Sendable {
    /// A span and how far below the first it stands.
    public struct Row: Sendable {
        public var span: SpanRecord
        /// 0 for the first span.
        public var depth: Int
    }

    /// Trace id as 32 hexadecimal digits.
    public let trace: String
    /// Depth first, children by start, then by id. Spans whose parent is not in the file stand at depth 0.
    public let rows: [Row]

    /// The spans of one trace, all of the same trace id.
    init(_ spans: [SpanRecord]) {
        let ids = Set(spans.map(\.context.span))
        let ordered = spans.sorted { ($0.start, $0.context.span) < ($1.start, $1.context.span) }
        let children = Dictionary(grouping: ordered) { ids.contains($0.parent) ? $0.parent : 0 }
        var rows: [Row] = []
        var waiting = (children[0] ?? []).reversed().map { Row(span: $0, depth: 0) }
        var seen: Set<UInt64> = []
        while let row = waiting.popLast() {
            // A file may hold a span twice, or a circle: each id is walked once.
            guard seen.insert(row.span.context.span).inserted else { continue }
            rows.append(row)
            for child in (children[row.span.context.span] ?? []).reversed() {
                waiting.append(Row(span: child, depth: row.depth + 1))
            }
        }
        self.rows = rows
        trace = spans.first.map { SpanTree.text($0.context) } ?? ""
    }

    private static func text(_ context: TraceContext) -> String {
        String(context.description.dropFirst(3).prefix(32))
    }

    /// Time from the first start to the last end, nanoseconds.
    public var duration: Int64 {
        (rows.map(\.span.end).max() ?? 0) - (rows.map(\.span.start).min() ?? 0)
    }

    /// The first span of that name, such as `Commit`.
    public func first(_ name: String) -> SpanRecord? { rows.first { $0.span.name == name }?.span }
}

extension SpanFile {
    /// All traces, the longest first, equal ones by id; at most `limit`.
    public func traces(limit: Int = .max) -> [SpanTree] {
        struct ID: Hashable {
            var high: UInt64
            var low: UInt64
        }
        let grouped = Dictionary(grouping: spans) { ID(high: $0.context.traceHigh, low: $0.context.traceLow) }
        let trees = grouped.values.map { SpanTree($0) }
        let ordered = trees.map { (tree: $0, duration: $0.duration) }
            .sorted { ($1.duration, $0.tree.trace) < ($0.duration, $1.tree.trace) }
        return ordered.prefix(limit).map(\.tree)
    }

    /// The trace of that id, given as 32 hexadecimal digits of lower case; nil where the file has no span of it.
    public func trace(_ id: String) -> SpanTree? {
        let digits = Array(id.utf8)
        guard digits.count == 32, let high = Self.hex(Array(digits[..<16]), digits: 16),
            let low = Self.hex(Array(digits[16...]), digits: 16)
        else { return nil }
        let found = spans.filter { $0.context.traceHigh == high && $0.context.traceLow == low }
        return found.isEmpty ? nil : SpanTree(found)
    }

    /// Chrome's trace-event JSON, which Perfetto and `chrome://tracing` open: one row a trace, times in microseconds
    /// since the first span, whose own time is in `otherData`.
    ///
    /// - Parameter limit: most traces, the longest first.
    public func chromeTrace(limit: Int = 10_000) -> String {
        let trees = traces(limit: limit)
        let origin = trees.flatMap(\.rows).map(\.span.start).min() ?? 0
        var events: [String] = []
        for (index, tree) in trees.enumerated() {
            let thread = index + 1
            events.append(
                #"{"name":"thread_name","ph":"M","pid":1,"tid":\#(thread),"args":{"name":"\#(tree.trace)"}}"#)
            events += tree.rows.map { Self.event($0.span, origin: origin, thread: thread) }
        }
        return #"{"displayTimeUnit":"ns","otherData":{"started_unix_nano":"\#(origin)"},"traceEvents":["#
            + events.joined(separator: ",\n") + "]}\n"
    }

    private static func event(_ span: SpanRecord, origin: Int64, thread: Int) -> String {
        let attributes = span.attributes
        var facts = [#""span":"\#(span.context.description.dropFirst(36).prefix(16))""#]
        func add(_ key: String, _ value: Int32?) { if let value { facts.append("\"\(key)\":\(value)") } }
        add("batch.size", attributes.batchSize)
        add("cache.l1.hits", attributes.cache?.l1)
        add("cache.l2.hits", attributes.cache?.l2)
        add("cache.l3.hits", attributes.cache?.l3)
        add("cache.missing", attributes.cache?.missing)
        add("http.response.status_code", attributes.httpStatus)
        if !attributes.httpRoute.isEmpty { facts.append(#""http.route":\#(JSONText.quote(attributes.httpRoute))"#) }
        if span.status == .error { facts.append(#""error":true"#) }
        return #"{"name":\#(JSONText.quote(span.name)),"ph":"X","pid":1,"tid":\#(thread),"#
            + #""ts":\#(microseconds(span.start - origin)),"dur":\#(microseconds(span.duration)),"#
            + #""args":{\#(facts.joined(separator: ","))}}"#
    }

    /// Nanoseconds as microseconds with three decimals, exactly.
    private static func microseconds(_ nanoseconds: Int64) -> String {
        let digits = "\(nanoseconds % 1_000)"
        return "\(nanoseconds / 1_000).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
    }
}
