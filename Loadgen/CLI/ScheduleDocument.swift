internal import Arrivals
internal import Telemetry

/// The JSON of `loadgen schedule`: each schedule with its tests; the fields are in Schemas/loadgen-schedule.md.
enum ScheduleDocument {
    /// Draws and tests every schedule and prints them as one document; whether no test failed.
    static func say(_ schedules: [NamedSchedule]) -> Bool {
        let summaries = schedules.map { summary($0) }
        Terminal.say(text(Array(zip(schedules, summaries))) + "\n")
        return summaries.allSatisfy(\.passed)
    }

    /// Draws a schedule and tests it as it streams by, with its progress on a terminal.
    static func summary(_ schedule: NamedSchedule) -> ArrivalSummary {
        var times = ArrivalSchedule(
            schedule.process, profile: schedule.profile, seed: schedule.seed, stream: schedule.stream)
        var check = ArrivalCheck(
            schedule.process, profile: schedule.profile, seed: schedule.seed, stream: schedule.stream)
        let end = schedule.profile.seconds * 1e9
        var count = 0
        while let time = times.next() {
            check.add(time)
            count += 1
            if count % 4_000_000 == 0, Terminal.isInteractive {
                Terminal.put("\rloadgen: \(Int(100 * Double(time) / end)) % drawn", 2)
            }
        }
        if count >= 4_000_000, Terminal.isInteractive { Terminal.put("\r\u{1B}[K", 2) }
        return check.summary()
    }

    static func text(_ results: [(NamedSchedule, ArrivalSummary)]) -> String {
        let schedules = results.map { object($0.0, $0.1) }.joined(separator: ",\n")
        let passed = results.allSatisfy(\.1.passed)
        return "{\n\"schema_version\": 1,\n\"passed\": \(passed),\n\"schedules\": [\n\(schedules)\n]\n}"
    }

    private static func object(_ schedule: NamedSchedule, _ summary: ArrivalSummary) -> String {
        let parameters = schedule.process.parameters.map { (name: $0.name, value: JSONText.number($0.value)) }
        let segments = schedule.profile.segments.prefix(segmentsMax).map { segment in
            fields([
                ("from", JSONText.number(segment.start)), ("to", JSONText.number(segment.end)),
                ("seconds", JSONText.number(segment.seconds)),
                (
                    "wave",
                    segment.wave.map { wave in
                        fields([
                            ("mean", JSONText.number(wave.mean)), ("amplitude", JSONText.number(wave.amplitude)),
                            ("period_seconds", JSONText.number(wave.periodSeconds)),
                            ("phase", JSONText.number(wave.phase)),
                        ])
                    } ?? "null"
                ),
            ])
        }
        let tests = summary.tests.map { "    " + test($0) }.joined(separator: ",\n")
        let digits = String(summary.checksum, radix: 16)
        let lines: [(String, String)] = [
            ("name", JSONText.quote(schedule.name)), ("process", JSONText.quote(schedule.process.name)),
            ("parameters", fields(parameters.map { ($0.name, $0.value) })),
            ("seed", JSONText.quote("\(schedule.seed)")), ("stream", JSONText.quote(schedule.stream)),
            ("seconds", JSONText.number(summary.seconds)), ("segment_count", "\(schedule.profile.segments.count)"),
            ("segments", "[" + segments.joined(separator: ", ") + "]"), ("count", "\(summary.count)"),
            ("expected", JSONText.number(summary.expected)),
            ("first_ns", summary.first.map { "\($0)" } ?? "null"),
            ("last_ns", summary.last.map { "\($0)" } ?? "null"), ("busiest_1ms", "\(summary.busiestMillisecond)"),
            ("busiest_1s", "\(summary.busiestSecond)"),
            ("checksum", JSONText.quote(String(repeating: "0", count: 16 - digits.count) + digits)),
            ("passed", "\(summary.passed)"), ("tests", "[\n\(tests)\n  ]"),
        ]
        return "{\n" + lines.map { "  \(JSONText.quote($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}"
    }

    /// The most segments that are listed; a trading day has hundreds.
    private static let segmentsMax = 100

    private static func test(_ test: ArrivalTest) -> String {
        fields([
            ("name", JSONText.quote(test.name)), ("value", JSONText.number(test.value)),
            ("expected", optional(test.expected)), ("score", optional(test.score)), ("bound", optional(test.bound)),
            ("passed", test.passed.map { "\($0)" } ?? "null"), ("note", JSONText.quote(test.note)),
        ])
    }

    private static func optional(_ value: Double?) -> String { value.map { JSONText.number($0) } ?? "null" }

    private static func fields(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\(JSONText.quote($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
    }
}
