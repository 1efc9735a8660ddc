internal import TLS

/// What a tier's TLS settings and faults are in the words of the module that does the work.
extension RedisTier.Configuration.TLS {
    var settings: TLSSettings {
        var settings = TLSSettings(.client)
        settings.authorityFile = authorityFile
        settings.certificateFile = certificateFile
        settings.keyFile = keyFile
        settings.serverName = serverName
        settings.verification =
            switch verification {
            case .full: .full
            case .authority: .authority
            case .none: .none
            }
        return settings
    }
}

extension NodeFault {
    init(_ fault: TLSFault) {
        let kind: RedisTier.FaultKind =
            switch fault.kind {
            case .cutOff: .unreachable
            case .notTLS: .notTLS
            case .unknownAuthority: .unknownAuthority
            case .certificateExpired: .certificateExpired
            case .wrongHost: .wrongHost
            case .certificateRefused: .clientCertificateRefused
            case .files, .failed: .tls
            }
        self.init(kind, fault.message)
    }
}
