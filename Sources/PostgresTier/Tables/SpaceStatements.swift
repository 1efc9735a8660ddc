internal import CacheStack

/// The SQL text of one space's statements. All names were checked by `SQLIdentifier`.
struct SpaceStatements {
    private let table: String
    private let keys: [String]
    private let keyType: String
    private let fields: [SpaceSchema.Field]

    init(_ schema: SpaceSchema) {
        table = schema.table
        fields = schema.fields
        switch schema.key {
        case .id(let name):
            keys = [name]
            keyType = "int8"
        case .pair(let high, let low):
            keys = [high, low]
            keyType = "int4"
        }
    }

    /// `transaction_timestamp()` is never later than the snapshot, which `statement_timestamp()` can be.
    var load: String {
        """
        SELECT r.o, coalesce(t.ver, 0), coalesce(t.deleted, true), c.ts, c.epoch, transaction_timestamp(), \
        \(list(fieldNames.map { "t.\($0)" })) \
        FROM mc_clock c CROSS JOIN unnest(\(keyArrays(from: 1))) WITH ORDINALITY AS r(\(list(aliases)), o) \
        LEFT JOIN \(table) t ON \(keysEqual("r")) WHERE c.id = 1
        """
    }

    var versions: String {
        """
        SELECT r.o, t.ver FROM unnest(\(keyArrays(from: 1))) WITH ORDINALITY AS r(\(list(aliases)), o) \
        JOIN \(table) t ON \(keysEqual("r"))
        """
    }

    /// Parameters: the ticket, the key arrays, the field arrays.
    var insert: String {
        """
        INSERT INTO \(table) (\(list(keys)), ver, deleted, \(list(fieldNames))) \
        SELECT \(unnested(keys.map { _ in keyType }, from: 2)), $1::int8, false, \
        \(unnested(fields.map(\.type.sqlElement), from: 2 + keys.count))
        """
    }

    var upsert: String {
        let updates = fieldNames.map { "\($0) = EXCLUDED.\($0)" }
        return """
            \(insert) ON CONFLICT (\(list(keys))) DO UPDATE SET ver = EXCLUDED.ver, deleted = false, \(list(updates))
            """
    }

    /// A deletion is a version even of a row that never existed: that one becomes a deleted row of empty fields.
    var delete: String {
        """
        WITH r AS (SELECT \(unnestedKeys)), \
        d AS (UPDATE \(table) t SET ver = $1::int8, deleted = true FROM r WHERE \(keysEqual("r"))) \
        INSERT INTO \(table) (\(list(keys)), ver, deleted, \(list(fieldNames))) \
        SELECT \(list(aliases.map { "r.\($0)" })), $1::int8, true, \(list(fields.map(\.type.sqlZero))) FROM r \
        WHERE NOT EXISTS (SELECT FROM \(table) t WHERE \(keysEqual("r")))
        """
    }

    var scan: String {
        "SELECT \(list(keys)), ver, \(list(fieldNames)) FROM \(table) WHERE NOT deleted"
    }

    private var fieldNames: [String] { fields.map(\.name) }

    private var aliases: [String] { keys.indices.map { "k\($0 + 1)" } }

    private var unnestedKeys: String {
        list(zip(aliases, 2...).map { "unnest($\($1)::\(keyType)[]) AS \($0)" })
    }

    private func keyArrays(from first: Int) -> String {
        list(keys.indices.map { "$\(first + $0)::\(keyType)[]" })
    }

    private func keysEqual(_ source: String) -> String {
        zip(keys, aliases).map { "t.\($0) = \(source).\($1)" }.joined(separator: " AND ")
    }

    private func unnested(_ types: [String], from first: Int) -> String {
        list(zip(types, first...).map { "unnest($\($1)::\($0)[])" })
    }

    private func list(_ words: [String]) -> String { words.joined(separator: ", ") }
}

extension SpaceSchema.FieldType {
    /// Name of the column's type, as array element.
    var sqlElement: String {
        switch self {
        case .int16: "int2"
        case .int32: "int4"
        case .int64: "int8"
        case .text: "text"
        case .bytes: "bytea"
        }
    }

    /// Name of the column's type as `format_type` and CREATE TABLE have it.
    var sqlColumn: String {
        switch self {
        case .int16: "smallint"
        case .int32: "integer"
        case .int64: "bigint"
        case .text: "text"
        case .bytes: "bytea"
        }
    }

    /// The empty value.
    var sqlZero: String {
        switch self {
        case .int16, .int32, .int64: "0"
        case .text: "''"
        case .bytes: "''::bytea"
        }
    }
}
