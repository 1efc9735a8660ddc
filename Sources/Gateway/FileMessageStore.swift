public import FIX
internal import Glibc

/// A session's sequence numbers and sent messages on disk.
///
/// The log is the sent frames, one behind the other: a frame carries its own number, length and checksum, so the file
/// needs no format of its own. Its end is mapped, 256 KiB at a time: appending is a copy, without a system call, and
/// survives a `kill -9`; nothing is synced, for the file serves resends after a restart of the process while the
/// orders themselves are durable elsewhere. The mapped space is allocated first, so that a full disk is an error
/// that is counted (and the message gap-filled), not a signal.
/// Every 64th message's place is remembered; a resend reads on from there. On opening, everything behind the last
/// whole frame is cut off. At its limit the log starts anew, and what it held is gap-filled; the file is at most one
/// mapping longer.
///
/// Not safe for concurrent use: the gateway's event loop owns it.
@safe
public final class FileMessageStore: MessageStore {
    private struct Mark {
        var number: UInt64
        var offset: Int
    }

    private static let markInterval = 64
    private static let chunk = 65_536
    private static let windowLength = 262_144
    private static let page = 4_096

    private let numbers: SequenceFile
    private let descriptor: Int32
    private let bytesMax: Int
    private let lengthMax: Int
    private var size = 0
    /// The mapped end of the file: `windowLength` bytes from `windowStart`.
    private var window: UnsafeMutableRawPointer?
    private var windowStart = 0
    private var marks: [Mark] = []
    private var sinceMark = 0
    private var lastNumber: UInt64 = 0
    private var chunkBytes: [UInt8] = []
    private var cursor = Mark(number: 0, offset: -1)
    /// Writes that failed (disk full); their messages are gap-filled in a resend.
    public private(set) var failedWrites = 0

    /// Opens the files of session `name` in `directory`, or makes them.
    ///
    /// - Parameter day: files of another day start anew; 0 keeps them whatever their day.
    /// - Throws: `GatewayError.store` with the path and the system's reason.
    public init(
        directory: String, name: String, day: UInt64 = 0, bytesMax: Int = 1 << 30,
        lengthMax: Int = FrameScanner.frameLengthMax
    ) throws(GatewayError) {
        numbers = try SequenceFile(path: "\(directory)/\(name).seq", day: day)
        let path = "\(directory)/\(name).log"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw GatewayError(.store, "cannot open \(path): \(systemMessage())") }
        self.bytesMax = bytesMax
        self.lengthMax = lengthMax
        if numbers.isFresh { truncate(to: 0) } else { recover() }
        numbers.next = max(numbers.next, lastNumber + 1)
    }

    deinit {
        unmap()
        // The mapped space behind the last frame is not content.
        _ = ftruncate(descriptor, off_t(size))
        close(descriptor)
    }

    /// The number expected next from the peer, as last kept.
    public var expected: UInt64 { numbers.expected }

    /// The number of our next message, as last kept; never one that the log already holds.
    public var next: UInt64 { numbers.next }

    /// Makes the numbers readable to a later process; messages are already.
    public func flush(expected: UInt64, next: UInt64) {
        numbers.expected = expected
        numbers.next = next
    }

    /// Copies the frame into the mapped end of the log; a full disk is counted in `failedWrites`.
    public func append(_ number: UInt64, _ frame: UnsafeRawBufferPointer) {
        guard let source = frame.baseAddress, frame.count <= lengthMax else { return }
        if size + frame.count > bytesMax { truncate(to: 0) }
        if unsafe window == nil || size + frame.count > windowStart + Self.windowLength { mapEnd() }
        guard let window = unsafe window else {
            failedWrites += 1
            return
        }
        unsafe window.advanced(by: size - windowStart).copyMemory(from: source, byteCount: frame.count)
        if sinceMark == 0 { marks.append(Mark(number: number, offset: size)) }
        sinceMark = (sinceMark + 1) % Self.markInterval
        lastNumber = number
        size += frame.count
    }

    /// Reads on from the last message loaded, or from the nearest mark before `first`.
    public func load(from first: UInt64, through last: UInt64, into fields: inout FieldIndex) -> UInt64? {
        guard first <= lastNumber, let mark = mark(before: first) else { return nil }
        var position = cursor.offset >= 0 && cursor.number == first ? cursor : mark
        while position.offset < size {
            guard let length = frame(at: position.offset, into: &fields) else { return nil }
            let number = UInt64(max(0, fields.int(Tag.msgSeqNum) ?? 0))
            position.offset += length
            guard number >= first else { continue }
            cursor = Mark(number: number + 1, offset: position.offset)
            return number <= last ? number : nil
        }
        return nil
    }

    /// Empties the log; the numbers follow with the next `flush`.
    public func reset() {
        truncate(to: 0)
        lastNumber = 0
    }

    // MARK: file

    private func mark(before number: UInt64) -> Mark? {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].number <= number { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? marks[low - 1] : marks.first
    }

    /// Parses the frame at `offset`, reading the file in chunks; returns its length.
    private func frame(at offset: Int, into fields: inout FieldIndex) -> Int? {
        for isRetry in [false, true] {
            if isRetry || offset < chunkStart || offset >= chunkStart + chunkBytes.count { readChunk(at: offset) }
            let from = offset - chunkStart
            let length: Int? = unsafe chunkBytes.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[from...])
                guard case .frame(let length) = unsafe FrameScanner.scan(rest, lengthMax: lengthMax) else { return nil }
                let frame = unsafe UnsafeRawBufferPointer(rebasing: rest[..<length])
                return unsafe fields.parse(frame) == .parsed ? length : nil
            }
            if let length { return length }
        }
        return nil
    }

    private var chunkStart = 0

    private func readChunk(at offset: Int) {
        chunkStart = offset
        if chunkBytes.count < Self.chunk { chunkBytes = [UInt8](repeating: 0, count: Self.chunk) }
        let count = unsafe chunkBytes.withUnsafeMutableBytes { bytes in
            unsafe pread(descriptor, bytes.baseAddress, Self.chunk, off_t(offset))
        }
        if count < chunkBytes.count { chunkBytes.removeLast(chunkBytes.count - max(0, count)) }
    }

    /// Maps the file from the page that holds its end; `window` stays nil where that fails.
    private func mapEnd() {
        unmap()
        windowStart = size / Self.page * Self.page
        guard posix_fallocate(descriptor, off_t(windowStart), off_t(Self.windowLength)) == 0 else { return }
        let mapped = unsafe mmap(
            nil, Self.windowLength, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(windowStart))
        if unsafe mapped != MAP_FAILED { unsafe window = mapped }
        // What was read of the end of the file is no longer all of it.
        chunkBytes.removeAll(keepingCapacity: true)
    }

    private func unmap() {
        if let window = unsafe window {
            unsafe munmap(window, Self.windowLength)
            // Starts writing these pages now. Left alone they would go out together after 30 seconds, and the
            // database's next fsync on the same disk would wait behind them.
            posix_fadvise(descriptor, off_t(windowStart), off_t(Self.windowLength), POSIX_FADV_DONTNEED)
        }
        unsafe window = nil
    }

    private func truncate(to length: Int) {
        unmap()
        if ftruncate(descriptor, off_t(length)) != 0 { failedWrites += 1 }
        size = length
        cursor.offset = -1
        chunkBytes.removeAll(keepingCapacity: true)
        guard length == 0 else { return }
        marks.removeAll(keepingCapacity: true)
        sinceMark = 0
    }

    /// Walks the log, marks every 64th frame, and cuts off what is behind the last whole one.
    private func recover() {
        let end = Int(lseek(descriptor, 0, SEEK_END))
        size = end
        var fields = FieldIndex(lengthMax: lengthMax)
        var offset = 0
        while offset < end, let length = frame(at: offset, into: &fields) {
            guard let number = fields.int(Tag.msgSeqNum), UInt64(max(0, number)) > lastNumber else { break }
            if sinceMark == 0 { marks.append(Mark(number: UInt64(number), offset: offset)) }
            sinceMark = (sinceMark + 1) % Self.markInterval
            lastNumber = UInt64(number)
            offset += length
        }
        if offset < end { truncate(to: offset) }
    }
}
