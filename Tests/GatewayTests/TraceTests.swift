import FIX
import Foundation
import Gateway
import Logging
import Market
import Synchronization
import Telemetry
import Testing

/// An order service that answers every request at once, and hands traces back with the answers like a node does.
final class TracingExchange: Sendable {
    private struct State {
        var gateway: Gateway?
        var traces: [TracedRequest] = []
        var batches: [Int] = []
    }

    private let state = Mutex(State())

    /// Every trace that was submitted, and the sizes of all batches.
    var traces: [TracedRequest] { state.withLock { $0.traces } }
    var batches: [Int] { state.withLock { $0.batches } }

    func attach(_ gateway: Gateway?) { state.withLock { $0.gateway = gateway } }

    var entry: OrderEntry {
        OrderEntry(
            submitTraced: { self.submit($0, $1) }, status: { _ in }, resolveInstrument: { _ in InstrumentID(0) },
            symbol: { _ in 600_536 })
    }

    private func submit(_ requests: [OrderRequest], _ traces: [TracedRequest]) {
        let gateway = state.withLock { state in
            state.traces += traces
            state.batches.append(requests.count)
            return state.gateway
        }
        let reports = requests.map { request in
            ExecutionReport(
                type: request.kind == .new ? .new : .cancelRejected, status: .new, order: 1, execution: 1,
                request: request, time: request.receiveTime)
        }
        var handled = traces
        for stage in TracedRequest.Stage.allCases where stage != .decode && stage.rawValue < 7 {
            handled.end(stage, at: SpanRecorder.wallClock(), batch: requests.count)
        }
        gateway?.deliver(reports, traces: handled)
    }
}

@Suite("Traces over a socket", .serialized)
struct TraceTests {
    static let order = "1=17|11=A|38=100|40=2|44=10.5|54=1|55=600536|60=20231114-22:13:20"

    /// Runs a gateway that traces into a file; hands the spans of the file to `check` when it has stopped.
    func withTracing(
        sampleEvery: Int = 0, _ body: (TestClient, TracingExchange) throws -> Void,
        check: (SpanFile, MetricsRegistry) throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("traces-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("spans").path
        let metrics = MetricsRegistry()
        let recorder = try SpanRecorder(SpanRecorder.Configuration(file: file), metrics: metrics)
        recorder.start()
        var configuration = GatewayConfiguration()
        configuration.sessions = [SessionDefinition(id: 1, compID: "TW1")]
        configuration.stopTimeoutMilliseconds = 200
        configuration.traceSampleEvery = sampleEvery
        configuration.traceSeed = 5
        let exchange = TracingExchange()
        let gateway = try Gateway(
            configuration, entry: exchange.entry, metrics: metrics, spans: recorder,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        exchange.attach(gateway)
        let client = TestClient(port: try await gateway.start())
        client.logon()
        _ = client.receive()
        do {
            try body(client, exchange)
        } catch {
            await gateway.stop()
            recorder.stop()
            throw error
        }
        exchange.attach(nil)
        await gateway.stop()
        recorder.stop()
        try check(try SpanFile(path: file), metrics)
    }

    @Test("One sampled order among others gives one tree below its caller's span; the others give none")
    func tree() async throws {
        let caller = TraceContext.root(seed: 1, request: 1)
        let before = SpanRecorder.wallClock()
        try await withTracing { client, exchange in
            client.order(.newOrderSingle, Self.order, flush: false)
            client.order(
                .newOrderSingle, Self.order.replacing("11=A", with: "11=B") + "|20001=\(caller)", flush: false)
            client.order(.newOrderSingle, Self.order.replacing("11=A", with: "11=C"))
            for _ in 0..<3 { #expect(value(150, client.receive()) == "0") }
            #expect(exchange.traces.count == 1)
            if exchange.batches == [3] { #expect(exchange.traces.map(\.position) == [1]) }
        } check: { file, metrics in
            let after = SpanRecorder.wallClock()
            #expect(file.malformedLines == 0 && file.traces().count == 1)
            let tree = try #require(file.traces().first)
            #expect(tree.trace == String(caller.description.dropFirst(3).prefix(32)))
            let root = tree.rows[0].span
            #expect(root.name == "OrderEntry/NewOrder" && root.kind == .server && root.parent == caller.span)
            #expect(root.start >= before - 1_000 && root.end <= after)
            let children = tree.rows[1...].map(\.span)
            #expect(children.map(\.name) == TracedRequest.Stage.allCases.map(\.name))
            #expect(tree.rows[1...].allSatisfy { $0.depth == 1 })
            var end = root.start
            for child in children {
                #expect(child.parent == root.context.span)
                #expect(child.start == end && child.start <= child.end && child.end <= root.end)
                end = child.end
            }
            #expect(end == root.end)
            #expect(metrics.counter("trace_spans_total", "", [("result", "written")]).value == 10)
        }
    }

    @Test("Cancels and replaces are named for what they are; a context that is not sampled records nothing")
    func operations() async throws {
        try await withTracing { client, exchange in
            let parent = "20001=\(TraceContext.root(seed: 1, request: 2))"
            let target = "1=17|11=C|38=100|41=A|54=1|55=600536|60=20231114-22:13:20"
            client.order(.orderCancelRequest, "\(target)|\(parent)")
            client.order(.orderCancelReplaceRequest, "\(target)|40=2|44=10|\(parent)")
            client.order(
                .newOrderSingle, Self.order + "|20001=\(TraceContext.root(seed: 1, request: 3, isSampled: false))")
            for _ in 0..<3 { _ = client.receive() }
            #expect(exchange.traces.map(\.operation) == [.cancel, .replace])
        } check: { file, _ in
            #expect(
                file.spans.filter { $0.kind == .server }.map(\.name) == ["OrderEntry/Cancel", "OrderEntry/Replace"])
            #expect(Set(file.spans.map(\.context.span)).count == 20, "one trace, but spans of their own")
        }
    }

    @Test("A context that cannot be read is ignored and counted; the order is answered as usual")
    func unreadable() async throws {
        try await withTracing { client, exchange in
            client.order(.newOrderSingle, Self.order + "|20001=00-XYZ")
            #expect(value(150, client.receive()) == "0")
            #expect(exchange.traces.isEmpty)
        } check: { file, metrics in
            #expect(file.spans.isEmpty)
            #expect(metrics.counter("trace_unreadable_contexts_total", "").value == 1)
        }
    }

    @Test("Told to begin traces itself, the gateway begins one for every third order without a context")
    func samples() async throws {
        try await withTracing(sampleEvery: 3) { client, exchange in
            for index in 0..<10 {
                client.order(.newOrderSingle, Self.order.replacing("11=A", with: "11=A\(index)"))
                _ = client.receive()
            }
            #expect(exchange.traces.map(\.parent) == [0, 0, 0])
            #expect(
                exchange.traces.map(\.context) == (1...3).map { TraceContext.root(seed: 5, request: UInt64($0)) })
        } check: { file, _ in
            #expect(file.traces().count == 3)
        }
    }

    @Test("Without a recorder field 20001 is legal and nothing is traced")
    func off() async throws {
        try await withGateway { port, _, _ in
            let client = TestClient(port: port)
            client.logon()
            _ = client.receive()
            client.order(.newOrderSingle, Self.order + "|20001=\(TraceContext.root(seed: 1, request: 1))")
            #expect(value(150, client.receive()) == "0")
        }
    }

    @Test("An operator's request with a sampled traceparent gives one span named after its route")
    func http() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("traces-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("spans").path
        let metrics = MetricsRegistry()
        let recorder = try SpanRecorder(SpanRecorder.Configuration(file: file), metrics: metrics)
        let listener = OperatorListener(
            OperatorConfiguration(), registry: metrics,
            routes: [.get("/orders/{id}") { $0.parameters["id"] == "1" ? .text("one") : .text("none", status: 503) }],
            spans: recorder, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let port = try await listener.start()
        let caller = TraceContext.root(seed: 9, request: 9)
        let tests = OperatorTests()
        _ = tests.get(port, "/orders/1", headers: "traceparent: \(caller)\r\n")
        _ = tests.get(port, "/orders/2?x=1", headers: "Traceparent: \(caller)\r\n")
        _ = tests.get(port, "/orders/1")
        _ = tests.get(port, "/none", headers: "traceparent: \(caller)\r\n")
        _ = tests.get(port, "/orders/1", headers: "traceparent: \(caller)\r\ntraceparent: \(caller)\r\n")
        _ = tests.get(port, "/orders/1", headers: "traceparent: 00-0-0-01\r\n")
        await listener.stop()
        recorder.stop()
        let spans = try SpanFile(path: file).spans
        #expect(spans.map(\.name) == ["GET /orders/{id}", "GET /orders/{id}"])
        #expect(spans.map(\.attributes.httpStatus) == [200, 503])
        #expect(spans.map(\.status) == [.unset, .error])
        #expect(spans.allSatisfy { $0.parent == caller.span && $0.context.traceLow == caller.traceLow })
        #expect(spans.allSatisfy { $0.attributes.httpRoute == "/orders/{id}" && $0.kind == .server })
        #expect(Set(spans.map(\.context.span)).count == 2)
    }
}
