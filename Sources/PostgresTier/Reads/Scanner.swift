internal import CacheStack

/// Streams whole tables out of one snapshot through cursors.
///
/// Two FETCHes are under way at any time, so the server reads the next rows while these are decoded; memory is bounded
/// by two chunks, whatever the size of the table.
final class Scanner {
    private let session: Session
    private let catalog: Catalog

    /// Most rows of one FETCH, and of one chunk; fewer where the table has wide fields.
    static let chunkRows = 20_000
    /// Most bytes of one FETCH of a table with wide fields.
    static let chunkBytes = 32 << 20

    init(_ session: Session, _ catalog: Catalog) {
        self.session = session
        self.catalog = catalog
    }

    func scan(
        _ spaces: [SpaceID], until deadline: ContinuousClock.Instant, _ body: (ScanChunk) -> Void
    ) throws(DatabaseFault) -> Ticket {
        let connection = try begin(until: deadline)
        do throws(DatabaseFault) {
            try connection.send(sql: "SELECT ts FROM mc_clock WHERE id = 1", binaryResults: true)
            try connection.sync()
            guard let clock = try connection.receive(until: deadline).first, clock.count == 1 else {
                throw DatabaseFault(.protocolViolation, "table mc_clock has no row: run the migrations")
            }
            let ticket = Ticket(UInt64(bitPattern: try clock.integer(0, 0, as: Int64.self)))
            for space in spaces { try stream(catalog[space], on: connection, deadline, body) }
            try connection.send(sql: "COMMIT")
            try connection.sync()
            _ = try connection.receive(until: deadline)
            return ticket
        } catch {
            // FETCHes may still be under way: the connection is of no more use.
            session.drop()
            throw error
        }
    }

    /// Opens the transaction; only this is repeated on a new connection where an idle one broke.
    private func begin(until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> Connection {
        try session.run(until: deadline) { connection throws(DatabaseFault) in
            try connection.send(sql: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try connection.sync()
            _ = try connection.receive(until: deadline)
            return connection
        }
    }

    private func stream(
        _ table: SpaceTable, on connection: Connection, _ deadline: ContinuousClock.Instant,
        _ body: (ScanChunk) -> Void
    ) throws(DatabaseFault) {
        try connection.send(sql: "DECLARE scan NO SCROLL CURSOR FOR \(table.scan)")
        try connection.sync()
        let rowsMax =
            table.hasWideFields ? max(1, min(Self.chunkRows, Self.chunkBytes / table.payloadSize)) : Self.chunkRows
        try fetch(rowsMax, on: connection)
        try fetch(rowsMax, on: connection)
        _ = try connection.receive(until: deadline)
        var underWay = 2
        var isDone = false
        while underWay > 0 {
            let rows = try connection.receive(until: deadline)
            underWay -= 1
            guard let result = rows.first, result.count > 0 else {
                isDone = true
                continue
            }
            isDone = isDone || result.count < rowsMax
            if !isDone {
                try fetch(rowsMax, on: connection)
                try connection.flush(until: deadline)
                underWay += 1
            }
            for chunk in try Self.chunks(result, table) { body(chunk) }
        }
        try connection.send(sql: "CLOSE scan")
        try connection.sync()
        _ = try connection.receive(until: deadline)
    }

    private func fetch(_ rows: Int, on connection: Connection) throws(DatabaseFault) {
        try connection.send(sql: "FETCH \(rows) FROM scan", binaryResults: true)
        try connection.sync()
    }

    /// The rows of a FETCH: one chunk, or one for each size of payloads, in the order in which the sizes come.
    private static func chunks(_ result: ResultSet, _ table: SpaceTable) throws(DatabaseFault) -> [ScanChunk] {
        var chunk = ScanChunk(space: table.schema.space, ids: [], versions: [], bytes: [])
        guard table.hasWideFields else {
            chunk.ids.reserveCapacity(result.count)
            chunk.versions.reserveCapacity(result.count)
            chunk.bytes.reserveCapacity(result.count * table.payloadSize)
            for row in 0..<result.count { try append(result, row, table, to: &chunk) }
            return [chunk]
        }
        var chunks: [ScanChunk] = []
        var places: [Int: Int] = [:]
        for row in 0..<result.count {
            try append(result, row, table, to: &chunk)
            if let place = places[chunk.bytes.count] {
                chunks[place].ids += chunk.ids
                chunks[place].versions += chunk.versions
                chunks[place].bytes += chunk.bytes
            } else {
                places[chunk.bytes.count] = chunks.count
                chunks.append(chunk)
            }
            chunk = ScanChunk(space: table.schema.space, ids: [], versions: [], bytes: [])
        }
        return chunks
    }

    private static func append(
        _ result: ResultSet, _ row: Int, _ table: SpaceTable, to chunk: inout ScanChunk
    ) throws(DatabaseFault) {
        chunk.ids.append(try table.id(result, row, 0))
        chunk.versions.append(UInt64(bitPattern: try result.integer(row, table.keyColumns, as: Int64.self)))
        try table.appendPayload(result, row, from: table.keyColumns + 1, to: &chunk.bytes)
    }
}
