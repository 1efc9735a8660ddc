internal import Arrivals
internal import Telemetry

/// From the plan to the transport.
extension LoadEngine {
    // MARK: Executors

    /// Everything due that starts no request: users coming and going, steps of stepped users and searches.
    func direct(_ now: UInt64) {
        guard now >= base else { return }
        let time = now - base
        for index in scenarios.indices {
            while scenarios[index].control <= time {
                if scenarios[index].course != nil {
                    turnSearch(index, time)
                } else {
                    let at = scenarios[index].control
                    guard let event = scenarios[index].takeControl() else { break }
                    take(event, index, at)
                }
                if scenarios[index].isDraining { break }
            }
        }
    }

    private func take(_ event: ControlEvent, _ scenario: Int, _ at: UInt64) {
        switch event {
        case .userComes(let user): come(scenarios[scenario].slot(ofUser: user), at)
        case .userLeaves(let user): leave(scenarios[scenario].slot(ofUser: user), at)
        case .judgeBegins(let step):
            guard case .steppedUsers(let steps, _) = plan.scenarios[scenario].executor else { return }
            openStep(scenario, step, at, at + UInt64(steps.holdSeconds * 1e9))
        case .judgeEnds:
            guard let last = recorder.steps.lastIndex(where: { $0.scenario == scenario }) else { return }
            closeStep(scenario, last)
        case .allLeave:
            let first = scenarios[scenario].firstUser
            for slot in first..<first + scenarios[scenario].ownUsers { leave(slot, at) }
        }
    }

    private func come(_ slot: Int, _ at: UInt64) {
        guard users[slot].state != .here else { return }
        users[slot].state = .here
        users[slot].leaveBy = .max
        usersHere += 1
        scenarios[Int(users[slot].scenario)].usersHere += 1
        guard !users[slot].isBusy else { return }
        users[slot].isBusy = true
        heap.push(Int32(-1 - slot), at: at)
    }

    private func leave(_ slot: Int, _ at: UInt64) {
        guard users[slot].state == .here else { return }
        users[slot].state = .leaving
        users[slot].leaveBy = at + scenarios[Int(users[slot].scenario)].gracefulStop
        usersHere -= 1
        scenarios[Int(users[slot].scenario)].usersHere -= 1
    }

    private func openStep(_ scenario: Int, _ step: Int, _ begin: UInt64, _ end: UInt64) {
        scenarios[scenario].openWindow(begin, end, result: recorder.steps.count)
        recorder.steps.append(scenarios[scenario].makeResult(step, begin, end))
        scenarios[scenario].judgedCPU = cpuSeconds()
    }

    private func closeStep(_ scenario: Int, _ index: Int) {
        let seconds = recorder.steps[index].end - recorder.steps[index].begin
        let cpu = (cpuSeconds() - scenarios[scenario].judgedCPU) / seconds
        recorder.steps[index].cpuRatio = cpu
        recorder.steps[index].limits = GeneratorBounds(plan).exceeded(
            lagP99: recorder.steps[index].figures.lag.value(atPercentile: 99), cpuRatio: cpu)
        recorder.steps[index].isMet = recorder.steps[index].limits.isEmpty
    }

    // MARK: Search

    private func turnSearch(_ scenario: Int, _ time: UInt64) {
        switch scenarios[scenario].turnSearch(time) {
        case .begin, .end: break
        case .judge(let begin, let end, let step): openStep(scenario, step, begin, end)
        case .drain: drain(scenario, time)
        }
    }

    /// After a search's step: arrivals that found no room in it are dropped, then its answers are awaited and judged.
    /// Those that are due and have room are still sent, however late.
    private func drain(_ scenario: Int, _ time: UInt64) {
        let hasNoRoom = isBlocked || !waiting.isEmpty
        for _ in 0..<10_000 where hasNoRoom && scenarios[scenario].due <= scenarios[scenario].stepEnd {
            dropArrival(scenario, scenarios[scenario].due, time)
        }
        guard scenarios[scenario].due == .max, scenarios[scenario].outstanding == 0,
            case .findCapacity(let search) = plan.scenarios[scenario].executor, !recorder.steps.isEmpty,
            let index = recorder.steps.lastIndex(where: { $0.scenario == scenario })
        else { return }
        closeStep(scenario, index)
        let results = search.until.map {
            $0.evaluate([recorder.steps[index].figures], names: names, seconds: search.stepSeconds)
        }
        recorder.steps[index].thresholds = results
        if !results.allSatisfy(\.isMet) { recorder.steps[index].isMet = false }
        scenarios[scenario].judgeStep(isMet: recorder.steps[index].isMet, at: time)
    }

    private func dropArrival(_ scenario: Int, _ due: UInt64, _ time: UInt64) {
        let (number, row) = scenarios[scenario].takeArrival()
        let item = item(scenario, number, row)
        guard let site = firstSite(item) else { return }
        let judged = scenarios[scenario].judged(due)
        noteOffered(judged)
        noteUnsent(scenario, compiled.sites[site].operation, judged, due, .dropped, "generator_overload", time)
    }

    private func firstSite(_ item: Int) -> Int? {
        let planned = compiled.items[item]
        for step in compiled.steps[planned.first..<planned.first + planned.count] {
            if case .request(let site) = step { return site }
        }
        return nil
    }

    // MARK: What is due

    /// Hands over everything that is due, flushes the connections, and stamps the requests.
    func sendDue(_ now: UInt64) {
        guard now >= base, !isBlocked else { return }
        let time = now - base
        var count = 0
        while count < Self.batchMax, !isBlocked, let iteration = waiting.first {
            guard submit(iteration, time) else { break }
            waiting.removeFirst()
            count += 1
        }
        while count < Self.batchMax, !isBlocked, waiting.isEmpty {
            var (soonest, scenario) = (heap.first, -1)
            for index in scenarios.indices where scenarios[index].due < soonest {
                (soonest, scenario) = (scenarios[index].due, index)
            }
            guard soonest <= time, soonest != .max else { break }
            count += 1
            if scenario >= 0 {
                let (number, row) = scenarios[scenario].takeArrival()
                begin(scenario, number: number, row: row, user: -1, at: soonest, time)
            } else if let (item, due) = heap.pop() {
                goOn(item, due, time)
            }
        }
        guard count > 0 else { return }
        transport.flush()
        stampBatch(since: now)
    }

    /// Sends between two connections' answers if the turn that began at `turn` has lasted its time: a burst of answers
    /// must not hold back what is due. Returns when the turn of now began.
    func sendDue(since turn: UInt64) -> UInt64 {
        let now = clock.now()
        guard now - turn >= UInt64(plan.pacing.coalescingNanoseconds) else { return turn }
        sendDue(now)
        return now
    }

    /// A request of a batch that began at `begin` counts as sent when its connection was flushed; where none was, with
    /// the batch.
    private func stampBatch(since begin: UInt64) {
        guard !batch.isEmpty else { return }
        let end = clock.now()
        recorder.noteBatch(batch.count, at: end - base)
        for token in batch where requests.holds(token) {
            let connection = Int(requests[token.slot].connection)
            let flushed = flushes.indices.contains(connection) ? flushes[connection] : 0
            requests[token.slot].sent = (flushed >= begin ? flushed : end) - base
            recorder.noteLag(requests[token.slot])
        }
        batch.removeAll(keepingCapacity: true)
    }

    /// An entry of the heap: a user's next iteration, or a flow's next request.
    private func goOn(_ item: Int32, _ due: UInt64, _ time: UInt64) {
        guard item < 0 else { return goOnFlow(item, due, time) }
        let slot = Int(-1 - item)
        guard users[slot].state == .here else {
            users[slot].state = .gone
            users[slot].isBusy = false
            return
        }
        let scenario = Int(users[slot].scenario)
        let user = scenarios[scenario].user(ofSlot: slot)
        let ordinal = UInt64(users[slot].ordinal)
        users[slot].ordinal += 1
        let number = UInt64(user) << IterationKey.ordinalBits | ordinal
        let row = ordinal * UInt64(scenarios[scenario].allUsers) + UInt64(user)
        begin(scenario, number: number, row: row, user: Int32(slot), at: due, time)
    }

    private func goOnFlow(_ iteration: Int32, _ due: UInt64, _ time: UInt64) {
        iterations[iteration].isThinking = false
        if iterations[iteration].isCut { return iterations.remove(iteration) }
        let user = iterations[iteration].user
        if user >= 0, users[Int(user)].state == .leaving, due > users[Int(user)].leaveBy {
            return end(iteration, at: due, isFailed: false)
        }
        reach(iteration, time)
    }

    // MARK: Iterations

    private func item(_ scenario: Int, _ number: UInt64, _ row: UInt64) -> Int {
        let mix = compiled.mixes[plan.scenarios[scenario].mix]
        guard mix.cumulative.count > 1 else { return mix.firstItem }
        var random = mixes.random(IterationKey(scenario: scenario, iteration: number, step: 0, row: row))
        return mix.item(random.unit())
    }

    private func begin(_ scenario: Int, number: UInt64, row: UInt64, user: Int32, at due: UInt64, _ time: UInt64) {
        var iteration = Iteration()
        iteration.number = number
        iteration.row = row
        iteration.user = user
        iteration.scenario = Int16(scenario)
        let item = item(scenario, number, row)
        iteration.item = Int32(item)
        guard let index = iterations.insert(iteration) else {
            if let site = firstSite(item) {
                noteOffered(-1)
                noteUnsent(scenario, compiled.sites[site].operation, -1, due, .dropped, "generator_overload", time)
            }
            if user >= 0 { schedule(Int(user), after: time, isFailed: true) }
            return
        }
        liveIterations += 1
        scenarios[scenario].live += 1
        if compiled.items[item].hasVariables { iterations[index].variables = variables.take() }
        proceed(index, from: due, time)
    }

    func key(_ index: Int32) -> IterationKey {
        let iteration = iterations[index]
        return IterationKey(
            scenario: Int(iteration.scenario), iteration: iteration.number, step: Int(iteration.step),
            row: iteration.row)
    }

    /// Goes to the next request of an iteration: at once where it is due by `time`, else on the heap.
    ///
    /// - Parameter from: when the step before ended, nanoseconds after the start.
    func proceed(_ index: Int32, from: UInt64, _ time: UInt64?) {
        let item = compiled.items[Int(iterations[index].item)]
        let scenario = Int(iterations[index].scenario)
        var due = from
        while Int(iterations[index].step) < item.count {
            switch compiled.steps[item.first + Int(iterations[index].step)] {
            case .think(let think):
                var random = thinks.random(key(index))
                due += UInt64(think.draw(&random) * 1e9)
            case .request(let site):
                let probability = compiled.sites[site].probability
                var isSent = probability >= 1
                if !isSent {
                    var random = chances.random(key(index))
                    isSent = random.unit() <= probability
                }
                guard isSent else { break }
                iterations[index].intended = due
                if due > scenarios[scenario].cutAt { return end(index, at: due, isFailed: false) }
                if let time, due <= time { return reach(index, time) }
                iterations[index].isThinking = true
                return heap.push(index, at: due)
            }
            iterations[index].step += 1
        }
        end(index, at: due, isFailed: false)
    }

    /// A request whose time has come: handed over, or left waiting, or dropped.
    private func reach(_ index: Int32, _ time: UInt64) {
        let scenario = Int(iterations[index].scenario)
        noteOffered(scenarios[scenario].judged(iterations[index].intended))
        scenarios[scenario].outstanding += 1
        guard !submit(index, time) else { return }
        recorder.held += 1
        if plan.target.onSaturation == .drop {
            isBlocked = false
            drop(index, .dropped, "generator_overload", time)
        } else {
            waiting.append(index)
        }
    }

    private func noteOffered(_ judged: Int32) {
        recorder.noteOffered()
        if judged >= 0 { recorder.steps[Int(judged)].offered += 1 }
    }

    /// Hands the request of an iteration to the transport; false where there is no room for it now.
    private func submit(_ index: Int32, _ time: UInt64) -> Bool {
        guard inFlight < plan.target.maxInFlight, let token = requests.take() else {
            isBlocked = true
            return false
        }
        let iteration = iterations[index]
        let scenario = Int(iteration.scenario)
        guard case .request(let site) = compiled.steps[compiled.items[Int(iteration.item)].first + Int(iteration.step)]
        else { return true }
        let key = key(index)
        resolve(site, key, iteration.variables)
        let operation = compiled.sites[site].operation
        let isTraced = plan.traceEvery > 0 && iteration.row % UInt64(plan.traceEvery) == 0
        let trace = isTraced ? max(1, key.mixed()) : nil
        let outgoing = OutgoingRequest(token: token, operation: operation, site: site, key: key, trace: trace)
        switch transport.submit(outgoing, values) {
        case .full:
            requests.release(token.slot)
            isBlocked = true
            return false
        case .failed(let outcome, let reason):
            requests.release(token.slot)
            drop(index, outcome, reason, time)
        case .taken(let connection, let handle, let bytes, let changed):
            requests[token.slot].intended = iteration.intended
            requests[token.slot].iteration = index
            requests[token.slot].handle = handle
            requests[token.slot].connection = connection
            requests[token.slot].bytesOut = bytes
            var row = compiled.row(scenario: scenario, operation: operation)
            if changed >= 0 {
                let other = compiled.row(scenario: scenario, operation: Int(changed))
                if other >= 0 { row = other }
            }
            requests[token.slot].row = row
            requests[token.slot].judged = scenarios[scenario].judged(iteration.intended)
            requests[token.slot].trace = trace ?? 0
            inFlight += 1
            batch.append(token)
            sentOrder.append(token)
        }
        return true
    }

    /// Draws and copies the values of a request's fields.
    private func resolve(_ site: Int, _ key: IterationKey, _ block: Int32) {
        values.removeAll()
        for (ordinal, source) in compiled.sites[site].sources.enumerated() {
            switch source {
            case nil: values.appendAbsent()
            case .literal(let bytes): values.append(bytes)
            case .feeder(let feeder): compiled.feeders[feeder].append(key, ordinal: ordinal, column: 0, to: values)
            case .column(let feeder, let column):
                compiled.feeders[feeder].append(key, ordinal: ordinal, column: column, to: values)
            case .variable(let variable):
                guard block >= 0 else {
                    values.appendAbsent()
                    continue
                }
                variables.withValue(block, variable) { values.append($0) }
            }
        }
    }
}
