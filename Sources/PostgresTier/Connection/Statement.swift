/// A statement that a connection prepares when it first sends it.
struct Statement: Sendable {
    /// Unique among the statements of a connection; prepared under this name.
    let name: String
    let sql: String

    init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }
}
