internal import FoundationEssentials
internal import NIOCore
internal import NIOWebSocket

/// One WebSocket: takes `{"subscribe":"600536"}` and `{"unsubscribe":"600536"}`, sends what the hub has for it.
///
/// A message that is no such document gets `{"error":"..."}`; binary and fragmented messages close with 1003.
final class PushConnection: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private struct Command: Decodable {
        var subscribe: String?
        var unsubscribe: String?
    }

    static let topicsMax = 100
    static let topicLengthMax = 32
    static let eventsMax = 1_000

    private let hub: PushHub
    private var context: ChannelHandlerContext?
    private var topics: Set<String> = []
    private var states: [(topic: String, bytes: [UInt8])] = []
    private var events: [[UInt8]] = []

    init(_ hub: PushHub) { self.hub = hub }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) { leave() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelWritabilityChanged(context: ChannelHandlerContext) { flush() }

    private func leave() {
        for topic in topics.sorted() { hub.unsubscribe(self, topic) }
        topics = []
        context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text where frame.fin: obey(frame.unmaskedData)
        case .ping: write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
        case .pong: break
        case .connectionClose: close(code: 1_000)
        default: close(code: 1_003)
        }
    }

    private func obey(_ data: ByteBuffer) {
        guard let command = try? JSONDecoder().decode(Command.self, from: Data(data.readableBytesView)) else {
            return answer("not a command; send {\\\"subscribe\\\":\\\"600536\\\"}")
        }
        if let topic = command.subscribe {
            guard !topic.isEmpty, topic.utf8.count <= Self.topicLengthMax else { return answer("no such topic") }
            guard topics.count < Self.topicsMax || topics.contains(topic) else {
                return answer("at most \(Self.topicsMax) topics")
            }
            topics.insert(topic)
            hub.subscribe(self, topic)
        }
        if let topic = command.unsubscribe, topics.remove(topic) != nil { hub.unsubscribe(self, topic) }
    }

    private func answer(_ error: String) {
        write(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: "{\"error\":\"\(error)\"}")))
    }

    // MARK: what the hub calls

    func set(state bytes: [UInt8], of topic: String) {
        if let index = states.firstIndex(where: { $0.topic == topic }) {
            states[index].bytes = bytes
        } else {
            states.append((topic, bytes))
        }
    }

    func add(event bytes: [UInt8]) {
        guard events.count < Self.eventsMax else { return close(code: 1_008) }
        events.append(bytes)
    }

    /// Sends what waits, as long as the peer reads.
    func flush() {
        guard let context, context.channel.isWritable, !events.isEmpty || !states.isEmpty else { return }
        let waiting = events + states.map(\.bytes)
        events.removeAll(keepingCapacity: true)
        states.removeAll(keepingCapacity: true)
        for bytes in waiting {
            let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: bytes))
            context.write(wrapOutboundOut(frame), promise: nil)
        }
        context.flush()
    }

    private func write(_ frame: WebSocketFrame) {
        context?.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func close(code: UInt16) {
        guard let context else { return }
        var data = ByteBuffer()
        data.writeInteger(code)
        context.write(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)), promise: nil)
        context.flush()
        leave()
        context.close(promise: nil)
    }
}
