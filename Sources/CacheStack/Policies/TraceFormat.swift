/// What is wrong with a trace: where, and what was expected there.
public struct TraceError: Error, Hashable, CustomStringConvertible {
    /// One line without the file's name.
    public let description: String
}

/// How a recorded sequence of keys is written in a file.
public enum TraceFormat: String, CaseIterable, Sendable {
    /// One decimal number a line; lines that begin with `*` and blank ones are skipped.
    case lirs
    /// Lines `start count ...`: the keys start, start + 1, ..., start + count - 1; further columns are skipped.
    case arc
    /// 32-bit keys, most significant byte first.
    case int32be
    /// 32-bit keys, least significant byte first.
    case int32le
    /// 64-bit keys, most significant byte first.
    case int64be

    /// Most keys of a trace.
    public static let keysMax = 1 << 28

    /// The keys of a whole trace.
    ///
    /// - Parameter keysMax: a lower limit than the usual one.
    /// - Throws: `TraceError` at the first line or length that does not fit the format, or past the limit.
    public func keys(in bytes: [UInt8], keysMax: Int = Self.keysMax) throws(TraceError) -> [UInt64] {
        switch self {
        case .lirs, .arc: try lines(bytes, keysMax)
        case .int32be: try words(bytes, 4, keysMax)
        case .int32le: try words(bytes, 4, keysMax).map { UInt64(UInt32(truncatingIfNeeded: $0).byteSwapped) }
        case .int64be: try words(bytes, 8, keysMax)
        }
    }

    private func words(_ bytes: [UInt8], _ size: Int, _ keysMax: Int) throws(TraceError) -> [UInt64] {
        guard bytes.count % size == 0 else {
            throw TraceError(description: "\(bytes.count) bytes are no whole number of \(size)-byte keys")
        }
        guard bytes.count / size <= keysMax else { throw Self.tooLong(keysMax) }
        return stride(from: 0, to: bytes.count, by: size).map { start in
            bytes[start..<start + size].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    private func lines(_ bytes: [UInt8], _ keysMax: Int) throws(TraceError) -> [UInt64] {
        var keys: [UInt64] = []
        var (start, line) = (0, 0)
        while start < bytes.count {
            line += 1
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            let fields = bytes[start..<end].split { $0 == 32 || $0 == 9 || $0 == 13 }
            start = end + 1
            guard let first = fields.first, !(self == .lirs && first.first == UInt8(ascii: "*")) else { continue }
            if self == .lirs {
                guard fields.count == 1 else { throw Self.wrong(line, "one number", fields) }
                guard keys.count < keysMax else { throw Self.tooLong(keysMax) }
                keys.append(try Self.number(first, line))
            } else {
                guard fields.count >= 2 else { throw Self.wrong(line, "start and count", fields) }
                let (from, count) = (try Self.number(first, line), try Self.number(fields[1], line))
                guard count <= UInt64(keysMax - keys.count) else { throw Self.tooLong(keysMax) }
                guard count <= .max - from else { throw Self.wrong(line, "keys of 64 bits", fields) }
                keys.append(contentsOf: from..<from + count)
            }
        }
        return keys
    }

    private static func number(_ field: ArraySlice<UInt8>, _ line: Int) throws(TraceError) -> UInt64 {
        var value: UInt64 = 0
        for byte in field {
            let (high, overflow) = value.multipliedReportingOverflow(by: 10)
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), !overflow else {
                throw wrong(line, "a number", [field])
            }
            let (sum, carry) = high.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !carry else { throw wrong(line, "a number of 64 bits", [field]) }
            value = sum
        }
        return value
    }

    private static func wrong(_ line: Int, _ expected: String, _ fields: [ArraySlice<UInt8>]) -> TraceError {
        let found = fields.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        return TraceError(description: "line \(line) has \"\(found.prefix(40))\" where \(expected) must be")
    }

    private static func tooLong(_ keysMax: Int) -> TraceError { TraceError(description: "more than \(keysMax) keys") }
}
