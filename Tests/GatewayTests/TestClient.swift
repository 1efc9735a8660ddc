import FIX
import Gateway
import Glibc
import Logging
import Market
import Telemetry

/// A FIX initiator over a blocking socket: the session machine of module FIX on the client's side.
final class TestClient {
    var machine: SessionMachine
    var writer = FrameWriter()
    private var fields = FieldIndex()
    private var bytes: [UInt8] = []
    private var position = 0
    let socket: Int32
    private(set) var isClosed = false

    init(
        port: Int, compID: String = "TW1", target: String = "SPRINGTIDE", expected: UInt64 = 1, next: UInt64 = 1,
        reset: Bool = false, password: String = ""
    ) {
        var configuration = SessionConfiguration(
            role: .initiator, header: HeaderTemplate(sender: Array(compID.utf8), target: Array(target.utf8)))
        configuration.resetsOnLogon = reset
        if !password.isEmpty {
            configuration.username = compID
            configuration.password = password
        }
        machine = SessionMachine(configuration, expected: expected, next: next)
        socket = Self.connect(port)
    }

    deinit { Glibc.close(socket) }

    private static func connect(_ port: Int) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "cannot connect to port \(port)")
        return socket
    }

    static var now: Int64 { Gateway.realTime() }

    func logon() {
        machine.connected(now: Self.now, into: &writer)
        flush()
    }

    func flush() {
        send(writer.withBytes { Array($0) })
        writer.removeAll()
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Sends an application message made of `tag=value|` text.
    func order(_ type: MessageType, _ body: String, flush isFlushing: Bool = true) {
        machine.begin(type, now: Self.now, into: &writer)
        for field in body.split(separator: "|") {
            let parts = field.split(separator: "=", maxSplits: 1)
            writer.append(Int(parts[0]) ?? 0, text: String(parts[1]))
        }
        writer.finish()
        if isFlushing { flush() }
    }

    func new(_ id: String, side: Int = 1, quantity: Int64 = 100, price: String = "10.5", flush: Bool = true) {
        order(
            .newOrderSingle, "1=17|11=\(id)|38=\(quantity)|40=2|44=\(price)|54=\(side)|55=600536|60=20231114-22:13:20",
            flush: flush)
    }

    /// The next frame, readable; nil when the connection is closed or ten seconds pass. The machine sees it, too.
    func receive() -> String? {
        while true {
            let result = bytes.withUnsafeBytes { FrameScanner.scan(UnsafeRawBufferPointer(rebasing: $0[position...])) }
            switch result {
            case .frame(let length):
                let frame = Array(bytes[position..<position + length])
                position += length
                _ = fields.parse(frame.span)
                let verdict = machine.received(fields, now: Self.now, into: &writer)
                if verdict == .close || writer.count > 0 { flush() }
                return String(decoding: frame.map { $0 == 1 ? UInt8(ascii: "|") : $0 }, as: UTF8.self)
            case .garbled(let count): position += count
            case .needMore, .oversized: guard readMore() else { return nil }
            }
        }
    }

    private func readMore() -> Bool {
        bytes.removeFirst(position)
        position = 0
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &chunk, chunk.count, 0)
        guard count > 0 else {
            isClosed = count == 0
            return false
        }
        bytes += chunk[..<count]
        return true
    }

    /// The frames up to the first that contains `text`, that one included; stops at 100,000 or at the end.
    func receive(until text: String, limit: Int = 100_000) -> [String] {
        var frames: [String] = []
        while frames.count < limit, let frame = receive() {
            frames.append(frame)
            if frame.contains(text) { break }
        }
        return frames
    }

    /// Whether the peer closes without another word.
    var closesSilently: Bool { receive() == nil && isClosed }
}

/// The value of `tag` in a readable frame.
func value(_ tag: Int, _ frame: String?) -> String? {
    frame?.split(separator: "|").first { $0.hasPrefix("\(tag)=") }.map { String($0.dropFirst("\(tag)=".count)) }
}

/// The body of a frame without header and trailer, and without 60, whose value is a time.
func body(_ frame: String?) -> String {
    (frame ?? "").split(separator: "|").filter { field in
        !["8=", "9=", "10=", "34=", "43=", "49=", "52=", "56=", "60=", "122="].contains { field.hasPrefix($0) }
    }.joined(separator: "|")
}

/// Runs `body` with a gateway on a free port and a toy exchange behind it.
func withGateway(
    _ configure: (inout GatewayConfiguration) -> Void = { _ in }, exchange: ToyExchange = ToyExchange(),
    clock: @escaping @Sendable () -> Int64 = Gateway.realTime,
    _ body: (Int, ToyExchange, Gateway) async throws -> Void
) async throws {
    var configuration = GatewayConfiguration()
    configuration.sessions = (1...8).map { SessionDefinition(id: SessionID($0), compID: "TW\($0)") }
    configuration.stopTimeoutMilliseconds = 200
    configure(&configuration)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let gateway = try Gateway(
        configuration, entry: exchange.entry, metrics: MetricsRegistry(), logger: logger, clock: clock)
    let port = try await gateway.start()
    exchange.attach(gateway)
    do {
        try await body(port, exchange, gateway)
    } catch {
        await gateway.stop()
        throw error
    }
    exchange.attach(nil)
    await gateway.stop()
}

/// A directory that is removed at the end.
func withDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("\(P_tmpdir)/gateway-XXXXXX".utf8CString)
    let path = String(cString: mkdtemp(&template))
    defer {
        for name in 1...8 {
            unlink("\(path)/session-\(name).seq")
            unlink("\(path)/session-\(name).log")
        }
        rmdir(path)
    }
    try await body(path)
}
