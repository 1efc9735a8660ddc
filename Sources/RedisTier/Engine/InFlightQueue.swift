/// A command written, or about to be, whose reply has not come.
struct InFlight {
    enum Kind {
        /// AUTH, CLIENT SETNAME, READONLY (replicas) and PING of the greeting.
        case authenticate, name, readOnly, ping
        /// ROLE, asked of a replica.
        case probe
        /// Sent in front of a command that was redirected by ASK.
        case asking
        /// SCRIPT LOAD; `index` is the script.
        case loadScript
        /// CLUSTER SLOTS; `index` is the round.
        case topology
        /// Command `index` of `batch`.
        case command
    }

    var kind: Kind
    /// Whether an ASKING precedes it: a retry on the same node needs one again.
    var isAsking = false
    /// Redirects and retries so far.
    var attempts: UInt8 = 0
    var index: UInt32 = 0
    var batch: CommandBatch?
}

/// First in, first out over one array: replies come in the order of the commands.
struct InFlightQueue {
    private var items: [InFlight] = []
    private var head = 0

    var count: Int { items.count - head }

    var isEmpty: Bool { head == items.count }

    mutating func append(_ item: InFlight) { items.append(item) }

    /// The oldest, or nil where a reply came that nobody asked for.
    mutating func popFirst() -> InFlight? {
        guard head < items.count else { return nil }
        let item = items[head]
        items[head].batch = nil
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 4_096, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        }
        return item
    }

    /// Takes all of them.
    mutating func removeAll() -> [InFlight] {
        let rest = Array(items[head...])
        items.removeAll(keepingCapacity: true)
        head = 0
        return rest
    }

    /// Whether any of them belongs to `batch`.
    func contains(_ batch: CommandBatch) -> Bool { items[head...].contains { $0.batch === batch } }
}
