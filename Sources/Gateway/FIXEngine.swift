internal import FIX
internal import Logging
internal import Market
internal import NIOCore
internal import Telemetry

/// All FIX sessions of the process, confined to one event loop.
///
/// Work is gathered per turn of the loop: messages read from all sockets in one turn are submitted as one batch, and
/// each session's answers leave in one write. A session's numbers are made durable after its requests were handed to
/// `submit`, and before its answers are given to the socket.
///
/// `@unchecked Sendable`: every property but the constants is touched on `loop` only.
final class FIXEngine: @unchecked Sendable {
    let loop: any EventLoop
    let configuration: GatewayConfiguration
    let metrics: GatewayMetrics
    let clock: @Sendable () -> Int64
    private let entry: OrderEntry
    private let encoder: ReportEncoder
    private let logger: Logger
    /// Nil where nothing is traced.
    private let tracer: OrderTracer?

    /// The message being handled.
    var fields: FieldIndex
    private var scratch: FieldIndex
    private var resendWriter = FrameWriter()
    private var sessions: [SessionID: FIXSession] = [:]
    private var sessionsByCompID: [String: FIXSession] = [:]
    private var connections: [ObjectIdentifier: FIXConnection] = [:]
    private var connectionsByAddress: [String: Int] = [:]
    private var requests: [OrderRequest] = []
    private var dirty: [FIXSession] = []
    private var isTurnScheduled = false
    private var now: Int64 = 0
    private var isStopping = false
    private var isResending = false

    init(
        loop: any EventLoop, configuration: GatewayConfiguration, entry: OrderEntry, metrics: GatewayMetrics,
        spans: SpanRecorder?, logger: Logger, clock: @escaping @Sendable () -> Int64
    ) throws(GatewayError) {
        self.loop = loop
        self.configuration = configuration
        self.entry = entry
        self.metrics = metrics
        self.logger = logger
        self.clock = clock
        encoder = ReportEncoder(entry)
        tracer = spans.map { OrderTracer($0, configuration, unreadable: metrics.unreadableTraces) }
        fields = FieldIndex(lengthMax: configuration.messageLengthMax)
        scratch = FieldIndex(lengthMax: configuration.messageLengthMax + 128)
        for definition in configuration.sessions {
            guard sessions[definition.id] == nil, sessionsByCompID[definition.compID] == nil else {
                throw GatewayError(.configuration, "session \(definition.id) (\(definition.compID)) is listed twice")
            }
            let session = try FIXSession(definition, configuration)
            sessions[definition.id] = session
            sessionsByCompID[definition.compID] = session
        }
    }

    // MARK: connections

    /// Takes a connection, or refuses it at a limit.
    func accepted(_ connection: FIXConnection) -> Bool {
        let sameAddress = connectionsByAddress[connection.address, default: 0]
        guard !isStopping, connections.count < configuration.connectionsMax,
            sameAddress < configuration.connectionsPerAddressMax
        else {
            metrics.refusedConnections.increment()
            return false
        }
        connection.acceptedAt = clock()
        connections[ObjectIdentifier(connection)] = connection
        connectionsByAddress[connection.address] = sameAddress + 1
        metrics.connections.set(Double(connections.count))
        return true
    }

    func closed(_ connection: FIXConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        let left = connectionsByAddress[connection.address, default: 1] - 1
        connectionsByAddress[connection.address] = left > 0 ? left : nil
        metrics.connections.set(Double(connections.count))
        guard let session = connection.session else { return }
        connection.session = nil
        session.machine.disconnected(now: clock())
        session.connection = nil
        session.resender = nil
        submitRequests()
        flush(session)
        updateSessionsGauge()
        logger.debug("session off line", metadata: ["comp_id": "\(session.compID)"])
    }

    private func updateSessionsGauge() {
        metrics.sessions.set(Double(connections.values.count { $0.session != nil }))
    }

    // MARK: inbound

    /// Handles the message in `fields`.
    func received(_ connection: FIXConnection) {
        beginTurn()
        metrics.messagesIn.increment()
        guard let session = connection.session ?? logon(connection) else { return }
        handle(session)
        while session.machine.takeQueued(into: &fields) { handle(session) }
        markDirty(session)
    }

    /// The session a first message logs on to; nil closes the connection without a word.
    private func logon(_ connection: FIXConnection) -> FIXSession? {
        guard fields.messageType == .logon, let compID = fields.string(Tag.senderCompID),
            let session = sessionsByCompID[compID], session.connection == nil,
            entry.authenticate(
                LogonRequest(
                    session: session.id, compID: compID, username: fields.string(Tag.username) ?? "",
                    password: fields.string(Tag.password) ?? ""))
        else {
            metrics.refusedLogons.increment()
            connection.close()
            return nil
        }
        session.connection = connection
        connection.session = session
        session.machine.connected(now: now, into: &session.writer)
        return session
    }

    private func handle(_ session: FIXSession) {
        switch session.machine.received(fields, now: now, into: &session.writer) {
        case .handled: break
        case .deliver: deliverToApplication(session)
        case .established(let isReset):
            if isReset { session.resetStore() }
            updateSessionsGauge()
            logger.debug("session on line", metadata: ["comp_id": "\(session.compID)"])
        case .resend(let range):
            metrics.resends.increment()
            // What was written before the question goes first: a Logon above all.
            submitRequests()
            flush(session)
            session.resender = Resender(range)
        case .close: closeAfterFlush(session)
        }
    }

    private func closeAfterFlush(_ session: FIXSession) {
        // Who leaves does not wait for a resend any more.
        session.resender = nil
        submitRequests()
        flush(session)
        session.connection?.close()
    }

    private func deliverToApplication(_ session: FIXSession) {
        let outcome = OrderDecoder.decode(
            fields, session: session.id, now: now, resolve: entry.resolveInstrument)
        switch outcome {
        case .request(let request):
            tracer?.look(at: fields, request.kind, received: now, position: requests.count)
            requests.append(request)
        case .status(let query):
            // The answer must see the orders read before the question.
            submitRequests()
            entry.status(query)
        case .malformed(let reject):
            metrics.sessionRejects.increment()
            session.machine.reject(fields, reject, now: now, into: &session.writer)
        case .incomplete(let tag):
            rejectBusiness(session, 5, "Conditionally required field missing (\(tag))")
        case .notServed: rejectBusiness(session, 3, "Unsupported Message Type")
        case .unsupported(let tag): refuseUnsupported(session, tag)
        }
    }

    private func rejectBusiness(_ session: FIXSession, _ reason: Int64, _ text: String) {
        metrics.businessRejects.increment()
        let number = session.machine.next
        session.machine.rejectBusiness(fields, reason: reason, text: text, now: now, into: &session.writer)
        session.keepLastFrame(number)
    }

    private func refuseUnsupported(_ session: FIXSession, _ tag: Int) {
        metrics.businessRejects.increment()
        let number = session.machine.next
        let isCancel = fields.messageType == .orderCancelReplaceRequest || fields.messageType == .orderCancelRequest
        session.machine.begin(isCancel ? .orderCancelReject : .executionReport, now: now, into: &session.writer)
        encoder.encodeUnsupported(
            fields, tag: tag, execution: "G\(session.id).\(number)", time: now, into: &session.writer)
        session.writer.finish()
        session.keepLastFrame(number)
    }

    /// A peer that claims a message longer than the limit: nothing behind it can be trusted.
    func oversized(_ connection: FIXConnection) {
        metrics.garbled.increment()
        beginTurn()
        if let session = connection.session {
            let text = "Message longer than \(configuration.messageLengthMax) bytes"
            session.machine.logout(text, now: now, into: &session.writer)
            submitRequests()
            flush(session)
        }
        connection.close()
    }

    // MARK: outbound

    /// Encodes a batch of reports, and sends them: one write per session. Their sampled requests end with it.
    func deliver(_ batches: [[ExecutionReport]], _ traces: [TracedRequest]) {
        var traces = traces
        if !traces.isEmpty { tracer?.arrived(&traces) }
        submitRequests()
        now = clock()
        for batch in batches {
            for report in batch { send(report) }
        }
        flushDirty()
        if !traces.isEmpty { tracer?.acknowledged(&traces) }
    }

    private func send(_ report: ExecutionReport) {
        guard let session = sessions[report.session] else { return metrics.unroutable.increment() }
        let number = session.machine.next
        let type: MessageType = report.type == .cancelRejected ? .orderCancelReject : .executionReport
        session.machine.begin(type, now: now, into: &session.writer)
        encoder.encode(report, into: &session.writer)
        session.writer.finish()
        session.keepLastFrame(number)
        if !session.isDirty { markDirty(session) }
        if report.origin != 0, report.type != .trade {
            metrics.ack.record(nanoseconds: UInt64(max(0, now - Int64(clamping: report.origin))) * 1_000)
        }
    }

    // MARK: turns

    /// Reads the clock once a turn of the loop, and has its end called.
    private func beginTurn() {
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        now = clock()
        loop.execute { self.endTurn() }
    }

    private func endTurn() {
        isTurnScheduled = false
        submitRequests()
        flushDirty()
    }

    private func submitRequests() {
        guard !requests.isEmpty else { return }
        let batch = requests
        requests = []
        requests.reserveCapacity(batch.count)
        metrics.batch.record(Double(batch.count))
        entry.submit(batch, tracer?.takeBatch() ?? [])
    }

    private func markDirty(_ session: FIXSession) {
        guard !session.isDirty else { return }
        session.isDirty = true
        dirty.append(session)
    }

    private func flushDirty() {
        for session in dirty {
            session.isDirty = false
            flush(session)
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Keeps numbers and messages, then writes to the connection. Requests have been submitted before.
    private func flush(_ session: FIXSession) {
        session.persist()
        guard let connection = session.connection else { return session.writer.removeAll() }
        if session.resender == nil {
            send(session, connection)
        } else {
            continueResend(session)
        }
        let waiting = session.writer.count + connection.unreadBytes
        if waiting > configuration.outboundBytesMax {
            metrics.slowReaders.increment()
            logger.warning("slow reader disconnected", metadata: ["comp_id": "\(session.compID)"])
            connection.close()
        }
    }

    private func send(_ session: FIXSession, _ connection: FIXConnection) {
        guard session.writer.count > 0 else { return }
        metrics.messagesOut.increment(by: UInt64(session.writer.frames))
        metrics.bytesOut.increment(by: UInt64(session.writer.count))
        let out = connection.buffer(of: session.writer)
        session.writer.removeAll()
        connection.write(out)
    }

    /// Sends the next pieces of a resend while the peer reads; what came since follows when it is through.
    func continueResend(_ session: FIXSession) {
        guard let connection = session.connection, session.resender != nil, !isResending else { return }
        // A write that makes the socket writable again calls back here: the loop below goes on by itself.
        isResending = true
        let time = clock()
        while session.resender != nil, connection.isWritable {
            resendWriter.removeAll()
            session.stepResend(now: time, fields: &scratch, bytesMax: 65_536, into: &resendWriter)
            metrics.messagesOut.increment(by: UInt64(resendWriter.frames))
            connection.write(connection.buffer(of: resendWriter))
        }
        isResending = false
        if session.resender == nil { send(session, connection) }
    }

    // MARK: time

    /// Heartbeats and deadlines of all connections.
    func tick() {
        submitRequests()
        let time = clock()
        var overdue: [FIXConnection] = []
        for connection in connections.values {
            guard let session = connection.session else {
                if time - connection.acceptedAt >= configuration.logonTimeout { overdue.append(connection) }
                continue
            }
            let verdict = session.machine.tick(now: time, into: &session.writer)
            if verdict == .close { overdue.append(connection) }
            if session.writer.count > 0 || verdict == .close { markDirty(session) }
        }
        flushDirty()
        metrics.failedWrites.set(Double(sessions.values.reduce(0) { $0 + $1.failedWrites }))
        for connection in overdue { connection.close() }
    }

    /// Says goodbye to everybody; connections that stay are closed by `closeAll`.
    func beginStop() {
        isStopping = true
        submitRequests()
        now = clock()
        for connection in connections.values {
            guard let session = connection.session else {
                connection.close()
                continue
            }
            session.machine.logout(now: now, into: &session.writer)
            markDirty(session)
        }
        flushDirty()
    }

    var isQuiet: Bool { connections.isEmpty }

    func closeAll() {
        for connection in Array(connections.values) { connection.close() }
        for session in sessions.values { session.persist() }
    }
}
