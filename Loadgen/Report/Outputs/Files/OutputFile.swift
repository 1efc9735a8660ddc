internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// It is written beside its place as `NAME.partial` and renamed at the end, so a reader never meets half a file and a run
/// that is killed leaves the one of before. Pipes and devices are written as they are, `-` is standard output. Used by one
/// thread at a time.
@safe
public final class OutputFile {
    private let path: String
    private let partial: String?
    private let descriptor: Int32
    private var isOpen = true

    /// Creates the file.
    ///
    /// - Throws: `OutputError` with the system's reason.
    public init(_ path: String) throws(OutputError) {
        self.path = path
        guard path != "-" else {
            (partial, descriptor) = (nil, 1)
            return
        }
        let isSpecial = Self.isSpecial(path)
        let name = isSpecial ? path : path + ".partial"
        partial = isSpecial ? nil : name
        descriptor = unsafe open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    deinit { discard() }

    /// Closes the file and leaves no trace of it; does nothing once it is finished.
    public func discard() {
        guard isOpen else { return }
        isOpen = false
        guard descriptor != 1 else { return }
        close(descriptor)
        if let partial { unsafe unlink(partial) }
    }

    /// Appends bytes.
    public func write(_ bytes: [UInt8]) throws(OutputError) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(path) }
            start += count
        }
    }

    /// Closes the file and gives it its name, or another where what is in it is not what the name promises.
    public func finish(as name: String? = nil) throws(OutputError) {
        guard isOpen else { return }
        isOpen = false
        guard descriptor != 1 else { return }
        let status = close(descriptor)
        guard let partial else { return }
        guard status == 0, unsafe rename(partial, name ?? path) == 0 else {
            let failure = Self.failure(path)
            unsafe unlink(partial)
            throw failure
        }
    }

    /// Writes a whole file.
    public static func write(_ text: String, to path: String) throws(OutputError) {
        let file = try OutputFile(path)
        try file.write(Array(text.utf8))
        try file.finish()
    }

    private static func failure(_ path: String) -> OutputError {
        OutputError(.file, "\(path): \(unsafe String(cString: strerror(errno)))")
    }

    /// Whether there is something under that name that is neither a file nor absent.
    private static func isSpecial(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }
}
