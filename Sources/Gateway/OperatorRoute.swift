/// One path of the operator's HTTP interface.
public struct OperatorRoute: Sendable {
    /// Path with `{name}` for variable segments: `/orders/{id}`.
    public let path: String
    let method: String
    let segments: [Substring]
    let handle: @Sendable (OperatorRequest) async -> OperatorResponse

    /// A route for GET.
    public static func get(
        _ path: String, _ handle: @escaping @Sendable (OperatorRequest) async -> OperatorResponse
    ) -> OperatorRoute {
        OperatorRoute("GET", path, handle)
    }

    /// A route for POST, which changes something.
    public static func post(
        _ path: String, _ handle: @escaping @Sendable (OperatorRequest) async -> OperatorResponse
    ) -> OperatorRoute {
        OperatorRoute("POST", path, handle)
    }

    /// A route for PUT, which sets something.
    public static func put(
        _ path: String, _ handle: @escaping @Sendable (OperatorRequest) async -> OperatorResponse
    ) -> OperatorRoute {
        OperatorRoute("PUT", path, handle)
    }

    private init(
        _ method: String, _ path: String, _ handle: @escaping @Sendable (OperatorRequest) async -> OperatorResponse
    ) {
        precondition(path.hasPrefix("/"), "a route's path starts with a slash: \(path)")
        self.method = method
        self.path = path
        self.handle = handle
        segments = path.split(separator: "/")
    }

    /// The variable segments of `path`, or nil if it is another path.
    func match(_ other: [Substring]) -> [String: String]? {
        guard other.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (pattern, segment) in zip(segments, other) {
            if pattern.hasPrefix("{"), pattern.hasSuffix("}") {
                parameters[String(pattern.dropFirst().dropLast())] = String(segment)
            } else if pattern != segment {
                return nil
            }
        }
        return parameters
    }
}

/// What a route's handler is given.
public struct OperatorRequest: Sendable {
    /// Path without the query.
    public let path: String
    /// The text behind `?`, undecoded; empty where there is none.
    public let query: String
    /// The variable segments of the route's path.
    public let parameters: [String: String]
    /// Field `Accept`, empty where there is none.
    public let accept: String
    /// Body of a POST or PUT, at most `OperatorConfiguration.bodyBytesMax` bytes.
    public let body: [UInt8]
}

/// What a route's handler answers.
public struct OperatorResponse: Sendable {
    /// HTTP status code.
    public var status: Int
    /// Field `Content-Type`.
    public var contentType: String
    /// The body.
    public var body: [UInt8]

    /// An answer of those parts.
    public init(status: Int = 200, contentType: String = "application/json", body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// A JSON document that is ready as text.
    public static func json(_ text: String, status: Int = 200) -> OperatorResponse {
        OperatorResponse(status: status, body: Array(text.utf8))
    }

    /// An answer in plain text, with a line end.
    public static func text(_ text: String, status: Int = 200) -> OperatorResponse {
        OperatorResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array((text + "\n").utf8))
    }
}

/// How the operator's listener listens, and its limits.
public struct OperatorConfiguration: Sendable {
    /// Address; loopback unless told otherwise. There is no authentication: keep it there, or behind a proxy.
    public var host = "127.0.0.1"
    /// Port; 0 takes a free one.
    public var port = 0
    /// The most connections at once.
    public var connectionsMax = 256
    /// The longest path with query, bytes (414 beyond).
    public var targetBytesMax = 2_048
    /// The most bytes of header fields (431 beyond).
    public var headerBytesMax = 16_384
    /// The longest body, bytes (413 beyond).
    public var bodyBytesMax = 65_536
    /// How long a connection may stay silent, milliseconds.
    public var idleTimeoutMilliseconds: Int64 = 60_000

    /// The defaults.
    public init() {}
}
