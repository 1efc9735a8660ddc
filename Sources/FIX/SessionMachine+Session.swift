/// Messages while the session is up.
extension SessionMachine {
    mutating func receivedInSession(
        _ fields: borrowing FieldIndex, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        guard fields.equals(Tag.beginString, Self.beginString) else {
            logout("Incorrect BeginString", now: now, into: &writer)
            return .handled
        }
        guard let stated = fields.int(Tag.msgSeqNum), stated >= 0 else {
            writeLogout("MsgSeqNum missing or unreadable", now: now, into: &writer)
            return close(now)
        }
        let number = UInt64(stated)
        if fields.messageType == .logon { return logonAgain(fields, number, now: now, into: &writer) }
        if number != expected, let verdict = judgeNumber(fields, number, now: now, into: &writer) { return verdict }
        if let verdict = judgeHeader(fields, number, now: now, into: &writer) { return verdict }
        if number < expected, !ignoresNumber(fields) { return .handled }
        return dispatch(fields, number, now: now, into: &writer)
    }

    /// A Logon with 141=Y resets both sides; any other is a repetition of the first, judged by its number.
    private mutating func logonAgain(
        _ fields: borrowing FieldIndex, _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        if let verdict = judgeHeader(fields, number, now: now, into: &writer) { return verdict }
        if fields.flag(Tag.resetSeqNumFlag) == true { return logon(fields, now: now, into: &writer) }
        if number != expected, let verdict = judgeNumber(fields, number, now: now, into: &writer) { return verdict }
        if number == expected { advance() }
        return .handled
    }

    /// Messages whose own number does not matter: a SequenceReset in reset mode.
    private func ignoresNumber(_ fields: borrowing FieldIndex) -> Bool {
        fields.messageType == .sequenceReset && fields.flag(Tag.gapFillFlag) != true
    }

    /// Deals with a number that is not the expected one; nil lets the message through to the other checks.
    private mutating func judgeNumber(
        _ fields: borrowing FieldIndex, _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict? {
        if ignoresNumber(fields) { return nil }
        if number < expected {
            guard fields.flag(Tag.possDupFlag) != true else { return nil }
            writeLogout(Self.tooLow(expected, number), now: now, into: &writer)
            return close(now)
        }
        // These two are answered at once: waiting for the gap would let both sides wait for each other.
        if fields.messageType == .logout || fields.messageType == .resendRequest { return nil }
        if fields.contains(Tag.senderCompID), fields.contains(Tag.targetCompID), !hasOurCompIDs(fields) { return nil }
        keep(fields, number)
        // A message sent again that is still early: the resend itself has a hole.
        if fields.flag(Tag.possDupFlag) == true, expected > requestedFrom { requestedFrom = 0 }
        requestResend(through: number - 1, now: now, into: &writer)
        return .handled
    }

    private mutating func keep(_ fields: borrowing FieldIndex, _ number: UInt64) {
        guard queue.count < configuration.queuedMessagesMax, queue[number] == nil,
            queuedBytes + fields.length <= configuration.queuedBytesMax
        else { return }
        queue[number] = unsafe fields.withFrame { frame in unsafe Array(frame) }
        queuedBytes += fields.length
    }

    /// Dictionary, SendingTime, CompIDs and PossDup; nil if the message is well formed and ours.
    private mutating func judgeHeader(
        _ fields: borrowing FieldIndex, _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict? {
        if let problem = MessageDictionary.fix44.check(fields) {
            reject(fields, problem, now: now, into: &writer)
            if number == expected { advance() }
            return .handled
        }
        guard hasGoodTime(fields, now) else {
            return rejectAndLeave(fields, .sendingTimeProblem, number, now: now, into: &writer)
        }
        guard hasOurCompIDs(fields) else {
            return rejectAndLeave(fields, .compIDProblem, number, now: now, into: &writer)
        }
        guard fields.flag(Tag.possDupFlag) == true, fields.messageType != .sequenceReset else { return nil }
        guard let original = fields.timestamp(Tag.origSendingTime) else {
            let problem = SessionReject(.requiredTagMissing, tag: Tag.origSendingTime)
            reject(fields, problem, now: now, into: &writer)
            return .handled
        }
        guard original <= fields.timestamp(Tag.sendingTime) ?? .min else {
            return rejectAndLeave(fields, .sendingTimeProblem, number, now: now, into: &writer)
        }
        return nil
    }

    private mutating func rejectAndLeave(
        _ fields: borrowing FieldIndex, _ reason: SessionReject.Reason, _ number: UInt64, now: Int64,
        into writer: inout FrameWriter
    ) -> Verdict {
        reject(fields, SessionReject(reason), now: now, into: &writer)
        if number == expected { advance() }
        logout(nil, now: now, into: &writer)
        return .handled
    }

    /// A good message: with the expected number, or one whose number does not matter.
    private mutating func dispatch(
        _ fields: borrowing FieldIndex, _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        switch fields.messageType {
        case .sequenceReset: return resetSequence(fields, number, now: now, into: &writer)
        case .logout: return receivedLogout(number, now: now, into: &writer)
        case .resendRequest: return receivedResendRequest(fields, number, now: now, into: &writer)
        case .testRequest:
            begin(.heartbeat, now: now, into: &writer)
            if let id = fields.bytes(Tag.testReqID) { writer.append(Tag.testReqID, bytes: id) }
            writer.finish()
        case .heartbeat, .reject: break
        default:
            // After our Logout nothing is taken any more; the peer sends it again in the next session.
            guard state == .active else { return .handled }
            advance()
            return .deliver
        }
        advance()
        return .handled
    }

    private mutating func receivedLogout(
        _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        if number == expected { expected += 1 }
        if state == .active { writeLogout(nil, now: now, into: &writer) }
        return close(now)
    }

    private mutating func receivedResendRequest(
        _ fields: borrowing FieldIndex, _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        if number == expected { advance() }
        let last = next - 1
        let first = max(1, UInt64(fields.int(Tag.beginSeqNo) ?? 1))
        let stated = UInt64(fields.int(Tag.endSeqNo) ?? 0)
        let end = stated == 0 ? last : min(stated, last)
        return first <= end ? .resend(first...end) : .handled
    }

    private mutating func resetSequence(
        _ fields: borrowing FieldIndex, _ number: UInt64, now: Int64, into writer: inout FrameWriter
    ) -> Verdict {
        let target = UInt64(fields.int(Tag.newSeqNo) ?? 0)
        guard target >= expected else {
            // The list of engines' tests: no RefTagID here.
            reject(fields, SessionReject(.valueIncorrect), now: now, into: &writer)
            return .handled
        }
        expected = target
        forgetQueueBelowExpected()
        closeGap()
        return .handled
    }

    private mutating func advance() {
        expected += 1
        closeGap()
    }

    /// When the gap we asked for is filled, a new one may be asked for.
    private mutating func closeGap() {
        if requestedFrom != 0, expected > requestedThrough { requestedFrom = 0 }
    }

    private mutating func forgetQueueBelowExpected() {
        guard !queue.isEmpty else { return }
        for number in queue.keys.sorted() where number < expected {
            queuedBytes -= queue.removeValue(forKey: number)?.count ?? 0
        }
    }
}
