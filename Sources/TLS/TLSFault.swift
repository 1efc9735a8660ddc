/// Why a TLS context or session is of no use; the message holds no secret and no payload.
public struct TLSFault: Error, Hashable, Sendable {
    /// What to act on.
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// The connection ended without the peer's close_notify, by a reset or in the middle of the handshake.
        case cutOff
        /// The peer does not speak TLS on that port, or no version of it from 1.2 on.
        case notTLS
        /// Its certificate is not signed by a known authority.
        case unknownAuthority
        /// Its certificate has expired, or is not valid yet.
        case certificateExpired
        /// Its certificate names another host.
        case wrongHost
        /// The peer refused this side's certificate, or misses one.
        case certificateRefused
        /// A certificate, key or authority file cannot be used, or is missing.
        case files
        /// TLS failed in another way.
        case failed
    }

    /// What to act on.
    public let kind: Kind
    /// For a person.
    public let message: String

    /// A fault with its message.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}
