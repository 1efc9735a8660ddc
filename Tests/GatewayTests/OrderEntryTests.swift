import FIX
import Gateway
import Market
import Synchronization
import Testing

@Suite("Orders over a socket", .serialized)
struct OrderEntryTests {
    @Test("Log on, cross, replace, cancel, ask, log out: each report has its fields in ascending order")
    func tradingDay() async throws {
        try await withGateway { port, _, _ in
            let buyer = TestClient(port: port, compID: "TW1")
            let seller = TestClient(port: port, compID: "TW2")
            buyer.logon()
            seller.logon()
            #expect(body(buyer.receive()) == "35=A|98=0|108=30")
            #expect(body(seller.receive()) == "35=A|98=0|108=30")
            buyer.new("B1", quantity: 300, price: "10.5")
            #expect(
                body(buyer.receive())
                    == "35=8|1=17|6=0|11=B1|14=0|17=1|37=1|38=300|39=0|40=2|44=10.5|54=1|55=600536|59=0|150=0|151=300")
            seller.new("S1", side: 2, quantity: 100, price: "10.25")
            #expect(value(39, seller.receive()) == "0")
            // AvgPx is the resting order's price.
            #expect(
                body(seller.receive())
                    == "35=8|1=17|6=10.5|11=S1|14=100|17=3|31=10.5|32=100|37=2|38=100|39=2|40=2|44=10.25|54=2|55=600536|59=0|150=F|151=0|851=2"
            )
            #expect(
                body(buyer.receive())
                    == "35=8|1=17|6=10.5|11=B1|14=100|17=4|31=10.5|32=100|37=1|38=300|39=1|40=2|44=10.5|54=1|55=600536|59=0|150=F|151=200|851=1"
            )
            buyer.order(
                .orderCancelReplaceRequest, "1=17|11=B2|38=400|40=2|41=B1|44=10.6|54=1|55=600536|60=20231114-22:13:20")
            #expect(
                body(buyer.receive())
                    == "35=8|1=17|6=10.5|11=B2|14=100|17=5|37=1|38=400|39=1|40=2|41=B1|44=10.6|54=1|55=600536|59=0|150=5|151=300"
            )
            buyer.order(.orderStatusRequest, "11=B2|54=1|55=600536")
            #expect(value(150, buyer.receive()) == "I")
            buyer.order(.orderCancelRequest, "1=17|11=B3|38=400|41=B2|54=1|55=600536|60=20231114-22:13:20")
            let canceled = buyer.receive()
            #expect(value(150, canceled) == "4" && value(39, canceled) == "4")
            #expect(value(151, canceled) == "0" && value(41, canceled) == "B2")
            buyer.order(.orderCancelRequest, "1=17|11=B4|38=400|41=B2|54=1|55=600536|60=20231114-22:13:20")
            #expect(body(buyer.receive()) == "35=9|1=17|11=B4|37=NONE|39=8|41=B2|102=1|434=1")
            buyer.machine.logout(now: TestClient.now, into: &buyer.writer)
            buyer.flush()
            #expect(value(35, buyer.receive()) == "5")
            #expect(buyer.closesSilently)
        }
    }

    @Test(
        "Wrong forms are rejected, missing fields and foreign types answered as business, the rest reaches the exchange"
    )
    func refusals() async throws {
        try await withGateway { port, exchange, _ in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            let terms = "38=100|40=2|44=10|54=1|55=600536|60=20231114-22:13:20"
            client.order(.newOrderSingle, "1=17|11=\(String(repeating: "x", count: 21))|\(terms)")
            #expect(
                body(client.receive())
                    == "35=3|45=2|58=Value is incorrect (out of range) for this tag|371=11|372=D|373=5")
            client.order(.newOrderSingle, "1=ABC|11=A|\(terms)")
            #expect(value(371, client.receive()) == "1")
            client.order(.newOrderSingle, "11=A|\(terms)")
            #expect(body(client.receive()) == "35=j|45=4|58=Conditionally required field missing (1)|372=D|380=5")
            client.order(.newOrderSingle, "1=17|11=A|38=100|40=2|54=1|55=600536|60=20231114-22:13:20")
            #expect(value(58, client.receive()) == "Conditionally required field missing (44)")
            client.order(MessageType(UInt8(ascii: "V")), "262=x|263=1|264=1")
            #expect(body(client.receive()) == "35=j|45=6|58=Unsupported Message Type|372=V|380=3")
            client.order(.newOrderSingle, "1=17|11=A|38=100|40=3|54=1|55=600536|60=20231114-22:13:20")
            #expect(
                body(client.receive())
                    == "35=8|1=17|6=0|11=A|14=0|17=G1.7|37=NONE|38=100|39=8|54=1|55=600536|58=value of tag 40 is not supported|103=11|150=8|151=0"
            )
            client.order(.newOrderSingle, "1=17|11=A|\(terms.replacing("54=1", with: "54=5"))")
            #expect(value(103, client.receive()) == "11")
            #expect(exchange.state.withLock { $0.requests.count } == 0)
            client.order(.newOrderSingle, "1=17|11=A|\(terms.replacing("600536", with: "999999"))")
            let unknown = client.receive()
            #expect(
                value(103, unknown) == "1" && value(55, unknown) == "[N/A]"
                    && value(58, unknown) == "rule 30 of the toy")
            client.order(
                .newOrderSingle,
                "1=17|11=\(String(repeating: "y", count: 20))|\(terms.replacing("38=100", with: "38=-5"))")
            #expect(value(103, client.receive()) == "13")
            #expect(exchange.state.withLock { $0.requests.count } == 2)
        }
    }

    @Test("A request carries what the message said, in integers")
    func request() async throws {
        try await withGateway { port, exchange, _ in
            let client = TestClient(port: port, compID: "TW3")
            client.logon()
            _ = client.receive()
            client.order(
                .newOrderSingle,
                "1=4294967295|11=A|38=002000.00|40=2|44=12.345|54=2|55=000001|59=4|60=20231114-22:13:20.123456")
            let report = client.receive()
            #expect(value(55, report) == "000001" && value(1, report) == "4294967295" && value(44, report) == "12.345")
            let request = try #require(exchange.state.withLock { $0.requests.first })
            #expect(request.session == 3 && request.account == AccountID(.max) && request.instrument == InstrumentID(1))
            #expect(
                request.quantity == Quantity(2_000) && request.price == Price(milli: 12_345) && request.side == .sell)
            #expect(request.timeInForce == .fillOrKill && request.transactTime == 1_700_000_000_123_456)
            #expect(request.receiveTime >= request.sendingTime - 1_000 && request.origin != 0)
        }
    }

    @Test("Messages of one read are one batch, and 2,000 orders of 8 sessions each get their report")
    func batches() async throws {
        try await withGateway { port, exchange, _ in
            let clients = (1...8).map { TestClient(port: port, compID: "TW\($0)") }
            for client in clients {
                client.logon()
                _ = client.receive()
            }
            for client in clients {
                for id in 0..<250 { client.new("N\(id)", price: "9.5", flush: false) }
                client.flush()
            }
            for client in clients {
                var ids: [String] = []
                while ids.count < 250, let report = client.receive() { ids.append(value(11, report) ?? "") }
                #expect(ids == (0..<250).map { "N\($0)" })
            }
            let batches = exchange.state.withLock { $0.batches }
            #expect(batches.reduce(0, +) == 2_000)
            #expect(batches.count < 400, "requests travel together: \(batches.count) batches")
        }
    }
}
