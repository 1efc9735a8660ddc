internal import ArgumentParser
internal import Engine
internal import Glibc

/// One worker, seen from its parent.
struct WorkerProcess {
    private let index: Int
    private let count: Int
    private let pid: pid_t
    /// Where its frames come from.
    let output: Int32
    private let control: Int32
    private var bytes: [UInt8] = []
    private var news: WorkerFigures?
    private var status: Int32?
    private var isEnded = false
    /// Whether its output may still bring something.
    private(set) var isRunning = true
    /// What it understood of the plan.
    private(set) var facts: String?
    private(set) var result: RunResult?
    private(set) var failure: LoadError?

    init(_ index: Int, of count: Int, _ scenario: WorkerScenario, runNumber: UInt64) throws(LoadError) {
        self.index = index
        self.count = count
        var words = [
            "setpriv", "--pdeathsig", "KILL", "--", try Self.program(), "worker", "--index", "\(index)", "--of",
            "\(count)", "--run-number", "\(runNumber)",
        ]
        if scenario.isCopied { words.append("--scenario-from-input") }
        words += ["--"] + scenario.arguments
        let (fromWorker, toParent) = try Self.pipe()
        let (fromParent, toWorker) = try Self.pipe()
        defer {
            close(toParent)
            close(fromParent)
        }
        (output, control) = (fromWorker, toWorker)
        do throws(LoadError) {
            pid = try Self.spawn(words, [scenario.descriptor, toParent, fromParent])
        } catch {
            close(fromWorker)
            close(toWorker)
            throw error
        }
        _ = fcntl(fromWorker, F_SETFL, O_NONBLOCK)
    }

    /// `worker 2 of 4`, from 1.
    var name: String { "worker \(index + 1) of \(count)" }

    /// It ended without saying why.
    var hasDied: Bool { !isRunning && result == nil && failure == nil }

    /// How it ended, for people.
    var death: String {
        guard let status else { return "\(name) that ended without a result" }
        let signal = status & 0x7F
        return signal == 0
            ? "\(name) that ended with status \(status >> 8 & 0xFF)" : "\(name) that was killed by signal \(signal)"
    }

    var hasNews: Bool { news != nil }

    mutating func takeNews() -> WorkerFigures? {
        defer { news = nil }
        return news
    }

    /// Writes to its control pipe; a worker that is gone is noticed by its output.
    func tell(_ bytes: [UInt8]) { _ = unsafe bytes.withUnsafeBytes { unsafe write(control, $0.baseAddress, $0.count) } }

    /// Takes what its output holds.
    mutating func read() {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while isRunning {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(output, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            guard count > 0 else {
                isRunning = false
                collect()
                break
            }
            bytes += chunk[..<count]
        }
        takeFrames()
    }

    private mutating func takeFrames() {
        var at = 0
        while bytes.count - at >= WorkerFrame.headLength {
            let length = bytes[at + 1..<at + 5].reduce(0) { $0 << 8 | Int($1) }
            guard let frame = WorkerFrame(rawValue: bytes[at]), length <= WorkerFrame.lengthMax else {
                fail("it said what no worker says")
                break
            }
            guard bytes.count - at >= WorkerFrame.headLength + length else { break }
            let begin = at + WorkerFrame.headLength
            take(frame, Array(bytes[begin..<begin + length]))
            at = begin + length
        }
        bytes.removeFirst(min(at, bytes.count))
    }

    private mutating func take(_ frame: WorkerFrame, _ content: [UInt8]) {
        switch frame {
        case .ready: facts = String(decoding: content, as: UTF8.self)
        case .progress: news = WorkerFigures(content) ?? news
        case .failed: failure = WorkerOutput.error(content)
        case .done:
            do throws(LoadError) {
                result = try RunResultCodec.decode(content)
            } catch {
                fail(error.message)
            }
        }
    }

    private mutating func fail(_ reason: String) {
        failure = failure ?? LoadError(.system, reason)
        bytes = []
    }

    /// Kills it where it runs, and leaves nothing of it.
    mutating func end() {
        guard !isEnded else { return }
        isEnded = true
        if status == nil {
            kill(pid, SIGKILL)
            collect()
        }
        isRunning = false
        close(output)
        close(control)
    }

    private mutating func collect() {
        var found: Int32 = 0
        while unsafe waitpid(pid, &found, 0) < 0, errno == EINTR {}
        status = found
    }

    // MARK: System

    private static func program() throws(LoadError) -> String {
        var name = [CChar](repeating: 0, count: 4_096)
        let length = unsafe readlink("/proc/self/exe", &name, name.count - 1)
        guard length > 0 else { throw failure("this program's file") }
        return String(decoding: name[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func pipe() throws(LoadError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw failure("a pipe to a worker") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    static func failure(_ what: String) -> LoadError {
        LoadError(.system, "--workers: \(what): \(unsafe String(cString: strerror(errno)))")
    }

    /// Starts a program with these descriptors as 0, 1 and 3, standard error as it is.
    private static func spawn(_ words: [String], _ descriptors: [Int32]) throws(LoadError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // Above all targets first, so that none overwrites another.
        for (place, descriptor) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, 1_000 + Int32(place))
        }
        for (place, target) in [0, 1, WorkerControl.descriptor].enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, 1_000 + Int32(place), target)
            unsafe posix_spawn_file_actions_addclose(&actions, 1_000 + Int32(place))
        }
        var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let status = unsafe posix_spawnp(&pid, words[0], &actions, nil, &pointers, environ)
        guard status == 0 else {
            errno = status
            throw failure("\(words[0]) cannot be started")
        }
        return pid
    }
}

/// The scenario as every worker reads it: one copy, without a name, of the file as it was when the run began.
struct WorkerScenario {
    let descriptor: Int32
    /// Whether the copy stands for a file that the arguments name.
    let isCopied: Bool
    /// The arguments of `loadgen run`.
    let arguments: [String]

    init() throws(LoadError) {
        arguments = Array(CommandLine.arguments.drop { $0 != "run" }.dropFirst())
        guard let path = (try? RunCommand.parse(arguments))?.scenario else {
            isCopied = false
            descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
            return
        }
        isCopied = true
        let text: String
        do throws(FileError) { text = try TextFile.read(path) } catch {
            throw LoadError(.configuration, "--workers: \(error)")
        }
        var name = Array("/tmp/loadgen-scenario-XXXXXX".utf8CString)
        descriptor = unsafe mkstemp(&name)
        guard descriptor >= 0 else { throw WorkerProcess.failure("a copy of the scenario") }
        unsafe unlink(name)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let bytes = Array(text.utf8)
        let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw WorkerProcess.failure("a copy of the scenario") }
    }

    func close() { Glibc.close(descriptor) }

    static func wallMilliseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
