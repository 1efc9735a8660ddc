internal import Telemetry

/// HTTP/1.1 over TCP or TLS as a transport.
///
/// Each connection has a window of unanswered requests, 1 for none behind another; replies answer them in order. A
/// status the operation expects is right, another below 500 `rejected`, from 500 on `error`, with the reason
/// `status 503`. Garbage ends the connection and makes its oldest request an `error`; whatever else was unanswered on a
/// connection that ended is `unknown` and never sent again.
///
/// A connection that ended is opened again, whoever ended it: at once, or after 200 ms where it brought no reply. Where
/// that fails it is tried every 200 ms if the target `reconnects`, else never. Requests go out as soon as it stands; the
/// wait is part of their service time. Where no connection can be made requests are dropped (`no_connection`).
///
/// A request that the engine gave up (timeout) closes its connection as soon as nobody waits for anything on it; until
/// then nothing is sent behind it.
@safe
final class HTTPTransport: Transport {
    /// What the answers of one site are searched for.
    struct Save {
        enum Source {
            case json(HTTPJSONPath)
            case header([UInt8])
        }

        var variable: Int
        var source: Source
        /// For a reply that lacks it.
        var reason: String
    }

    static let inputBytes = 1 << 16
    private static let readyTimeout: UInt64 = 10_000_000_000

    let plan: TargetPlan
    let seed: UInt64
    let templates: [HTTPRequestTemplate?]
    /// By site.
    let saves: [[Save]]
    let streams: any StreamSource
    let poller: Poller
    let clock: RunClock
    let links: [HTTPConnection]
    /// Indices of connections that may have room, the longest unused first; each at most once.
    private var available = FIFO<Int32>()
    private var dirty: [HTTPConnection] = []
    var counters = TransportCounters()
    var sink: any CompletionSink = NoSink()
    var isLeaving = false
    /// Connections that are up, or whose last attempt has not failed: requests may wait for them.
    var hopeful = 0
    let input: UnsafeMutableRawBufferPointer
    var savedValue: [UInt8] = []
    private var startedAt: UInt64 = 0

    /// Connections of a checked plan, not opened.
    ///
    /// - Throws: `LoadError` for requests that are not HTTP or cannot be written, and for saves of orders and tags.
    init(_ setting: TransportSetting, _ target: HTTPTarget, _ streams: any StreamSource) throws(LoadError) {
        plan = setting.plan.target
        seed = setting.plan.seed
        self.streams = streams
        poller = setting.poller
        clock = setting.clock
        let host = target.host.isEmpty ? plan.endpoint.description : target.host
        var templates: [HTTPRequestTemplate?] = []
        for operation in setting.plan.operations {
            guard case .http(let request) = operation.request else {
                throw LoadError(.configuration, "operation \(operation.name): an HTTP target takes HTTP requests only")
            }
            do throws(LoadError) {
                templates.append(try HTTPRequestTemplate(request, headers: target.headers, host: host))
            } catch {
                throw LoadError(.configuration, "operation \(operation.name): \(error.message)")
            }
        }
        self.templates = templates
        saves = try setting.saves.map { plans throws(LoadError) in try plans.map(Self.save) }
        var limits = HTTPResponseReader.Limits()
        limits.bodyBytesMax = target.replyMax
        links = (0..<plan.connections).map { HTTPConnection(index: $0, limits: limits) }
        unsafe input = .allocate(byteCount: Self.inputBytes, alignment: 16)
    }

    deinit { unsafe input.deallocate() }

    private static func save(_ plan: SavePlan) throws(LoadError) -> Save {
        switch plan.extract {
        case .json(let path):
            let compiled = HTTPJSONPath(path)
            return Save(
                variable: plan.variable, source: .json(compiled), reason: "no \(compiled.description) in the reply")
        case .header(let name):
            let lower = name.lowercased()
            return Save(
                variable: plan.variable, source: .header(Array(lower.utf8)), reason: "no header \(lower) in the reply")
        case .order, .tag:
            throw LoadError(.configuration, "an HTTP reply has no order and no tags to save: take a path or a header")
        }
    }

    var connections: Int { links.count }
    var connectionsUp: Int { links.count { $0.isUp } }

    // MARK: Start and end

    func start(_ sink: any CompletionSink, now: UInt64) throws(LoadError) {
        self.sink = sink
        startedAt = now
        hopeful = links.count
        for link in links { connect(link, now: now) }
    }

    func isReady(now: UInt64) throws(LoadError) -> Bool {
        if links.allSatisfy(\.isUp) {
            (counters.disconnects, counters.reconnects) = (0, 0)
            return true
        }
        if let failed = links.first(where: { !$0.failure.isEmpty }), !plan.reconnects {
            throw LoadError(.connection, "\(plan.endpoint): no connection (\(failed.failure)); is the target up?")
        }
        guard now - startedAt < Self.readyTimeout else {
            let missing = links.count { !$0.isUp }
            let failure = links.first { !$0.failure.isEmpty }?.failure ?? "no answer"
            throw LoadError(
                .connection, "\(plan.endpoint): \(missing) of \(links.count) connections not made (\(failure))")
        }
        return false
    }

    func leave() { isLeaving = true }

    func close() {
        isLeaving = true
        for link in links {
            if let stream = link.stream { poller.remove(stream.descriptor) }
            link.stream?.shutDown()
            link.stream = nil
            link.state = .down(retryAt: nil)
        }
        sink = NoSink()
    }

    // MARK: Requests

    func submit(_ request: OutgoingRequest, _ values: FieldValues) -> Submission {
        guard let template = templates[request.operation] else { return .failed(.error, "no HTTP request") }
        guard let link = nextWithRoom() else {
            return hopeful > 0 ? .full : .failed(.dropped, "no_connection")
        }
        let before = link.output.count
        let trace = request.trace.map { TraceContext.root(seed: seed, request: $0) }
        template.append(to: &link.output, values, trace: trace)
        link.pending.append(
            HTTPPipeline.Request(
                token: request.token, operation: Int32(request.operation), site: Int32(request.site)))
        list(link)
        markDirty(link)
        return .taken(
            connection: Int32(link.index), handle: Int32(link.index), bytes: Int32(link.output.count - before))
    }

    /// Takes a connection off the list of those with room.
    private func nextWithRoom() -> HTTPConnection? {
        while let index = available.first {
            available.removeFirst()
            let link = links[Int(index)]
            link.isListed = false
            if link.hasRoom(plan.window) { return link }
        }
        return nil
    }

    /// Puts a connection on the list where it has room.
    func list(_ link: HTTPConnection) {
        guard !link.isListed, link.hasRoom(plan.window) else { return }
        link.isListed = true
        available.append(Int32(link.index))
    }

    func markDirty(_ link: HTTPConnection) {
        guard !link.isDirty else { return }
        link.isDirty = true
        dirty.append(link)
    }

    /// One `send` for each touched connection.
    func flush() {
        for index in 0..<dirty.count {
            let link = dirty[index]
            guard link.isDirty else { continue }
            sink.flushing(link.index)
            if link.flush() { watchWriting(link) } else { lose(link, fault(of: link) ?? "connection reset") }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    func giveUp(_ token: RequestToken, handle: Int32) {
        guard links.indices.contains(Int(handle)) else { return }
        let link = links[Int(handle)]
        guard link.pending.giveUp(token), link.pending.isAllGivenUp else { return }
        if link.isUp { return lose(link, "no answer") }
        // Nothing of them was sent yet.
        _ = link.takePending()
        link.clearOutput()
        list(link)
    }
}

extension FieldValues: HTTPFieldSource {}
