internal import CacheStack

/// The tables of all spaces, by space.
struct Catalog: Sendable {
    private let tables: [SpaceID: SpaceTable]

    /// - Throws: `protocolViolation` where a schema is malformed or two share a space or a table.
    init(_ schemas: [SpaceSchema]) throws(DatabaseFault) {
        var tables: [SpaceID: SpaceTable] = [:]
        var names: Set<String> = []
        for schema in schemas {
            let number = schema.space.rawValue
            guard number > 0, tables[schema.space] == nil, names.insert(schema.table).inserted else {
                throw DatabaseFault(
                    .protocolViolation, "space \(number) or table \(schema.table) is invalid or declared twice")
            }
            tables[schema.space] = try SpaceTable(schema)
        }
        self.tables = tables
    }

    /// All tables, by number of their space.
    var all: [SpaceTable] { tables.values.sorted { $0.schema.space.rawValue < $1.schema.space.rawValue } }

    /// The table of `space`; asking for a space without schema is a programmer's mistake.
    subscript(_ space: SpaceID) -> SpaceTable {
        guard let table = tables[space] else { preconditionFailure("space \(space.rawValue) has no schema") }
        return table
    }
}
