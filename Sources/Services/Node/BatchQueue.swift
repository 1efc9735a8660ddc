internal import Dispatch
internal import Synchronization
internal import Telemetry

/// A bounded queue between two stages: many threads put, one thread takes everything there is at once.
///
/// A put wakes the taker only when it finds the queue empty, so that at high rates a wake-up is paid once a batch.
/// Traces of sampled elements travel beside them: whoever takes a batch takes the traces of its elements.
final class BatchQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var traces: [TracedRequest] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let ready = DispatchSemaphore(value: 0)
    /// Most elements that may wait.
    let limit: Int

    init(limit: Int) {
        precondition(limit > 0, "a queue holds at least one element")
        self.limit = limit
    }

    /// Appends as many of `new` as there is room for; returns how many were taken (a prefix).
    ///
    /// - Parameter traces: of some of the elements, with their positions in `new`; those of the prefix are taken.
    @discardableResult
    func put(contentsOf new: [Element], traces: [TracedRequest] = []) -> Int {
        let (taken, wasEmpty) = state.withLock { state -> (Int, Bool) in
            guard !state.isClosed else { return (0, false) }
            let wasEmpty = state.elements.isEmpty
            let count = min(new.count, limit - state.elements.count)
            state.elements.append(contentsOf: new.prefix(count))
            if !traces.isEmpty { state.traces += traces.filter { $0.position < count } }
            return (count, wasEmpty && count > 0)
        }
        if wasEmpty { ready.signal() }
        return taken
    }

    /// Appends one element; false where the queue is full or closed.
    @discardableResult
    func put(_ element: Element) -> Bool { put(contentsOf: [element]) == 1 }

    /// Waits until there is something and takes all of it; nil once the queue is closed and empty.
    func takeAll() -> [Element]? { takeBatch()?.elements }

    /// Waits until there is something and takes all of it with its traces; nil once the queue is closed and empty.
    func takeBatch() -> (elements: [Element], traces: [TracedRequest])? {
        while true {
            let (batch, traces, isClosed) = state.withLock { state -> ([Element], [TracedRequest], Bool) in
                var batch: [Element] = []
                var traces: [TracedRequest] = []
                swap(&batch, &state.elements)
                swap(&traces, &state.traces)
                return (batch, traces, state.isClosed)
            }
            if !batch.isEmpty { return (batch, traces) }
            if isClosed { return nil }
            ready.wait()
        }
    }

    /// Number of waiting elements.
    var count: Int { state.withLock { $0.elements.count } }

    /// Refuses new elements and lets the taker end once it has taken the rest.
    func close() {
        state.withLock { $0.isClosed = true }
        ready.signal()
    }
}
