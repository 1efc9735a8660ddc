internal import Arrivals
internal import Engine
internal import Report

/// What a person sees while a run goes: one line that is redrawn each second on a terminal, otherwise a plain
/// `summary +` line each ten seconds.
final class LiveLine {
    private static let sparks = Array("▁▂▃▄▅▆▇█")
    private static let plainEvery = 10
    private let isInteractive = Terminal.isInteractive
    private let hasColor = Terminal.hasColor
    private var recent: [Int64] = []
    private var since = (sent: 0, done: 0, greatest: Int64(0), seconds: 0)

    func announce(_ settings: RunSettings) {
        let configuration = settings.configuration
        Terminal.complain(
            "loadgen: \(Readable.number(configuration.profile.mass)) requests expected in "
                + "\(Readable.number(configuration.profile.seconds)) s, \(configuration.process.rawValue), "
                + "\(configuration.sessions) sessions to \(configuration.target), seed \(configuration.seed)")
    }

    func show(_ progress: LoadProgress) {
        if isInteractive { redraw(progress) } else { collect(progress) }
    }

    func clear() { if isInteractive { Terminal.put("\r\u{1B}[K", 2) } }

    private func redraw(_ progress: LoadProgress) {
        let now = progress.interval
        recent = (recent + [now.p99]).suffix(12)
        let share = min(1, progress.elapsed / max(progress.length, 0.001))
        let filled = Int((share * 20).rounded())
        let bar = String(repeating: "━", count: filled) + String(repeating: "╌", count: 20 - filled)
        let down = progress.sessions - now.sessionsUp
        var parts = [
            (bar, "36"), ("\(Int(progress.elapsed))/\(Int(progress.length.rounded(.up))) s", ""),
            ("\(Readable.count(now.done))/s", ""), ("p99 \(Readable.duration(now.p99)) \(spark())", ""),
            ("errors \(Readable.count(progress.errors))", progress.errors > 0 ? "31" : ""),
            ("lag p99 \(Readable.duration(now.lagP99))", ""), ("p50 \(Readable.duration(now.p50))", ""),
            ("max \(Readable.duration(now.greatest))", ""), ("in flight \(Readable.count(now.inFlight))", ""),
        ]
        if down > 0 { parts.insert(("\(down) sessions down", "31"), at: 3) }
        Terminal.put("\r\u{1B}[K" + fitting(parts), 2)
    }

    /// As many of the parts, most important first, as the terminal is wide: a wrapped line cannot be redrawn.
    private func fitting(_ parts: [(text: String, color: String)]) -> String {
        var room = Terminal.columns - 1
        var shown: [String] = []
        for part in parts {
            room -= part.text.count + 2
            guard room >= 0 else { break }
            shown.append(part.color.isEmpty ? part.text : paint(part.text, part.color))
        }
        return shown.joined(separator: "  ")
    }

    private func spark() -> String {
        let most = max(recent.max() ?? 1, 1)
        return String(recent.map { Self.sparks[min(7, Int(Double($0) / Double(most) * 7.99))] })
    }

    private func paint(_ text: String, _ code: String) -> String {
        hasColor ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    private func collect(_ progress: LoadProgress) {
        let now = progress.interval
        since.sent += now.sent
        since.done += now.done
        since.greatest = max(since.greatest, now.greatest)
        since.seconds += 1
        guard since.seconds >= Self.plainEvery else { return }
        let rate = Double(since.done) / Double(since.seconds)
        Terminal.complain(
            "summary + \(Readable.count(since.sent)) in \(since.seconds) s = \(Readable.number(rate))/s"
                + "  in flight: \(now.inFlight)  p50: \(Readable.duration(now.p50))"
                + "  p99: \(Readable.duration(now.p99))  max: \(Readable.duration(since.greatest))"
                + "  lag p99: \(Readable.duration(now.lagP99))  errors: \(progress.errors)")
        since = (0, 0, 0, 0)
    }
}
