/// One FIX 4.4 session as a pure state machine: parsed messages, timer ticks and orders to send go in; frames come
/// out in a `FrameWriter`, and each input gives a `Verdict` that says what the driver has to do.
///
/// | state | leaves it by |
/// |---|---|
/// | idle | `connected` |
/// | awaitingLogon | a valid Logon (-> active), anything else or time (-> closed) |
/// | active | Logout of either side, a fault in the stream |
/// | awaitingLogout | the peer's Logout, or time (-> closed) |
/// | closed | `connected` |
///
/// The machine owns both sequence numbers. `expected` moves when a message is handed to the driver, so the driver
/// persists it only after the application has taken the message: what is lost in a crash between the two is asked
/// for again. Admin frames are written at once; the driver flushes the writer after each batch of inputs.
///
/// Order of checks on a message: number readable; too high (kept, gap asked for); too low without PossDup (Logout);
/// dictionary; SendingTime; CompIDs; PossDup's 122; then by type. Time is a parameter, microseconds since 1970 UTC.
public struct SessionMachine {
    /// Where the session stands.
    public enum State: Sendable {
        case idle, awaitingLogon, active, awaitingLogout, closed
    }

    /// What the driver has to do after an input, beside flushing the writer.
    public enum Verdict: Equatable, Sendable {
        /// Nothing.
        case handled
        /// Give the message to the application.
        case deliver
        /// The session is up; `isReset`: numbers start at 1, so forget stored messages.
        case established(isReset: Bool)
        /// Send the stored messages of that range again (`Resender`).
        case resend(ClosedRange<UInt64>)
        /// Flush what was written, then close the connection.
        case close
    }

    /// What the session was set up with.
    public internal(set) var configuration: SessionConfiguration
    /// Where the session stands.
    public internal(set) var state = State.idle
    /// The number the next message of the peer must have.
    public internal(set) var expected: UInt64
    /// The number of the next message we send.
    public internal(set) var next: UInt64
    /// HeartBtInt agreed on, microseconds; 0 for none.
    public internal(set) var heartbeat: Int64 = 0

    var lastReceived: Int64 = 0
    var lastSent: Int64 = 0
    var stateSince: Int64 = 0
    var hasTestRequest = false
    /// The gap we asked for last: its first number (0 where no gap is open), its last, and when we asked.
    var requestedFrom: UInt64 = 0
    var requestedThrough: UInt64 = 0
    var requestedAt: Int64 = 0
    var queue: [UInt64: [UInt8]] = [:]
    var queuedBytes = 0

    /// A session that goes on at these numbers; 1 and 1 for a new one.
    public init(_ configuration: SessionConfiguration, expected: UInt64 = 1, next: UInt64 = 1) {
        precondition(expected >= 1 && next >= 1, "sequence numbers start at 1")
        self.configuration = configuration
        self.expected = expected
        self.next = next
    }

    /// The number of early messages waiting for a gap to be filled.
    public var queued: Int { queue.count }

    // MARK: driver's inputs

    /// A connection stands: an initiator sends its Logon, an acceptor waits for one.
    public mutating func connected(now: Int64, into writer: inout FrameWriter) {
        enter(.awaitingLogon, now)
        lastReceived = now
        lastSent = now
        hasTestRequest = false
        requestedFrom = 0
        dropQueue()
        guard configuration.role == .initiator else { return }
        if configuration.resetsOnLogon { resetNumbers() }
        heartbeat = configuration.heartbeatSeconds * 1_000_000
        writeLogon(isReset: configuration.resetsOnLogon, now: now, into: &writer)
    }

    /// The connection is gone; numbers stay.
    public mutating func disconnected(now: Int64) {
        enter(.closed, now)
        dropQueue()
    }

    /// A frame that the scanner found and `FieldIndex` could parse. Garbled ones are not shown to the machine.
    public mutating func received(
        _ fields: borrowing FieldIndex, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        lastReceived = now
        hasTestRequest = false
        switch state {
        case .idle, .closed: return .close
        case .awaitingLogon: return receivedFirst(fields, now: now, into: &writer)
        case .active, .awaitingLogout: return receivedInSession(fields, now: now, into: &writer)
        }
    }

    /// The next early message whose turn has come, parsed into `fields`; pass it to `received` again.
    public mutating func takeQueued(into fields: inout FieldIndex) -> Bool {
        guard !queue.isEmpty, state == .active, let frame = queue.removeValue(forKey: expected) else { return false }
        queuedBytes -= frame.count
        return unsafe frame.withUnsafeBytes { unsafe fields.parse($0) } == .parsed
    }

    /// Time passes: heartbeats, test requests and deadlines. Call it a few times a second.
    public mutating func tick(now: Int64, into writer: inout FrameWriter) -> Verdict {
        switch state {
        case .idle, .closed: return .handled
        case .awaitingLogon: return now - stateSince >= configuration.logonTimeout ? close(now) : .handled
        case .awaitingLogout: return now - stateSince >= configuration.logoutTimeout ? close(now) : .handled
        case .active: return tickActive(now: now, into: &writer)
        }
    }

    private mutating func tickActive(now: Int64, into writer: inout FrameWriter) -> Verdict {
        guard heartbeat > 0 else { return .handled }
        let silence = now - lastReceived
        if silence * 10 >= heartbeat * 24 { return close(now) }
        if silence * 10 >= heartbeat * 12, !hasTestRequest {
            hasTestRequest = true
            begin(.testRequest, now: now, into: &writer)
            writer.append(Tag.testReqID, text: "TEST")
            writer.finish()
        }
        if now - lastSent >= heartbeat {
            begin(.heartbeat, now: now, into: &writer)
            writer.finish()
        }
        return .handled
    }

    /// Starts a frame with the next number; append the body and call the writer's `finish`.
    public mutating func begin(_ type: MessageType, now: Int64, into writer: inout FrameWriter) {
        writer.begin(type, number: next, header: configuration.header, time: now)
        next += 1
        lastSent = now
    }

    /// Says goodbye: sends Logout and waits for the answer until the deadline.
    public mutating func logout(_ text: String? = nil, now: Int64, into writer: inout FrameWriter) {
        guard state == .active else { return }
        writeLogout(text, now: now, into: &writer)
        enter(.awaitingLogout, now)
    }

    /// Answers an application message that is not served here: BusinessMessageReject (35=j).
    public mutating func rejectBusiness(
        _ fields: borrowing FieldIndex, reason: Int64, text: String, now: Int64, into writer: inout FrameWriter
    ) {
        begin(.businessMessageReject, now: now, into: &writer)
        routeBack(fields, into: &writer)
        writer.append(Tag.refSeqNum, fields.int(Tag.msgSeqNum) ?? 0)
        writer.append(Tag.text, text: text)
        if let type = fields.bytes(Tag.msgType) { writer.append(Tag.refMsgType, bytes: type) }
        writer.append(Tag.businessRejectReason, reason)
        writer.finish()
    }

    /// Answers a malformed message: Reject (35=3).
    public mutating func reject(
        _ fields: borrowing FieldIndex, _ reject: SessionReject, now: Int64, into writer: inout FrameWriter
    ) {
        begin(.reject, now: now, into: &writer)
        routeBack(fields, into: &writer)
        writer.append(Tag.refSeqNum, fields.int(Tag.msgSeqNum) ?? 0)
        writer.append(Tag.text, text: reject.reason.text)
        if let tag = reject.tag { writer.append(Tag.refTagID, Int64(tag)) }
        if let type = fields.bytes(Tag.msgType), !type.isEmpty { writer.append(Tag.refMsgType, bytes: type) }
        writer.append(Tag.sessionRejectReason, Int64(reject.reason.rawValue))
        writer.finish()
    }

    // MARK: frames

    /// Swaps the routing fields of a third party; empty ones are left out.
    private func routeBack(_ fields: borrowing FieldIndex, into writer: inout FrameWriter) {
        func copy(_ tag: Int, from source: Int) {
            guard let value = fields.bytes(source), !value.isEmpty else { return }
            writer.append(tag, bytes: value)
        }
        copy(Tag.onBehalfOfCompID, from: Tag.deliverToCompID)
        copy(Tag.onBehalfOfSubID, from: Tag.deliverToSubID)
        copy(Tag.deliverToCompID, from: Tag.onBehalfOfCompID)
        copy(Tag.deliverToSubID, from: Tag.onBehalfOfSubID)
        copy(Tag.onBehalfOfLocationID, from: Tag.deliverToLocationID)
        copy(Tag.deliverToLocationID, from: Tag.onBehalfOfLocationID)
    }

    mutating func writeLogon(isReset: Bool, now: Int64, into writer: inout FrameWriter) {
        begin(.logon, now: now, into: &writer)
        writer.append(Tag.encryptMethod, 0)
        writer.append(Tag.heartBtInt, heartbeat / 1_000_000)
        if isReset { writer.append(Tag.resetSeqNumFlag, char: UInt8(ascii: "Y")) }
        if configuration.role == .initiator, !configuration.username.isEmpty {
            writer.append(Tag.username, text: configuration.username)
            writer.append(Tag.password, text: configuration.password)
        }
        writer.finish()
    }

    mutating func writeLogout(_ text: String?, now: Int64, into writer: inout FrameWriter) {
        begin(.logout, now: now, into: &writer)
        if let text { writer.append(Tag.text, text: text) }
        writer.finish()
    }

    // MARK: state

    mutating func enter(_ new: State, _ now: Int64) {
        state = new
        stateSince = now
    }

    mutating func close(_ now: Int64) -> Verdict {
        enter(.closed, now)
        return .close
    }

    mutating func resetNumbers() {
        expected = 1
        next = 1
        requestedFrom = 0
        dropQueue()
    }

    mutating func dropQueue() {
        queue.removeAll()
        queuedBytes = 0
    }
}
