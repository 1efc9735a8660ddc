/// Commands written, or about to be, whose replies have not come: one, or a run of a batch's.
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
        /// Commands `index..<index + count` of `batch`.
        case command
    }

    var kind: Kind
    /// Whether an ASKING precedes it: a retry on the same node needs one again.
    var isAsking = false
    /// Redirects and retries so far.
    var attempts: UInt8 = 0
    var index: UInt32 = 0
    var count: UInt32 = 1
    var batch: CommandBatch?
}

/// First in, first out over one array: replies come in the order of the commands.
struct InFlightQueue {
    private var items: [InFlight] = []
    private var head = 0
    /// Number of commands.
    private(set) var count = 0

    var isEmpty: Bool { head == items.count }

    /// The oldest run, or nil where nothing is in flight.
    var first: InFlight? { head < items.count ? items[head] : nil }

    mutating func append(_ item: InFlight) {
        items.append(item)
        count += Int(item.count)
    }

    /// The oldest command, or nil where a reply came that nobody asked for.
    mutating func popFirst() -> InFlight? {
        guard var item = first else { return nil }
        item.count = 1
        removeFirst(1)
        return item
    }

    /// Takes so many commands off the oldest run, which has at least as many.
    mutating func removeFirst(_ commands: Int) {
        count -= commands
        items[head].index += UInt32(commands)
        items[head].count -= UInt32(commands)
        guard items[head].count == 0 else { return }
        items[head].batch = nil
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 4_096, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        }
    }

    /// Takes all of them, one by one.
    mutating func removeAll() -> [InFlight] {
        let rest = items[head...].flatMap { run in
            (0..<run.count).map { offset in
                var item = run
                item.index += offset
                item.count = 1
                return item
            }
        }
        items.removeAll(keepingCapacity: true)
        head = 0
        count = 0
        return rest
    }

    /// Whether any of them belongs to `batch`.
    func contains(_ batch: CommandBatch) -> Bool { items[head...].contains { $0.batch === batch } }
}
