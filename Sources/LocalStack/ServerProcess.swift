internal import Foundation
public import Glibc
internal import Synchronization

/// A server of the local stack could not be started or reached.
public struct LocalStackError: Error, CustomStringConvertible, Sendable {
    /// What happened and what to do about it.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A server that ends when its owner ends, however the owner ends.
///
/// The server runs under a one-line shell supervisor whose standard input is a pipe that only the owner holds open.
/// When the pipe closes (normal end, crash or SIGKILL) the supervisor stops the server and removes its directory. The
/// supervisor has a session of its own, so that Ctrl-C at the owner's terminal does not reach the server first, and an
/// empty signal mask, which threads of the concurrency pool would not have handed down.
public final class ServerProcess: Sendable {
    /// What the server is called in messages.
    public let name: String
    /// Its own directory; removed when the server has ended.
    public let directory: String
    /// File with the server's standard output and error.
    public let log: String
    private let supervisor: pid_t
    private let pipe: Mutex<Int32?>

    private static let script = #"""
        s=$1; d=$2; shift 2; "$@" & c=$!; echo $c >"$d/pid.new"; mv "$d/pid.new" "$d/pid"; cat >/dev/null
        kill -CONT $c 2>/dev/null; kill -$s $c 2>/dev/null; wait $c
        rm -rf -- "$d"; rmdir -- "$(dirname "$d")" 2>/dev/null
        """#

    /// Starts `arguments` under a supervisor.
    ///
    /// - Parameters:
    ///   - stopSignal: the name (TERM, INT) of the signal that asks the server to end.
    ///   - directory: exists already, belongs to this server alone.
    init(_ name: String, _ arguments: [String], directory: String, stopSignal: String) throws(LocalStackError) {
        self.name = name
        self.directory = directory
        log = "\(directory)/log"
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw LocalStackError("no pipe for \(name): errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        do {
            supervisor = try Spawn.start(
                ["/bin/sh", "-c", Self.script, "supervisor", stopSignal, directory] + arguments, input: ends[0],
                log: log)
        } catch {
            close(ends[1])
            throw error
        }
        pipe = Mutex(ends[1])
    }

    deinit { stop() }

    /// The server's own process id, or nil while it is starting.
    public var processID: pid_t? {
        guard let text = try? String(contentsOfFile: "\(directory)/pid", encoding: .utf8) else { return nil }
        return pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Stops the server in its tracks (SIGSTOP): it keeps its sockets and answers nobody.
    public func suspend() { if let processID { Glibc.kill(processID, SIGSTOP) } }

    /// Lets a suspended server go on.
    public func resume() { if let processID { Glibc.kill(processID, SIGCONT) } }

    /// Ends the server without warning (SIGKILL); the supervisor stays, the directory too.
    public func kill() { if let processID { Glibc.kill(processID, SIGKILL) } }

    /// Asks the server to end, and waits until it and its directory are gone.
    public func stop() {
        let descriptor = pipe.withLock { $0.take() }
        guard let descriptor else { return }
        close(descriptor)
        var status: Int32 = 0
        waitpid(supervisor, &status, 0)
    }

    /// The last lines of the log, for error messages.
    func logTail(_ lines: Int = 12) -> String {
        guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return "(no log at \(log))" }
        return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }
}

/// posix_spawn with what every child of ours needs.
enum Spawn {
    /// POSIX_SPAWN_SETSID of glibc 2.26 and later, which the module map does not show.
    private static let setSession: Int32 = 0x80

    /// Starts a program with standard output and error appended to `log`, or handed on where that is nil; returns its
    /// process id.
    static func start(_ arguments: [String], input: Int32? = nil, log: String?) throws(LocalStackError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let log {
            posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | (log == nil ? 0 : setSession)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &words, environ)
        guard code == 0 else {
            throw LocalStackError("\(arguments[0]) cannot be started: \(String(cString: strerror(code)))")
        }
        return pid
    }

    /// Runs a program to its end; throws where it fails, with the tail of its log.
    static func run(_ arguments: [String], log: String) throws(LocalStackError) {
        let pid = try start(arguments, log: log)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        guard status == 0 else {
            let tail = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw LocalStackError("\(arguments[0]) ended with status \(status >> 8):\n\(tail.suffix(800))")
        }
    }
}

/// Polls every 10 ms until `isReady`; false where `seconds` passed first.
func waitUntil(seconds: Double, _ isReady: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while !isReady() {
        guard ContinuousClock.now < end else { return false }
        usleep(10_000)
    }
    return true
}
