internal import Engine
internal import Report

/// The live view as text: a pure function of the state and the size of the terminal.
package enum LiveScreen {
    /// A piece of a line with its colour.
    private struct Piece {
        var text: String
        var color = ""
    }

    private typealias Line = [Piece]

    private static let red = "31"
    private static let green = "32"
    private static let yellow = "33"
    private static let cyan = "36"
    private static let dim = "2"
    private static let bold = "1"
    private static let sparks = Array("▁▂▃▄▅▆▇█")

    /// At most `height` lines of at most `width` characters each, colour codes aside.
    ///
    /// What does not fit is left out from the bottom of its section: conditions first, then scenarios.
    package static func lines(_ state: LiveState, width: Int, height: Int, hasColor: Bool) -> [String] {
        let width = max(width, 20)
        let figures = figures(state, width)
        let head = head(state, width)
        var scenarios = state.scenarios.indices.map { scenario($0, state, width) }
        var conditions = (state.progress?.thresholds ?? []).map { condition($0, width) }
        let foot: [Line] = [
            [],
            [
                Piece(
                    text: state.isEnding
                        ? "Ending: waiting for answers. Ctrl-C again ends at once, without a report."
                        : "Ctrl-C stops sending and writes the report; twice ends at once.", color: dim)
            ],
        ]
        let fixed = head.count + figures.count + foot.count
        // Each section has a blank line before it.
        let room = max(0, height - fixed - 2)
        let shownScenarios = min(scenarios.count, max(1, room - min(conditions.count, room / 2)))
        if shownScenarios < scenarios.count { scenarios = cut(scenarios, to: shownScenarios) }
        let rest = max(0, room - scenarios.count)
        if rest < conditions.count { conditions = cut(conditions, to: rest) }
        var all = head
        all += [[]] + scenarios
        all += figures
        if !conditions.isEmpty { all += [[]] + conditions }
        all += foot
        return all.prefix(max(1, height)).map { render($0, width, hasColor) }
    }

    private static func cut(_ lines: [Line], to count: Int) -> [Line] {
        guard count > 0 else { return [] }
        return lines.prefix(count - 1) + [[Piece(text: "  and \(lines.count - count + 1) more", color: dim)]]
    }

    // MARK: Sections

    private static func head(_ state: LiveState, _ width: Int) -> [Line] {
        let elapsed = state.progress?.elapsed ?? 0
        let length = max(state.progress?.length ?? state.scenarios.reduce(0) { max($0, $1.start + $1.seconds) }, 0.001)
        let connections = state.progress?.connections ?? 0
        let down = connections - (state.progress?.interval.connectionsUp ?? 0)
        let isOpen = state.scenarios.contains(where: \.isSearch)
        let clock = isOpen ? clock(elapsed) : "\(clock(elapsed)) / \(clock(length))"
        let isWarm = elapsed < state.warmupSeconds
        let note = state.isEnding ? "  ending" : isWarm ? "  warm-up" : ""
        let name = fitted(state.name, width - clock.count - note.count - 4)
        let gap = String(repeating: " ", count: max(1, width - name.count - note.count - clock.count - 2))
        return [
            [Piece(text: " \(name)", color: bold), Piece(text: note, color: yellow), Piece(text: gap + clock)],
            [Piece(text: " " + bar(min(1, elapsed / length), width - 2), color: cyan)],
            [
                Piece(text: " \(fitted(state.subtitle, width - 30))", color: dim),
                Piece(text: down > 0 ? "   \(down) of \(connections) connections down" : "", color: red),
            ],
        ]
    }

    private static func scenario(_ index: Int, _ state: LiveState, _ width: Int) -> Line {
        let row = state.scenarios[index]
        let nameWidth = min(20, max(8, width / 4))
        let name = padded(fitted(row.name, nameWidth), nameWidth)
        guard let progress = state.progress, index < progress.scenarios.count else { return [Piece(text: " \(name)")] }
        let now = progress.scenarios[index]
        let share = row.seconds > 0 ? (progress.elapsed - row.start) / row.seconds : 1
        var words: [String] = []
        switch now.phase {
        case .waiting: words.append("starts in \(clock(max(0, row.start - progress.elapsed)))")
        case .running:
            if !row.isSearch { words.append("\(clock(max(0, row.start + row.seconds - progress.elapsed))) left") }
        case .finishing: words.append("finishing")
        case .ended: words.append("ended")
        }
        if let step = now.step { words.append("step \(step + 1)") }
        if now.rate > 0 { words.append("\(Readable.number(now.rate))/s") }
        if now.users > 0 { words.append("\(Readable.count(now.users)) \(now.users == 1 ? "user" : "users")") }
        let barWidth = min(20, max(4, width / 4))
        let filled = now.phase == .ended ? 1 : min(1, max(0, share))
        let color = now.phase == .running ? cyan : dim
        return [
            Piece(text: " \(name) "), Piece(text: bar(filled, barWidth), color: color),
            Piece(text: "  " + words.joined(separator: ", ")),
        ]
    }

    private static func figures(_ state: LiveState, _ width: Int) -> [Line] {
        guard let progress = state.progress else { return [[], [Piece(text: " connecting ...", color: dim)]] }
        let now = progress.interval
        func rate(_ count: Int) -> String {
            padded(Readable.number(Double(count) / state.intervalSeconds), 9, left: true)
        }
        func time(_ value: Int64) -> String { padded(Readable.duration(value), 8) }
        let sparkWidth = min(24, width - 58)
        let total = progress.totals.total
        let errors = progress.errors
        let rejects = progress.totals.rejects
        var first: Line = [
            Piece(text: " per second  "), Piece(text: "offered\(rate(now.offered))  sent\(rate(now.sent))  "),
            Piece(text: "done\(rate(now.done))  ", color: bold),
        ]
        first.append(Piece(text: spark(state.rates, sparkWidth, isFromZero: true), color: cyan))
        let second: Line = [
            Piece(text: " response    p50 \(time(now.p50)) "), Piece(text: "p99 \(time(now.p99)) ", color: bold),
            Piece(text: "max \(time(now.greatest))    "),
            Piece(text: spark(state.tails, sparkWidth, isFromZero: true), color: cyan),
        ]
        let isLate = now.lagP99 > 1_000_000
        let third: Line = [
            Piece(text: " now         in flight \(padded(Readable.count(now.inFlight), 7))"),
            Piece(text: now.users > 0 ? "users \(padded(Readable.count(now.users), 8))" : ""),
            Piece(text: "send lag p99 \(Readable.duration(now.lagP99))", color: isLate ? yellow : ""),
        ]
        let fourth: Line = [
            Piece(text: " so far      sent \(Readable.count(progress.sent))   "),
            Piece(text: "errors \(part(errors, total))", color: errors > 0 ? red : green),
            Piece(text: rejects > 0 ? "   rejected \(part(rejects, total))" : ""),
        ]
        return [[], first, second, third, fourth]
    }

    private static func part(_ count: Int, _ total: Int) -> String {
        guard total > 0, count > 0 else { return Readable.count(count) }
        return "\(Readable.count(count)) (\(Readable.percent(Double(count) / Double(total))))"
    }

    private static func condition(_ result: ThresholdResult, _ width: Int) -> Line {
        let actual = result.actual.map { result.threshold.format($0) } ?? "no data"
        let room = max(8, width - 4 - actual.count - 2)
        let (mark, color) = result.actual == nil ? ("○", dim) : result.isMet ? ("●", green) : ("●", red)
        let state = result.actual == nil ? "" : result.isMet ? "" : "  fails"
        return [
            Piece(text: " \(mark) ", color: color),
            Piece(text: padded(fitted(result.threshold.text, room - state.count), min(40, room - state.count))),
            Piece(text: "  \(actual)"), Piece(text: state, color: red),
        ]
    }

    // MARK: Pieces

    /// Seconds as `m:ss` or `h:mm:ss`.
    package static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (whole / 3_600, whole / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
    }

    private static func bar(_ share: Double, _ width: Int) -> String {
        let filled = Int((share * Double(width)).rounded())
        return String(repeating: "━", count: filled) + String(repeating: "╌", count: max(0, width - filled))
    }

    /// The last values as bars of eight heights; the highest fills the cell.
    package static func spark(_ values: [Double], _ width: Int, isFromZero: Bool) -> String {
        guard width > 0, let most = values.suffix(width).max() else { return "" }
        let least = isFromZero ? 0 : values.suffix(width).min() ?? 0
        let span = max(most - least, .leastNormalMagnitude)
        return String(values.suffix(width).map { sparks[min(7, max(0, Int(($0 - least) / span * 7.99)))] })
    }

    private static func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
        let gap = String(repeating: " ", count: max(0, width - text.count))
        return left ? gap + text : text + gap
    }

    private static func fitted(_ text: String, _ width: Int) -> String {
        let clean = String(
            text.map { $0.isNewline || $0.asciiValue.map { $0 < 0x20 || $0 == 0x7F } == true ? " " : $0 })
        return clean.count <= width ? clean : String(clean.prefix(max(0, width - 1))) + "…"
    }

    private static func render(_ line: Line, _ width: Int, _ hasColor: Bool) -> String {
        var room = width
        var text = ""
        for piece in line where !piece.text.isEmpty && room > 0 {
            let shown = String(piece.text.prefix(room))
            room -= shown.count
            text += hasColor && !piece.color.isEmpty ? "\u{1B}[\(piece.color)m\(shown)\u{1B}[0m" : shown
        }
        return text
    }
}
