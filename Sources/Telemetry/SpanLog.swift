internal import Glibc

/// Why spans cannot be written or read: the file, and what the system says.
public struct SpanFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What a person can act on.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The file that spans are appended to, and the one before it: together never more than a limit.
///
/// At half the limit the file is renamed to `<file>.1`, which replaces what was there, and begun anew: the newest spans
/// are kept. A line is written by one `write(2)`; one that was cut off (full disk, crash) is ended by a newline before
/// the next, so that a reader loses that line only.
struct SpanLog: ~Copyable {
    private let path: String
    private let bytesMax: Int
    private var descriptor: Int32
    private var size: Int
    /// The file does not end with a newline.
    private var isTorn: Bool
    /// Times the file was begun anew.
    private(set) var rotations: UInt64 = 0

    /// Opens or makes the file.
    ///
    /// - Parameter bytesMax: of both files together.
    init(path: String, bytesMax: Int) throws(SpanFileError) {
        self.path = path
        self.bytesMax = bytesMax
        descriptor = try Self.open(path)
        var status = stat()
        size = unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
        isTorn = size > 0 && Self.lastByte(path, size) != UInt8(ascii: "\n")
    }

    deinit { _ = Glibc.close(descriptor) }

    private static func open(_ path: String) throws(SpanFileError) -> Int32 {
        let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw SpanFileError("\(path) cannot be opened: \(unsafe String(cString: strerror(errno)))")
        }
        return descriptor
    }

    private static func lastByte(_ path: String, _ size: Int) -> UInt8? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = Glibc.close(descriptor) }
        var byte: UInt8 = 0
        return unsafe pread(descriptor, &byte, 1, size - 1) == 1 ? byte : nil
    }

    /// Appends one line; false where not all of it could be written.
    mutating func append(_ line: [UInt8]) -> Bool {
        if size + line.count + 1 > bytesMax / 2, size > 0 { rotate() }
        if isTorn, !write([UInt8(ascii: "\n")]) { return false }
        isTorn = false
        return write(line)
    }

    private mutating func write(_ bytes: [UInt8]) -> Bool {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                isTorn = start > 0
                return false
            }
            start += count
            size += count
        }
        return true
    }

    /// Begins anew; where the system refuses, the file goes on and the limit is tried again at the next line.
    private mutating func rotate() {
        guard unsafe rename(path, path + ".1") == 0, let next = try? Self.open(path) else { return }
        _ = Glibc.close(descriptor)
        descriptor = next
        size = 0
        isTorn = false
        rotations += 1
    }
}
