internal import FIX
internal import Market
internal import Telemetry

/// Which requests are traced, and the traces of the batch that is being gathered. Confined to the gateway's loop.
///
/// A request with a sampled context in TraceParent (20001) continues its caller's trace. One with a context that is
/// not sampled is left alone, and so is one without, unless this gateway begins traces itself.
final class OrderTracer {
    private let spans: SpanRecorder
    private let sampleEvery: Int
    private let seed: UInt64
    private let unreadable: Counter
    /// Requests traced so far.
    private var ordinal: UInt64 = 0
    /// Requests without a context until the next that begins a trace.
    private var untilSample: Int
    private var gathered: [TracedRequest] = []

    init(_ spans: SpanRecorder, _ configuration: GatewayConfiguration, unreadable: Counter) {
        self.spans = spans
        self.unreadable = unreadable
        sampleEvery = configuration.traceSampleEvery
        seed = configuration.traceSeed
        untilSample = sampleEvery
    }

    /// Looks whether the request in `fields`, which has just been decoded, is to be traced.
    ///
    /// - Parameters:
    ///   - received: when its bytes had been read, microseconds since 1970 UTC.
    ///   - position: its index in the batch.
    func look(at fields: borrowing FieldIndex, _ kind: RequestKind, received: Int64, position: Int) {
        if let index = fields.find(Tag.traceParent) {
            if let caller = fields.withValue(at: index, { TraceContext($0) }) {
                guard caller.isSampled else { return }
                ordinal += 1
                return begin(
                    TracedRequest(
                        caller: caller, Self.operation(kind), received: received * 1_000, ordinal: ordinal,
                        position: position))
            }
            // As if it had none, says the standard.
            unreadable.increment()
        }
        guard sampleEvery > 0 else { return }
        untilSample -= 1
        guard untilSample == 0 else { return }
        untilSample = sampleEvery
        ordinal += 1
        begin(
            TracedRequest(
                root: TraceContext.root(seed: seed, request: ordinal), Self.operation(kind),
                received: received * 1_000, position: position))
    }

    private func begin(_ trace: TracedRequest) {
        gathered.append(trace)
        gathered[gathered.count - 1].end(.decode, at: spans.now())
    }

    private static func operation(_ kind: RequestKind) -> TracedRequest.Operation {
        switch kind {
        case .new: .newOrder
        case .cancel: .cancel
        case .replace: .replace
        }
    }

    /// The traces of the batch, which is submitted now.
    func takeBatch() -> [TracedRequest] {
        guard !gathered.isEmpty else { return [] }
        defer { gathered = [] }
        return gathered
    }

    /// Reports came back: called on their arrival.
    func arrived(_ traces: inout [TracedRequest]) { traces.end(.publish, at: spans.now()) }

    /// Called when the reports have been written to their sockets.
    func acknowledged(_ traces: inout [TracedRequest]) {
        traces.end(.acknowledge, at: spans.now())
        spans.record(traces)
    }
}
