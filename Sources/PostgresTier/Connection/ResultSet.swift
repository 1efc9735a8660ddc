internal import CPostgres

/// The rows a statement gave, in binary format; frees libpq's memory with itself.
///
/// Integers come in network byte order. The accessors trust the types that `verifySchemas` checked, and check the
/// lengths again: a column of another width is a protocol violation, not a wild read.
final class ResultSet {
    private let raw: OpaquePointer

    init(_ raw: OpaquePointer) { self.raw = raw }

    deinit { PQclear(raw) }

    var count: Int { Int(PQntuples(raw)) }

    /// `INSERT 0 5`, `COMMIT`, `ROLLBACK`.
    var commandTag: String { PQcmdStatus(raw).map { String(cString: $0) } ?? "" }

    func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(raw, Int32(row), Int32(column)) == 1 }

    /// The bytes of a value; valid as long as this result.
    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: PQgetvalue(raw, Int32(row), Int32(column)), count: Int(PQgetlength(raw, Int32(row), Int32(column))))
    }

    /// An integer column of exactly that width.
    func integer<T: FixedWidthInteger>(_ row: Int, _ column: Int, as type: T.Type = T.self) throws(DatabaseFault) -> T {
        let value = bytes(row, column)
        guard value.count == MemoryLayout<T>.size else {
            throw DatabaseFault(
                .protocolViolation, "column \(column) has \(value.count) bytes, expected \(MemoryLayout<T>.size)")
        }
        return T(bigEndian: value.loadUnaligned(as: T.self))
    }

    /// Microseconds since 1970 UTC of a timestamptz column (the wire counts from 2000-01-01).
    func microseconds(_ row: Int, _ column: Int) throws(DatabaseFault) -> Int64 {
        try integer(row, column, as: Int64.self) + 946_684_800_000_000
    }

    /// The value as text, nil where NULL.
    func text(_ row: Int, _ column: Int) -> String? {
        isNull(row, column) ? nil : String(decoding: bytes(row, column), as: UTF8.self)
    }

    /// All rows as text: for results asked for in text format.
    var texts: [[String?]] {
        let columns = Int(PQnfields(raw))
        return (0..<count).map { row in (0..<columns).map { text(row, $0) } }
    }
}
