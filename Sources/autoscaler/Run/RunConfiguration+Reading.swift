internal import Actuation
internal import Autoscaling
internal import Foundation
internal import Settings

extension RunConfiguration {
    /// Reads a configuration file strictly.
    ///
    /// - Parameter profile: the text of the file that `chain.profile` names; nil reads it from the disk.
    /// - Throws: `UserError` with file, line, column, key and the nearest known key.
    static func read(_ file: String) throws -> RunConfiguration {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw UserError("\(file): cannot be read")
        }
        return try parse(text, name: file) { path in
            let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
            return try? String(contentsOf: URL(fileURLWithPath: path, relativeTo: folder), encoding: .utf8)
        }
    }

    /// Reads a configuration's text; `profile` gives the text of the file that `chain.profile` names.
    static func parse(
        _ text: String, name: String, profile: (String) -> String?
    ) throws -> RunConfiguration {
        do {
            let top = try SettingsSection(yaml: text, name: name)
            var profileText: String?
            let chain = try ChainReader.chain(try top.section("chain")) { path in
                profileText = profile(path)
                return profileText
            }
            var configuration = RunConfiguration(profile: chain, metrics: .scrape(services: [], limits: .init()))
            try configuration.readPeriod(top)
            try configuration.readMetrics(top)
            try configuration.readDecisions(top)
            try configuration.readLadder(top)
            try configuration.readOutside(top)
            try top.finish()
            configuration.text = text
            configuration.profileText = profileText
            configuration.hash = Digest.text((text + "\0" + (profileText ?? "")).utf8)
            return configuration
        } catch {
            throw UserError("\(error)")
        }
    }

    /// The period, which other defaults are counted in: a server gathers metrics at its own pace, replicas answer at once.
    private mutating func readPeriod(_ top: SettingsSection) throws(SettingsError) {
        let path: MetricsPath = try top.section("metrics").has("server") ? .gathered : .direct
        ladder.period = try top.seconds("period", default: path.controlPeriod, in: 0.05...3_600)
        shield.period = ladder.period
        forecastRule.period = ladder.period
    }

    /// Policies, forecasts, calendar, model.
    private mutating func readDecisions(_ top: SettingsSection) throws(SettingsError) {
        calendar = try top.has("calendar") ? Self.calendar(try top.section("calendar")) : nil
        try readForecast(try top.section("forecast"))
        modelFile = try top.section("model").text("file", default: "")
        let policies = try top.section("policies")
        rule.utilisation = try policies.share("utilisation", default: 0.7, in: 0.05...1)
        rule.downWindow = try policies.seconds("down_window", default: 120, in: 0...86_400)
        forecastRule.quantile = try policies.number("quantile", default: forecastRule.quantile, in: 0.5...0.99)
        forecastRule.lookahead = try policies.seconds("lookahead", default: 0, in: 0...3_600)
        if policies.has("utilisation") { forecastRule.rule.utilisation = rule.utilisation }
        if policies.has("down_window") { forecastRule.rule.downWindow = rule.downWindow }
        forecastRule.rule.utilisation = try policies.share(
            "forecast_utilisation", default: forecastRule.rule.utilisation, in: 0.05...1)
        forecastRule.rule.downWindow = try policies.seconds(
            "forecast_down_window", default: forecastRule.rule.downWindow, in: 0...86_400)
        let share = try policies.share("latency_share", default: forecastRule.latencyShare ?? 0, in: 0...1)
        forecastRule.latencyShare = share > 0 ? share : nil
        if let fault = forecastRule.fault { throw policies.error("latency_share", fault) }
        peak = try policies.value("peak")?.rate(in: 0...1e9) ?? 0
        hpaPercent = try policies.integer("hpa_percent", default: 70, in: 1...100)
        hpaTimeScale = try policies.number("hpa_time_scale", default: 1, in: 1...1_000)
        shadows = try Self.names(policies, "shadows", default: [])
        counterfactuals = try Self.names(policies, "counterfactuals", default: ["hpa"])
        if (shadows + counterfactuals).contains("static"), peak <= 0 {
            throw policies.error("peak", "must be given for the policy static")
        }
        let both = Set(shadows).intersection(counterfactuals)
        if let twice = both.min() { throw policies.error("shadows", "\(twice) is among counterfactuals too") }
    }

    private mutating func readForecast(_ section: SettingsSection) throws(SettingsError) {
        let history = try section.texts("history", default: [])
        let from = try section.value("history_from")?.signedSeconds() ?? 0
        var network = Network(model: try section.text("model", default: ""), history: history)
        network.samples = try section.text("samples", default: "")
        network.retrained = try section.text("retrained", default: "")
        let hours = try section.number("utc_offset_hours", default: (calendar?.offset ?? 0) / 3_600, in: -14...14)
        network.offset = hours * 3_600
        let kind = try section.word(
            "kind", default: "persistence", among: ["none", "persistence", "ridge", "network"])
        switch kind {
        case "none": forecast = .none
        case "ridge":
            guard history.count >= 3 else {
                throw section.error("history", "must name three files of past days or more")
            }
            // Days are read by the second, and a forecaster takes samples of the length it was fitted on alone.
            guard ladder.period >= 1, ladder.period == ladder.period.rounded() else {
                throw section.error("kind", "ridge needs a period of whole seconds, not \(ladder.period) s")
            }
            forecast = .ridge(history: history, from: from)
        case "network":
            guard !network.model.isEmpty else { throw section.error("model", "must name the file of a forecaster") }
            guard network.retrained.isEmpty || !network.samples.isEmpty else {
                throw section.error("retrained", "needs samples to train on")
            }
            forecast = .network(network)
        default: forecast = .persistence
        }
        if kind != "network", let key = ["model", "samples", "retrained"].first(where: { section.has($0) }),
            !(try section.text(key, default: "")).isEmpty
        {
            throw section.error(key, "belongs to kind network, not \(kind)")
        }
        if let error = section.value("error") { ladder.forecastError = try error.share(in: 0.001...10) }
    }

    private static func names(
        _ section: SettingsSection, _ key: String, default fallback: [String]
    ) throws(SettingsError) -> [String] {
        guard let value = section.value(key) else { return fallback }
        var found: [String] = []
        for item in try value.list() {
            let name = try item.word(among: PolicyShelf.names)
            guard !found.contains(name) else { throw item.error("\(name) appears twice") }
            found.append(name)
        }
        return found
    }

    private static func calendar(_ section: SettingsSection) throws(SettingsError) -> Calendar {
        let open = try section.value("open")?.clockTime() ?? 34_200
        let opensAt = try section.value("opens_at")?.number(in: 0...1e11)
        // A session of seconds is meant only where it is a single one.
        let length = try section.seconds("length", default: 19_800, in: (opensAt == nil ? 60 : 10)...86_400)
        let offset = try section.number("utc_offset_hours", default: 8, in: -14...14)
        guard opensAt != nil || open + length <= 86_400 else {
            throw section.error("length", "must end the session before midnight")
        }
        let scale = try section.number("time_scale", default: 1, in: 1...10_000)
        var holidays: Set<Int> = []
        for item in try section.value("holidays")?.list() ?? [] {
            let date = try item.integer(in: 19_700_101...99_991_231)
            guard let day = CalendarDay.day(yyyymmdd: date) else { throw item.must("be a date as yyyymmdd") }
            holidays.insert(day)
        }
        return Calendar(
            open: open, length: length, offset: offset * 3_600, holidays: holidays, opensAt: opensAt, timeScale: scale)
    }

    /// Ladder, step limits, shield, schedule.
    private mutating func readLadder(_ top: SettingsSection) throws(SettingsError) {
        let section = try top.section("ladder")
        ladder.isShadow = try section.flag("shadow", default: false)
        ladder.stalePeriods = try section.number("stale_periods", default: 3, in: 1...1_000)
        ladder.freshWindows = try section.integer("fresh_windows", default: 3, in: 1...1_000)
        ladder.cleanTime = try section.seconds("clean_time", default: 600, in: 0...86_400)
        ladder.holdTime = try section.seconds("hold_time", default: 1_800, in: 0...86_400)
        // At least 2 periods and at least 20 s; drift over at least 60 forecasts and at least 10 min.
        let breaches = max(2, Int((20 / ladder.period).rounded(.up)))
        ladder.breachesMax = try section.integer("breaches", default: min(breaches, 1_000), in: 1...1_000)
        ladder.badOutputsMax = try section.integer("bad_outputs", default: 3, in: 1...1_000)
        ladder.driftFactor = try section.number("drift_factor", default: 2, in: 1...100)
        let drift = max(60, Int((600 / ladder.period).rounded(.up)))
        ladder.driftWindow = try section.integer("drift_window", default: min(drift, 10_000), in: 2...10_000)
        let limits = try top.section("limits")
        ladder.steps.upFactor = try limits.number("up_factor", default: 2, in: 1...100)
        ladder.steps.upCount = try limits.integer("up_count", default: 4, in: 0...1_000)
        ladder.steps.upWindow = try limits.seconds("up_window", default: 15, in: 0.001...1_800)
        ladder.steps.downShare = try limits.share("down_share", default: 0.25, in: 0...1)
        ladder.steps.downWindow = try limits.seconds("down_window", default: 60, in: 0.001...1_800)
        (shield.up, shield.down) = Self.rules(ladder.steps)
        (rule.up, rule.down) = (shield.up, shield.down)
        guard ladder.steps.upFactor > 1 || ladder.steps.upCount > 0 else {
            throw limits.error("up_factor", "up_factor 1 with up_count 0 never lets a service grow")
        }
        if let fault = ladder.fault { throw SettingsError(section.place, "ladder: \(fault)") }
        let guarding = try top.section("shield")
        shield.utilisationHigh = try guarding.share("utilisation_high", default: shield.utilisationHigh, in: 0.05...1)
        shield.utilisationLow = try guarding.share("utilisation_low", default: 0.45, in: 0.01...1)
        shield.needWindow = try guarding.seconds("need_window", default: shield.needWindow, in: 0...86_400)
        shield.downCooldown = try guarding.seconds("down_cooldown", default: 60, in: 0...86_400)
        shield.holdsNearAuctions = try guarding.flag("hold_near_auctions", default: true)
        shield.freshFor = ladder.stalePeriods * ladder.period
        rule.ageMax = shield.freshFor
        shield.freshWindows = ladder.freshWindows
        shield.floor = try floor(top)
        ladder.floor = shield.floor
        guard shield.utilisationLow <= shield.utilisationHigh else {
            let key = guarding.has("utilisation_low") ? "utilisation_low" : "utilisation_high"
            throw guarding.error(
                key,
                "utilisation_low (\(shield.utilisationLow)) must be at most utilisation_high "
                    + "(\(shield.utilisationHigh))")
        }
        if let fault = shield.fault { throw SettingsError(guarding.place, "shield: \(fault)") }
    }

    /// The step limits in the words of shield and rules.
    private static func rules(_ steps: StepLimits) -> (up: ScalingRules, down: ScalingRules) {
        var up: [ScalingRules.Limit] = []
        if steps.upFactor > 1 { up.append(.init(.percent((steps.upFactor - 1) * 100), per: steps.upWindow)) }
        if steps.upCount > 0 { up.append(.init(.pods(steps.upCount), per: steps.upWindow)) }
        let down = ScalingRules.Limit(.percent(max(steps.downShare, 1e-9) * 100), per: steps.downWindow)
        return (ScalingRules(limits: up), ScalingRules(select: steps.downShare > 0 ? .max : .disabled, limits: [down]))
    }

    /// The steps of `schedule`, each `{from: -15m, replicas: {risk: 3}}`.
    private func floor(_ top: SettingsSection) throws(SettingsError) -> ScheduleFloor? {
        guard let value = top.value("schedule") else { return nil }
        let items = try value.list()
        guard !items.isEmpty else { return nil }
        var steps: [ScheduleFloor.Step] = []
        for item in items {
            let section = try item.section()
            let from = try section.required("from").signedSeconds()
            let counts = try section.section("replicas")
            var replicas = profile.services.map(\.bounds.lowerBound)
            for (key, place) in counts.openKeys() {
                guard let index = profile.services.firstIndex(where: { $0.name == key }) else {
                    throw SettingsError.stranger(key, place, counts.path(of: key), profile.services.map(\.name))
                }
                let bounds = profile.services[index].bounds
                guard let count = try counts.value(key)?.integer(in: bounds) else { continue }
                replicas[index] = count
            }
            try section.finish()
            if let last = steps.last, from <= last.from {
                throw section.error("from", "must be after that of the step before")
            }
            steps.append(ScheduleFloor.Step(from: from, replicas: replicas))
        }
        do {
            return try ScheduleFloor(steps: steps)
        } catch { throw value.error(error.description) }
    }
}
