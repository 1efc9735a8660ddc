internal import CacheStack

/// Finds what is wrong with a server before work begins: version, durability, tables, columns.
struct SchemaCheck {
    let catalog: Catalog
    let relaxedDurability: Bool

    /// The settings without which an acknowledged commit can be lost, or a torn page go unnoticed.
    private static let settings = ["fsync", "full_page_writes", "synchronous_commit", "data_checksums"]

    private static let columns = """
        SELECT t.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
        a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' \
        FROM unnest($1::text[]) AS t(name) JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) \
        WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY t.name, a.attnum
        """

    private static let primaryKeys = """
        SELECT t.name, string_agg(a.attname, ', ' ORDER BY k.position) \
        FROM unnest($1::text[]) AS t(name) JOIN pg_index i ON i.indrelid = to_regclass(t.name) AND i.indisprimary \
        CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, position) \
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number GROUP BY t.name
        """

    /// One sentence for each problem; empty = ready.
    func problems(
        on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) -> [String] {
        guard connection.serverVersion >= 150_000 else {
            return ["PostgreSQL 15 or later is needed, the server is \(connection.serverVersion / 10_000)"]
        }
        let names = "{\((catalog.all.map(\.schema.table) + Self.ownTables.map(\.name)).joined(separator: ","))}"
        try connection.send(
            sql: "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])",
            ["{\(Self.settings.joined(separator: ","))}"])
        try connection.send(sql: Self.columns, [names])
        try connection.send(sql: Self.primaryKeys, [names])
        try connection.sync()
        let results = try connection.receive(until: deadline).map(\.texts)
        let tables = Dictionary(grouping: results[1].compactMap(Column.init), by: \.table)
        let keys = Dictionary(
            results[2].map { ($0[0] ?? "", $0[1] ?? "") }, uniquingKeysWith: { first, _ in first })
        var problems = settingProblems(results[0])
        for (name, columns) in Self.ownTables {
            problems += Self.missing(columns, in: tables[name], table: name)
        }
        for table in catalog.all { problems += Self.problems(table.schema, tables[table.schema.table], keys) }
        return problems
    }

    private func settingProblems(_ rows: [[String?]]) -> [String] {
        guard !relaxedDurability else { return [] }
        return rows.compactMap { row in
            guard let name = row[0], let value = row[1] else { return nil }
            let good = name == "synchronous_commit" ? ["on", "remote_write", "remote_apply"] : ["on"]
            return good.contains(value) ? nil : "setting \(name) is \(value): acknowledged commits could be lost"
        }
    }

    // MARK: Tables

    private struct Column {
        var table: String
        var name: String
        var type: String
        var isNotNull: Bool
        var hasDefault: Bool

        init?(_ row: [String?]) {
            guard row.count == 5, let table = row[0], let name = row[1], let type = row[2] else { return nil }
            self.table = table
            self.name = name
            self.type = type
            isNotNull = row[3] == "t"
            hasDefault = row[4] == "t"
        }
    }

    private static let ownTables: [(name: String, columns: [(String, String)])] = [
        ("mc_clock", [("id", "integer"), ("ts", "bigint"), ("at", "timestamp with time zone"), ("epoch", "integer")]),
        (
            "mc_commit",
            [
                ("ct", "bigint"), ("at", "timestamp with time zone"), ("epoch", "integer"), ("nonce", "bigint"),
                ("keys", "bytea"),
            ]
        ),
        (
            "mc_idem",
            [
                ("idem", "text"), ("ct", "bigint"), ("outcome", "text"), ("body_hash", "bigint"),
                ("at", "timestamp with time zone"),
            ]
        ),
    ]

    private static func problems(_ schema: SpaceSchema, _ found: [Column]?, _ keys: [String: String]) -> [String] {
        let (names, type) =
            switch schema.key {
            case .id(let name): ([name], "bigint")
            case .pair(let high, let low): ([high, low], "integer")
            }
        let expected =
            names.map { ($0, type) } + [("ver", "bigint"), ("deleted", "boolean")]
            + schema.fields.map { ($0.name, $0.type.sqlColumn) }
        var problems = missing(expected, in: found, table: schema.table)
        guard let found else { return problems }
        let known = Set(expected.map(\.0))
        for column in found where !known.contains(column.name) && column.isNotNull && !column.hasDefault {
            problems.append("column \(schema.table).\(column.name) is not in the schema and has no default")
        }
        let key = keys[schema.table] ?? "none"
        if key != names.joined(separator: ", ") {
            problems.append(
                "the primary key of \(schema.table) is (\(key)), expected (\(names.joined(separator: ", ")))")
        }
        return problems
    }

    private static func missing(_ expected: [(String, String)], in found: [Column]?, table: String) -> [String] {
        guard let found else { return ["table \(table) is missing: run the migrations"] }
        return expected.compactMap { name, type in
            guard let column = found.first(where: { $0.name == name }) else {
                return "column \(table).\(name) is missing"
            }
            if column.type != type { return "column \(table).\(name) is \(column.type), expected \(type)" }
            return column.isNotNull ? nil : "column \(table).\(name) allows NULL"
        }
    }
}
