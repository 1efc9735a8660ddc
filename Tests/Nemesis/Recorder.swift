import CacheStack
import Glibc
import HistoryChecker
import Synchronization

/// The calls of one process, in a file that a SIGKILL leaves whole up to the last flush.
///
/// A write has a line before its call, as in doubt, and one after it; the later line of an attempt counts. The file
/// system keeps what was written when the process dies.
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
    func note(_ template: Operation, _ observed: [Observation], writes: [IntendedWrite] = []) {
        var operation = template
        operation.process = process
        let line = History.line(operation, observed, writes: writes)
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
            let count = state.lines[first...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            first += count
        }
        state.lines.removeAll(keepingCapacity: true)
    }

    /// Notes what a read returned; values marked stale go on a line of their own, they owe less.
    func note(_ operation: Operation, _ values: [CachedValue]) {
        for isStale in [false, true] {
            let part = values.filter { $0.isStale == isStale }
            guard !part.isEmpty else { continue }
            var operation = operation
            operation.isStale = isStale
            note(operation, part.map(Self.observation))
        }
    }

    static func observation(_ value: CachedValue) -> Observation {
        Observation(
            Bank.number(value.key), version: value.version.rawValue, asOf: value.asOf.rawValue,
            value: Bank.value(value.key, value.payload))
    }
}
