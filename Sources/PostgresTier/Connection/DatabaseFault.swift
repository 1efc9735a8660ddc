internal import CacheStack

/// What went wrong between us and the server: the one error type inside this module.
///
/// Its message never carries values of rows: the server's DETAIL is not taken, and of primary messages only those
/// that are known to name objects and states.
struct DatabaseFault: Error, Equatable {
    enum Kind: Equatable {
        /// No connection, or it broke: what was sent may or may not have been executed.
        case connection
        /// The absolute deadline passed; the connection cannot be used any more.
        case deadline
        /// The server refused a statement: its transaction cannot commit, the connection is still good.
        case statement
        /// The server answered what the protocol, or our schema, does not allow.
        case protocolViolation
    }

    var kind: Kind
    /// Five characters, or empty where the server gave none.
    var sqlState = ""
    var message: String
    /// Character of the statement, from 1, at which the server found an error in its text.
    var position: Int?

    init(_ kind: Kind, sqlState: String = "", _ message: String) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
    }

    /// Whether the connection may be used further.
    var isConnectionUsable: Bool { kind == .statement }

    /// Whether the rows themselves were refused: constraints (23), values out of range (22), one row written twice (21).
    var refusesRows: Bool {
        kind == .statement && ["21", "22", "23"].contains(String(sqlState.prefix(2)))
    }

    /// Whether the server failed the transaction so that others could go on: serialization_failure, deadlock_detected.
    var isContention: Bool { kind == .statement && ["40001", "40P01"].contains(sqlState) }

    /// The fault as the tiers' protocol names it.
    var tierError: TierError {
        switch kind {
        case .connection: TierError(.unavailable, message)
        case .deadline: TierError(.deadline, message)
        case .protocolViolation: TierError(.protocolViolation, message)
        case .statement: TierError(Self.code(sqlState), message)
        }
    }

    /// SQLSTATE classes of PostgreSQL 15, appendix A.
    static func code(_ sqlState: String) -> TierError.Code {
        switch sqlState {
        case "53100", "25006", "58030": return .cannotWrite  // disk full, read only, I/O error
        case "55P03", "57014", "25P03": return .deadline  // lock, statement and idle timeouts
        case "40001", "40P01": return .overloaded  // contention: the whole transaction may be repeated
        default: break
        }
        switch sqlState.prefix(2) {
        case "08", "57": return .unavailable
        case "21", "22", "23": return .constraint
        case "53", "54", "55": return .overloaded
        case "58", "XX": return .cannotWrite
        default: return .protocolViolation
        }
    }
}
