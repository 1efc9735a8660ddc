/// Calls a function of this process for every request; answers arrive when their delay is over.
///
/// `connections` times `window` calls may be unanswered. The function `echo` costs no allocation; others get their
/// arguments as a dictionary.
final class InProcessTransport: Transport {
    private struct Answer {
        var token: RequestToken
        var site: Int32
        var connection: Int32
        var reply: InProcessReply
    }

    let connections: Int
    var connectionsUp: Int { connections }
    var counters = TransportCounters()
    private let function: InProcessTarget.Function?
    private let operations: [OperationPlan]
    private let saves: [[SavePlan]]
    private let clock: RunClock
    private let room: Int
    private var sink: any CompletionSink = NoSink()
    private var answers: [Answer]
    private var free: [Int32] = []
    private var due = TimerHeap()
    private var calls = 0
    private var base: UInt64 = 0
    private var unanswered = 0

    /// - Throws: `LoadError` for a name that is not registered.
    init(_ setting: TransportSetting, _ name: String) throws(LoadError) {
        guard let found = InProcessTarget.function(name) else {
            throw LoadError(
                .configuration,
                "no function \"\(name)\" in this process; there are \(InProcessTarget.names.joined(separator: ", "))")
        }
        function = name == "echo" ? nil : found
        operations = setting.plan.operations
        saves = setting.saves
        clock = setting.clock
        connections = setting.plan.target.connections
        room = min(connections * setting.plan.target.window, setting.plan.target.maxInFlight)
        answers = []
    }

    var nextDeadline: UInt64? { due.count > 0 ? due.first : nil }

    func start(_ sink: any CompletionSink, now: UInt64) throws(LoadError) {
        self.sink = sink
        base = now
    }

    func isReady(now: UInt64) throws(LoadError) -> Bool {
        base = now
        return true
    }

    func submit(_ request: OutgoingRequest, _ values: FieldValues) -> Submission {
        guard unanswered < room else { return .full }
        let now = clock.now()
        let reply = function.map { $0(call(request, values, now)) } ?? InProcessReply()
        let answer = Answer(
            token: request.token, site: Int32(request.site), connection: Int32(calls % connections), reply: reply)
        calls += 1
        unanswered += 1
        let handle: Int32
        if let slot = free.popLast() {
            answers[Int(slot)] = answer
            handle = slot
        } else {
            answers.append(answer)
            handle = Int32(answers.count - 1)
        }
        if let delay = reply.delayNanoseconds { due.push(handle, at: now + delay) }
        return .taken(connection: answer.connection, handle: handle, bytes: 0)
    }

    private func call(_ request: OutgoingRequest, _ values: FieldValues, _ now: UInt64) -> InProcessCall {
        let operation = operations[request.operation]
        var arguments: [String: String] = [:]
        for (index, field) in operation.fields.enumerated() where values.isBound(index) {
            arguments[field.name] = values.withValue(index) { span in
                String(decoding: (0..<span.count).map { span[$0] }, as: UTF8.self)
            }
        }
        return InProcessCall(
            operation: operation.name, arguments: arguments, number: calls, time: now > base ? now - base : 0)
    }

    func flush() {}

    func ready(_ event: Poller.Event) {}

    func advance(_ now: UInt64) {
        while due.first <= now, let (handle, time) = due.pop() {
            let answer = answers[Int(handle)]
            release(handle)
            guard answer.token.slot >= 0 else { continue }
            complete(answer, at: time)
        }
    }

    private func complete(_ answer: Answer, at time: UInt64) {
        var completion = Completion(
            token: answer.token, outcome: answer.reply.outcome, reason: answer.reply.reason, at: max(time, clock.now()))
        if clock.isSimulated { completion.at = time }
        if answer.reply.outcome == .ok {
            for save in saves[Int(answer.site)] where !take(save, answer) {
                completion.outcome = .error
                completion.reason = "the answer lacks what the flow saves"
            }
        }
        sink.completed(completion)
    }

    private func take(_ save: SavePlan, _ answer: Answer) -> Bool {
        guard case .json(let path) = save.extract, path.count == 1, let value = answer.reply.values[path[0]] else {
            return false
        }
        sink.saved(answer.token, variable: save.variable, Array(value.utf8).span)
        return true
    }

    private func release(_ handle: Int32) {
        unanswered -= answers[Int(handle)].token.slot >= 0 ? 1 : 0
        answers[Int(handle)].reply = InProcessReply()
        free.append(handle)
    }

    func giveUp(_ token: RequestToken, handle: Int32) {
        guard answers[Int(handle)].token == token else { return }
        // An answer that is still to come finds nobody; one that never comes frees its place now.
        let isComing = answers[Int(handle)].reply.delayNanoseconds != nil
        unanswered -= 1
        answers[Int(handle)].token.slot = -1
        if !isComing { release(handle) }
    }

    func close() { sink = NoSink() }
}
