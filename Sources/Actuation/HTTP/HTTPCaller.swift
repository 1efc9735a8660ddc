internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// The HTTP client: one event loop, HTTP/1.1, connections kept for 30 s, no redirects, no proxy, no cookies.
///
/// Every call has a deadline for the whole answer and a limit on its bytes. Call `stop` before it goes.
public final class HTTPCaller: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let client: HTTPClient

    /// A client that trusts the authorities of a PEM file, or the system's where it is nil.
    ///
    /// - Throws: `ActuationFault.configuration` where the file cannot be read as certificates.
    public init(authorityFile: String? = nil) throws(ActuationFault) {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5)),
            connectionPool: .init(idleTimeout: .seconds(30)),
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        if let authorityFile {
            do {
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorityFile))
                configuration.tlsConfiguration = tls
            } catch {
                throw ActuationFault(.configuration, "cannot read the authority file \(authorityFile): \(error)")
            }
        }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Sends calls through this client.
    public var transport: HTTPTransport {
        HTTPTransport { call throws(ActuationFault) in try await self.send(call) }
    }

    /// Closes all connections and ends the event loop; calls that wait fail.
    public func stop() async {
        // A client that is shut down already is what we want.
        try? await client.shutdown()
        try? await group.shutdownGracefully()
    }

    private func send(_ call: HTTPCall) async throws(ActuationFault) -> HTTPAnswer {
        do {
            var request = HTTPClientRequest(url: call.url)
            request.method = HTTPMethod(rawValue: call.method)
            for field in call.fields { request.headers.add(name: field.name, value: field.value) }
            if !call.body.isEmpty { request.body = .bytes(call.body) }
            let deadline = NIODeadline.now() + .nanoseconds(Int64(call.timeout * 1e9))
            let response = try await client.execute(request, deadline: deadline)
            let body = try await Self.collect(response, call.bytesMax, until: deadline)
            return HTTPAnswer(
                status: Int(response.status.code), contentType: response.headers.first(name: "content-type") ?? "",
                retryAfter: response.headers.first(name: "retry-after").flatMap(Double.init),
                body: Array(body.readableBytesView))
        } catch {
            throw Self.fault(error, call)
        }
    }

    private struct Late: Error {}

    /// The client's own deadline ends with the head: a body that comes in drops, or stops, needs one of its own.
    private static func collect(
        _ response: HTTPClientResponse, _ bytesMax: Int, until deadline: NIODeadline
    ) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await response.body.collect(upTo: bytesMax) }
            group.addTask {
                try await Task.sleep(for: .nanoseconds(max(0, (deadline - .now()).nanoseconds)))
                throw Late()
            }
            return try await group.next() ?? ByteBuffer()
        }
    }

    private static func fault(_ error: any Error, _ call: HTTPCall) -> ActuationFault {
        let place = "\(call.method) \(call.url)"
        switch error {
        case let error as HTTPClientError where isTimeout(error):
            return ActuationFault(.timeout, "\(place): no answer within \(call.timeout) s")
        case let error as HTTPClientError where error == .cancelled:
            return ActuationFault(.cancelled, "\(place): cancelled")
        case let error as HTTPClientError where isConfiguration(error):
            return ActuationFault(.configuration, "\(place): \(error.shortDescription)")
        case let error as HTTPClientError:
            return ActuationFault(.unreachable, "\(place): \(error.shortDescription)")
        case is Late: return ActuationFault(.timeout, "\(place): the answer did not end within \(call.timeout) s")
        case is NIOTooManyBytesError:
            return ActuationFault(.tooLarge, "\(place): the answer has more than \(call.bytesMax) bytes")
        case is CancellationError:
            return ActuationFault(.cancelled, "\(place): cancelled")
        default:
            return ActuationFault(.unreachable, "\(place): \(error)")
        }
    }

    private static func isTimeout(_ error: HTTPClientError) -> Bool {
        [.deadlineExceeded, .connectTimeout, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout]
            .contains(error)
    }

    private static func isConfiguration(_ error: HTTPClientError) -> Bool {
        [.invalidURL, .emptyHost, .emptyScheme].contains(error)
    }
}
