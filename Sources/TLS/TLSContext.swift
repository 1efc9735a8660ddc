internal import COpenSSL
internal import Glibc

/// Certificates, authorities and rules that several sessions share; made once, for their files as they then are.
///
/// `@unchecked Sendable` is true because nothing changes a context once `init` has returned, and OpenSSL counts the
/// references of its sessions atomically.
public final class TLSContext: @unchecked Sendable {
    let handle: OpaquePointer
    /// What it was made from.
    public let settings: TLSSettings

    /// Reads the files; throws with what is wrong with one of them.
    public init(_ settings: TLSSettings) throws(TLSFault) {
        self.settings = settings
        ERR_clear_error()
        let method = settings.role == .client ? TLS_client_method() : TLS_server_method()
        guard let handle = SSL_CTX_new(method) else {
            throw TLSFault(.failed, "no TLS context: \(OpenSSLError.text())")
        }
        self.handle = handle
        guard springtide_ctx_prepare(handle) == 1 else {
            throw TLSFault(.failed, "TLS 1.2 is not available: \(OpenSSLError.text())")
        }
        switch settings.role {
        case .client: try loadServersAuthorities()
        case .server: try loadClientsAuthorities()
        }
        try loadCertificate()
    }

    deinit { SSL_CTX_free(handle) }

    private func loadServersAuthorities() throws(TLSFault) {
        guard settings.verification != .none else {
            SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nil)
            return
        }
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
        guard let file = settings.authorityFile else {
            guard SSL_CTX_set_default_verify_paths(handle) == 1 else {
                throw TLSFault(.files, "the system's authorities cannot be read: \(OpenSSLError.text())")
            }
            return
        }
        try load(authorities: file)
    }

    private func loadClientsAuthorities() throws(TLSFault) {
        guard settings.certificateFile != nil, settings.keyFile != nil else {
            throw TLSFault(.files, "a TLS server needs a certificate and its key")
        }
        // No tickets, so that every connection pays for its handshake; TLS 1.2's need a context all the same.
        SSL_CTX_set_num_tickets(handle, 0)
        let name = Array("springtide".utf8)
        SSL_CTX_set_session_id_context(handle, name, UInt32(name.count))
        guard let file = settings.authorityFile else { return }
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        try load(authorities: file)
    }

    private func load(authorities file: String) throws(TLSFault) {
        guard SSL_CTX_load_verify_locations(handle, file, nil) == 1 else {
            throw TLSFault(.files, "\(file) is no file of authority certificates: \(OpenSSLError.text())")
        }
    }

    private func loadCertificate() throws(TLSFault) {
        guard let certificate = settings.certificateFile, let key = settings.keyFile else { return }
        guard SSL_CTX_use_certificate_chain_file(handle, certificate) == 1 else {
            throw TLSFault(.files, "\(certificate) is no certificate: \(OpenSSLError.text())")
        }
        guard SSL_CTX_use_PrivateKey_file(handle, key, SSL_FILETYPE_PEM) == 1 else {
            let reason = OpenSSLError.text()
            throw TLSFault(.files, "\(key) is no unencrypted key of that certificate: \(reason)")
        }
        guard SSL_CTX_check_private_key(handle) == 1 else {
            throw TLSFault(.files, "\(key) is not the key of \(certificate)")
        }
    }

    /// When each file was last changed; a context made at other values is out of date.
    public static func versions(of settings: TLSSettings) -> [Int] {
        [settings.authorityFile, settings.certificateFile, settings.keyFile].flatMap { file in
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
