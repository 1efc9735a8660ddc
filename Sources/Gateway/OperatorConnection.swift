internal import NIOCore
internal import NIOHTTP1
internal import Telemetry

/// One HTTP connection of the operator: collects a request within the limits, finds its route, writes the answer.
final class OperatorConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let configuration: OperatorConfiguration
    private let routes: [OperatorRoute]
    private let spans: SpanRecorder?
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// The request breaks a limit: answered at once, the rest of it ignored.
    private var isRefused = false

    init(_ configuration: OperatorConfiguration, _ routes: [OperatorRoute], _ spans: SpanRecorder?) {
        self.configuration = configuration
        self.routes = routes
        self.spans = spans
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let part):
            guard !isRefused else { return }
            guard body.count + part.readableBytes <= configuration.bodyBytesMax else { return refuse(413, context) }
            body.append(contentsOf: part.readableBytesView)
        case .end:
            guard !isRefused, let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        body.removeAll(keepingCapacity: true)
        self.head = head
        if head.uri.utf8.count > configuration.targetBytesMax { return refuse(414, context) }
        let size = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        if size > configuration.headerBytesMax { return refuse(431, context) }
    }

    private func refuse(_ status: Int, _ context: ChannelHandlerContext) {
        isRefused = true
        write(.text(HTTPResponseStatus(statusCode: status).reasonPhrase, status: status), false, false, nil, context)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map(String.init) ?? "/"
        let segments = path.split(separator: "/")
        let isHead = head.method == .HEAD
        let method = isHead ? "GET" : head.method.rawValue
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.match(segments) else { continue }
            guard route.method == method else {
                allowed.append(route.method)
                continue
            }
            let request = OperatorRequest(
                path: path, query: parts.count > 1 ? String(parts[1]) : "", parameters: parameters,
                accept: head.headers["accept"].joined(separator: ","), body: body)
            return run(route, request, isHead, head.isKeepAlive, caller(head), context)
        }
        let status = allowed.isEmpty ? 404 : 405
        let text = HTTPResponseStatus(statusCode: status).reasonPhrase
        let allow = allowed.isEmpty ? nil : allowed.joined(separator: ", ")
        write(.text(text, status: status), isHead, head.isKeepAlive, allow, context)
    }

    /// Handlers run off the event loop; the pipeline holds the next request back until the answer is written.
    private func run(
        _ route: OperatorRoute, _ request: OperatorRequest, _ isHead: Bool, _ isKeepAlive: Bool,
        _ caller: TraceContext?, _ context: ChannelHandlerContext
    ) {
        let promise = context.eventLoop.makePromise(of: OperatorResponse.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let start = caller == nil ? 0 : spans?.now() ?? 0
        promise.futureResult.whenSuccess { response in
            let (connection, context) = bound.value
            connection.write(response, isHead, isKeepAlive, nil, context)
            if let caller { connection.record(route, response, caller, start) }
        }
        Task { promise.succeed(await route.handle(request)) }
    }

    /// The sampled context of a request: exactly one well-formed field `traceparent`.
    private func caller(_ head: HTTPRequestHead) -> TraceContext? {
        guard spans != nil else { return nil }
        let fields = head.headers["traceparent"]
        guard fields.count == 1, let caller = TraceContext(fields[0]), caller.isSampled else { return nil }
        return caller
    }

    private func record(
        _ route: OperatorRoute, _ response: OperatorResponse, _ caller: TraceContext, _ start: Int64
    ) {
        guard let spans else { return }
        var attributes = SpanRecord.Attributes()
        attributes.httpStatus = Int32(clamping: response.status)
        attributes.httpRoute = route.path
        spans.record(
            SpanRecord(
                context: caller.child(UInt64(bitPattern: start)), parent: caller.span,
                name: "\(route.method) \(route.path)", kind: .server, start: start, end: spans.now(),
                status: response.status >= 500 ? .error : .unset, attributes: attributes))
    }

    private func write(
        _ response: OperatorResponse, _ isHead: Bool, _ isKeepAlive: Bool, _ allow: String?,
        _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders([
            ("Content-Type", response.contentType), ("Content-Length", "\(response.body.count)"),
        ])
        if let allow { headers.add(name: "Allow", value: allow) }
        if !isKeepAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            var buffer = context.channel.allocator.buffer(capacity: response.body.count)
            buffer.writeBytes(response.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        let promise = isKeepAlive ? nil : context.eventLoop.makePromise(of: Void.self)
        if let promise {
            let channel = context.channel
            promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }
}
