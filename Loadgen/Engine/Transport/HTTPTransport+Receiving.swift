/// From readable sockets to completions.
extension HTTPTransport {
    /// Readings of one connection before others have their turn.
    private static let readsMax = 4

    func ready(_ event: Poller.Event) {
        guard links.indices.contains(event.key) else { return }
        let link = links[event.key]
        if case .connecting = link.state { return goOnConnecting(link) }
        if event.isReadable || event.isBroken { receive(link) }
        if event.isWritable, link.isUp, link.hasUnsentBytes { markDirty(link) }
    }

    /// Reads what is there, in a few steps; the time of a reply is that of the reading that ended it.
    private func receive(_ link: HTTPConnection) {
        var reads = 0
        while let stream = link.stream, link.isUp, reads < Self.readsMax || stream.hasPendingInput {
            reads += 1
            switch unsafe stream.receive(into: input) {
            case .wouldBlock: return watchWriting(link)
            case .closed: return finish(link)
            case .broken: return lose(link, fault(of: link) ?? "connection reset")
            case .bytes(let count):
                guard take(link, count) else { return }
                if count < Self.inputBytes, !stream.hasPendingInput { return }
            }
        }
    }

    /// Reads replies out of the input; false where the connection has ended with them.
    private func take(_ link: HTTPConnection, _ count: Int) -> Bool {
        let now = clock.now()
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: input[..<count])
        var position = 0
        while position < count {
            guard let request = link.pending.first else {
                lose(link, HTTPFault.unasked.reason)
                return false
            }
            if link.reader.isDone { begin(link, request) }
            let start = position
            let progress = unsafe link.reader.read(Span<UInt8>(_unsafeBytes: bytes), at: &position)
            link.replyBytes += position - start
            switch progress {
            case .more: return true
            case .done: guard complete(link, now) else { return false }
            case .failed(let fault):
                lose(link, fault.reason, first: .error)
                return false
            }
        }
        return true
    }

    private func begin(_ link: HTTPConnection, _ request: HTTPPipeline.Request) {
        let wantsBody = saves[Int(request.site)].contains { if case .json = $0.source { true } else { false } }
        link.reader.begin(
            isHead: templates[Int(request.operation)]?.isHead ?? false, keepsBody: wantsBody && !request.isGivenUp)
    }

    /// The target closed the connection: the end of a reply without a length, between replies, or inside one.
    private func finish(_ link: HTTPConnection) {
        guard !link.reader.isDone else {
            guard link.pending.count > 0 else { return end(link, "") }
            return lose(link, "connection closed by the target")
        }
        switch link.reader.end() {
        case .done, .more: _ = complete(link, clock.now())
        case .failed(let fault): lose(link, fault.reason)
        }
    }

    /// A reply is whole; false where the connection ends with it.
    private func complete(_ link: HTTPConnection, _ now: UInt64) -> Bool {
        guard let request = link.pending.popFirst() else { return true }
        let bytes = link.replyBytes
        link.replyBytes = 0
        link.hasServed = true
        if request.isGivenUp {
            counters.lateAnswers += 1
        } else {
            var completion = judge(link, request)
            completion.at = now
            completion.bytesIn = bytes
            sink.completed(completion)
        }
        guard link.isUp else { return false }
        guard link.reader.keepsAlive else {
            end(link, "connection closed by the target")
            return false
        }
        list(link)
        return true
    }

    private func judge(_ link: HTTPConnection, _ request: HTTPPipeline.Request) -> Completion {
        let status = link.reader.status
        var completion = Completion(token: request.token, outcome: .ok, reason: "", at: 0)
        guard templates[Int(request.operation)]?.expected.contains(status) ?? false else {
            completion.outcome = status >= 500 ? .error : .rejected
            completion.reason = "status \(status)"
            return completion
        }
        for save in saves[Int(request.site)] where !take(save, link, request.token) {
            completion.outcome = .error
            completion.reason = save.reason
            break
        }
        return completion
    }

    /// Hands a value of the reply over; false where it is not there, or too long.
    private func take(_ save: Save, _ link: HTTPConnection, _ token: RequestToken) -> Bool {
        switch save.source {
        case .json(let path):
            let body = link.reader.body
            let found = path.find(in: body.span, into: &savedValue, room: SavedValue.lengthMax)
            guard found == .value else { return false }
        case .header(let name):
            savedValue.removeAll(keepingCapacity: true)
            let isThere: Void? = link.reader.withHeader(name) { value in
                for index in 0..<min(value.count, SavedValue.lengthMax + 1) { savedValue.append(value[index]) }
            }
            guard isThere != nil, savedValue.count <= SavedValue.lengthMax else { return false }
        }
        let value = savedValue
        sink.saved(token, variable: save.variable, value.span)
        return true
    }
}
