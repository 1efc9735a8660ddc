internal import CacheStack

/// The versions, at the time of the batch, of all rows its transactions expect something of.
struct ExpectedVersions {
    private let ids: [(table: SpaceTable, ids: [UInt64])]

    init(_ batch: ArraySlice<Transaction>, _ catalog: Catalog) {
        var bySpace: [SpaceID: Set<UInt64>] = [:]
        for transaction in batch {
            for expectation in transaction.expectations {
                bySpace[expectation.key.space, default: []].insert(expectation.key.id)
            }
        }
        ids = bySpace.sorted { $0.key.rawValue < $1.key.rawValue }.map { (catalog[$0.key], $0.value.sorted()) }
    }

    /// Queues one statement for each space.
    func send(on connection: Connection, _ parameters: ParameterBuffer) throws(DatabaseFault) {
        for (table, ids) in ids {
            parameters.clear()
            table.appendKeys(ids, to: parameters)
            try connection.send(table.versions, parameters)
        }
    }

    /// The versions from the statements' results; rows that never existed are absent.
    func read(_ results: [ResultSet]) throws(DatabaseFault) -> [CacheKey: Ticket] {
        var versions: [CacheKey: Ticket] = [:]
        for ((table, ids), result) in zip(ids, results) {
            for row in 0..<result.count {
                let ordinal = Int(try result.integer(row, 0, as: Int64.self))
                let version = UInt64(bitPattern: try result.integer(row, 1, as: Int64.self))
                versions[CacheKey(table.schema.space, ids[ordinal - 1])] = Ticket(version)
            }
        }
        return versions
    }
}
