internal import CacheStack

/// The commands of one call, and what became of each.
///
/// The caller makes it, hands it to the engine, and reads it after the continuation was resumed. In between only the
/// I/O thread touches it; the hand-overs are ordered by the inbox's lock and by the continuation. That makes
/// `@unchecked Sendable` true.
final class CommandBatch: @unchecked Sendable {
    /// Pending, answered (0 or more: the index of the reply's root node), or a fault.
    enum Outcome {
        static let pending: Int32 = -1
        static let fault: Int32 = -2
    }

    /// The script all commands run, or nil for GETs.
    let script: Script?
    let deadline: ContinuousClock.Instant
    /// Whether replicas may answer.
    let mayUseReplicas: Bool
    let list: CommandList
    private(set) var replies = ReplyStore()
    private(set) var outcomes: [Int32]
    private(set) var remaining: Int
    private(set) var faultCount = 0
    private(set) var firstFault: TierError?
    /// Position among the engine's active batches.
    var activeIndex = -1
    var continuation: UnsafeContinuation<Void, Never>?

    /// A batch of those commands, none of them answered.
    init(
        _ list: CommandList, script: Script? = nil, deadline: ContinuousClock.Instant, mayUseReplicas: Bool = false
    ) {
        self.list = list
        self.script = script
        self.deadline = deadline
        self.mayUseReplicas = mayUseReplicas
        remaining = list.count
        outcomes = Array(repeating: Outcome.pending, count: list.count)
    }

    /// Number of commands.
    var count: Int { list.count }

    /// Bytes of the replies so far.
    var replyBytes: Int { replies.bytes.count }

    func isPending(_ index: Int) -> Bool { outcomes[index] == Outcome.pending }

    /// Takes a reply; one for a command that is not pending any more is dropped.
    func answer(_ index: Int, _ reply: borrowing ReplyStore) {
        guard isPending(index) else { return }
        if replies.nodes.isEmpty { replies.reserve(nodes: count * reply.nodes.count, bytes: count * reply.bytes.count) }
        outcomes[index] = Int32(replies.append(reply))
        remaining -= 1
    }

    /// Takes the whole bulk strings that `bytes` begin with as replies of the commands `first..<first + count`.
    ///
    /// Stops at anything else, at a string above `bytesMax` bytes, and where all replies would pass `batchBytesMax`.
    /// - Returns: how many commands were answered, and where their replies end.
    func answer(
        bulks bytes: UnsafeRawBufferPointer, first: Int, count: Int, bytesMax: Int, batchBytesMax: Int
    ) -> (commands: Int, end: Int) {
        // Locals in a loop cost a fraction of what fields of an object do.
        var (store, states) = (ReplyStore(), [Int32]())
        swap(&store, &replies)
        swap(&states, &outcomes)
        defer {
            swap(&store, &replies)
            swap(&states, &outcomes)
        }
        var (index, end, taken) = (first, 0, 0)
        scan: while index < first + count {
            switch BulkScanner.scan(bytes, at: end, bytesMax: bytesMax) {
            case .bulk(let content, let next):
                guard store.bytes.count + content.count <= batchBytesMax else { break scan }
                if states[index] == Outcome.pending {
                    if store.nodes.isEmpty { reserve(&store, like: content.count) }
                    states[index] = Int32(store.append(bulk: UnsafeRawBufferPointer(rebasing: bytes[content])))
                    taken += 1
                }
                end = next
            case .null(let next):
                if states[index] == Outcome.pending {
                    states[index] = Int32(store.nodes.count)
                    store.append(.null)
                    taken += 1
                }
                end = next
            case .incomplete, .other: break scan
            }
            index += 1
        }
        remaining -= taken
        return (index - first, end)
    }

    /// Room for all replies where they are like the first, within reason.
    private func reserve(_ store: inout ReplyStore, like bytes: Int) {
        store.reserve(nodes: count, bytes: min(count * bytes, 1 << 20))
    }

    /// Ends a command without a reply.
    func fail(_ index: Int, _ error: @autoclosure () -> TierError) {
        guard isPending(index) else { return }
        outcomes[index] = Outcome.fault
        remaining -= 1
        faultCount += 1
        if firstFault == nil { firstFault = error() }
    }

    /// Ends every command that has no reply yet.
    func failRest(_ error: TierError) {
        guard remaining > 0 else { return }
        for index in outcomes.indices { fail(index, error) }
    }

    /// Resumes the caller; every command has ended.
    func resume() { continuation.take()?.resume() }

    /// The root node of a command's reply in `replies`, or nil after a fault.
    func root(_ index: Int) -> Int? { outcomes[index] >= 0 ? Int(outcomes[index]) : nil }
}
