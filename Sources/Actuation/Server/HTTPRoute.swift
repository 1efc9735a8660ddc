/// One path that the listener answers to GET and HEAD.
public struct HTTPRoute: Sendable {
    /// What a handler answers.
    public struct Reply: Sendable {
        /// The status code.
        public var status: Int
        /// Field `Content-Type`.
        public var contentType: String
        /// The body.
        public var body: String

        /// An answer.
        public init(status: Int = 200, contentType: String = "application/json", _ body: String) {
            self.status = status
            self.contentType = contentType
            self.body = body
        }
    }

    let segments: [Substring]
    let handle: @Sendable (_ parameter: String, _ accept: String) -> Reply

    /// A route; the last segment of `path` may be `{name}`, which the handler gets as its parameter.
    ///
    /// Handlers run on the listener's event loop: they answer at once from memory.
    public init(
        _ path: String, _ handle: @escaping @Sendable (_ parameter: String, _ accept: String) -> Reply
    ) {
        precondition(path.hasPrefix("/"), "a route's path starts with a slash: \(path)")
        segments = path.split(separator: "/")
        self.handle = handle
    }

    /// The parameter where `path` is this route's (empty where it has none); nil for other paths.
    func match(_ path: [Substring]) -> String? {
        guard path.count == segments.count else { return nil }
        for (pattern, segment) in zip(segments, path) where !pattern.hasPrefix("{") && pattern != segment {
            return nil
        }
        return segments.last?.hasPrefix("{") == true ? path.last.map(String.init) : ""
    }
}

/// Where the decision server listens, and its limits.
public struct ListenerConfiguration: Sendable, Equatable {
    /// Address; loopback unless told otherwise. There is no authentication.
    public var host = "127.0.0.1"
    /// Port; 0 takes a free one.
    public var port = 0
    /// Connections at once; more are closed.
    public var connectionsMax = 128
    /// Bytes of a path with its query (414 beyond).
    public var targetBytesMax = 2_048
    /// Bytes of a request's body, which is not read (413 beyond).
    public var bodyBytesMax = 4_096
    /// Seconds that a connection may stay silent.
    public var idleTimeout = 60.0

    /// The defaults.
    public init() {}
}
