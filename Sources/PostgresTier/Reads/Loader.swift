internal import CacheStack

/// Certified loads: rows with the snapshot they were newest in.
///
/// Keys of one space are one statement in autocommit, so one snapshot; keys of several are a REPEATABLE READ READ ONLY
/// transaction of one statement each, sent in one flush.
final class Loader {
    private let session: Session
    private let catalog: Catalog
    private let parameters = ParameterBuffer()

    private static let begin = Statement("begin_snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    private static let clock = Statement(
        "clock", "SELECT ts, epoch, transaction_timestamp() FROM mc_clock WHERE id = 1")

    init(_ session: Session, _ catalog: Catalog) {
        self.session = session
        self.catalog = catalog
    }

    func load(_ keys: [CacheKey], until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> LoadedRows {
        let spaces = Self.positionsBySpace(keys)
        return try session.run(until: deadline) { connection throws(DatabaseFault) in
            if spaces.count != 1 { try connection.send(Self.begin) }
            if spaces.isEmpty { try connection.send(Self.clock) }
            for (space, positions) in spaces {
                parameters.clear()
                catalog[space].appendKeys(positions.map { keys[$0].id }, to: parameters)
                try connection.send(catalog[space].load, parameters)
            }
            if spaces.count != 1 { try connection.send(CommitStatements.commit) }
            try connection.sync()
            var results = try connection.receive(until: deadline)
            if spaces.count != 1 { results = Array(results[1..<results.count - 1]) }
            return try assemble(keys, spaces, results)
        }
    }

    private func assemble(
        _ keys: [CacheKey], _ spaces: [(SpaceID, [Int])], _ results: [ResultSet]
    ) throws(DatabaseFault) -> LoadedRows {
        guard let first = results.first, first.count > 0 else {
            throw DatabaseFault(.protocolViolation, "table mc_clock has no row: run the migrations")
        }
        let column = spaces.isEmpty ? 0 : 3
        let epochColumn = column + 1
        let loaded = Certificate(
            version: .zero, asOf: Ticket(UInt64(bitPattern: try first.integer(0, column, as: Int64.self))),
            asOfTime: try first.microseconds(0, column + 2), epoch: try first.integer(0, epochColumn))
        var entries = keys.map { CertifiedEntry(key: $0, certificate: loaded, payload: nil) }
        for ((space, positions), result) in zip(spaces, results) {
            guard result.count == positions.count else {
                throw DatabaseFault(.protocolViolation, "\(positions.count) keys gave \(result.count) rows")
            }
            try Self.read(result, catalog[space], positions, into: &entries)
        }
        return LoadedRows(entries: entries, asOf: loaded.asOf, asOfTime: loaded.asOfTime, epoch: loaded.epoch)
    }

    /// Columns: ordinal, ver, absent, ts, epoch, time, fields.
    private static func read(
        _ result: ResultSet, _ table: SpaceTable, _ positions: [Int], into entries: inout [CertifiedEntry]
    ) throws(DatabaseFault) {
        for row in 0..<result.count {
            let ordinal = Int(try result.integer(row, 0, as: Int64.self))
            guard (1...positions.count).contains(ordinal) else {
                throw DatabaseFault(.protocolViolation, "row \(ordinal) of \(positions.count)")
            }
            let position = positions[ordinal - 1]
            entries[position].certificate.version = Ticket(
                UInt64(bitPattern: try result.integer(row, 1, as: Int64.self)))
            guard result.bytes(row, 2).first == 0 else { continue }
            var payload: [UInt8] = []
            payload.reserveCapacity(table.payloadSize)
            try table.appendPayload(result, row, from: 6, to: &payload)
            entries[position].payload = payload
        }
    }

    /// Positions of the keys of each space, spaces in order of first mention.
    private static func positionsBySpace(_ keys: [CacheKey]) -> [(SpaceID, [Int])] {
        var spaces: [(SpaceID, [Int])] = []
        for position in keys.indices {
            if let index = spaces.firstIndex(where: { $0.0 == keys[position].space }) {
                spaces[index].1.append(position)
            } else {
                spaces.append((keys[position].space, [position]))
            }
        }
        return spaces
    }
}
