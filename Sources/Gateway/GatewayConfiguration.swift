public import Market

/// One counterparty that may open a FIX session.
public struct SessionDefinition: Sendable {
    /// The session's number, the same every day: it names the files of its sequence numbers.
    public var id: SessionID
    /// The counterparty's CompID: 49 in what it sends.
    public var compID: String

    /// The session of `compID`.
    public init(id: SessionID, compID: String) {
        self.id = id
        self.compID = compID
    }
}

/// How the gateway listens, and its limits.
public struct GatewayConfiguration: Sendable {
    /// Address of the FIX listener; loopback unless told otherwise.
    public var host = "127.0.0.1"
    /// Port of the FIX listener; 0 takes a free one.
    public var port = 0
    /// Our CompID: 56 in what counterparties send.
    public var compID = "SPRINGTIDE"
    /// The counterparties.
    public var sessions: [SessionDefinition] = []
    /// Where sequence numbers and sent messages are kept; nil keeps them in memory, gone with the process.
    public var directory: String?
    /// The trading day, as a number; a store of another day starts at 1 again. 0 never resets.
    public var day: UInt64 = 0
    /// The most connections at once, logged on or not.
    public var connectionsMax = 4_096
    /// The most connections of one address.
    public var connectionsPerAddressMax = 4_096
    /// How long a connection may take to log on, microseconds.
    public var logonTimeout: Int64 = 5_000_000
    /// Bytes a peer may leave unread before it is disconnected.
    public var outboundBytesMax = 16 << 20
    /// The largest message, bytes.
    public var messageLengthMax = 8_192
    /// Bytes of garbage in a row, without a good message between, before a peer is disconnected.
    public var garbledBytesMax = 65_536
    /// Bytes of sent messages kept per session for resending; older ones are gap-filled.
    public var messageLogBytesMax = 1 << 30
    /// How far SendingTime may be from now, microseconds.
    public var sendingTimeTolerance: Int64 = 120_000_000
    /// Of requests without a trace context of their own, one in so many begins a trace here; 0: none.
    public var traceSampleEvery = 0
    /// Makes the ids of the traces begun here: two runs must not have the same.
    public var traceSeed = UInt64.random(in: .min ... .max)
    /// How long a stop waits for Logouts to be answered, milliseconds.
    public var stopTimeoutMilliseconds: Int64 = 1_000

    /// The defaults, with no counterparties.
    public init() {}
}

/// Why the gateway does not start.
public struct GatewayError: Error, CustomStringConvertible {
    /// Kind of fault.
    public enum Code: Sendable {
        /// A configured value cannot be used.
        case configuration
        /// The address cannot be listened on.
        case bind
        /// A session's files cannot be opened.
        case store
    }

    /// Kind of fault.
    public let code: Code
    /// What a person can act on.
    public let message: String

    /// The message.
    public var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
