public import CacheStack
public import Market
internal import Synchronization

/// What a session may do, as of its logon.
public struct SessionGrant: Sendable, Hashable {
    /// The session's number.
    public var session: SessionID
    /// Bit g is set where accounts of group g may be traded.
    public var accountGroups: UInt64
    public var mayTrade: Bool
}

/// The account service's side of logons: who may log on, and what each session may do.
///
/// Logins are rows of space `logins`, read from L3 at start and again every few seconds (`refresh`), so that a changed
/// password or a withdrawn permission counts within that time, for live sessions too. Questions are answered from
/// memory: one lock, no I/O; a password costs about 10 ms of PBKDF2 at its logon.
public final class SessionDirectory: Sendable {
    private struct State {
        var logins: [SessionID: LoginRow] = [:]
        var loggedOn: Set<SessionID> = []
    }

    private let durable: any DurableTier
    private let state = Mutex(State())

    /// A directory over the logins in L3; empty before the first `refresh`.
    public init(durable: any DurableTier) { self.durable = durable }

    /// Reads all logins from L3.
    public func refresh() async throws(TierError) {
        let collected = RowCollector<LoginRow>()
        _ = try await durable.scan([TradingSpaces.logins.space], until: .now + .seconds(30)) { collected.append($0) }
        let rows = collected.rows
        state.withLock { state in
            state.logins = Dictionary(rows.map { ($0.session, $0) }) { first, _ in first }
        }
    }

    /// All logins, by number.
    public var logins: [LoginRow] {
        state.withLock { $0.logins.values.sorted { $0.session < $1.session } }
    }

    /// Decides on a logon; an unknown session and a wrong password are answered alike.
    public func admit(_ session: SessionID, password: String) -> Bool {
        guard let login = state.withLock({ $0.logins[session] }), login.accepts(password: password) else {
            return false
        }
        state.withLock { _ = $0.loggedOn.insert(session) }
        return true
    }

    /// What a session may do, nil where it never logged on or its login was withdrawn.
    public func grant(of session: SessionID) -> SessionGrant? {
        state.withLock { state in
            guard state.loggedOn.contains(session), let login = state.logins[session] else { return nil }
            return SessionGrant(session: session, accountGroups: login.accountGroups, mayTrade: login.mayTrade)
        }
    }
}

/// Gathers decoded rows from the thread that scans.
final class RowCollector<T: Row & Sendable>: Sendable {
    private let collected = Mutex<[T]>([])

    func append(_ chunk: ScanChunk) {
        let rows = chunk.rows(of: T.self)
        collected.withLock { $0.append(contentsOf: rows) }
    }

    var rows: [T] { collected.withLock { $0 } }
}

extension ScanChunk {
    /// The chunk's rows, decoded.
    func rows<T: Row>(of type: T.Type) -> [T] {
        guard !ids.isEmpty else { return [] }
        let size = bytes.count / ids.count
        return ids.indices.map { T(id: ids[$0], payload: bytes[($0 * size)..<(($0 + 1) * size)]) }
    }
}
