/// Names that may stand in SQL text unquoted: the only way a schema's words get there.
enum SQLIdentifier {
    /// Words that PostgreSQL 15 reserves and that are likely names of columns; others fail at `verifySchemas`.
    private static let reserved: Set<String> = [
        "all", "and", "any", "array", "as", "asc", "both", "case", "cast", "check", "column", "constraint", "create",
        "default", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign", "from",
        "grant", "group", "having", "in", "into", "leading", "limit", "not", "null", "offset", "on", "only", "or",
        "order", "primary", "references", "select", "some", "table", "then", "to", "trailing", "true", "union",
        "unique", "user", "using", "when", "where", "window", "with",
    ]

    /// Whether `name` is `[a-z_][a-z0-9_]*`, at most 63 bytes, and not reserved.
    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first), name.utf8.count <= 63 else { return false }
        let isPlain = name.utf8.allSatisfy { $0 == 95 || (48...57).contains($0) || (97...122).contains($0) }
        return isPlain && !reserved.contains(name)
    }

    static func check(_ name: String) throws(DatabaseFault) {
        guard isValid(name) else {
            throw DatabaseFault(.protocolViolation, "\"\(name)\" is not a plain lower-case SQL identifier")
        }
    }
}
