internal import CacheStack

/// The table of one space: its statements, and the way between columns and payload bytes.
///
/// Statements are set-based: one for all rows of a space, arrays as binary parameters. `unnest` in the select list
/// (ProjectSet) streams, where `FROM unnest(a, b, ...)` stores every column first: measured 15-25 % faster for inserts
/// and upserts. Measured against COPY BINARY too (100,000 rows with a primary key): no difference, so append-only
/// spaces use the plain INSERT, which needs no way out of pipeline mode.
struct SpaceTable: Sendable {
    let schema: SpaceSchema
    let payloadSize: Int
    /// Whether payloads differ in size; then offsets of fields are those of no row.
    let hasWideFields: Bool
    /// Fields with their offset in the payload.
    let fields: [(field: SpaceSchema.Field, offset: Int)]

    /// `SELECT o, ver, deleted, ts, epoch, time, fields` for keys as arrays (the certified load).
    let load: Statement
    /// `SELECT o, ver` of the keys that exist.
    let versions: Statement
    let insert: Statement
    let upsert: Statement
    let delete: Statement
    /// All live rows: `SELECT key, ver, fields`.
    let scan: String

    /// - Throws: `protocolViolation` where a name of the schema is no lower-case SQL identifier, or occurs twice.
    init(_ schema: SpaceSchema) throws(DatabaseFault) {
        try Self.check(schema)
        self.schema = schema
        payloadSize = schema.payloadSize
        hasWideFields = schema.hasWideFields
        var offset = schema.stampSize
        fields = schema.fields.map { field in
            defer { offset += field.type.width }
            return (field, offset)
        }
        let sql = SpaceStatements(schema)
        let number = schema.space.rawValue
        load = Statement("load\(number)", sql.load)
        versions = Statement("versions\(number)", sql.versions)
        insert = Statement("insert\(number)", sql.insert)
        upsert = Statement("upsert\(number)", sql.upsert)
        delete = Statement("delete\(number)", sql.delete)
        scan = sql.scan
    }

    /// Number of key columns.
    var keyColumns: Int {
        switch schema.key {
        case .id: 1
        case .pair: 2
        }
    }

    /// Appends the key arrays: one or two parameters.
    func appendKeys(_ ids: [UInt64], to parameters: ParameterBuffer) {
        switch schema.key {
        case .id: parameters.append(array: ids)
        case .pair:
            parameters.append(halvesOf: ids, shift: 32)
            parameters.append(halvesOf: ids, shift: 0)
        }
    }

    /// Appends one array for each field of the payloads at `places`.
    private func appendFields(
        of payloads: UnsafeRawBufferPointer, _ places: StagedSpace.Places, to parameters: ParameterBuffer
    ) throws(DatabaseFault) {
        try checkStamps(of: payloads, places)
        switch places {
        case .inOrder(let rows):
            for (field, offset) in fields {
                try parameters.append(field.type, at: offset, stride: payloadSize, rows: rows, of: payloads)
            }
        case .anywhere(let ranges):
            var cursors = ranges.map { $0.lowerBound + schema.stampSize }
            let ends = ranges.map(\.upperBound)
            for (field, _) in fields {
                try parameters.append(field.type, at: &cursors, ends: ends, of: payloads)
            }
        }
    }

    /// Refuses payloads of another layout, whose columns would be filled with each other's values.
    private func checkStamps(
        of payloads: UnsafeRawBufferPointer, _ places: StagedSpace.Places
    ) throws(DatabaseFault) {
        guard let stamp = schema.stamp else { return }
        for row in 0..<places.count {
            let start = places.start(of: row, size: payloadSize)
            guard start + 4 <= payloads.count,
                UInt32(littleEndian: payloads.loadUnaligned(fromByteOffset: start, as: UInt32.self)) == stamp
            else {
                throw DatabaseFault(
                    .statement, sqlState: "22000",
                    "a payload for table \(schema.table) has another stamp than its schema")
            }
        }
    }

    /// The id in the key columns that start at `column`.
    func id(_ result: ResultSet, _ row: Int, _ column: Int) throws(DatabaseFault) -> UInt64 {
        switch schema.key {
        case .id: return UInt64(bitPattern: try result.integer(row, column))
        case .pair:
            let high: UInt32 = try result.integer(row, column)
            let low: UInt32 = try result.integer(row, column + 1)
            return UInt64(high) << 32 | UInt64(low)
        }
    }

    /// Appends the payload made of the field columns that start at `first`.
    func appendPayload(
        _ result: ResultSet, _ row: Int, from first: Int, to payload: inout [UInt8]
    ) throws(DatabaseFault) {
        let start = payload.count
        if let stamp = schema.stamp { Self.append(stamp, &payload) }
        for index in fields.indices {
            let value = result.bytes(row, first + index)
            switch fields[index].field.type {
            case .int16: try Self.append(value, as: UInt16.self, &payload)
            case .int32: try Self.append(value, as: UInt32.self, &payload)
            case .int64: try Self.append(value, as: UInt64.self, &payload)
            case .text(let max), .bytes(let max): try append(value, index, max, &payload)
            }
        }
        guard hasWideFields else { return }
        let size = payload.count - start
        payload.append(contentsOf: repeatElement(0, count: SpaceSchema.filled(size) - size))
    }

    private func append(
        _ value: UnsafeRawBufferPointer, _ index: Int, _ max: Int, _ payload: inout [UInt8]
    ) throws(DatabaseFault) {
        let field = fields[index].field
        guard value.count <= max else {
            throw DatabaseFault(
                .protocolViolation,
                "\(schema.table).\(field.name) holds \(value.count) bytes, the schema allows \(max)")
        }
        if field.type.isWide {
            Self.append(UInt32(value.count), &payload)
            payload.append(contentsOf: value)
        } else {
            payload.append(UInt8(value.count))
            payload.append(contentsOf: value)
            payload.append(contentsOf: repeatElement(0, count: max - value.count))
        }
    }

    private static func append(_ number: UInt32, _ payload: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { payload.append(contentsOf: $0) }
    }

    @inline(__always)
    private static func append<T: FixedWidthInteger>(
        _ value: UnsafeRawBufferPointer, as type: T.Type, _ payload: inout [UInt8]
    ) throws(DatabaseFault) {
        guard value.count == MemoryLayout<T>.size else {
            throw DatabaseFault(
                .protocolViolation, "a field has \(value.count) bytes, expected \(MemoryLayout<T>.size)")
        }
        let number = T(bigEndian: value.loadUnaligned(as: T.self)).littleEndian
        withUnsafeBytes(of: number) { payload.append(contentsOf: $0) }
    }

    private static func check(_ schema: SpaceSchema) throws(DatabaseFault) {
        var names: Set<String> = ["ver", "deleted"]
        let columns: [String]
        switch schema.key {
        case .id(let name): columns = [name]
        case .pair(let high, let low): columns = [high, low]
        }
        try SQLIdentifier.check(schema.table)
        for name in columns + schema.fields.map(\.name) {
            try SQLIdentifier.check(name)
            guard names.insert(name).inserted else {
                throw DatabaseFault(.protocolViolation, "column \(name) occurs twice in table \(schema.table)")
            }
        }
    }
}

extension SpaceTable {
    /// The statement that writes rows in `mode`.
    func statement(_ mode: WriteSet.Mode) -> Statement {
        switch mode {
        case .insert: insert
        case .upsert: upsert
        case .delete: delete
        }
    }

    /// Appends one array for each field of the payloads of `rows`.
    func appendFields(of rows: StagedSpace.Rows, to parameters: ParameterBuffer) throws(DatabaseFault) {
        let failure: DatabaseFault? = rows.bytes.withUnsafeBytes { payloads in
            do throws(DatabaseFault) {
                try appendFields(of: payloads, rows.places, to: parameters)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
