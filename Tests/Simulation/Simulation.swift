internal import CacheStack

/// What one run has shown.
package struct RunReport: Sendable, CustomStringConvertible {
    package var plan: FaultPlan
    /// What each judge found wrong first.
    package var findings: [Judge: String] = [:]
    /// Values read and compared with the truth, certificates in L2 included.
    package var checked = 0
    package var operations = 0
    package var commits = 0
    package var steps = 0
    /// Messages of L2 that were heard.
    package var heard = 0
    /// Reads that the stacks have checked again themselves.
    package var shadowChecks = 0
    /// Values in the history that was checked, and the anomalies in it by kind.
    package var recorded = 0
    package var anomalies: [String: Int] = [:]
    /// Virtual time, in nanoseconds.
    package var simulated: Int64 = 0
    /// Depends on every step, its time and its result.
    package var trace: UInt64 = 0
    package var fired: [Fault: Int] = [:]
    package var errors: [String: Int] = [:]

    /// What was wrong, by the first judge that said so; nil: nothing.
    package var violation: String? {
        Judge.allCases.lazy.compactMap { judge in findings[judge].map { "\(judge): \($0)" } }.first
    }

    package var description: String {
        let faults = Fault.allCases.compactMap { fault in fired[fault].map { "\(fault) \($0)" } }
        return "\(violation ?? "sound") at \(simulated / 1_000_000) ms; \(plan)\n  \(checked) values, "
            + "\(operations) operations, \(commits) commits, \(steps) steps, trace \(String(trace, radix: 16)); "
            + "fired: \(faults.joined(separator: ", "))"
    }
}

/// Runs of several cache stacks over one fake L2 and one fake L3 in virtual time, each decided by its seed.
///
/// Two phases: with faults, every read and commit is compared with the truth; then everything is healed, and within
/// bounded time every operation ends, every process serves the newest state and commits.
package enum Simulation {
    /// One run. Must not be called from a task that others wait for: it keeps its thread until the end.
    ///
    /// The truth ends the run at the first wrong value. Where it is not among the judges the run goes on to its end,
    /// and the others have to find what is wrong.
    package static func run(_ plan: FaultPlan, judges: Set<Judge> = Set(Judge.allCases)) -> RunReport {
        let world = World(plan, judges: judges)
        let progress = Progress()
        world.lane.start {
            await world.live()
            progress.isDone = true
        }
        let isEndedByTruth = judges.contains(.truth)
        let isEnded = world.scheduler.run {
            progress.isDone || (isEndedByTruth && world.truth.violation != nil)
        }
        if !isEnded { world.truth.fail("stuck: tasks wait for each other") }
        let report = report(world, judges)
        world.dismantle()
        return report
    }

    private static func report(_ world: World, _ judges: Set<Judge>) -> RunReport {
        var report = RunReport(plan: world.plan)
        report.checked = world.truth.checked
        report.operations = world.operations
        report.commits = world.truth.commits
        report.steps = world.scheduler.steps
        report.simulated = world.scheduler.now
        report.trace = world.scheduler.trace
        report.fired = world.fired
        report.heard = world.heard
        for (code, count) in world.errors { report.errors[code.rawValue] = count }
        for host in world.hosts where !host.isDead { host.die() }
        report.shadowChecks = world.shadowChecks
        var findings: [Judge: String] = [:]
        findings[.truth] = world.truth.violation
        if world.shadowViolations > 0 {
            findings[.shadow] = "\(world.shadowViolations) reads were counted as wrong by the stacks themselves"
        }
        if let recorder = world.recorder {
            let verdict = recorder.verdict(world.truth)
            report.recorded = verdict.observations
            for (kind, count) in verdict.counts { report.anomalies["\(kind)"] = count }
            findings[.history] = verdict.text
        }
        report.findings = findings.filter { judges.contains($0.key) }
        return report
    }

    private final class Progress: @unchecked Sendable {  // used by one thread only
        var isDone = false
    }
}

extension World {
    private static let second: Int64 = 1_000_000_000

    /// The whole run, from the first commit to the last task's end.
    func live() async {
        await fund()
        for _ in 0..<plan.processes * plan.clientsPerProcess { idleSessions.append(Session(makeSessionNumber())) }
        for place in 0..<plan.processes { self.place(Host(self), at: place) }
        Nemesis(world: self).start()
        await scheduler.sleep(plan.duration)
        await heal()
        await converge()
        for host in hosts { host.stop() }
        for _ in 0..<100 where !hosts.allSatisfy(\.hasEnded) { await scheduler.sleep(Self.second / 10) }
        if !hosts.allSatisfy(\.hasEnded) { truth.fail("a stack did not end when it was told to") }
        for host in hosts { host.die() }
    }

    /// Gives every account its money, in one transaction.
    private func fund() async {
        server.begin(at: plan.firstTicket)
        let intent = makeIntent()
        let attempt = makeAttempt(intent)
        var writes = WriteSet()
        for row in 0..<plan.accounts {
            writes.append(key(row), payload: Content(attempt: attempt, balance: Self.funds).bytes)
        }
        total = Self.funds * Int64(plan.accounts)
        let transaction = Transaction(writes: writes, idempotency: .init("\(intent)", bodyHash: attempt))
        _ = await server.apply([transaction], nonce: server.makeNonce())
        server.takeBackup()
        redis.takeBackup()
    }

    /// Starts a process and its clients in place of the one that was there.
    func place(_ host: Host, at place: Int) {
        if place < hosts.count { hosts[place] = host } else { hosts.append(host) }
        host.start()
        for _ in 0..<plan.clientsPerProcess {
            let client = Client(self, host, number: faults.next() >> 8)
            host.lane.start { await client.run() }
        }
    }

    /// Ends all faults, and waits for every operation to end.
    private func heal() async {
        isHealed = true
        isStopping = true
        commitStall = 0
        server.isReadOnly = false
        server.comeUp()
        redis.isDown = false
        for host in hosts {
            (host.isCutFromL2, host.isCutFromL3, host.isStreamStalled, host.seesZombie) = (false, false, false, false)
            if host.lane.isPaused { host.resume() }
            host.feed.connect()
        }
        for _ in 0..<1_200 where activeClients > 0 { await scheduler.sleep(Self.second / 10) }
        if activeClients > 0 { truth.fail("\(activeClients) operations did not end in two minutes without faults") }
        // Faults that last beyond their end are over by then.
        await scheduler.sleep(22 * Self.second)
    }

    /// Every process now serves the newest state of every row, and commits.
    private func converge() async {
        for host in hosts {
            // What the process before has committed is known everywhere by then.
            await scheduler.sleep(2 * Self.second)
            let done = FirstAnswer<Bool>()
            host.lane.start { [self] in
                await Client(self, host, number: 1).checkConverged()
                done.give(true)
            }
            scheduler.after(60 * Self.second) { done.give(false) }
            if await !done.wait() { truth.fail("a process did not answer within a minute without faults") }
        }
    }
}

extension Client {
    /// Reads every row at a bound of a second and commits a transfer.
    func checkConverged() async {
        let rows = Array(0..<world.plan.keys)
        let values = await read(rows, .bounded(maxAge: .seconds(1)), maxAge: 1_000_000_000)
        if values.count != rows.count { truth.fail("a process cannot read without faults") }
        for (row, value) in zip(rows, values) where world.isShared(row) {
            let newest = truth.newestVersion(row)?.ticket ?? 0
            if value.version.rawValue != newest {
                truth.fail("row \(row): \(value.version.rawValue) is served for good, the newest is \(newest)")
            }
        }
        let commits = truth.commits
        for _ in 0..<20 where truth.commits == commits { await writeOther() }
        if truth.commits == commits { truth.fail("a process cannot commit without faults") }
    }
}
