public import CacheStack
public import Market

/// A row of space `logins`: one counterparty's FIX identity, and what it may do.
public struct LoginRow: Hashable, Sendable, Row {
    /// The session's number.
    public var session: SessionID
    /// SenderCompID of the counterparty, 1...32 bytes.
    public var compID: String
    /// Salt and hash of the password (tag 554); both empty where none is asked for.
    public var salt: [UInt8]
    public var passwordHash: [UInt8]
    /// Bit g is set where accounts of group g may be traded.
    public var accountGroups: UInt64
    public var mayTrade: Bool

    /// A login without password.
    public init(session: SessionID, compID: String, accountGroups: UInt64 = .max, mayTrade: Bool = true) {
        self.session = session
        self.compID = compID
        salt = []
        passwordHash = []
        self.accountGroups = accountGroups
        self.mayTrade = mayTrade
    }

    /// Key of a session's login.
    public static func key(_ session: SessionID) -> CacheKey {
        CacheKey(TradingSpaces.logins.space, UInt64(session))
    }

    /// The row in a payload of space `logins`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        session = SessionID(truncatingIfNeeded: id)
        compID = String(decoding: row.nextBytes(max: 32), as: UTF8.self)
        salt = Array(row.nextBytes(max: 16))
        passwordHash = Array(row.nextBytes(max: 32))
        accountGroups = row.next()
        mayTrade = row.nextFlag()
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(Array(compID.utf8), max: 32)
            row.put(salt, max: 16)
            row.put(passwordHash, max: 32)
            row.put(accountGroups)
            row.put(mayTrade)
        }
    }

    /// Whether `password` is this login's; a login without a hash takes any.
    public func accepts(password: String?) -> Bool {
        guard !passwordHash.isEmpty else { return true }
        return PasswordHash.matches(PasswordHash.hash(Array((password ?? "").utf8), salt: salt), passwordHash)
    }
}
