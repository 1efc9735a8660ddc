internal import Engine
internal import Glibc
internal import Report

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

    /// Columns of that terminal; 100 where it does not say.
    static var columns: Int {
        var size = winsize()
        guard unsafe ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
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

/// SIGINT and SIGTERM end the run in order; a second one ends the program at once.
enum Interrupt {
    static let flag = StopFlag()

    static func install() {
        _ = flag.isSet
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in
                if Interrupt.flag.isSet { _exit(Verdict.interrupted.exitCode) }
                Interrupt.flag.set()
            }
        }
    }
}

/// A file that cannot be read or written.
struct FileError: Error, CustomStringConvertible {
    let description: String

    init(_ path: String) {
        let reason = unsafe String(cString: strerror(errno))
        description = "\(path): \(reason)"
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
