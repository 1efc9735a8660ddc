internal import Arrivals

/// From the transport to the figures.
extension LoadEngine: CompletionSink {
    /// Waits as the plan says, then handles whatever is ready.
    func serve(until deadline: UInt64, now: UInt64) {
        if case .simulated(let clock) = clock {
            clock.now = max(clock.now, deadline)
            return
        }
        let count = wait(until: deadline, now: now)
        guard count > 0 else { return }
        var turn = clock.now()
        for index in 0..<count {
            turn = sendDue(since: turn)
            transport.ready(poller.event(index))
        }
        transport.flush()
    }

    private func wait(until deadline: UInt64, now: UInt64) -> Int {
        switch plan.pacing.mode {
        case .sleep: return poller.wait(until: deadline, now: now)
        case .hybrid:
            let awake = UInt64(plan.pacing.spinNanoseconds)
            if deadline > now + awake {
                let count = poller.wait(until: deadline - awake, now: now)
                if count > 0 { return count }
            }
        case .spin: break
        }
        while true {
            let now = clock.now()
            let count = poller.wait(until: now, now: now)
            if count > 0 || now >= deadline { return count }
        }
    }

    // MARK: Answers

    func flushing(_ connection: Int) {
        if flushes.indices.contains(connection) { flushes[connection] = clock.now() }
    }

    func saved(_ token: RequestToken, variable: Int, _ value: Span<UInt8>) {
        guard requests.holds(token) else { return }
        let iteration = requests[token.slot].iteration
        guard iterations[iteration].variables >= 0 else { return }
        variables.set(iterations[iteration].variables, variable, value)
    }

    func completed(_ completion: Completion) {
        guard requests.holds(completion.token) else { return }
        let at = completion.at > base ? completion.at - base : 0
        finish(
            completion.token.slot, completion.outcome, completion.reason, at: at, bytesIn: completion.bytesIn)
    }

    /// Records a request that is no longer in flight, and goes on with its iteration.
    private func finish(_ slot: Int32, _ outcome: Outcome, _ reason: String, at: UInt64, bytesIn: Int) {
        let request = requests[slot]
        let iteration = request.iteration
        let row = compiled.rows[Int(request.row)]
        recorder.noteDone(request, outcome, at: at)
        if outcome != .ok { recorder.noteReason(row.operation, outcome, reason) }
        samples?.finished(
            RequestSample(
                intended: request.intended, sent: max(request.sent, request.intended), done: at,
                scenario: row.scenario, operation: row.operation, outcome: outcome,
                connection: Int(request.connection), bytesIn: bytesIn, bytesOut: Int(request.bytesOut),
                reason: reason))
        requests.release(slot)
        inFlight -= 1
        isBlocked = false
        scenarios[row.scenario].outstanding -= 1
        if outcome == .ok, !iterations[iteration].isCut {
            iterations[iteration].step += 1
            proceed(iteration, from: at, nil)
        } else {
            end(iteration, at: at, isFailed: outcome.isError)
        }
    }

    /// Ends the iteration of a request that was reached and cannot be sent.
    func drop(_ index: Int32, _ outcome: Outcome, _ reason: String, _ time: UInt64) {
        let iteration = iterations[index]
        let scenario = Int(iteration.scenario)
        guard case .request(let site) = compiled.steps[compiled.items[Int(iteration.item)].first + Int(iteration.step)]
        else { return }
        scenarios[scenario].outstanding -= 1
        noteUnsent(
            scenario, compiled.sites[site].operation, scenarios[scenario].judged(iteration.intended),
            iteration.intended, outcome, reason, time)
        end(index, at: max(time, iteration.intended), isFailed: true)
    }

    /// Counts a request that never went out.
    func noteUnsent(
        _ scenario: Int, _ operation: Int, _ judged: Int32, _ intended: UInt64, _ outcome: Outcome, _ reason: String,
        _ time: UInt64
    ) {
        let row = compiled.row(scenario: scenario, operation: operation)
        recorder.noteUnsent(row: row, judged: judged, intended: intended, outcome, lasted: timeout)
        if outcome != .ok { recorder.noteReason(operation, outcome, reason) }
        let at = max(time, intended)
        samples?.finished(
            RequestSample(
                intended: intended, sent: at, done: at, scenario: scenario, operation: operation, outcome: outcome,
                connection: -1, bytesIn: 0, bytesOut: 0, reason: reason))
    }

    // MARK: Ends of iterations

    /// An iteration is over: its variables go, its user thinks.
    func end(_ index: Int32, at: UInt64, isFailed: Bool) {
        let iteration = iterations[index]
        if iteration.variables >= 0 {
            for variable in 0..<FlowPlan.variablesMax {
                variables.withValue(iteration.variables, variable) { value in
                    if value.count > 0 { transport.forget(value) }
                }
            }
            variables.release(iteration.variables)
            iterations[index].variables = -1
        }
        if !iteration.isCut {
            liveIterations -= 1
            scenarios[Int(iteration.scenario)].live -= 1
            if iteration.user >= 0 { schedule(Int(iteration.user), after: at, isFailed: isFailed) }
        }
        iterations.remove(index)
    }

    /// Puts a user's next iteration on the heap, or lets it go.
    func schedule(_ slot: Int, after: UInt64, isFailed: Bool) {
        guard users[slot].state == .here else {
            users[slot].state = .gone
            users[slot].isBusy = false
            return
        }
        let scenario = Int(users[slot].scenario)
        let user = scenarios[scenario].user(ofSlot: slot)
        let number = UInt64(user) << IterationKey.ordinalBits | UInt64(users[slot].ordinal)
        var random = thinks.random(IterationKey(scenario: scenario, iteration: number, step: FlowPlan.stepsMax, row: 0))
        let pause = UInt64(scenarios[scenario].think.draw(&random) * 1e9)
        heap.push(Int32(-1 - slot), at: after + (isFailed ? max(pause, Self.failedPause) : pause))
    }

    /// Ends thinking flows of scenarios whose grace is over, and of users whose is.
    func cutOverdue(_ time: UInt64) {
        guard liveIterations > inFlight + waiting.count else { return }
        guard scenarios.indices.contains(where: { scenarios[$0].live > 0 && scenarios[$0].cutAt < time }) else {
            return
        }
        for index in iterations.indices where iterations[index].isLive && iterations[index].isThinking {
            let iteration = iterations[index]
            guard !iteration.isCut, scenarios[Int(iteration.scenario)].cutAt < time else { continue }
            cut(index, time)
        }
    }

    /// Ends a flow in its pause; the entry on the heap finds nothing to do.
    private func cut(_ index: Int32, _ time: UInt64) {
        let iteration = iterations[index]
        if iteration.variables >= 0 {
            variables.release(iteration.variables)
            iterations[index].variables = -1
        }
        iterations[index].isCut = true
        liveIterations -= 1
        scenarios[Int(iteration.scenario)].live -= 1
        if iteration.user >= 0 { schedule(Int(iteration.user), after: time, isFailed: false) }
    }

    // MARK: Giving up

    /// Ends requests whose answer is overdue; they were sent in the order of the queue.
    func expire(_ now: UInt64) {
        while let token = sentOrder.first {
            if requests.holds(token) {
                guard now > base, now - base > requests[token.slot].sent + timeout else { return }
                transport.giveUp(token, handle: requests[token.slot].handle)
                finish(token.slot, .timeout, "no answer", at: now - base, bytesIn: 0)
            }
            sentOrder.removeFirst()
        }
    }

    /// Begins no more iterations: what waits is dropped, what thinks is cut, answers are awaited.
    func stopStarting(_ now: UInt64) {
        let time = now > base ? now - base : 0
        for index in scenarios.indices {
            scenarios[index].stop(time)
            let first = scenarios[index].firstUser
            for slot in first..<first + scenarios[index].ownUsers where users[slot].state == .here {
                users[slot].state = .leaving
                usersHere -= 1
                scenarios[index].usersHere -= 1
            }
        }
        while let index = waiting.first {
            waiting.removeFirst()
            drop(index, .dropped, "interrupted", time)
        }
        for index in iterations.indices where iterations[index].isLive && iterations[index].isThinking {
            if !iterations[index].isCut { cut(index, time) }
        }
        heap.removeAll()
    }

    /// After an interrupt nobody waits longer.
    func giveUpAll(_ now: UInt64) {
        while let token = sentOrder.first {
            if requests.holds(token) {
                transport.giveUp(token, handle: requests[token.slot].handle)
                finish(token.slot, .unknown, "interrupted", at: now - base, bytesIn: 0)
            }
            sentOrder.removeFirst()
        }
    }
}
