internal import COpenSSL
internal import Glibc

/// TLS over one non-blocking socket, by either side. Confined to one thread at a time; the descriptor stays its
/// owner's, who closes it after `sayGoodbye`.
public final class TLSSession {
    /// How far the handshake is.
    public enum Handshake: Sendable, Equatable {
        /// Bytes can be sent and received.
        case done
        /// Call again once the socket is readable.
        case wantsInput
        /// Call again once the socket is writable.
        case wantsOutput
        /// It will not come about.
        case failed(TLSFault)
    }

    /// How far a call got.
    public enum Progress: Sendable, Equatable {
        /// So many bytes, at least one.
        case bytes(Int)
        /// Nothing can be read or written now.
        case wouldBlock
        /// The peer said close_notify: nothing was cut off.
        case ended
        /// The stream is over, and why.
        case failed(TLSFault)
    }

    // One for the process: a constant table of functions.
    nonisolated(unsafe) private static let method = springtide_bio_method()

    private let handle: OpaquePointer
    private let context: TLSContext
    private var isEstablished = false
    private var isBroken = false

    /// A session that has not said anything yet.
    ///
    /// - Parameter host: name or numeric address that a client connects to, sent and checked where the settings give
    ///   no server name; a server has no use for it.
    public init(_ context: TLSContext, descriptor: Int32, host: String) throws(TLSFault) {
        self.context = context
        ERR_clear_error()
        guard let handle = SSL_new(context.handle) else {
            throw TLSFault(.failed, "no TLS session: \(OpenSSLError.text())")
        }
        self.handle = handle
        guard let method = Self.method, springtide_ssl_attach(handle, method, descriptor) == 1 else {
            throw TLSFault(.failed, "no TLS session: out of memory")
        }
        switch context.settings.role {
        case .client:
            SSL_set_connect_state(handle)
            try name(context.settings.serverName ?? host)
        case .server: SSL_set_accept_state(handle)
        }
    }

    deinit { SSL_free(handle) }

    /// Sends close_notify as far as that goes at once; the socket is still open.
    public func sayGoodbye() {
        // Not allowed after a fatal error.
        guard isEstablished, !isBroken else { return }
        ERR_clear_error()
        SSL_shutdown(handle)
    }

    /// Sets the name that is sent (host names only, RFC 6066 section 3) and checked.
    private func name(_ name: String) throws(TLSFault) {
        let isChecked = context.settings.verification == .full
        let parameters = SSL_get0_param(handle)
        var isSet = true
        if Self.isNumeric(name) {
            if isChecked { isSet = X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 }
        } else {
            isSet = springtide_ssl_set_sni(handle, name) == 1
            if isChecked {
                X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
                isSet = isSet && X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
            }
        }
        if !isSet { throw TLSFault(.failed, "\(name) cannot be a server's name: \(OpenSSLError.text())") }
    }

    private static func isNumeric(_ host: String) -> Bool {
        var room = in6_addr()
        return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1
    }

    /// The name that the client asked a server for; nil for a numeric address, and on the client's side.
    public var requestedName: String? {
        SSL_get_servername(handle, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    /// Takes the handshake as far as it goes without waiting.
    public func handshake() -> Handshake {
        ERR_clear_error()
        let result = SSL_do_handshake(handle)
        if result == 1 {
            isEstablished = true
            return .done
        }
        let error = errno
        switch SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ: return .wantsInput
        case SSL_ERROR_WANT_WRITE: return .wantsOutput
        case let code: return .failed(failure(code, errno: error))
        }
    }

    /// Encrypts and sends what fits into the socket; after `wouldBlock` the same bytes must be offered again.
    public func send(_ bytes: UnsafeRawBufferPointer) -> Progress {
        ERR_clear_error()
        var count = 0
        let result = SSL_write_ex(handle, bytes.baseAddress, bytes.count, &count)
        return progress(result, count, errno: errno)
    }

    /// Receives and decrypts what is there, one record (16 KiB) at most.
    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
        ERR_clear_error()
        var count = 0
        let result = SSL_read_ex(handle, buffer.baseAddress, buffer.count, &count)
        return progress(result, count, errno: errno)
    }

    /// Whether bytes are here that the socket does not tell of any more.
    public var hasPendingInput: Bool { SSL_has_pending(handle) == 1 }

    private func progress(_ result: Int32, _ count: Int, errno error: Int32) -> Progress {
        if result == 1 { return .bytes(count) }
        switch SSL_get_error(handle, result) {
        // Renegotiation is off, so a read never waits for output, nor a write for input.
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .ended
        case let code: return .failed(failure(code, errno: error))
        }
    }

    // MARK: What went wrong

    private func failure(_ code: Int32, errno error: Int32) -> TLSFault {
        isBroken = true
        let packed = ERR_peek_error()
        ERR_clear_error()
        let reason = springtide_error_reason(packed)
        if code == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING {
            let isEnd = code != SSL_ERROR_SYSCALL || error == 0
            let text = isEnd ? "closed by the \(peer)" : String(cString: strerror(error))
            return TLSFault(.cutOff, isEstablished ? text : "\(text) during the TLS handshake")
        }
        guard code == SSL_ERROR_SSL else { return TLSFault(.failed, "TLS failed (\(code))") }
        if !isEstablished, let fault = certificateFault() { return fault }
        return protocolFault(reason) ?? TLSFault(.failed, "TLS failed: \(OpenSSLError.text(packed))")
    }

    private var peer: String { context.settings.role == .client ? "server" : "client" }

    /// What was wrong with the peer's certificate, or nil.
    private func certificateFault() -> TLSFault? {
        let settings = context.settings
        let isChecked = settings.role == .client ? settings.verification != .none : settings.authorityFile != nil
        guard isChecked else { return nil }
        let result = Int32(truncatingIfNeeded: SSL_get_verify_result(handle))
        let name = settings.serverName.map { " (\($0))" } ?? ""
        switch result {
        case X509_V_OK: return nil
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return TLSFault(.certificateExpired, "the \(peer)'s certificate has expired")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return TLSFault(.certificateExpired, "the \(peer)'s certificate is not valid yet")
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return TLSFault(.wrongHost, "the \(peer)'s certificate does not name this host\(name)")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return TLSFault(.unknownAuthority, "the \(peer)'s certificate is not signed by a known authority")
        default:
            let text = X509_verify_cert_error_string(Int(result)).map { String(cString: $0) } ?? "\(result)"
            return TLSFault(.failed, "the \(peer)'s certificate is refused: \(text)")
        }
    }

    private func protocolFault(_ reason: Int32) -> TLSFault? {
        switch reason {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_UNEXPECTED_MESSAGE,
            SSL_R_BAD_RECORD_TYPE:
            return TLSFault(.notTLS, "the \(peer) does not speak TLS on this port")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return TLSFault(.notTLS, "the \(peer) offers no TLS 1.2 or later")
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return TLSFault(.certificateRefused, "the \(peer) wants a \(own) certificate, and got none")
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSFault(.unknownAuthority, "the \(peer) has no certificate")
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
            SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
            SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_TLSV1_ALERT_ACCESS_DENIED:
            return TLSFault(.certificateRefused, "the \(peer) refused the \(own)'s certificate")
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
            return TLSFault(
                .failed, "the \(peer) refused the handshake: no cipher in common, or it wants a certificate")
        default: return nil
        }
    }

    private var own: String { context.settings.role == .client ? "client" : "server" }
}
