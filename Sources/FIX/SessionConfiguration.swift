/// What a FIX session is set up with. Times are microseconds, as everywhere in this module.
public struct SessionConfiguration: Sendable {
    /// Which side opens the session.
    public enum Role: Sendable {
        /// Waits for a Logon.
        case acceptor
        /// Sends it.
        case initiator
    }

    /// Which side opens the session.
    public var role: Role
    /// Our CompID and the peer's, as they stand in what we send.
    public var header: HeaderTemplate
    /// HeartBtInt (108) that an initiator proposes, in seconds; an acceptor takes the peer's. 0 means no heartbeats.
    public var heartbeatSeconds: Int64 = 30
    /// The greatest HeartBtInt an acceptor takes, in seconds.
    public var heartbeatSecondsMax: Int64 = 3_600
    /// How far SendingTime (52) may be from now.
    public var sendingTimeTolerance: Int64 = 120_000_000
    /// How long a connection may take to log on.
    public var logonTimeout: Int64 = 5_000_000
    /// How long we wait for the answer to our Logout before closing.
    public var logoutTimeout: Int64 = 2_000_000
    /// How long a gap may stay open before it is asked for again.
    public var resendRetry: Int64 = 10_000_000
    /// The most early messages kept while a gap is open; later ones come again with the resend.
    public var queuedMessagesMax = 1_024
    /// The most bytes of them.
    public var queuedBytesMax = 1 << 20
    /// An initiator asks for 141=Y; an acceptor starts both numbers at 1 with every Logon.
    public var resetsOnLogon = false
    /// User name (553) of an initiator; not sent where empty.
    public var username = ""
    /// Password (554); sent only with a user name. Never logged.
    public var password = ""

    /// The defaults of a session between two CompIDs.
    public init(role: Role, header: HeaderTemplate) {
        self.role = role
        self.header = header
    }
}
