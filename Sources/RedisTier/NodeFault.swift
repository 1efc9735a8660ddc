internal import CacheStack

extension RedisTier {
    /// What ended a node's connection, to act on; `NodeState.lastFault` says it for a person.
    public enum FaultKind: String, Sendable, Hashable, CaseIterable {
        /// No connection could be made, or it broke.
        case unreachable
        /// A handshake or a reply did not come in time.
        case deadline
        /// The server answered with something that is not Redis' protocol, or that breaks a cap.
        case protocolViolation
        /// The node refuses to serve at present.
        case notServing
        /// AUTH was refused: wrong user or password, or none is set.
        case credentialsRefused
        /// The server wants a password and none is configured.
        case credentialsMissing
        /// The user may not run a command of the tier.
        case notPermitted
        /// The server does not speak TLS on that port, or no version of it from 1.2 on.
        case notTLS
        /// Its certificate is not signed by a known authority.
        case unknownAuthority
        /// Its certificate has expired, or is not valid yet.
        case certificateExpired
        /// Its certificate names another host.
        case wrongHost
        /// The server refused this client's certificate, or misses one.
        case clientCertificateRefused
        /// TLS failed in another way; the certificate files here may be at fault.
        case tls
    }
}

/// Why a connection is of no use; the message holds no secret and no payload.
struct NodeFault: Error, Hashable {
    let kind: RedisTier.FaultKind
    let message: String

    init(_ kind: RedisTier.FaultKind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// What the commands of that connection end with.
    var error: TierError {
        switch kind {
        case .deadline: TierError(.deadline, message)
        case .protocolViolation: TierError(.protocolViolation, message)
        default: TierError(.unavailable, message)
        }
    }

    /// The same with the address in front.
    func at(_ address: RedisAddress) -> NodeFault { NodeFault(kind, "Redis at \(address): \(message)") }
}
