internal import TLS

extension RedisTier.Configuration {
    /// TLS 1.2 or 1.3 to every server, with a certificate of our own where the servers ask for one.
    ///
    /// The files are PEM. They are read again for the first connection after one of them has changed, so that
    /// certificates can be replaced while the program runs; files that do not fit together then leave the old ones in
    /// use.
    public struct TLS: Sendable, Hashable {
        /// How much of the server's certificate is checked.
        public enum Verification: String, Sendable, CaseIterable {
            /// The chain to a known authority, the validity period, and the host name or address.
            case full
            /// All but the name: for nodes reached by addresses that their certificates do not list.
            case authority
            /// Nothing: the bytes are hidden from those who listen, not from those who pretend to be the server.
            case none
        }

        /// The authorities that may have signed the servers' certificates; nil for those the system trusts.
        public var authorityFile: String?
        /// This client's certificate, its chain behind it; nil where the servers ask for none.
        public var certificateFile: String?
        /// The certificate's private key, not encrypted.
        public var keyFile: String?
        /// The name to ask for and to check; nil for each server's own host or address.
        public var serverName: String?
        /// What is checked.
        public var verification = Verification.full

        /// Verified in full, against the system's authorities, without a certificate of our own.
        public init() {}

        /// What is wrong with it, files included; nil if nothing is.
        public var problem: String? {
            guard (certificateFile == nil) == (keyFile == nil) else {
                return "tls: a certificate and its key go together"
            }
            if let serverName, serverName.isEmpty || serverName.utf8.count > 253 {
                return "tls: the server name must have 1 to 253 bytes"
            }
            do throws(TLSFault) {
                _ = try TLSContext(settings)
                return nil
            } catch {
                return "tls: \(error.message)"
            }
        }
    }
}
