internal import Engine
internal import Settings

/// Conditions, as a list of expressions or as a mapping of metrics to their checks.
enum ThresholdReader {
    /// Most conditions of a file.
    static let countMax = 256

    /// The conditions of the section `thresholds`; delays are `scale` times as short.
    static func read(_ value: SettingValue, scale: Double, hasShortNames: Bool) throws(SettingsError)
        -> [(threshold: Threshold, value: SettingValue)]
    {
        var found: [(threshold: Threshold, value: SettingValue)] = []
        if value.isList {
            for item in try value.list() {
                let (text, aborts, delay, at) = try check(item, scale)
                for var threshold in try parse(at, full(text, hasShortNames)) {
                    threshold.abortsOnFail = aborts
                    threshold.delaySeconds = delay
                    found.append((threshold, at))
                }
            }
        } else if !value.isScalar {
            let section = try value.section()
            for (key, _) in section.openKeys() {
                guard let checks = section.value(key) else { continue }
                for item in checks.isList ? try checks.list() : [checks] {
                    let (text, aborts, delay, at) = try check(item, scale)
                    found.append(
                        (try parse(at, full(key, hasShortNames), text, abortsOnFail: aborts, delaySeconds: delay), at))
                }
            }
        } else {
            throw value.must("be a list of conditions, or a mapping of metrics to lists of checks")
        }
        guard found.count <= countMax else { throw value.error("more than \(countMax) conditions") }
        return found
    }

    /// The conditions of one expression, such as those a search must meet.
    static func conditions(_ value: SettingValue, hasShortNames: Bool) throws(SettingsError) -> [Threshold] {
        try parse(value, full(value.text(), hasShortNames))
    }

    /// A check with what it does to the run: a text, or `{check, abort_on_fail, delay}`.
    private static func check(
        _ item: SettingValue, _ scale: Double
    ) throws(SettingsError) -> (text: String, aborts: Bool, delay: Double, at: SettingValue) {
        if item.isScalar { return (try item.text(), false, 0, item) }
        let section = try item.section()
        try section.allow(["check", "abort_on_fail", "delay"])
        let check = try section.required("check", "is missing: a condition such as \"p(99)<50ms\"")
        let aborts = try section.flag("abort_on_fail", default: false)
        var delay = 0.0
        if let value = section.value("delay") {
            guard aborts else { throw value.error("has a meaning together with abort_on_fail only") }
            delay = try Lengths.scaled(value, scale, zero: true)
        }
        return (try check.text(), aborts, delay, check)
    }

    private static func parse(_ value: SettingValue, _ text: String) throws(SettingsError) -> [Threshold] {
        do throws(ThresholdError) {
            return try Threshold.parse(text)
        } catch { throw value.error("\(error)") }
    }

    private static func parse(
        _ value: SettingValue, _ key: String, _ check: String, abortsOnFail: Bool, delaySeconds: Double
    ) throws(SettingsError) -> Threshold {
        do throws(ThresholdError) {
            return try Threshold.parse(key: key, check: check, abortsOnFail: abortsOnFail, delaySeconds: delaySeconds)
        } catch { throw value.error("\(error)") }
    }

    /// The expression with FIX operations by their full names.
    private static func full(_ text: String, _ hasShortNames: Bool) -> String {
        guard hasShortNames, text.contains("op:") else { return text }
        var result = text
        for order in OperationReader.orders {
            for end in ["}", ",", " "] {
                result = result.replacing("op:\(order.short)\(end)", with: "op:\(order.name)\(end)")
            }
        }
        return result
    }
}

extension PlanReader {
    mutating func readThresholds() throws(SettingsError) {
        guard let value = top.value("thresholds") else { return }
        let found = try ThresholdReader.read(value, scale: scale, hasShortNames: isFIX)
        for (threshold, value) in found {
            try checkNames(threshold, value)
            guard threshold.delaySeconds < plan.seconds else {
                throw value.error("its delay is not shorter than the run of \(Lengths.text(plan.seconds))")
            }
        }
        plan.thresholds = found.map(\.threshold)
    }

    /// A condition must be about something that is sent.
    private func checkNames(_ threshold: Threshold, _ value: SettingValue) throws(SettingsError) {
        var scenarios = Array(plan.scenarios.indices)
        if let name = threshold.scenario {
            scenarios = [try index(of: name, in: plan.scenarios.map(\.name), "scenario", value)]
        }
        guard let name = threshold.operation else { return }
        let operation = try index(of: name, in: plan.operations.map(\.name), "operation", value)
        guard scenarios.contains(where: { operations(of: plan.scenarios[$0].mix).contains(operation) }) else {
            throw value.error(
                "\(name) is never sent\(threshold.scenario.map { " by \($0)" } ?? ""), so it has no figures")
        }
    }
}
