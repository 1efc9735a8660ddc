import FIX
import Gateway
import Market
import Synchronization
import Testing

@Suite("Sessions over a socket", .serialized)
struct GatewaySessionTests {
    @Test("Unknown CompIDs, wrong passwords, foreign first messages and garbage are closed without a word")
    func silentCloses() async throws {
        try await withGateway { port, _, _ in
            let stranger = TestClient(port: port, compID: "NOBODY")
            stranger.logon()
            #expect(stranger.closesSilently)
            let wrong = TestClient(port: port, password: "wrong")
            wrong.logon()
            #expect(wrong.closesSilently)
            let eager = TestClient(port: port)
            eager.new("A")
            #expect(eager.closesSilently)
            let browser = TestClient(port: port)
            browser.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            #expect(browser.closesSilently)
            let good = TestClient(port: port, password: "right")
            good.logon()
            #expect(value(35, good.receive()) == "A")
        }
    }

    @Test("The second connection of a CompID is closed, the first goes on")
    func duplicate() async throws {
        try await withGateway { port, _, _ in
            let first = TestClient(port: port)
            first.logon()
            _ = first.receive()
            let second = TestClient(port: port)
            second.logon()
            #expect(second.closesSilently)
            first.new("A")
            #expect(value(39, first.receive()) == "0")
        }
    }

    @Test("A connection that does not log on is closed at the deadline")
    func deadline() async throws {
        try await withGateway({ $0.logonTimeout = 200_000 }) { port, _, _ in
            let client = TestClient(port: port)
            #expect(client.closesSilently)
        }
    }

    @Test("At the limit of connections, and of one address, the next is refused")
    func limits() async throws {
        for configure: (inout GatewayConfiguration) -> Void in [
            { $0.connectionsMax = 2 }, { $0.connectionsPerAddressMax = 2 },
        ] {
            try await withGateway(configure) { port, _, _ in
                let clients = (1...3).map { TestClient(port: port, compID: "TW\($0)") }
                for client in clients[..<2] {
                    client.logon()
                    #expect(value(35, client.receive()) == "A")
                }
                #expect(clients[2].closesSilently)
            }
        }
    }

    @Test("Garbage in a session is ignored up to the limit, one byte more closes")
    func garbage() async throws {
        try await withGateway({ $0.garbledBytesMax = 10_000 }) { port, _, _ in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            client.send([UInt8](repeating: 0x2A, count: 10_000))
            client.new("A")
            #expect(value(39, client.receive()) == "0")
            client.send([UInt8](repeating: 0x2A, count: 10_005))
            #expect(client.closesSilently)
        }
    }

    @Test("A message longer than the limit ends the session with the reason")
    func oversized() async throws {
        try await withGateway { port, _, _ in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            client.order(.newOrderSingle, "58=\(String(repeating: "x", count: 9_000))")
            #expect(value(58, client.receive()) == "Message longer than 8192 bytes")
            #expect(client.closesSilently)
        }
    }

    @Test("A garbled message is ignored and the gap asked for")
    func garbled() async throws {
        try await withGateway { port, exchange, _ in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            client.new("A", flush: false)
            var frame = client.writer.withBytes { Array($0) }
            client.writer.removeAll()
            frame[30] ^= 1
            client.send(frame)
            client.new("B")
            #expect(body(client.receive()) == "35=2|7=2|16=0")
            #expect(exchange.state.withLock { $0.requests.count } == 0)
        }
    }

    @Test("Reports for a counterparty that is away reach it by resend, 10,000 of them in order")
    func resend() async throws {
        try await withDirectory { directory in
            try await withGateway({ $0.directory = directory }) { port, exchange, gateway in
                try await resendTenThousand(port, exchange, gateway)
            }
        }
        try await withGateway { port, exchange, gateway in try await resendTenThousand(port, exchange, gateway) }
    }

    private func resendTenThousand(_ port: Int, _ exchange: ToyExchange, _ gateway: Gateway) async throws {
        do {
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            exchange.hold(true)
            for id in 0..<10_000 { client.new("N\(id)", price: "9", flush: id % 100 == 99) }
            client.machine.logout(now: TestClient.now, into: &client.writer)
            client.flush()
            #expect(value(35, client.receive()) == "5")
            #expect(client.closesSilently)
        }
        exchange.hold(false)
        // Logon and Logout took numbers 1 and 2 of ours; the reports are 3 ... 10002.
        let client = TestClient(port: port, expected: 3, next: 10_003)
        client.logon()
        var ids: [String] = []
        var logons = 0
        while ids.count < 10_000, let frame = client.receive() {
            if value(35, frame) == "A" {
                logons += 1
                #expect(value(34, frame) == "10003")
            } else if value(35, frame) == "8" {
                #expect(value(43, frame) == "Y" && value(34, frame) == "\(ids.count + 3)")
                ids.append(value(11, frame) ?? "")
            }
        }
        #expect(logons == 1)
        #expect(ids == (0..<10_000).map { "N\($0)" })
        // The trailing Logon is gap-filled.
        let fill = client.receive()
        #expect(value(35, fill) == "4" && value(36, fill) == "10004")
        client.new("LAST")
        #expect(value(11, client.receive()) == "LAST")
    }

    @Test("A ResendRequest sent along with the Logon is answered behind the Logon")
    func resendWithLogon() async throws {
        try await withGateway { port, _, _ in
            let client = TestClient(port: port)
            client.machine.connected(now: TestClient.now, into: &client.writer)
            client.order(.resendRequest, "7=1|16=0")
            #expect(value(35, client.receive()) == "A")
            #expect(body(client.receive()) == "35=4|36=2|123=Y")
        }
    }

    @Test("Numbers and sent messages survive a restart of the gateway; a new day starts at 1")
    func restart() async throws {
        try await withDirectory { directory in
            let exchange = ToyExchange()
            try await withGateway(
                {
                    $0.directory = directory; $0.day = 20_231_114
                }, exchange: exchange
            ) { port, _, _ in
                let client = TestClient(port: port)
                client.logon()
                _ = client.receive()
                client.new("A")
                client.new("B", price: "9")
                #expect(client.receive(until: "11=B").count == 2)
                client.machine.logout(now: TestClient.now, into: &client.writer)
                client.flush()
                #expect(value(35, client.receive()) == "5")
            }
            // Ours: Logon 1, reports 2 and 3, Logout 4. Theirs: Logon 1, orders 2 and 3, Logout 4.
            try await withGateway(
                {
                    $0.directory = directory; $0.day = 20_231_114
                }, exchange: exchange
            ) { port, _, _ in
                let client = TestClient(port: port, expected: 2, next: 5)
                client.logon()
                let frames = client.receive(until: "35=4|")
                #expect(frames.map { value(35, $0) } == ["A", "8", "8", "4"])
                #expect(frames.map { value(34, $0) } == ["5", "2", "3", "4"])
                #expect(value(11, frames[1]) == "A" && value(36, frames[3]) == "6")
            }
            try await withGateway(
                {
                    $0.directory = directory; $0.day = 20_231_115
                }, exchange: exchange
            ) { port, _, _ in
                let client = TestClient(port: port)
                client.logon()
                #expect(value(34, client.receive()) == "1")
            }
        }
    }

    @Test("A Logon with 141=Y starts both sides at 1, and forgets what was sent")
    func reset() async throws {
        try await withDirectory { directory in
            try await withGateway({ $0.directory = directory }) { port, _, _ in
                do {
                    let client = TestClient(port: port)
                    client.logon()
                    client.new("A")
                    #expect(client.receive(until: "11=A").count == 2)
                }
                for _ in 0..<50 {
                    let client = TestClient(port: port, expected: 9, next: 9, reset: true)
                    client.logon()
                    guard let logon = client.receive() else { continue }
                    #expect(value(34, logon) == "1" && value(141, logon) == "Y")
                    client.order(.resendRequest, "7=1|16=0")
                    #expect(value(36, client.receive()) == "2")
                    return
                }
                Issue.record("the session never became free")
            }
        }
    }

    @Test("A peer that does not read is disconnected at the limit, and finds everything by resend")
    func slowReader() async throws {
        try await withGateway({ $0.outboundBytesMax = 300_000 }) { port, exchange, gateway in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            client.new("A")
            _ = client.receive()
            let template = try #require(exchange.state.withLock { $0.requests.first })
            // Socket buffers take a few megabytes: send 60,000 reports of about 250 bytes.
            for batch in 0..<60 {
                gateway.deliver(
                    (0..<1_000).map { index in
                        ExecutionReport(
                            type: .status, status: .new, order: 1, execution: ExecutionID(batch * 1_000 + index),
                            request: template, time: template.receiveTime)
                    })
            }
            var received = 0
            while client.receive() != nil { received += 1 }
            #expect(client.isClosed)
            #expect(received < 60_000)
            let again = TestClient(port: port, expected: client.machine.expected, next: client.machine.next)
            again.logon()
            var numbers: [Int] = []
            while numbers.count < 60_000 - received, let frame = again.receive() {
                if value(35, frame) == "8" { numbers.append(Int(value(34, frame) ?? "") ?? 0) }
            }
            #expect(numbers == Array((received + 3)..<60_003))
        }
    }

    @Test("Stopping logs everybody out")
    func stop() async throws {
        let exchange = ToyExchange()
        try await withGateway(exchange: exchange) { port, _, gateway in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            let stopping = Task { await gateway.stop() }
            #expect(value(35, client.receive()) == "5")
            #expect(client.closesSilently)
            await stopping.value
        }
    }
}
