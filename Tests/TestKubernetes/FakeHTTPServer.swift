import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A request as the fake sees it.
public struct FakeRequest: Sendable {
    public var method: String
    /// Without the query.
    public var path: String
    /// Decoded.
    public var query: [String: String]
    public var contentType: String
    public var authorization: String
    public var accept: String
    public var body: [UInt8]
}

/// What the fake does with a request.
public enum FakeReply: Sendable {
    case answer(status: Int, type: String = "application/json", fields: [String: String] = [:], body: String)
    /// Says the length of `body` and more, sends `body`, and closes.
    case truncated(type: String, body: String)
    /// Sends these bytes and closes; not even HTTP has to be true.
    case raw(String)
    /// Never answers.
    case hang
    /// Answers a byte each 50 ms.
    case drip(type: String, body: String)
    /// Lines in chunks until `seconds` have passed; `feed` is given a function that sends one more.
    case stream(lines: [String], seconds: Double, feed: @Sendable (@escaping @Sendable (String) -> Void) -> Void)
    /// The same, later.
    indirect case late(seconds: Double, FakeReply)
}

/// An HTTP/1.1 server on loopback that can misbehave; it ends with `stop` or its process.
public final class FakeHTTPServer: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let handle: @Sendable (FakeRequest) -> FakeReply
    private let tls: NIOSSLContext?
    private let channel = Mutex<(any Channel)?>(nil)
    private let open = Mutex<[ObjectIdentifier: any Channel]>([:])

    /// A server that listens after `start`; with a certificate and key (PEM files) it speaks TLS.
    public init(
        certificate: String? = nil, key: String? = nil, _ handle: @escaping @Sendable (FakeRequest) -> FakeReply
    ) throws {
        self.handle = handle
        guard let certificate, let key else {
            tls = nil
            return
        }
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        tls = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))))
    }

    /// Listens on a port that was free, or on `port`; its base URL.
    public func start(port: Int = 0) async throws -> String {
        let tls = tls
        let listening = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                self.open.withLock { $0[ObjectIdentifier(channel)] = channel }
                channel.closeFuture.whenComplete { _ in
                    self.open.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
                }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(FakeHTTPConnection(self.handle))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        channel.withLock { $0 = listening }
        return "\(tls == nil ? "http" : "https")://127.0.0.1:\(listening.localAddress?.port ?? 0)"
    }

    /// Closes all connections and the listener.
    public func stop() async {
        let listening = channel.withLock { $0.take() }
        try? await listening?.close().get()
        for channel in open.withLock({ Array($0.values) }) { try? await channel.close().get() }
        try? await group.shutdownGracefully()
    }
}

private final class FakeHTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let handle: @Sendable (FakeRequest) -> FakeReply
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ handle: @escaping @Sendable (FakeRequest) -> FakeReply) { self.handle = handle }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head else { return }
            perform(handle(request(head)), head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func request(_ head: HTTPRequestHead) -> FakeRequest {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var query: [String: String] = [:]
        for pair in parts.dropFirst().first?.split(separator: "&") ?? [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = sides.count > 1 ? String(sides[1]).replacing("+", with: " ") : ""
            query[String(sides[0])] = value.removingPercentEncoding ?? value
        }
        return FakeRequest(
            method: head.method.rawValue, path: String(parts[0]), query: query,
            contentType: head.headers.first(name: "content-type") ?? "",
            authorization: head.headers.first(name: "authorization") ?? "",
            accept: head.headers["accept"].joined(separator: ","), body: body)
    }

    private func perform(_ reply: FakeReply, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        switch reply {
        case .answer(let status, let type, let fields, let body):
            var headers = HTTPHeaders([("Content-Type", type), ("Content-Length", "\(body.utf8.count)")])
            for (name, value) in fields.sorted(by: { $0.key < $1.key }) { headers.add(name: name, value: value) }
            write(status, headers, body, context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .truncated(let type, let body):
            let headers = HTTPHeaders([("Content-Type", type), ("Content-Length", "\(body.utf8.count + 100)")])
            write(200, headers, body, context)
            context.flush()
            context.eventLoop.scheduleTask(in: .milliseconds(20)) { bound.value.1.close(promise: nil) }
        case .raw(let text):
            let buffer = context.channel.allocator.buffer(string: text)
            let encoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
            encoder?.writeAndFlush(NIOAny(buffer), promise: nil)
            context.eventLoop.scheduleTask(in: .milliseconds(20)) { bound.value.1.close(promise: nil) }
        case .hang: break
        case .drip(let type, let body):
            let headers = HTTPHeaders([("Content-Type", type), ("Content-Length", "\(body.utf8.count)")])
            write(200, headers, "", context)
            context.flush()
            drip(Array(body.utf8)[...], bound)
        case .stream(let lines, let seconds, let feed):
            stream(lines, seconds, feed, bound)
        case .late(let seconds, let next):
            context.eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
                bound.value.0.perform(next, head, bound.value.1)
            }
        }
    }

    private func write(_ status: Int, _ headers: HTTPHeaders, _ body: String, _ context: ChannelHandlerContext) {
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        guard !body.isEmpty else { return }
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: body)))), promise: nil)
    }

    private func drip(_ rest: ArraySlice<UInt8>, _ bound: NIOLoopBound<(FakeHTTPConnection, ChannelHandlerContext)>) {
        let context = bound.value.1
        guard let byte = rest.first, context.channel.isActive else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            return
        }
        let buffer = context.channel.allocator.buffer(bytes: [byte])
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        context.eventLoop.scheduleTask(in: .milliseconds(50)) { bound.value.0.drip(rest.dropFirst(), bound) }
    }

    private func stream(
        _ lines: [String], _ seconds: Double, _ feed: @Sendable (@escaping @Sendable (String) -> Void) -> Void,
        _ bound: NIOLoopBound<(FakeHTTPConnection, ChannelHandlerContext)>
    ) {
        let context = bound.value.1
        let loop = context.eventLoop
        let headers = HTTPHeaders([("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
        write(200, headers, lines.map { $0 + "\n" }.joined(), context)
        context.flush()
        feed { line in
            loop.execute {
                let (connection, context) = bound.value
                guard context.channel.isActive else { return }
                let buffer = context.channel.allocator.buffer(string: line + "\n")
                context.writeAndFlush(connection.wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
            }
        }
        loop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
            let (connection, context) = bound.value
            context.writeAndFlush(connection.wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
