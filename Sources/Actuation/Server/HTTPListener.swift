internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// An HTTP/1.1 server for what is known at once: one event loop, GET and HEAD, limits on everything.
public final class HTTPListener: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let configuration: ListenerConfiguration
    private let routes: [HTTPRoute]
    private let connections = Atomic<Int>(0)
    private let channel = Mutex<(any Channel)?>(nil)

    /// A listener for `routes`; it listens after `start`.
    public init(_ configuration: ListenerConfiguration, routes: [HTTPRoute]) {
        self.configuration = configuration
        self.routes = routes
    }

    /// Listens; hands back the port.
    ///
    /// - Throws: `ActuationFault.bind` with the address and the reason.
    @discardableResult
    public func start() async throws(ActuationFault) -> Int {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                guard self.connections.add(1, ordering: .relaxed).newValue <= self.configuration.connectionsMax else {
                    self.connections.subtract(1, ordering: .relaxed)
                    return channel.close()
                }
                channel.closeFuture.whenComplete { _ in self.connections.subtract(1, ordering: .relaxed) }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let idle = TimeAmount.nanoseconds(Int64(self.configuration.idleTimeout * 1e9))
                    try pipeline.addHandler(BackPressureHandler())
                    try pipeline.addHandler(IdleStateHandler(readTimeout: idle, writeTimeout: idle))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(HTTPConnection(self.configuration, self.routes))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
            self.channel.withLock { $0 = channel }
            return channel.localAddress?.port ?? configuration.port
        } catch {
            throw ActuationFault(.bind, "cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
    }

    /// Stops listening and closes all connections; a second call does nothing.
    public func stop() async {
        let listening = channel.withLock { $0.take() }
        // A listener that is closed already is what we want.
        try? await listening?.close().get()
        try? await group.shutdownGracefully()
    }
}

/// One connection: the head of a request, its route, the answer; a body is passed over within its limit.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let configuration: ListenerConfiguration
    private let routes: [HTTPRoute]
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
    private var isClosing = false

    init(_ configuration: ListenerConfiguration, _ routes: [HTTPRoute]) {
        self.configuration = configuration
        self.routes = routes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            bodyBytes = 0
            if head.uri.utf8.count > configuration.targetBytesMax { refuse(414, context) }
        case .body(let part):
            bodyBytes += part.readableBytes
            if head != nil, bodyBytes > configuration.bodyBytesMax { refuse(413, context) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func refuse(_ status: Int, _ context: ChannelHandlerContext) {
        head = nil
        write(Self.plain(status), isHead: false, keepAlive: false, context)
    }

    private static func plain(_ status: Int) -> HTTPRoute.Reply {
        HTTPRoute.Reply(
            status: status, contentType: "text/plain; charset=utf-8",
            HTTPResponseStatus(statusCode: status).reasonPhrase + "\n")
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = head.uri.prefix { $0 != "?" }.split(separator: "/")
        for route in routes {
            guard let parameter = route.match(path) else { continue }
            guard head.method == .GET || head.method == .HEAD else {
                return write(Self.plain(405), isHead: false, keepAlive: head.isKeepAlive, context, allow: "GET, HEAD")
            }
            let reply = route.handle(parameter, head.headers["accept"].joined(separator: ","))
            return write(reply, isHead: head.method == .HEAD, keepAlive: head.isKeepAlive, context)
        }
        write(Self.plain(404), isHead: head.method == .HEAD, keepAlive: head.isKeepAlive, context)
    }

    private func write(
        _ reply: HTTPRoute.Reply, isHead: Bool, keepAlive: Bool, _ context: ChannelHandlerContext, allow: String? = nil
    ) {
        // A client that asks on and does not read gets no more answers than fit what is sent at once.
        let keepAlive = keepAlive && context.channel.isWritable
        isClosing = !keepAlive
        var headers = HTTPHeaders([
            ("Content-Type", reply.contentType), ("Content-Length", "\(reply.body.utf8.count)"),
            ("Cache-Control", "no-store"),
        ])
        if let allow { headers.add(name: "Allow", value: allow) }
        if !keepAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            let buffer = context.channel.allocator.buffer(string: reply.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        let done = keepAlive ? nil : context.eventLoop.makePromise(of: Void.self)
        if let done {
            let channel = context.channel
            done.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
    }
}
