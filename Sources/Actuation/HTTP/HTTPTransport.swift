/// A request to another process.
public struct HTTPCall: Sendable {
    /// GET, PUT, POST or PATCH.
    public var method: String
    /// The whole URL.
    public var url: String
    /// Fields of the head.
    public var fields: [(name: String, value: String)]
    /// The body; empty for none.
    public var body: [UInt8]
    /// Seconds until the whole answer must be there.
    public var timeout: Double
    /// The longest body that is taken.
    public var bytesMax: Int

    /// A request.
    public init(
        _ method: String = "GET", _ url: String, fields: [(name: String, value: String)] = [], body: [UInt8] = [],
        timeout: Double = 5, bytesMax: Int = 4 << 20
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.timeout = timeout
        self.bytesMax = bytesMax
    }
}

/// What came back.
public struct HTTPAnswer: Sendable {
    /// The status code.
    public var status: Int
    /// Field `Content-Type`, empty where there is none.
    public var contentType: String
    /// Field `Retry-After` where it is a number of seconds.
    public var retryAfter: Double?
    /// The body.
    public var body: [UInt8]

    /// An answer.
    public init(status: Int, contentType: String = "", retryAfter: Double? = nil, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.retryAfter = retryAfter
        self.body = body
    }
}

/// How requests leave: over the network by `HTTPCaller`, or in a test by a closure.
public struct HTTPTransport: Sendable {
    /// Sends a request and waits for the whole answer, whatever its status.
    public let send: @Sendable (HTTPCall) async throws(ActuationFault) -> HTTPAnswer

    /// A transport by a closure.
    public init(_ send: @escaping @Sendable (HTTPCall) async throws(ActuationFault) -> HTTPAnswer) {
        self.send = send
    }

    /// The answer of a call, where its status is 2xx.
    ///
    /// - Throws: the fault that the status stands for; `what` names the endpoint in its text.
    func succeed(_ call: HTTPCall, _ what: String) async throws(ActuationFault) -> HTTPAnswer {
        let answer = try await send(call)
        guard !(200..<300).contains(answer.status) else { return answer }
        throw Self.fault(answer, what)
    }

    private static func fault(_ answer: HTTPAnswer, _ what: String) -> ActuationFault {
        let code: ActuationFault.Code =
            switch answer.status {
            case 300..<400: .redirected
            case 400, 422: .invalid
            case 401: .unauthorized
            case 403: .forbidden
            case 404: .notFound
            case 409: .conflict
            case 410: .expired
            case 429: .throttled
            case 500..<600: .unavailable
            default: .status
            }
        // Kubernetes says `message`, our supervisor `error`.
        let tree = JSONTree(answer.body)
        let message = (tree?["message"].string ?? tree?["error"].string).map { ": \($0.prefix(300))" } ?? ""
        return ActuationFault(code, "\(what) answered \(answer.status)\(message)", retryAfter: answer.retryAfter)
    }
}

extension String {
    /// Encoded for a query or a form: unreserved characters of RFC 3986 stay, others are %XX.
    var percentEncoded: String {
        let hex = Array("0123456789ABCDEF".unicodeScalars)
        var out = ""
        for byte in utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                out.unicodeScalars.append("%")
                out.unicodeScalars.append(hex[Int(byte >> 4)])
                out.unicodeScalars.append(hex[Int(byte & 15)])
            }
        }
        return out
    }
}
