internal import Arrivals
internal import Glibc

extension ScheduleSettings {
    /// Draws the times into a file, 64 KiB at a time.
    func write(to path: String) throws(FileError) {
        var times = ArrivalSchedule(
            schedule.process, profile: schedule.profile, seed: schedule.seed, stripe: stripe, stream: schedule.stream)
        let file = try TimeFile(path)
        var buffer: [UInt8] = []
        buffer.reserveCapacity(TimeFile.bufferSize + 32)
        while let time = times.next() {
            if isBinary { Self.append(littleEndian: time, to: &buffer) } else { Self.append(line: time, to: &buffer) }
            if buffer.count >= TimeFile.bufferSize {
                try file.write(buffer)
                buffer.removeAll(keepingCapacity: true)
            }
        }
        try file.write(buffer)
        try file.close()
    }

    private static func append(littleEndian time: UInt64, to buffer: inout [UInt8]) {
        for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
            buffer.append(UInt8(truncatingIfNeeded: time >> shift))
        }
    }

    private static func append(line time: UInt64, to buffer: inout [UInt8]) {
        let start = buffer.count
        var rest = time
        repeat {
            buffer.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        buffer[start...].reverse()
        buffer.append(UInt8(ascii: "\n"))
    }
}

/// A file of times being written, or standard output for `-`.
private struct TimeFile {
    static let bufferSize = 1 << 16

    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = path == "-" ? 1 : unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw FileError(path) }
    }

    func write(_ bytes: [UInt8]) throws(FileError) {
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

    /// Closes the file; an error of a delayed write shows here.
    func close() throws(FileError) {
        if descriptor != 1, Glibc.close(descriptor) != 0 { throw FileError(path) }
    }
}
