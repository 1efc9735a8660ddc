/// What clients saw and what L3 holds, in flat arrays: about 100 bytes for a read of one key.
public struct History: Sendable {
    public private(set) var operations: [Operation] = []
    private var observations: [Observation] = []
    private var intents: [IntendedWrite] = []
    private var observationEnds: [Int] = []
    private var intentEnds: [Int] = []
    /// Every version L3 holds, in any order.
    public var versions: [DurableVersion] = []
    /// Every idempotency key L3 holds, in any order.
    public var attempts: [DurableAttempt] = []

    /// An empty history.
    public init() {}

    /// Adds a call: what it observed (for a write: the versions it expected), and what it was to write, in order.
    public mutating func append(
        _ operation: Operation, _ observed: [Observation] = [], writes: [IntendedWrite] = []
    ) {
        operations.append(operation)
        observations.append(contentsOf: observed)
        intents.append(contentsOf: writes)
        observationEnds.append(observations.count)
        intentEnds.append(intents.count)
    }

    /// What call `index` observed.
    public func observations(of index: Int) -> ArraySlice<Observation> {
        observations[(index == 0 ? 0 : observationEnds[index - 1])..<observationEnds[index]]
    }

    /// What call `index` was to write.
    public func writes(of index: Int) -> ArraySlice<IntendedWrite> {
        intents[(index == 0 ? 0 : intentEnds[index - 1])..<intentEnds[index]]
    }

    /// Number of observations of all calls.
    public var observationCount: Int { observations.count }

    /// Adds the calls of another history, and what it knows of L3.
    public mutating func append(_ other: History) {
        for (index, operation) in other.operations.enumerated() {
            append(operation, Array(other.observations(of: index)), writes: Array(other.writes(of: index)))
        }
        versions += other.versions
        attempts += other.attempts
    }
}

extension History {
    /// One call as a line of text without its end, which `Operation`'s fields, `o` observations and `w` writes make up:
    /// `kind outcome process session begin end maxAge ticket attempt isStale o key version asOf value ... w key value`.
    public static func line(
        _ operation: Operation, _ observed: [Observation], writes: [IntendedWrite]
    ) -> String {
        let o = operation
        var text = "\(o.kind.rawValue) \(o.outcome.rawValue) \(o.process) \(o.session) \(o.begin) \(o.end)"
        text += " \(o.maxAge) \(o.ticket) \(o.attempt) \(o.isStale ? 1 : 0) \(observed.count)"
        for item in observed { text += " \(item.key) \(item.version) \(item.asOf) \(item.value)" }
        text += " \(writes.count)"
        for item in writes { text += " \(item.key) \(item.value)" }
        return text
    }

    /// Adds the call of a line that `line` made; false, and nothing added, for any other text.
    public mutating func append(line: some StringProtocol) -> Bool {
        var words = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).makeIterator()
        func number<T: FixedWidthInteger>(_ type: T.Type) -> T? {
            words.next().flatMap { T(String(decoding: $0, as: UTF8.self)) }
        }
        func word() -> String { words.next().map { String(decoding: $0, as: UTF8.self) } ?? "" }
        guard let kind = Operation.Kind(rawValue: word()), let outcome = Operation.Outcome(rawValue: word()),
            let process = number(Int32.self), let session = number(Int32.self), let begin = number(Int64.self),
            let end = number(Int64.self), let maxAge = number(Int64.self), let ticket = number(UInt64.self),
            let attempt = number(UInt64.self), let isStale = number(UInt8.self), isStale < 2,
            let count = number(Int.self), (0...1_000_000).contains(count)
        else { return false }
        var observed: [Observation] = []
        for _ in 0..<count {
            guard let key = number(UInt64.self), let version = number(UInt64.self), let asOf = number(UInt64.self),
                let value = number(UInt64.self)
            else { return false }
            observed.append(Observation(key, version: version, asOf: asOf, value: value))
        }
        guard let count = number(Int.self), (0...1_000_000).contains(count) else { return false }
        var writes: [IntendedWrite] = []
        for _ in 0..<count {
            guard let key = number(UInt64.self), let value = number(UInt64.self) else { return false }
            writes.append(IntendedWrite(key, value))
        }
        guard words.next() == nil else { return false }
        append(
            Operation(
                kind, outcome, process: process, session: session, begin: begin, end: end, maxAge: maxAge,
                ticket: ticket, attempt: attempt, isStale: isStale == 1), observed, writes: writes)
        return true
    }
}
