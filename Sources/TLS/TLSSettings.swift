/// What the sessions of one context agree on: TLS 1.2 or 1.3, no renegotiation, no compression, no resumption.
///
/// The files are PEM.
public struct TLSSettings: Sendable, Hashable {
    /// Which side of the handshake is played.
    public enum Role: Sendable, Hashable {
        /// Opens the handshake and checks the server's certificate.
        case client
        /// Answers it with a certificate of its own, which is required. Where an authority file is given, clients
        /// without a certificate that it signed are refused.
        case server
    }

    /// How much of a server's certificate is checked; what a server asks of its clients follows from `authorityFile`.
    public enum Verification: Sendable, Hashable {
        /// The chain to a known authority, the validity period, and the host name or address.
        case full
        /// All but the name.
        case authority
        /// Nothing: the bytes are hidden from those who listen, not from those who pretend to be the server.
        case none
    }

    /// Which side is played.
    public var role: Role
    /// The authorities that may have signed the peer's certificate; a client takes the system's where it is nil.
    public var authorityFile: String?
    /// This side's certificate, its chain behind it; goes with `keyFile`.
    public var certificateFile: String?
    /// The certificate's private key, not encrypted.
    public var keyFile: String?
    /// The name a client asks for and checks; nil for the host or address that it connects to.
    public var serverName: String?
    /// What a client checks.
    public var verification = Verification.full

    /// A client that verifies in full, against the system's authorities; or a server that still needs its certificate.
    public init(_ role: Role = .client) { self.role = role }
}
