internal import Engine
internal import Settings

/// The sections `pacing` and `record`, and their short forms `realtime` and `coalesce`.
extension PlanReader {
    func pacing() throws(SettingsError) -> Pacing {
        let section = try top.section("pacing")
        try section.allow(["mode", "timer_slack", "spin", "realtime", "coalesce"])
        var pacing = Pacing()
        pacing.mode = try section.value("mode")?.choice(Pacing.Mode.self) ?? pacing.mode
        if let value = section.value("timer_slack") {
            pacing.timerSlackNanoseconds = Int(try value.nanoseconds(in: 1...50_000_000))
        }
        if let value = section.value("spin") {
            guard pacing.mode == .hybrid else { throw value.error("has a meaning in mode hybrid only") }
            pacing.spinNanoseconds = Int(try value.nanoseconds(in: 1_000...10_000_000))
        }
        let realtime = section.value("realtime") ?? top.value("realtime")
        pacing.wantsRealtime = try realtime?.flag() ?? false
        if let realtime, pacing.wantsRealtime, pacing.mode == .spin {
            throw realtime.error("a thread that spins at real-time priority stops the machine; choose one of them")
        }
        if let value = section.value("coalesce") ?? top.value("coalesce") {
            pacing.coalescingNanoseconds = Int(try value.nanoseconds(in: 0...1_000_000))
        }
        return pacing
    }

    func recording() throws(SettingsError) -> Recording {
        let section = try top.section("record")
        try section.allow(["interval", "digits", "warmup", "slowest"])
        var recording = Recording()
        if let value = section.value("interval") {
            recording.intervalSeconds = try Self.seconds(value, in: 0.1...60)
        }
        recording.digits = try section.integer("digits", default: recording.digits, in: 2...3)
        if let value = section.value("warmup") { recording.warmupSeconds = try scaled(value) }
        recording.slowestMax = try section.integer("slowest", default: recording.slowestMax, in: 0...1_000)
        return recording
    }

    func checkWarmup() throws(SettingsError) {
        let section = try top.section("record")
        guard let value = section.value("warmup"), plan.recording.warmupSeconds >= plan.seconds else { return }
        throw value.error(
            "\(Lengths.text(plan.recording.warmupSeconds)) is not shorter than the run of \(Lengths.text(plan.seconds))"
        )
    }

    /// Connections within the descriptors of this process; one for each user where asked for.
    mutating func checkConnections() throws(SettingsError) {
        let section = try top.section("target")
        if case .inProcess = plan.target.transport { return }
        let free = surroundings.descriptorsMax - ScenarioFile.descriptorsKept
        if hasConnectionPerUser {
            let users = plan.scenarios.reduce(0) { $0 + $1.executor.usersMax }
            guard users > 0 else { throw section.error("connections", "users: no scenario has users") }
            guard users <= min(free, 20_000) else {
                throw section.error(
                    "connections",
                    "a connection for each of \(users) users; \(max(0, min(free, 20_000))) are possible (descriptors "
                        + "of this process: \(surroundings.descriptorsMax), see ulimit -n)")
            }
            plan.target.connections = users
        }
        guard plan.target.connections <= free else {
            let key = section.has("sessions") ? "sessions" : "connections"
            throw section.error(
                key,
                "\(plan.target.connections) connections, but this process may open \(surroundings.descriptorsMax) "
                    + "descriptors, \(ScenarioFile.descriptorsKept) of them for other things (ulimit -n)")
        }
    }
}

extension ExecutorPlan {
    /// The most users at a time; 0 for open models.
    var usersMax: Int {
        switch self {
        case .arrivals, .findCapacity: 0
        case .users(let profile, _): profile.stages.reduce(0) { max($0, $1.users) }
        case .steppedUsers(let steps, _): steps.counts.max() ?? 0
        }
    }
}
