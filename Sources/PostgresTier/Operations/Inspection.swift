package import CacheStack

/// What the inside of the module would do, for its tests: cold, and used by nothing else.
package enum Inspection {
    /// The parameters of an upsert of `payloads`: ticket, key arrays, field arrays, in binary format.
    package static func upsertParameters(
        _ schema: SpaceSchema, ids: [UInt64], payloads: [UInt8], ranges: [Range<Int>]? = nil, ticket: UInt64
    ) throws(TierError) -> [[UInt8]] {
        try mapping { () throws(DatabaseFault) in
            let table = try SpaceTable(schema)
            let parameters = ParameterBuffer(capacity: 16)
            parameters.append(Int64(bitPattern: ticket))
            table.appendKeys(ids, to: parameters)
            var rows = StagedSpace.Rows(ids: ids, bytes: payloads)
            if table.hasWideFields { rows.ranges = ranges ?? [0..<payloads.count] }
            try table.appendFields(of: rows, to: parameters)
            return (0..<parameters.count).map { parameters.bytes($0) }
        }
    }

    /// The statements of a space: load, versions, insert, upsert, delete, scan.
    package static func statements(_ schema: SpaceSchema) throws(TierError) -> [String] {
        try mapping { () throws(DatabaseFault) in
            let table = try SpaceTable(schema)
            return [table.load, table.versions, table.insert, table.upsert, table.delete].map(\.sql) + [table.scan]
        }
    }

    /// How an SQLSTATE is reported.
    package static func code(sqlState: String) -> TierError.Code { DatabaseFault.code(sqlState) }

    /// Whether an SQLSTATE means that the rows themselves were refused.
    package static func refusesRows(sqlState: String) -> Bool {
        DatabaseFault(.statement, sqlState: sqlState, "").refusesRows
    }

    /// The rows a batch would write: by mode, id and payload, sorted by id; nil where it would be refused.
    package static func staged(
        _ batch: [Transaction], _ schema: SpaceSchema
    ) throws(TierError) -> [WriteSet.Mode: [UInt64: [UInt8]]]? {
        let catalog = try mapping { () throws(DatabaseFault) in try Catalog([schema]) }
        let staging = WriteStaging(catalog)
        do {
            try staging.stage(batch[...], accepted: Array(batch.indices))
        } catch {
            return nil
        }
        var rows: [WriteSet.Mode: [UInt64: [UInt8]]] = [:]
        for mode in [WriteSet.Mode.insert, .upsert, .delete] {
            guard let staged = staging.used.first?[mode] else { continue }
            for (row, id) in staged.ids.enumerated() {
                precondition(rows[mode]?[id] == nil, "row \(id) is staged twice")
                let start = staged.places.start(of: row, size: schema.payloadSize)
                let range = staged.ranges?[row] ?? start..<start + (mode == .delete ? 0 : schema.payloadSize)
                rows[mode, default: [:]][id] = mode == .delete ? [] : Array(staged.bytes[range])
            }
        }
        return rows
    }

    private static func mapping<R>(_ body: () throws(DatabaseFault) -> R) throws(TierError) -> R {
        do {
            return try body()
        } catch {
            throw error.tierError
        }
    }
}
