internal import CacheStack

/// Reads pages of the outbox.
final class ChangeReader {
    private let session: Session
    private let parameters = ParameterBuffer()

    private static let page = Statement(
        "changes",
        """
        SELECT c.ts, c.epoch, transaction_timestamp(), m.ct, m.keys FROM mc_clock c LEFT JOIN \
        (SELECT ct, keys FROM mc_commit WHERE ct > $1::int8 ORDER BY ct LIMIT $2::int8) m ON m.ct <= c.ts \
        WHERE c.id = 1 ORDER BY m.ct
        """)

    init(_ session: Session) { self.session = session }

    func changes(
        after ticket: Ticket, limit: Int, until deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> ChangePage {
        try session.run(until: deadline) { connection throws(DatabaseFault) in
            parameters.clear()
            parameters.append(Int64(bitPattern: ticket.rawValue))
            parameters.append(Int64(limit))
            try connection.send(Self.page, parameters)
            try connection.sync()
            let results = try connection.receive(until: deadline)
            guard let rows = results.first, rows.count > 0 else {
                throw DatabaseFault(.protocolViolation, "table mc_clock has no row: run the migrations")
            }
            return try Self.page(rows)
        }
    }

    private static func page(_ rows: ResultSet) throws(DatabaseFault) -> ChangePage {
        var page = ChangePage(
            records: [], newest: Ticket(UInt64(bitPattern: try rows.integer(0, 0, as: Int64.self))),
            time: try rows.microseconds(0, 2), epoch: try rows.integer(0, 1))
        for row in 0..<rows.count where !rows.isNull(row, 3) {
            let ticket = UInt64(bitPattern: try rows.integer(row, 3, as: Int64.self))
            page.records.append(ChangeRecord(ticket: Ticket(ticket), keys: try keys(rows.bytes(row, 4))))
        }
        return page
    }

    /// Decodes the outbox's 10-byte keys.
    static func keys(_ bytes: UnsafeRawBufferPointer) throws(DatabaseFault) -> [CacheKey] {
        guard bytes.count % 10 == 0 else {
            throw DatabaseFault(.protocolViolation, "an outbox row of \(bytes.count) bytes")
        }
        return stride(from: 0, to: bytes.count, by: 10).map { start in
            let space = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self))
            let id = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt64.self))
            return CacheKey(SpaceID(rawValue: space), id)
        }
    }
}
