internal import ArgumentParser
internal import Risk

/// `springtide risk`: the table of rules, for those who set limits.
struct RiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "risk", abstract: "Print the risk table: number, name, scope, severity, reject code, text.")

    func run() {
        let limits = RiskLimits()
        for rule in RiskRule.table {
            let limit = limits[rule.indicator]
            let columns = [
                "\(rule.number)".padded(to: 4), rule.name.padded(to: 26), rule.scope.rawValue.padded(to: 22),
                "\(limit.severity)".padded(to: 7), "103=\(rule.rejectReason)".padded(to: 7),
                "threshold \(limit.threshold) \(rule.unit.rawValue)".padded(to: 34), rule.text,
            ]
            say(columns.joined(separator: " "))
        }
    }
}

extension String {
    /// The text with blanks after it, at least `width` characters.
    func padded(to width: Int) -> String { count >= width ? self : self + String(repeating: " ", count: width - count) }
}
