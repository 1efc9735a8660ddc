internal import COpenSSL
internal import Glibc

/// Certificates, authorities and rules that the TLS connections of a tier share.
///
/// `@unchecked Sendable` is true because nothing changes a context once `init` has returned, and OpenSSL counts the
/// references of its connections atomically.
final class TLSContext: @unchecked Sendable {
    let handle: OpaquePointer
    let configuration: RedisTier.Configuration.TLS

    /// Reads the files; throws with what is wrong with one of them.
    init(_ configuration: RedisTier.Configuration.TLS) throws(NodeFault) {
        self.configuration = configuration
        ERR_clear_error()
        guard let handle = SSL_CTX_new(TLS_client_method()) else {
            throw NodeFault(.tls, "no TLS context: \(OpenSSLError.text())")
        }
        self.handle = handle
        guard springtide_ctx_prepare(handle) == 1 else {
            throw NodeFault(.tls, "TLS 1.2 is not available: \(OpenSSLError.text())")
        }
        try loadAuthorities()
        try loadCertificate()
    }

    deinit { SSL_CTX_free(handle) }

    private func loadAuthorities() throws(NodeFault) {
        guard configuration.verification != .none else {
            SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nil)
            return
        }
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
        guard let file = configuration.authorityFile else {
            guard SSL_CTX_set_default_verify_paths(handle) == 1 else {
                throw NodeFault(.tls, "the system's authorities cannot be read: \(OpenSSLError.text())")
            }
            return
        }
        guard SSL_CTX_load_verify_locations(handle, file, nil) == 1 else {
            throw NodeFault(.tls, "\(file) is no file of authority certificates: \(OpenSSLError.text())")
        }
    }

    private func loadCertificate() throws(NodeFault) {
        guard let certificate = configuration.certificateFile, let key = configuration.keyFile else { return }
        guard SSL_CTX_use_certificate_chain_file(handle, certificate) == 1 else {
            throw NodeFault(.tls, "\(certificate) is no certificate: \(OpenSSLError.text())")
        }
        guard SSL_CTX_use_PrivateKey_file(handle, key, SSL_FILETYPE_PEM) == 1 else {
            let reason = OpenSSLError.text()
            throw NodeFault(.tls, "\(key) is no unencrypted key of that certificate: \(reason)")
        }
        guard SSL_CTX_check_private_key(handle) == 1 else {
            throw NodeFault(.tls, "\(key) is not the key of \(certificate)")
        }
    }

    /// When each file was last changed; a context of another value is out of date.
    static func versions(of configuration: RedisTier.Configuration.TLS) -> [Int] {
        [configuration.authorityFile, configuration.certificateFile, configuration.keyFile].flatMap { file in
            var status = stat()
            guard let file, stat(file, &status) == 0 else { return [0, 0, 0] }
            return [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec), Int(status.st_ino)]
        }
    }
}

/// OpenSSL's queue of errors, which each thread has for itself.
enum OpenSSLError {
    /// The reason of the newest error, and an empty queue.
    static func text() -> String {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        return text(code)
    }

    /// The reason of an error, or the errno inside it.
    static func text(_ code: UInt) -> String {
        guard code != 0 else { return "no reason given" }
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        return String(cString: strerror(springtide_error_reason(code)))
    }
}
