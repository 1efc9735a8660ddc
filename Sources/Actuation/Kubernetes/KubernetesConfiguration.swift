internal import FoundationEssentials

/// Where the API server is and as whom it is asked.
public struct KubernetesConfiguration: Sendable, Equatable {
    /// URL of the API server without a path, e.g. `https://10.0.0.1:443`; a token is sent over https or to loopback only.
    public var server: String
    /// The namespace of all objects.
    public var namespace: String
    /// File with the bearer token; read again each minute, because it rotates. Nil sends none.
    public var tokenFile: String?
    /// PEM file of the authorities that signed the server's certificate; nil takes the system's.
    public var authorityFile: String?
    /// Name under which changes are recorded, at most 128 characters.
    public var fieldManager = "springtide-autoscaler"
    /// Seconds until an answer must be there.
    public var timeout = 4.0

    /// A configuration that is validated by `KubernetesClient`.
    public init(server: String, namespace: String, tokenFile: String? = nil, authorityFile: String? = nil) {
        self.server = server
        self.namespace = namespace
        self.tokenFile = tokenFile
        self.authorityFile = authorityFile
    }

    /// Folder in which a pod finds its service account.
    public static let serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The configuration of a pod: `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` and the service account's files.
    ///
    /// - Throws: `ActuationFault.configuration` outside of a cluster.
    public static func inCluster(
        environment: [String: String], folder: String = serviceAccount
    ) throws(ActuationFault) -> KubernetesConfiguration {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"],
            !host.isEmpty, UInt16(port) != nil
        else {
            throw ActuationFault(
                .configuration, "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
        }
        guard let text = try? String(contentsOfFile: "\(folder)/namespace", encoding: .utf8) else {
            throw ActuationFault(.configuration, "cannot read \(folder)/namespace: is the service account mounted?")
        }
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return KubernetesConfiguration(
            server: "https://\(bracketed):\(port)", namespace: text.filter { !$0.isWhitespace },
            tokenFile: "\(folder)/token", authorityFile: "\(folder)/ca.crt")
    }

    /// The first contradiction; nil where there is none.
    public var fault: String? {
        let isSecure = server.hasPrefix("https://")
        if !isSecure && !server.hasPrefix("http://") { return "server is a URL with http or https, not '\(server)'" }
        if !isSecure && tokenFile != nil && !isLoopback { return "a token is not sent over http to another machine" }
        if !Self.isName(namespace) { return "'\(namespace)' is no namespace" }
        if fieldManager.isEmpty || fieldManager.utf8.count > 128 || !fieldManager.utf8.allSatisfy(Self.isNameByte) {
            return "fieldManager is 1 to 128 of a-z, 0-9, '-' and '.'"
        }
        return timeout > 0 && timeout <= 60 ? nil : "timeout is more than 0 and at most 60 s"
    }

    private var isLoopback: Bool {
        ["http://127.0.0.1", "http://localhost", "http://[::1]"].contains { place in
            server == place || server.hasPrefix(place + ":") || server.hasPrefix(place + "/")
        }
    }

    /// Whether a text can be the name of an object: RFC 1123, lower case, at most 253 bytes.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= 253 else { return false }
        return ![first, last].contains(45) && ![first, last].contains(46) && text.utf8.allSatisfy(isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (48...57).contains(byte) || byte == 45 || byte == 46
    }
}
