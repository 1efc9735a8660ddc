import Gateway
import Glibc
import Logging
import Telemetry
import Testing

@Suite("Market data over WebSocket", .serialized)
struct PushTests {
    /// A WebSocket client by hand: RFC 6455 frames over a blocking socket.
    final class WebSocket {
        let client: TestClient
        var bytes: [UInt8] = []

        init(port: Int) {
            client = TestClient(port: port)
            // The sample nonce of RFC 6455, 1.3.
            client.send(
                Array(
                    """
                    GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
                    """.utf8))
        }

        /// The answer to the upgrade; what follows it stays in `bytes`.
        var handshake: String {
            var end = 0
            while end == 0 {
                for index in bytes.indices.dropLast(3) where end == 0 {
                    if bytes[index..<index + 4].elementsEqual([13, 10, 13, 10]) { end = index + 4 }
                }
                if end == 0, !more() { break }
            }
            let text = String(decoding: bytes[..<end], as: UTF8.self)
            bytes.removeFirst(end)
            return text
        }

        func more() -> Bool {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(client.socket, &chunk, chunk.count, 0)
            if count > 0 { bytes += chunk[..<count] }
            return count > 0
        }

        /// Frames of clients are masked; a mask of zeros leaves the text as it is.
        func send(_ text: String, opcode: UInt8 = 1) {
            client.send([0x80 | opcode, 0x80 | UInt8(text.utf8.count), 0, 0, 0, 0] + Array(text.utf8))
        }

        /// Opcode and payload of the next frame.
        func receive() -> (opcode: UInt8, text: String)? {
            while true {
                if bytes.count >= 2, bytes[1] < 126, bytes.count >= 2 + Int(bytes[1]) {
                    let payload = Array(bytes[2..<2 + Int(bytes[1])])
                    let opcode = bytes[0] & 15
                    bytes.removeFirst(2 + payload.count)
                    return (opcode, String(decoding: payload, as: UTF8.self))
                }
                guard more() else { return nil }
            }
        }
    }

    func withListener(_ body: (Int, OperatorListener) async throws -> Void) async throws {
        let listener = OperatorListener(
            OperatorConfiguration(), registry: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let port = try await listener.start()
        try await body(port, listener)
        await listener.stop()
    }

    @Test("A subscriber gets the last state at once, then states and events of its topics only")
    func subscribe() async throws {
        try await withListener { port, listener in
            let socket = WebSocket(port: port)
            let answer = socket.handshake
            #expect(answer.hasPrefix("HTTP/1.1 101 ") && answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            socket.send("{\"subscribe\":\"600536\"}")
            socket.send("ping me", opcode: 9)
            #expect(socket.receive()?.opcode == 10)
            listener.publish("000001", Array("other".utf8))
            listener.publish("600536", Array("state 1".utf8))
            #expect(socket.receive()?.text == "state 1")
            listener.announce("600536", Array("trade 1".utf8))
            listener.announce("600536", Array("trade 2".utf8))
            #expect(socket.receive()?.text == "trade 1")
            #expect(socket.receive()?.text == "trade 2")
            let late = WebSocket(port: port)
            _ = late.handshake
            late.send("{\"subscribe\":\"600536\"}")
            #expect(late.receive()?.text == "state 1")
            socket.send("{\"unsubscribe\":\"600536\"}")
            socket.send("", opcode: 9)
            #expect(socket.receive()?.opcode == 10)
            listener.publish("600536", Array("state 2".utf8))
            #expect(late.receive()?.text == "state 2")
            socket.send("", opcode: 8)
            #expect(socket.receive()?.opcode == 8)
            #expect(socket.receive() == nil)
        }
    }

    @Test("1,000 states published at once arrive conflated, the newest last")
    func conflation() async throws {
        try await withListener { port, listener in
            let socket = WebSocket(port: port)
            _ = socket.handshake
            socket.send("{\"subscribe\":\"A\"}")
            socket.send("", opcode: 9)
            #expect(socket.receive()?.opcode == 10)
            for number in 1...1_000 { listener.publish("A", Array("\(number)".utf8)) }
            var seen: [String] = []
            while seen.last != "1000", let frame = socket.receive() { seen.append(frame.text) }
            #expect(seen.last == "1000" && seen.count < 1_000)
        }
    }

    @Test("What is no command is answered with an error, binary messages close with 1003, other paths stay HTTP")
    func badInput() async throws {
        try await withListener { port, _ in
            let socket = WebSocket(port: port)
            _ = socket.handshake
            socket.send("hello")
            #expect(socket.receive()?.text.hasPrefix("{\"error\":\"not a command") == true)
            socket.send("{\"subscribe\":\"\(String(repeating: "x", count: 33))\"}")
            #expect(socket.receive()?.text == "{\"error\":\"no such topic\"}")
            for topic in 0...100 { socket.send("{\"subscribe\":\"T\(topic)\"}") }
            #expect(socket.receive()?.text == "{\"error\":\"at most 100 topics\"}")
            socket.send("x", opcode: 2)
            #expect(socket.receive()?.opcode == 8)
            #expect(socket.receive() == nil)
        }
    }
}
