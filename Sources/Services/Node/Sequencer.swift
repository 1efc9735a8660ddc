internal import CacheStack
internal import Dispatch
internal import Market
internal import Risk
internal import Synchronization
internal import Telemetry

/// What the sequencer thread is told.
enum SequencerMessage: Sendable {
    /// Requests in the order of their arrival, and the traces of those of them that are sampled.
    case requests([PreparedRequest], [TracedRequest])
    /// New reference data, before the requests that follow.
    case instruments([Instrument])
    /// The batch that was handed out is durable at that ticket.
    case committed(Ticket)
    /// The clock may have passed a boundary of the day.
    case tick
    /// Something to look at on the owner's thread.
    case inspect(@Sendable (TradingPartition) -> Void)
    /// No more requests will come: end after the last commit.
    case inputEnded
    /// End now: the partition can no longer commit.
    case abandon
}

/// The thread that owns a partition: executes requests in the order of arrival and hands out batches to commit.
///
/// While one batch commits, the next executes; a new batch is drained the moment the last commit returns, so batches
/// size themselves: at low rates one request each, at high rates whatever came during one commit.
final class Sequencer {
    let inbox: BatchQueue<SequencerMessage>
    private let partition: TradingPartition
    private let owner: UInt64
    private let metrics: NodeMetrics
    private let handOut: (PartitionBatch) -> Void
    private var fence: Ticket
    private var isCommitting = false
    private var isEnding = false
    private var now: Int64 = 0
    private var rulesCopied: Int64 = 0
    /// Sampled requests executed since the last batch was handed out, and how many requests there were in all.
    private var traces: [TracedRequest] = []
    private var executed = 0

    /// - Parameters:
    ///   - partition: restored already; owned by the thread that calls `run` from now on.
    ///   - fence: version of the partition's row in L3.
    ///   - handOut: starts the commit of a batch and returns at once.
    init(
        partition: TradingPartition, owner: UInt64, fence: Ticket, inbox: BatchQueue<SequencerMessage>,
        metrics: NodeMetrics, handOut: @escaping (PartitionBatch) -> Void
    ) {
        self.partition = partition
        self.owner = owner
        self.fence = fence
        self.inbox = inbox
        self.metrics = metrics
        self.handOut = handOut
    }

    /// Works until the input ended and everything is durable, or the partition is abandoned.
    func run() {
        advancePhase()
        while !(isEnding && !isCommitting && !partition.hasChanges), let messages = inbox.takeAll() {
            now = max(now, EventClock.now())
            for (index, message) in messages.enumerated() {
                guard handle(message) else { return end(messages[(index + 1)...]) }
            }
            commitIfIdle()
        }
        end([])
    }

    /// Takes nothing more, and answers the questions that came too late: whoever asked waits for it.
    private func end(_ rest: ArraySlice<SequencerMessage>) {
        inbox.close()
        var messages = Array(rest)
        repeat {
            for case .inspect(let body) in messages { body(partition) }
            messages = inbox.takeAll() ?? []
        } while !messages.isEmpty
    }

    /// Handles one message; false ends the thread.
    private func handle(_ message: SequencerMessage) -> Bool {
        switch message {
        case .requests(let requests, let traces): execute(requests, traces)
        case .instruments(let changed): for instrument in changed { partition.set(instrument) }
        case .committed(let ticket):
            fence = ticket
            isCommitting = false
        case .tick:
            advancePhase()
            copyRuleCounters()
        case .inspect(let body): body(partition)
        case .inputEnded: isEnding = true
        case .abandon: return false
        }
        return true
    }

    private func execute(_ requests: [PreparedRequest], _ sampled: [TracedRequest]) {
        let start = DispatchTime.now().uptimeNanoseconds
        let first = traces.count
        if !sampled.isEmpty {
            traces += sampled
            traces[first...].end(.sequencerWait, at: SpanRecorder.wallClock())
        }
        advancePhase()
        for request in requests { partition.execute(request, now: now) }
        executed += requests.count
        if !sampled.isEmpty { traces[first...].end(.execute, at: SpanRecorder.wallClock(), batch: requests.count) }
        metrics.sequencerBatch.record(nanoseconds: DispatchTime.now().uptimeNanoseconds - start)
        metrics.sequencerSize.record(Double(requests.count))
        metrics.riskChecks.increment(by: UInt64(requests.count))
    }

    private func advancePhase() {
        now = max(now, EventClock.now())
        partition.enter(partition.configuration.schedule.phase(at: now), now: now)
    }

    private func commitIfIdle() {
        guard !isCommitting, partition.hasChanges else { return }
        isCommitting = true
        var batch = partition.drain(owner: owner, fence: fence)
        batch.requestCount = executed
        executed = 0
        if !traces.isEmpty {
            traces.end(.commitWait, at: SpanRecorder.wallClock())
            swap(&batch.traces, &traces)
        }
        handOut(batch)
    }

    /// Once a second: the sequencer's own counters become visible to the metrics.
    private func copyRuleCounters() {
        guard now - rulesCopied >= 1_000_000 else { return }
        rulesCopied = now
        let counters = partition.risk.counters
        metrics.rules.withLock { $0 = counters }
    }
}
