import FIX
import Foundation
import Gateway
import Glibc
import Logging
import Market
import Synchronization
import Telemetry

// What FIX costs: nanoseconds per step of the codec, then a gateway over loopback sockets at 15,000 requests a second
// with one report for each and a third of them filled (20,000 reports), in percent of one core.
//
//   GatewayBenchmark [seconds] [requests-per-second] [sessions]

func nanoseconds(_ clockID: clockid_t) -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(clockID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// CPU nanoseconds of the calling thread per call of `body`.
func cost(_ name: String, times: Int, _ body: (Int) -> Void) {
    for index in 0..<times / 10 { body(index) }
    let start = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
    for index in 0..<times { body(index) }
    let spent = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start
    print("\(name): \(spent / UInt64(times)) ns")
}

let time = Gateway.realTime()
let header = HeaderTemplate(sender: Array("CLIENT1".utf8), target: Array("SPRINGTIDE".utf8))

func writeOrder(_ machine: inout SessionMachine, _ id: Int, now: Int64, into writer: inout FrameWriter) {
    machine.begin(.newOrderSingle, now: now, into: &writer)
    writer.append(Tag.account, 100_017)
    writer.append(Tag.clOrdID, Int64(id))
    writer.append(Tag.orderQty, 300)
    writer.append(Tag.ordType, char: UInt8(ascii: "2"))
    writer.append(Tag.price, milli: 10_550)
    writer.append(Tag.side, char: UInt8(ascii: "1"))
    writer.append(Tag.symbol, 600_536)
    writer.append(Tag.timeInForce, char: UInt8(ascii: "0"))
    writer.append(Tag.transactTime, timestamp: now)
    writer.finish()
}

func measureCodec() {
    var machine = SessionMachine(SessionConfiguration(role: .initiator, header: header))
    var writer = FrameWriter()
    cost("write a NewOrderSingle", times: 1_000_000) { index in
        if index % 100 == 0 { writer.removeAll() }
        writeOrder(&machine, index, now: time + Int64(index), into: &writer)
    }
    writer.removeAll()
    writeOrder(&machine, 1_234_567, now: time, into: &writer)
    let frame = unsafe writer.withBytes { unsafe Array($0) }
    print("frame: \(frame.count) bytes")
    var fields = FieldIndex()
    cost("scan", times: 1_000_000) { _ in
        if case .garbled = FrameScanner.scan(frame.span) { print("garbled") }
    }
    cost("index the fields", times: 1_000_000) { _ in _ = fields.parse(frame.span) }
    cost("check against the dictionary", times: 1_000_000) { _ in
        if MessageDictionary.fix44.check(fields) != nil { print("refused") }
    }
}

/// Accepts every order, and reports every third as filled at once; answers from a thread of its own.
final class Echo: Sendable {
    private let queue = Mutex<[OrderRequest]>([])
    private let gateway = Mutex<Gateway?>(nil)
    private let isDone = Atomic<Bool>(false)

    var entry: OrderEntry {
        OrderEntry(
            submit: { batch in self.queue.withLock { $0 += batch } }, status: { _ in },
            resolveInstrument: { InstrumentID($0) }, symbol: { $0.rawValue })
    }

    func run(_ gateway: Gateway) {
        var execution: ExecutionID = 0
        while !isDone.load(ordering: .relaxed) {
            let batch = queue.withLock { queue in
                defer { queue = [] }
                return queue
            }
            guard !batch.isEmpty else {
                usleep(500)
                continue
            }
            var reports: [ExecutionReport] = []
            reports.reserveCapacity(batch.count * 2)
            for request in batch {
                execution += 1
                var report = ExecutionReport(
                    type: .new, status: .new, order: execution, execution: execution, request: request, time: time)
                report.leaves = request.quantity
                reports.append(report)
                guard execution % 3 == 0 else { continue }
                report.type = .trade
                report.status = .filled
                report.cumulative = request.quantity
                report.leaves = .zero
                report.turnover = Money(milli: request.price.milli * request.quantity.shares)
                report.lastPrice = request.price
                report.lastQuantity = request.quantity
                reports.append(report)
            }
            gateway.deliver(reports)
        }
    }

    func stop() { isDone.store(true, ordering: .relaxed) }
}

/// A client's socket, not blocking when read.
final class Client {
    var machine: SessionMachine
    var writer = FrameWriter()
    let socket: Int32

    init(port: Int, compID: String) {
        let header = HeaderTemplate(sender: Array(compID.utf8), target: Array("SPRINGTIDE".utf8))
        machine = SessionMachine(SessionConfiguration(role: .initiator, header: header))
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = unsafe inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(socket, $0, size) }
        }
        precondition(code == 0, "cannot connect")
        machine.connected(now: Gateway.realTime(), into: &writer)
        flush()
    }

    deinit { Glibc.close(socket) }

    func flush() {
        let count = unsafe writer.withBytes { unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        precondition(count == writer.count, "the gateway does not read")
        writer.removeAll()
    }

    /// Counts reports by their message ends: `|10=`; reads what is there.
    func drain(_ chunk: inout [UInt8]) -> Int {
        let count = unsafe recv(socket, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        var frames = 0
        var index = 0
        while index + 4 <= count {
            if chunk[index] == 0x38, chunk[index + 1] == 0x3D, chunk[index + 2] == 0x46, chunk[index + 3] == 0x49 {
                frames += 1
            }
            index += 1
        }
        return frames
    }
}

let seconds = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 5 : 5
let rate = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 15_000 : 15_000
let sessionCount = CommandLine.arguments.count > 3 ? Int(CommandLine.arguments[3]) ?? 50 : 50

measureCodec()
var configuration = GatewayConfiguration()
configuration.sessions = (1...sessionCount).map { SessionDefinition(id: SessionID($0), compID: "C\($0)") }
var directoryTemplate = Array("/tmp/gateway-benchmark-XXXXXX".utf8CString)
configuration.directory = unsafe String(cString: mkdtemp(&directoryTemplate))
let echo = Echo()
let gateway = try Gateway(
    configuration, entry: echo.entry, metrics: MetricsRegistry(),
    logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() })
let port = try await gateway.start()

/// Sends at the rate in steps of a millisecond, counts the reports.
func drive() -> (sent: Int, received: Int) {
    let clients = (1...sessionCount).map { Client(port: port, compID: "C\($0)") }
    var chunk = [UInt8](repeating: 0, count: 262_144)
    var sent = 0
    var received = 0
    let start = nanoseconds(CLOCK_MONOTONIC)
    while sent < seconds * rate {
        let elapsed = Int(nanoseconds(CLOCK_MONOTONIC) - start)
        let due = min(seconds * rate, elapsed / 1_000 * rate / 1_000_000)
        let now = Gateway.realTime()
        while sent < due {
            let client = clients[sent % sessionCount]
            writeOrder(&client.machine, sent, now: now, into: &client.writer)
            sent += 1
        }
        for client in clients {
            if client.writer.count > 0 { client.flush() }
            received += client.drain(&chunk)
        }
        usleep(1_000)
    }
    let end = nanoseconds(CLOCK_MONOTONIC) + 500_000_000
    while nanoseconds(CLOCK_MONOTONIC) < end {
        for client in clients { received += client.drain(&chunk) }
        usleep(10_000)
    }
    // One Logon a session is no report.
    return (sent, received - sessionCount)
}

/// Runs `body` on a thread of its own; hands back what it made and the CPU time it took.
func onThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> (R, cpu: UInt64) {
    await withCheckedContinuation { continuation in
        let thread = Thread {
            let start = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
            let result = body()
            continuation.resume(returning: (result, nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start))
        }
        thread.start()
    }
}

let before = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)
async let answering = onThread { echo.run(gateway) }
let driven = await onThread { drive() }
echo.stop()
let answered = await answering
let whole = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - before
let own = whole - driven.cpu - answered.cpu
await gateway.stop()
for session in 1...sessionCount {
    _ = unsafe unlink("\(configuration.directory ?? "")/session-\(session).seq")
    _ = unsafe unlink("\(configuration.directory ?? "")/session-\(session).log")
}
_ = unsafe rmdir(configuration.directory ?? "")
let messages = driven.0.sent + driven.0.received
print("sent \(driven.0.sent) requests in \(seconds) s over \(sessionCount) sessions, got \(driven.0.received) reports")
print("gateway: \(own / UInt64(seconds) / 10_000_000) % of a core, \(own / UInt64(messages)) ns a message")
print(
    "client: \(driven.cpu / UInt64(seconds) / 10_000_000) %, exchange: \(answered.cpu / UInt64(seconds) / 10_000_000) %"
)
