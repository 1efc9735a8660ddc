internal import Glibc

/// A session's two sequence numbers in a mapped file of 64 bytes: writing them is a store to memory, without a system
/// call, and survives a `kill -9` of the process (not a power failure; the peer's numbers settle that by resending).
///
/// | bytes | content |
/// |---|---|
/// | 0-7 | `STSEQ001` |
/// | 8-15 | number expected next from the peer |
/// | 16-23 | number of our next message |
/// | 24-31 | trading day |
///
/// Each number is one aligned word, so a reader never sees half of one.
@safe
final class SequenceFile {
    private static let magic: UInt64 = 0x3130_3051_4553_5453
    private static let size = 64
    private let words: UnsafeMutablePointer<UInt64>

    /// Opens or creates the file; what is not a sequence file of `day` starts at 1 and 1.
    ///
    /// - Returns by `isFresh` whether the numbers were started anew.
    init(path: String, day: UInt64) throws(GatewayError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(Self.size)) == 0 else {
            throw GatewayError(.store, "cannot open \(path): \(systemMessage())")
        }
        defer { close(descriptor) }
        let mapped = unsafe mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw GatewayError(.store, "cannot map \(path): \(systemMessage())")
        }
        unsafe words = mapped.bindMemory(to: UInt64.self, capacity: Self.size / 8)
        let isValid = unsafe words[0] == Self.magic && words[1] >= 1 && words[2] >= 1 && (day == 0 || words[3] == day)
        isFresh = !isValid
        if !isValid { reset(day: day) }
    }

    deinit { unsafe munmap(words, Self.size) }

    /// The file was new, damaged, or of another day.
    let isFresh: Bool

    var expected: UInt64 {
        get { unsafe words[1] }
        set { unsafe words[1] = newValue }
    }

    var next: UInt64 {
        get { unsafe words[2] }
        set { unsafe words[2] = newValue }
    }

    private func reset(day: UInt64) {
        unsafe words[1] = 1
        unsafe words[2] = 1
        unsafe words[3] = day
        unsafe words[0] = Self.magic
    }
}

/// The text of `errno`.
func systemMessage() -> String { unsafe String(cString: strerror(errno)) }
