public import Telemetry

/// A day that a sidecar has ruled: what clients met, what the supervisor ran, and what was decided and why.
///
/// It is put together from three independent witnesses: the load generator's summary (`Schemas/loadgen-summary.md`), the
/// replicas as sampled from the supervisor, and the decision journal. All times are seconds since the load began.
public struct ClosedLoopDay: Sendable {
    /// One second of the load generator.
    public struct Second: Sendable, Equatable {
        /// Which, from 0.
        public var second: Double
        /// Requests offered.
        public var offered: Double
        /// Percentiles of the response time, from the intended send time, in seconds; nil without answers.
        public var p95: Double?
        public var p99: Double?
        /// All response times in nanoseconds, those of errors among them; nil without answers.
        public var latency: HDRHistogram?
        /// Answers that were errors, and requests whose answer is unknown.
        public var errors = 0.0
        public var unknown = 0.0
    }

    /// The replicas of a service at a moment, as the supervisor told.
    public struct Replicas: Sendable, Equatable {
        public var at: Double
        public var service: String
        public var desired: Int
        public var ready: Int
        public var pending: Int
        public var draining: Int
    }

    /// Processors that a group of processes used up to a moment.
    public struct Use: Sendable, Equatable {
        public var at: Double
        public var group: String
        public var processors: Double
    }

    /// The chain as the sidecar knew it.
    public var profile: ChainProfile
    /// When the load began, seconds since 1970 UTC.
    public var start: Double
    /// When the market opened, and how long its session was; nil where the sidecar had no calendar.
    public var open: Double?
    public var session: Double
    /// What clients met, second by second, from 0.
    public var seconds: [Second]
    /// The supervisor's samples within the day, by growing time.
    public var replicas: [Replicas]
    /// Processors used; empty where nobody looked.
    public var uses: [Use]
    /// The decisions within the day, with their times.
    public var rounds: [(at: Double, decision: JournalDecision)]
    /// Events of the journal within the day.
    public var events: [(at: Double, event: JournalEvent)]

    /// Length in seconds.
    public var length: Double { Double(seconds.count) }

    /// A day.
    ///
    /// - Parameters:
    ///   - summary: text of the load generator's JSON summary with intervals of a second.
    ///   - replicas: comma-separated text with the columns at, service, desired, ready, pending, draining.
    ///   - processors: the same with the columns at, group, processors; empty for none.
    ///   - opensAt: seconds since 1970 UTC.
    /// - Throws: where a text is malformed, or holds nothing.
    public init(
        profile: ChainProfile, journal: [JournalLine], summary: String, replicas: String, processors: String,
        opensAt: Double?, session: Double
    ) throws(SimulationFault) {
        let load = try LoadSeconds(summary)
        self.profile = profile
        start = load.start
        seconds = load.seconds
        open = opensAt.map { $0 - load.start }
        self.session = session
        let end = Double(load.seconds.count)
        let samples = try Self.samples(replicas, since: load.start)
        // The last sample before the day tells what it began with.
        let first = samples.lastIndex { $0.at <= 0 }.map { samples[$0].at } ?? 0
        self.replicas = samples.filter { $0.at >= first && $0.at <= end }
        uses = try Self.uses(processors, since: load.start).filter { (0...end).contains($0.at) }
        rounds = []
        events = []
        for line in journal {
            switch line {
            case .decision(let decision): rounds.append((decision.at - load.start, decision))
            case .event(let event): events.append((event.at - load.start, event))
            default: break
            }
        }
        // The last decision before the day is in force when it begins.
        let before = rounds.lastIndex { $0.at <= 0 }.map { rounds[$0].at } ?? 0
        rounds = rounds.filter { $0.at >= before && $0.at <= end }
        events = events.filter { (0...end).contains($0.at) }
        guard !rounds.isEmpty else { throw SimulationFault(.measurement, "the journal has no decision of the day") }
        guard !self.replicas.isEmpty else { throw SimulationFault(.measurement, "no replicas were sampled in the day") }
        guard rounds.allSatisfy({ $0.decision.round.decision.services.count == profile.services.count }) else {
            throw SimulationFault(.measurement, "the journal is of another chain than the profile")
        }
    }

    /// When the load of the load generator's summary began, seconds since 1970 UTC.
    ///
    /// - Throws: `SimulationFault` where the text is no such summary.
    public static func start(ofLoad summary: String) throws(SimulationFault) -> Double {
        try LoadSeconds(summary).start
    }

    private static func samples(_ text: String, since start: Double) throws(SimulationFault) -> [Replicas] {
        let table = try CommaTable(
            text, name: "replicas", columns: ["at", "service", "desired", "ready", "pending", "draining"])
        var found: [Replicas] = []
        for row in table.rows {
            func count(_ column: Int) throws(SimulationFault) -> Int {
                guard let count = Int(row.cells[column]), (0...1_000_000).contains(count) else {
                    throw SimulationFault(.malformed, "\(row.place): '\(row.cells[column])' is no number of replicas")
                }
                return count
            }
            found.append(
                Replicas(
                    at: try row.number(0) - start, service: row.cells[1], desired: try count(2), ready: try count(3),
                    pending: try count(4), draining: try count(5)))
        }
        return found
    }

    private static func uses(_ text: String, since start: Double) throws(SimulationFault) -> [Use] {
        guard !text.isEmpty else { return [] }
        let table = try CommaTable(text, name: "processors", columns: ["at", "group", "processors"])
        var found: [Use] = []
        for row in table.rows {
            found.append(
                Use(at: try row.number(0) - start, group: row.cells[1], processors: try row.number(2)))
        }
        return found
    }

    // MARK: Courses

    /// Replicas that a policy wanted, all services together, decision by decision; empty where it was not asked.
    func wanted(by policy: String, _ role: PolicyRole) -> [(at: Double, replicas: Int)] {
        rounds.compactMap { at, decision in
            let proposal = decision.round.proposals.first { $0.policy == policy && $0.role == role }
            return proposal?.decision.map { (at, $0.replicas.reduce(0, +)) }
        }
    }

    /// Replicas in force, all services together, decision by decision.
    var applied: [(at: Double, replicas: Int)] {
        rounds.map { ($0.at, $0.decision.round.decision.replicas.reduce(0, +)) }
    }

    /// A number of the supervisor's samples, the services of the profile together, moment by moment.
    func sampled(_ number: (Replicas) -> Int) -> [(at: Double, replicas: Int)] {
        let names = Set(profile.services.map(\.name))
        var found: [(at: Double, replicas: Int)] = []
        for sample in replicas where names.contains(sample.service) {
            if let last = found.last, last.at == sample.at {
                found[found.count - 1].replicas += number(sample)
            } else {
                found.append((sample.at, number(sample)))
            }
        }
        return found
    }

    /// Seconds from one decision to the next, the median.
    var period: Double {
        let gaps = zip(rounds, rounds.dropFirst()).map { $1.at - $0.at }.sorted()
        return gaps.isEmpty ? 1 : gaps[gaps.count / 2]
    }

    /// Times in which nobody decided: longer than three periods from one decision to the next.
    var gaps: [ClosedRange<Double>] {
        zip(rounds, rounds.dropFirst()).filter { $1.at - $0.at > 3 * period }.map { $0.at...$1.at }
    }
}

/// The seconds of a summary of the load generator.
private struct LoadSeconds {
    var start = 0.0
    var seconds: [ClosedLoopDay.Second] = []

    init(_ text: String) throws(SimulationFault) {
        let bytes = Array(text.utf8)
        let value: SpanJSON
        do {
            value = try SpanJSON.parse(bytes.span)
        } catch {
            throw SimulationFault(.malformed, "the summary is no JSON at byte \(error.offset)")
        }
        let fields = JournalFields(value: value)
        do {
            start = try fields.number("started_at_us") / 1e6
            guard let schedule = fields.object("schedule"), try schedule.number("interval_seconds") == 1 else {
                throw JournalFault(line: 0, "its intervals are not of a second")
            }
            seconds = try fields.list("series", Self.second)
        } catch {
            throw SimulationFault(.malformed, "the summary of the load generator: \(error)")
        }
        guard !seconds.isEmpty else { throw SimulationFault(.malformed, "the summary has no seconds") }
    }

    private static func second(_ fields: JournalFields) throws(JournalFault) -> ClosedLoopDay.Second {
        var second = ClosedLoopDay.Second(
            second: try fields.number("second"), offered: try fields.number("offered"), p95: nil, p99: nil,
            latency: nil)
        // In the order of the load generator's outcomes: the fifth are errors, the sixth unknown.
        if let outcomes = try fields.list(ifAny: "outcomes") {
            let counts = outcomes.map { if case .number(let text) = $0 { Double(text) ?? -1 } else { -1.0 } }
            guard counts.count == 7, counts.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
                throw JournalFault(line: 0, "the outcomes of second \(second.second) are not seven counts")
            }
            (second.errors, second.unknown) = (counts[4], counts[5])
        }
        guard try fields.number("done") > 0 else { return second }
        second.p95 = try fields.number("p95_us") / 1e6
        second.p99 = try fields.number("p99_us") / 1e6
        if case .string(let text)? = fields.value["latency"] {
            do {
                second.latency = try HDRHistogramCodec.decode(text)
            } catch { throw JournalFault(line: 0, "the histogram of second \(second.second) cannot be read") }
        }
        return second
    }
}
