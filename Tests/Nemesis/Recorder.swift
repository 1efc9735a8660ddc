import CacheStack
import Glibc
import HistoryChecker
import Synchronization

/// One call as the files of a run carry it: the history's line, and before it what the history does not know.
///
/// `@epoch l1 l2 l3 label line`: the epoch of the values or of the commit (0 where the answer names none), how many
/// values each level gave, and what the client calls this kind of call.
struct RecordedCall {
    var epoch: UInt32 = 0
    /// Values from L1, L2 and L3.
    var levels = [0, 0, 0]
    var label: String
    var operation: Operation
    var observed: [Observation] = []
    var writes: [IntendedWrite] = []

    var line: String {
        let counts = levels.map { "\($0)" }.joined(separator: " ")
        return "@\(epoch) \(counts) \(label) \(History.line(operation, observed, writes: writes))"
    }

    init(_ label: String, _ operation: Operation) {
        self.label = label
        self.operation = operation
    }

    /// Reads `line` back; nil for any other text.
    init?(line: some StringProtocol) {
        let words = line.split(separator: " ", maxSplits: 5)
        var history = History()
        guard words.count == 6, words[0].hasPrefix("@"), let epoch = UInt32(words[0].dropFirst()),
            history.append(line: words[5])
        else { return nil }
        self.epoch = epoch
        levels = words[1...3].map { Int($0) ?? 0 }
        label = String(words[4])
        operation = history.operations[0]
        observed = Array(history.observations(of: 0))
        writes = Array(history.writes(of: 0))
    }
}

/// The calls of one process, in a file that a SIGKILL leaves whole up to the last flush.
///
/// A write has a line before its call, as in doubt, and one after it; the later line of an attempt counts. Errors have
/// lines of their own, `!class`. The file system keeps what was written when the process dies.
final class Recorder: Sendable {
    private struct State {
        var lines: [UInt8] = []
        var flushed: Int64 = 0
    }

    private let file: Int32
    private let state = Mutex(State())
    private let process: Int32

    init?(_ path: String, process: Int32) {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        self.process = process
        guard file >= 0 else { return nil }
    }

    deinit { close(file) }

    /// Notes a call of this process.
    func note(_ template: RecordedCall) {
        var call = template
        call.operation.process = process
        append(call.line)
    }

    /// Notes what a read returned: values marked stale owe less, and values of another epoch are of another history, so
    /// each of those has a line of its own.
    func note(_ label: String, _ operation: Operation, _ values: [CachedValue]) {
        for isStale in [false, true] {
            let part = values.filter { $0.isStale == isStale }
            for epoch in Set(part.map(\.epoch)).sorted() {
                let values = part.filter { $0.epoch == epoch }
                var call = RecordedCall(label, operation)
                call.operation.isStale = isStale
                call.epoch = epoch
                for value in values { call.levels[Int(value.level.rawValue) - 1] += 1 }
                call.observed = values.map(Self.observation)
                note(call)
            }
        }
    }

    /// Notes an error by its class.
    func note(error: String) { append("!\(error)") }

    static func observation(_ value: CachedValue) -> Observation {
        Observation(
            Bank.number(value.key), version: value.version.rawValue, asOf: value.asOf.rawValue,
            value: Bank.value(value.key, value.payload))
    }

    private func append(_ line: String) {
        state.withLock { state in
            state.lines += line.utf8
            state.lines.append(UInt8(ascii: "\n"))
            let now = Clock.now
            // What is lost to a SIGKILL is at most this long.
            guard now - state.flushed > 50_000_000 || state.lines.count > 1 << 16 else { return }
            state.flushed = now
            flush(&state)
        }
    }

    func flush() { state.withLock { flush(&$0) } }

    private func flush(_ state: inout State) {
        var first = 0
        while first < state.lines.count {
            let count = state.lines[first...].withUnsafeBytes {
                Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count <= 0 { break }
            first += count
        }
        state.lines.removeAll(keepingCapacity: true)
    }
}
