/// Where requests go.
public struct TargetPlan: Sendable {
    /// The protocol, with what only it needs.
    public enum Transport: Sendable {
        /// FIX 4.4 sessions over TCP or TLS.
        case fix(FIXTarget)
        /// HTTP/1.1 over TCP or TLS.
        case http(HTTPTarget)
        /// A function of this process, registered by name: no socket, no other process.
        case inProcess(String)
    }

    /// What happens to a request while `maxInFlight` others are unanswered.
    public enum Saturation: String, Sendable, CaseIterable {
        /// It waits; the wait is part of its response time.
        case queue
        /// It is counted as dropped, and as a response that took the timeout.
        case drop
    }

    /// Protocol.
    public var transport: Transport
    /// Address of the listener; unused in process.
    public var endpoint: Endpoint
    /// Connections (for FIX: sessions), 1...20,000.
    public var connections = 32
    /// Unanswered requests of one connection at most, 1...65,536; 1 for HTTP without pipelining.
    public var window = 65_536
    /// Unanswered requests of all connections at most, 1...200,000.
    public var maxInFlight = 20_000
    /// How long an answer may take from the sending of its request, nanoseconds.
    public var timeoutNanoseconds: UInt64 = 10_000_000_000
    /// What happens beyond `maxInFlight`.
    public var onSaturation = Saturation.queue
    /// Whether lost connections are made again.
    public var reconnects = false
    /// TLS; nil for plain TCP.
    public var tls: TLSPlan?

    /// A target with the defaults.
    public init(_ transport: Transport, at endpoint: Endpoint) {
        self.transport = transport
        self.endpoint = endpoint
    }
}

/// FIX session settings of a run.
public struct FIXTarget: Sendable, Equatable {
    /// Sessions have the SenderCompIDs `senderPrefix` + i, i from `sessionFirst` on.
    public var senderPrefix = "LG"
    /// Number of the first session; workers of one run have consecutive ranges.
    public var sessionFirst = 1
    /// TargetCompID of all sessions.
    public var targetCompID = "SPRINGTIDE"
    /// Field 553 of the Logon; the SenderCompID where only a password is given.
    public var username = ""
    /// Field 554 of the Logon; neither is sent where it is empty.
    public var password = ""
    /// HeartBtInt, seconds.
    public var heartbeatSeconds: Int64 = 30
    /// Open orders that a session remembers for cancels and replaces, 1...1,024.
    public var openOrdersPerSession = 1_024
    /// File that gets one line an acknowledgement; see `AckLog`.
    public var ackLogPath: String?
    /// Name of the run inside ClOrdIDs; nil takes the wall clock in milliseconds.
    public var runNumber: UInt64?

    /// The defaults.
    public init() {}
}

/// HTTP settings of a run.
public struct HTTPTarget: Sendable, Equatable {
    /// The Host header; the endpoint's text where empty.
    public var host = ""
    /// Headers of every request.
    public var headers: [Header] = []
    /// Greatest reply accepted, bytes.
    public var replyMax = 16 << 20

    /// A name and a value.
    public struct Header: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Its value.
        public var value: String

        /// A header without control characters.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The defaults.
    public init() {}
}

/// TLS settings of a run: TLS 1.2 or later, the server verified.
public struct TLSPlan: Sendable, Equatable {
    /// PEM file of authorities; the system's where nil.
    public var authorityFile: String?
    /// Certificate and key of this side for mutual TLS, PEM.
    public var certificateFile: String?
    /// The key of `certificateFile`.
    public var keyFile: String?
    /// Name the server's certificate must carry; the endpoint's address where nil.
    public var serverName: String?
    /// False accepts any certificate: for tests of one's own.
    public var verifies = true

    /// The defaults.
    public init() {}
}
