internal import FIX
internal import NIOCore
internal import Telemetry

/// One accepted TCP connection: cuts the stream into frames and hands them to the engine.
///
/// Owned by the event loop of its channel.
final class FIXConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let engine: FIXEngine
    /// The beginning of a frame whose end has not come yet.
    private var rest = ByteBuffer()
    private var garbledBytes = 0
    private(set) var context: ChannelHandlerContext?
    let address: String
    /// The session this connection has logged on to.
    var session: FIXSession?
    var acceptedAt: Int64 = 0
    private(set) var isClosed = false

    init(_ engine: FIXEngine, address: String) {
        self.engine = engine
        self.address = address
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        if !engine.accepted(self) { close() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        self.context = nil
        engine.closed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        guard !isClosed else { return }
        engine.metrics.bytesIn.increment(by: UInt64(incoming.readableBytes))
        if rest.readableBytes == 0 {
            takeFrames(&incoming)
            // A copy of the few bytes left, so that the socket's buffer can be used again.
            if incoming.readableBytes > 0 { rest.writeBuffer(&incoming) }
        } else {
            rest.writeBuffer(&incoming)
            var stream = ByteBuffer()
            swap(&stream, &rest)
            takeFrames(&stream)
            if stream.readableBytes > 0 { rest = stream }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let session { engine.continueResend(session) }
    }

    private func takeFrames(_ buffer: inout ByteBuffer) {
        while !isClosed, buffer.readableBytes > 0 {
            let result = unsafe buffer.withUnsafeReadableBytes { bytes in
                unsafe FrameScanner.scan(bytes, lengthMax: engine.configuration.messageLengthMax)
            }
            switch result {
            case .needMore: return
            case .frame(let length):
                garbledBytes = 0
                let outcome = unsafe buffer.withUnsafeReadableBytes { bytes in
                    unsafe engine.fields.parse(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
                }
                buffer.moveReaderIndex(forwardBy: length)
                if outcome == .parsed { engine.received(self) } else { skipped(length) }
            case .garbled(let length):
                buffer.moveReaderIndex(forwardBy: length)
                skipped(length)
            case .oversized:
                engine.oversized(self)
            }
        }
    }

    /// Garbage is ignored in a session, up to a limit; a connection that begins with it is no FIX engine.
    private func skipped(_ length: Int) {
        engine.metrics.garbled.increment()
        garbledBytes += length
        if session == nil || garbledBytes > engine.configuration.garbledBytesMax { close() }
    }

    /// Bytes given to the socket that the peer has not read.
    var unreadBytes: Int {
        guard let channel = context?.channel, !channel.isWritable else { return 0 }
        return (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// A buffer with what the writer holds. Copied before writing: a write may call back before it returns.
    func buffer(of writer: borrowing FrameWriter) -> ByteBuffer {
        var out = context?.channel.allocator.buffer(capacity: writer.count) ?? ByteBuffer()
        unsafe writer.withBytes { bytes in _ = unsafe out.writeBytes(bytes) }
        return out
    }

    func write(_ out: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(out), promise: nil)
    }

    /// Closes after what was written has gone out.
    func close() {
        guard !isClosed, let context else { return }
        isClosed = true
        context.close(promise: nil)
    }
}
