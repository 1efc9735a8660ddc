internal import Engine
internal import Glibc
internal import Report
internal import Synchronization

/// Standard output and error.
enum Terminal {
    /// Whether standard error is a terminal, where the live line goes.
    static var isInteractive: Bool { isatty(2) == 1 }

    /// Whether colours are wanted: a terminal, and no `NO_COLOR` (no-color.org).
    static var hasColor: Bool {
        guard isInteractive else { return false }
        guard let value = unsafe getenv("NO_COLOR") else { return true }
        return unsafe value.pointee == 0
    }

    /// Columns and rows of that terminal; 80 x 24 where it does not say.
    static var size: (width: Int, height: Int) {
        var size = winsize()
        guard unsafe ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    static func say(_ text: String) { put(text, 1) }

    static func complain(_ text: String) { put(text + "\n", 2) }

    static func put(_ text: String, _ descriptor: Int32) {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            start += count
        }
    }
}

/// The alternate screen of a terminal: what was there before comes back when it is left.
enum FullScreen {
    private static let isOn = Atomic<Bool>(false)
    /// Back to the first screen, with its cursor and colours.
    private static let leaving: StaticString = "\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l"

    static func enter() {
        guard !isOn.exchange(true, ordering: .relaxed) else { return }
        Terminal.put("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J", 2)
    }

    /// Does nothing where it is not entered. Allocates nothing: signal handlers call it.
    static func leave() {
        guard isOn.exchange(false, ordering: .relaxed) else { return }
        _ = unsafe write(2, leaving.utf8Start, leaving.utf8CodeUnitCount)
    }
}

/// SIGINT and SIGTERM end the run in order; a second one ends the program at once.
enum Interrupt {
    static let flag = StopFlag()

    static func install() {
        _ = flag.isSet
        var taken = sigset_t()
        unsafe sigemptyset(&taken)
        for number in [SIGINT, SIGTERM] {
            unsafe sigaddset(&taken, number)
            signal(number) { _ in
                if Interrupt.flag.isSet {
                    FullScreen.leave()
                    _exit(Verdict.interrupted.exitCode)
                }
                Interrupt.flag.set()
            }
        }
        // A parent may have blocked them, which a child inherits.
        unsafe pthread_sigmask(SIG_UNBLOCK, &taken, nil)
    }
}

/// A file that cannot be read or written.
struct FileError: Error, CustomStringConvertible {
    let description: String
    /// What the system says.
    let reason: String

    /// The system's last error, about a file.
    init(_ path: String) {
        reason = unsafe String(cString: strerror(errno))
        description = "\(path): \(reason)"
    }

    /// A fault in words of the caller.
    init(description: String) {
        self.description = description
        reason = description
    }
}

/// Whole text files.
enum TextFile {
    private static let lengthMax = 64 << 20

    static func exists(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

    static func read(_ path: String) throws(FileError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < lengthMax {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw FileError(path) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ text: String, to path: String) throws(FileError) {
        if path == "-" { return Terminal.say(text) }
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(path) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FileError(path) }
            start += count
        }
    }
}
