/// Names a request that is waiting for its answer: a slot of the engine's table and the request that holds it.
struct RequestToken: Equatable {
    /// Where the engine keeps it.
    var slot: Int32
    /// Tells it from earlier and later requests of that slot.
    var generation: UInt32
}

/// What a transport needs beside the values of the fields to write one request.
struct OutgoingRequest {
    /// To be given back with the answer.
    var token: RequestToken
    /// Index of the operation in the plan.
    var operation: Int
    /// Index into `TransportSetting.saves`: what to take from the answer.
    var site: Int
    /// Names the draws of this request, see `IterationKey`.
    var key: IterationKey
    /// Number of the request for `TraceContext.root`; nil for one that carries no trace context.
    var trace: UInt64?
}

/// What came of handing over a request.
enum Submission {
    /// Taken: written into the connection's buffer, to go out with the next `flush`. `handle` is the transport's own name
    /// for it, passed back by `giveUp`; `operation` is another one that the request became, -1 for none.
    case taken(connection: Int32, handle: Int32, bytes: Int32, operation: Int32 = -1)
    /// No connection has room in its window; ask again after an answer.
    case full
    /// It cannot be sent.
    case failed(Outcome, String)
}

/// How a request ended, as the transport saw it.
struct Completion {
    /// Which request.
    var token: RequestToken
    /// How.
    var outcome: Outcome
    /// Why it was refused or failed; empty for a right answer.
    var reason: String
    /// Monotonic time of reading the answer.
    var at: UInt64
    /// Bytes of the answer.
    var bytesIn = 0
}

/// The engine's side of a transport. All calls come on the engine's thread.
protocol CompletionSink: AnyObject {
    /// A value that a request's `SavePlan` asked for, at most `SavedValue.lengthMax` bytes; before its `completed`.
    func saved(_ token: RequestToken, variable: Int, _ value: Span<UInt8>)
    /// What was written for a connection now goes to the kernel.
    func flushing(_ connection: Int)
    /// The request is finished: once a request, never from within `submit`.
    func completed(_ completion: Completion)
}

/// Limits of saved values.
enum SavedValue {
    /// The longest value of a variable, bytes.
    static let lengthMax = 64
}

/// Figures a transport counts itself.
struct TransportCounters {
    var disconnects = 0
    var reconnects = 0
    var sequenceResets = 0
    var lateAnswers = 0
    var converted = 0
    var ordersTraded = 0
    var fills = 0
    var ackLogLines = 0
    var isAckLogIncomplete = false
}

/// What a transport is made with.
struct TransportSetting {
    /// The whole plan.
    let plan: LoadPlan
    /// By `OutgoingRequest.site`: what to take from the answer. A value that is not there makes the outcome `.error`.
    let saves: [[SavePlan]]
    /// Readiness of sockets; keys are the transport's own, 0 ... 2^62.
    let poller: Poller
    /// Time.
    let clock: RunClock
}

/// Writes requests to a target and reads its answers.
///
/// One thread calls everything. The engine hands over what is due with `submit`, then calls `flush` once for the batch;
/// the transport says `flushing` before it writes to a connection, and that is when its requests are sent: on loopback
/// the answer may be there before the write returns. Answers may come in any order. A request that was
/// taken is completed exactly once: by its answer, by the loss of its connection (`unknown`), or by the engine, which
/// calls `giveUp` and counts it itself.
protocol Transport: AnyObject {
    /// Connections of the run.
    var connections: Int { get }
    /// How many of them are up.
    var connectionsUp: Int { get }
    /// Figures so far.
    var counters: TransportCounters { get }
    /// When `advance` has something to do without a socket being ready, monotonic; nil for nothing.
    var nextDeadline: UInt64? { get }

    /// Begins to connect; answers go to `sink`, which outlives the transport's use.
    func start(_ sink: any CompletionSink, now: UInt64) throws(LoadError)
    /// Whether requests can be sent, asked after each turn until true; throws where that will not come.
    func isReady(now: UInt64) throws(LoadError) -> Bool
    /// Hands over a request; `values` are its fields in the order of `OperationPlan.fields`, valid during the call.
    func submit(_ request: OutgoingRequest, _ values: FieldValues) -> Submission
    /// Sends what was written.
    func flush()
    /// A socket is ready.
    func ready(_ event: Poller.Event)
    /// Each turn of the loop: completes what needs no socket.
    func advance(_ now: UInt64)
    /// Ten times a second: heartbeats, reconnects.
    func tick(_ now: UInt64)
    /// The engine waits no longer for that request; a late answer counts as late.
    func giveUp(_ token: RequestToken, handle: Int32)
    /// A variable that held this value is gone: nobody will name what it stands for again.
    func forget(_ value: Span<UInt8>)
    /// Begins an orderly end: Logout, close.
    func leave()
    /// Whether the end is reached.
    var hasLeft: Bool { get }
    /// Closes whatever is still open.
    func close()
}

extension Transport {
    var nextDeadline: UInt64? { nil }
    func advance(_ now: UInt64) {}
    func tick(_ now: UInt64) {}
    func forget(_ value: Span<UInt8>) {}
    func leave() {}
    var hasLeft: Bool { true }
}

/// The values of one request's fields, reused from request to request.
final class FieldValues {
    private var bytes: [UInt8] = []
    /// End of each field's bytes; a field that is not bound has none.
    private var ends: [Int32] = []
    private var bound: UInt64 = 0

    /// Number of fields.
    var count: Int { ends.count }

    /// Whether field `index` has a value.
    func isBound(_ index: Int) -> Bool { bound >> UInt64(index) & 1 == 1 }

    /// The bytes of field `index`, empty where it is not bound.
    func withValue<R>(_ index: Int, _ body: (Span<UInt8>) -> R) -> R {
        let (start, all) = (index > 0 ? Int(ends[index - 1]) : 0, bytes)
        return body(all.span.extracting(start..<Int(ends[index])))
    }

    func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        bound = 0
    }

    /// A field without a value.
    func appendAbsent() { ends.append(Int32(bytes.count)) }

    func append(_ value: [UInt8]) {
        bytes.append(contentsOf: value)
        close()
    }

    func append(_ value: Span<UInt8>) {
        for index in 0..<value.count { bytes.append(value[index]) }
        close()
    }

    /// `prefix` and a number in decimal digits.
    func append(prefix: [UInt8], number: Int) {
        bytes.append(contentsOf: prefix)
        appendDigits(number)
        close()
    }

    private func appendDigits(_ number: Int) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = number.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        var (low, high) = (start, bytes.count - 1)
        while low < high {
            bytes.swapAt(low, high)
            low += 1
            high -= 1
        }
    }

    private func close() {
        bound |= 1 << UInt64(ends.count)
        ends.append(Int32(bytes.count))
    }
}
