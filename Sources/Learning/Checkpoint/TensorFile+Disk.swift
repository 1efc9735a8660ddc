internal import Glibc

extension TensorFile {
    /// Largest file that is read, in bytes.
    public static let fileBytesMax = 1 << 30

    /// Reads the file at `path`.
    public init(path: String) throws(LearningError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.systemFault("open", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.systemFault("read", path) }
            if count == 0 { break }
            bytes += chunk[..<count]
            if bytes.count > Self.fileBytesMax {
                throw LearningError(.file, "\(path) is larger than \(Self.fileBytesMax) bytes")
            }
        }
        do {
            try self.init(bytes: bytes)
        } catch {
            throw LearningError(error.code, "\(path): \(error.message)")
        }
    }

    /// Writes the file at `path`: whole, or not at all after an error or a crash.
    ///
    /// Goes through a file beside it that is synchronised and renamed. Values that are not finite are refused.
    public func write(path: String) throws(LearningError) {
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            if case .float32(let elements) = tensor.elements, let index = elements.firstIndex(where: { !$0.isFinite }) {
                throw LearningError(.notFinite, "tensor '\(name)' holds \(elements[index]) at \(index)")
            }
        }
        let partial = path + ".partial"
        let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.systemFault("create", partial) }
        do throws(LearningError) {
            defer { close(descriptor) }
            try Self.write(bytes, to: descriptor, partial)
            guard fsync(descriptor) == 0 else { throw Self.systemFault("synchronise", partial) }
            guard unsafe rename(partial, path) == 0 else { throw Self.systemFault("rename", partial) }
        } catch {
            unsafe unlink(partial)
            throw error
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let parent = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw Self.systemFault("open", folder) }
        defer { close(parent) }
        guard fsync(parent) == 0 else { throw Self.systemFault("synchronise", folder) }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(LearningError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: all[written...])
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw systemFault("write", path) }
            written += count
        }
    }

    private static func systemFault(_ action: String, _ path: String) -> LearningError {
        let number = errno
        let reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        return LearningError(.file, "cannot \(action) \(path): \(reason)")
    }
}
