/// The first message of a connection, and Logons in mid-session.
extension SessionMachine {
    /// Before the session is up: only a valid Logon counts, everything else closes the connection without a word.
    mutating func receivedFirst(
        _ fields: borrowing FieldIndex, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        guard fields.messageType == .logon, fields.equals(Tag.beginString, Self.beginString), hasOurCompIDs(fields),
            hasGoodTime(fields, now), fields.int(Tag.msgSeqNum) != nil
        else {
            // A refused initiator reads the reason from the acceptor's Logout; both ends close.
            return close(now)
        }
        return logon(fields, now: now, into: &writer)
    }

    /// Takes a Logon: answers it (acceptor), agrees on HeartBtInt, and judges its number.
    mutating func logon(_ fields: borrowing FieldIndex, now: Int64, into writer: inout FrameWriter) -> Verdict {
        if let reject = MessageDictionary.fix44.check(fields) {
            return refuseLogon(reject.reason.text, now: now, into: &writer)
        }
        guard fields.int(Tag.encryptMethod) == 0 else {
            return refuseLogon("Unsupported EncryptMethod", now: now, into: &writer)
        }
        guard let seconds = fields.int(Tag.heartBtInt), seconds >= 0, seconds <= configuration.heartbeatSecondsMax
        else { return refuseLogon("HeartBtInt out of range", now: now, into: &writer) }
        let asksReset = fields.flag(Tag.resetSeqNumFlag) == true
        let isReset = asksReset || (configuration.resetsOnLogon && configuration.role == .acceptor)
        if isReset { resetForLogon() }
        let number = UInt64(fields.int(Tag.msgSeqNum) ?? 0)
        guard number >= expected || fields.flag(Tag.possDupFlag) == true else {
            return refuseLogon(Self.tooLow(expected, number), now: now, into: &writer)
        }
        heartbeat = seconds * 1_000_000
        enter(.active, now)
        if configuration.role == .acceptor { writeLogon(isReset: asksReset, now: now, into: &writer) }
        if number > expected {
            requestResend(through: number, now: now, into: &writer)
        } else if number == expected {
            expected += 1
        }
        return .established(isReset: isReset)
    }

    /// An initiator that asked for a reset has already sent its number 1.
    private mutating func resetForLogon() {
        if configuration.role == .acceptor { return resetNumbers() }
        expected = 1
        requestedFrom = 0
        dropQueue()
    }

    private mutating func refuseLogon(_ text: String, now: Int64, into writer: inout FrameWriter) -> Verdict {
        writeLogout(text, now: now, into: &writer)
        return close(now)
    }

    // MARK: what Logon and other messages have in common

    static let beginString = Array("FIX.4.4".utf8)

    static func tooLow(_ expected: UInt64, _ number: UInt64) -> String {
        "MsgSeqNum too low, expecting \(expected) but received \(number)"
    }

    /// The peer's sender is our target, and the other way round.
    func hasOurCompIDs(_ fields: borrowing FieldIndex) -> Bool {
        fields.equals(Tag.senderCompID, configuration.header.target)
            && fields.equals(Tag.targetCompID, configuration.header.sender)
    }

    func hasGoodTime(_ fields: borrowing FieldIndex, _ now: Int64) -> Bool {
        guard let time = fields.timestamp(Tag.sendingTime) else { return false }
        return abs(time - now) <= configuration.sendingTimeTolerance
    }

    /// Asks for everything from `expected`, once per gap; again when the gap has stayed open too long.
    mutating func requestResend(through last: UInt64, now: Int64, into writer: inout FrameWriter) {
        guard requestedFrom == 0 || now - requestedAt >= configuration.resendRetry else { return }
        requestedFrom = expected
        requestedThrough = last
        requestedAt = now
        begin(.resendRequest, now: now, into: &writer)
        writer.append(Tag.beginSeqNo, Int64(expected))
        writer.append(Tag.endSeqNo, 0)
        writer.finish()
    }
}
