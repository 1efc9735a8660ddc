internal import Foundation
internal import Glibc
internal import Synchronization

/// A program that runs beside this one and ends with it, however this one ends.
///
/// `setpriv --pdeathsig` asks the kernel to kill it when the thread that started it ends; that thread is its own and
/// does nothing but wait for it.
public final class ChildProcess: Sendable {
    private struct State {
        var pid: pid_t?
        var status: Int32?
        var failure: LocalStackError?
    }

    private let state = Mutex(State())

    private init() {}

    /// Starts a program with its output appended to `log`, or on this process's own terminal where that is nil.
    ///
    /// - Parameter staysBehind: do not end it with this process; then `wait` cannot be used.
    public static func start(
        _ arguments: [String], log: String?, staysBehind: Bool = false
    ) throws(LocalStackError) -> ChildProcess {
        let child = ChildProcess()
        guard !staysBehind else {
            let pid = try Spawn.start(arguments, log: log)
            child.state.withLock { $0.pid = pid }
            return child
        }
        let started = DispatchSemaphore(value: 0)
        let thread = Thread {
            do {
                let pid = try Spawn.start(["setpriv", "--pdeathsig", "KILL", "--"] + arguments, log: log)
                child.state.withLock { $0.pid = pid }
                started.signal()
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                child.state.withLock { $0.status = status }
            } catch {
                child.state.withLock { $0.failure = error as? LocalStackError }
                started.signal()
            }
        }
        thread.name = "child"
        thread.start()
        started.wait()
        if let failure = child.state.withLock({ $0.failure }) { throw failure }
        return child
    }

    /// Its process id; nil where it did not start.
    public var processID: Int32? { state.withLock { $0.pid } }

    /// Whether it has not ended yet.
    public var isRunning: Bool {
        state.withLock { state in
            guard let pid = state.pid else { return false }
            return state.status == nil && Glibc.kill(pid, 0) == 0
        }
    }

    /// Sends it a signal, unless it has ended.
    public func signal(_ number: Int32) {
        state.withLock { state in
            guard let pid = state.pid, state.status == nil else { return }
            _ = Glibc.kill(pid, number)
        }
    }

    /// Waits for its end; its exit code, or 128 and the signal that ended it.
    public func wait() async -> Int32 {
        while true {
            if let status = state.withLock({ $0.status }) {
                let signal = status & 0x7F
                return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
            }
            await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value
        }
    }
}
