import HistoryChecker
import TestData

/// A cache that keeps its promises, as lazily as they allow: calls take effect at one instant between begin and end,
/// and reads return the oldest state that may be returned, or a random one between it and the newest.
struct RandomHistory {
    struct Shape {
        var calls = 2_000
        var keys: UInt64 = 8
        var sessions: Int32 = 6
        var processes: Int32 = 3
        var maxAges: [Int64] = [0, 5_000, 1_000_000]
    }

    private struct Call {
        var session: Int32
        var begin: Int64
        var effect: Int64
        var end: Int64
    }

    private struct Place: Hashable {
        var group: Int32
        var key: UInt64
    }

    private(set) var history = History()
    private var random: SplitMix64
    private let shape: Shape
    private var chains: [UInt64: [UInt64]] = [:]
    private var values: [Place: UInt64] = [:]
    /// `commits[i]` is when ticket i + 1 took effect.
    private var commits: [Int64] = []
    private var tokens: [Int32: UInt64] = [:]
    private var floors: [Place: UInt64] = [:]

    init(seed: UInt64, _ shape: Shape = Shape()) {
        random = SplitMix64(seed: seed)
        self.shape = shape
        for (index, call) in calls().enumerated() { perform(call, attempt: UInt64(index) + 1) }
    }

    /// The calls of all sessions, one after another in each, in the order of their effects.
    private mutating func calls() -> [Call] {
        var calls: [Call] = []
        var clocks = [Int64](repeating: 0, count: Int(shape.sessions))
        for _ in 0..<shape.calls {
            let session = Int.random(in: 0..<clocks.count, using: &random)
            let begin = clocks[session] + Int64.random(in: 1...2_000, using: &random)
            let effect = begin + Int64.random(in: 0...3_000, using: &random)
            let end = effect + Int64.random(in: 0...3_000, using: &random)
            clocks[session] = end
            calls.append(Call(session: Int32(session), begin: begin, effect: effect, end: end))
        }
        return calls.sorted { ($0.effect, $0.session) < ($1.effect, $1.session) }
    }

    private var newest: UInt64 { UInt64(commits.count) }

    private mutating func perform(_ call: Call, attempt: UInt64) {
        let kind = Operation.Kind.allCases.randomElement(using: &random) ?? .bounded
        let process = Int32.random(in: 0..<shape.processes, using: &random)
        let count = Int.random(in: 1...3, using: &random)
        var keys: Set<UInt64> = []
        while keys.count < count { keys.insert(UInt64.random(in: 0..<shape.keys, using: &random)) }
        let isInSession = kind == .session || (kind != .bounded && Bool.random(using: &random))
        var operation = Operation(
            kind, process: process, session: isInSession ? call.session : Operation.nobody, begin: call.begin,
            end: call.end)
        if kind == .write {
            operation.attempt = attempt
            write(operation, keys.sorted())
        } else {
            operation.maxAge = shape.maxAges.randomElement(using: &random) ?? 0
            read(operation, keys.sorted())
        }
    }

    // MARK: Writes

    private mutating func write(_ template: Operation, _ keys: [UInt64]) {
        var operation = template
        var expected: [Observation] = []
        if Bool.random(using: &random) {
            expected = keys.map { key in
                let version = chains[key]?.last ?? 0
                return Observation(key, version: version, asOf: version)
            }
        }
        let writes = keys.map { IntendedWrite($0, Int.random(in: 0..<8, using: &random) == 0 ? 0 : operation.attempt) }
        let fate = Int.random(in: 0..<10, using: &random)
        switch fate {
        case 0: operation.outcome = .failed
        case 1:
            operation.outcome = .conflict
            expected = expected.map { Observation($0.key, version: $0.version + 1, asOf: $0.version + 1) }
        case 2, 3: operation.outcome = .inDoubt
        default: break
        }
        if fate == 2 { operation.end = Operation.never }
        if fate > 2 || fate == 2 && Bool.random(using: &random) { commit(&operation, writes) }
        history.append(operation, expected, writes: writes)
    }

    private mutating func commit(_ operation: inout Operation, _ writes: [IntendedWrite]) {
        commits.append(operation.begin)
        let ticket = newest
        history.attempts.append(DurableAttempt(operation.attempt, at: ticket))
        for write in writes {
            chains[write.key, default: []].append(ticket)
            values[Place(group: Int32(ticket), key: write.key)] = write.value
            history.versions.append(
                DurableVersion(write.key, at: ticket, value: write.value, attempt: operation.attempt))
        }
        guard operation.outcome == .ok else { return }
        operation.ticket = ticket
        for write in writes { see(operation, write.key, ticket) }
        if operation.session >= 0 { tokens[operation.session] = ticket }
    }

    // MARK: Reads

    /// Takes note of what a call saw; the floors of processes and of sessions share a table.
    private mutating func see(_ operation: Operation, _ key: UInt64, _ version: UInt64) {
        let process = Place(group: operation.process, key: key)
        floors[process] = max(floors[process] ?? 0, version)
    }

    private func version(of key: UInt64, at ticket: UInt64) -> UInt64 {
        chains[key]?.last { $0 <= ticket } ?? 0
    }

    /// The newest ticket that took effect at or before a time.
    private func ticket(at time: Int64) -> UInt64 { UInt64(commits.prefix { $0 <= time }.count) }

    private mutating func read(_ template: Operation, _ keys: [UInt64]) {
        var operation = template
        // `commits` holds beginnings: what had begun may have completed, so the oldest state allowed has it.
        var oldest = max(ticket(at: operation.begin - operation.maxAge), tokens[operation.session] ?? 0)
        if operation.kind == .strict { oldest = newest }
        let isLazy = Bool.random(using: &random)
        let shared = isLazy ? oldest : UInt64.random(in: oldest...newest, using: &random)
        let isOneState = operation.kind == .snapshot || operation.kind == .strict
        let observed = keys.map { key in
            var state = isOneState || isLazy ? shared : UInt64.random(in: oldest...newest, using: &random)
            if !isOneState { state = max(state, floors[Place(group: operation.process, key: key)] ?? 0) }
            let version = version(of: key, at: state)
            let end = chains[key]?.first { $0 > version } ?? newest + 1
            let value = values[Place(group: Int32(version), key: key)] ?? 0
            return Observation(key, version: version, asOf: isOneState ? state : end - 1, value: value)
        }
        if operation.kind == .snapshot { operation.ticket = shared }
        history.append(operation, observed)
        for item in observed { see(operation, item.key, item.version) }
        guard operation.session >= 0 else { return }
        let seen = observed.map(\.version).max() ?? 0
        tokens[operation.session] = max(tokens[operation.session] ?? 0, seen, operation.ticket)
    }
}
