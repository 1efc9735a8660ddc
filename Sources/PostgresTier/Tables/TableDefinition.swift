public import CacheStack

/// The CREATE TABLE of a space, from its schema: for migrations and tests.
public enum TableDefinition {
    /// The statement that creates the table of `schema`.
    ///
    /// Tables that are updated leave 30 % of each page free, so that new versions of a row stay on its page and no index
    /// entry is written (HOT); append-only tables are packed.
    ///
    /// - Parameter isUnlogged: no write-ahead log: faster, empty after a crash. Only for tests.
    /// - Throws: `protocolViolation` where a name is no lower-case SQL identifier.
    public static func createStatement(
        _ schema: SpaceSchema, isUnlogged: Bool = false
    ) throws(TierError) -> String {
        do {
            _ = try SpaceTable(schema)
        } catch {
            throw error.tierError
        }
        let (keys, type): ([String], String) =
            switch schema.key {
            case .id(let name): ([name], "bigint")
            case .pair(let high, let low): ([high, low], "integer")
            }
        var lines = keys.map { "\($0) \(type) NOT NULL" }
        lines += ["ver bigint NOT NULL", "deleted boolean NOT NULL DEFAULT false"]
        lines += schema.fields.map { field in
            switch field.type {
            case .text(let max), .bytes(let max):
                "\(field.name) \(field.type.sqlColumn) NOT NULL CHECK (octet_length(\(field.name)) <= \(max))"
            default: "\(field.name) \(field.type.sqlColumn) NOT NULL"
            }
        }
        lines.append("PRIMARY KEY (\(keys.joined(separator: ", ")))")
        return """
            CREATE \(isUnlogged ? "UNLOGGED " : "")TABLE \(schema.table) (
                \(lines.joined(separator: ",\n    "))
            ) WITH (fillfactor = \(schema.isAppendOnly ? 100 : 70));
            """
    }
}
