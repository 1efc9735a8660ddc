internal import Arrivals
internal import Engine
internal import Settings

/// When an open scenario's iterations start: `arrivals` with `stages`, `schedule`, `day`, or a recording.
struct ArrivalReader {
    private let section: SettingsSection
    private let scale: Double
    private let surroundings: ScenarioFile.Surroundings
    /// Highest rate of a stage, iterations a second.
    static let rateMax = 1_000_000.0

    private static let names =
        ["poisson", "poisson-exact", "even", "sine", "mmpp", "hawkes"]
        + GapDistribution.Family.allCases.map(\.rawValue) + ["replay", "replay-counts"]

    init(_ section: SettingsSection, _ scale: Double, _ surroundings: ScenarioFile.Surroundings) {
        self.section = section
        self.scale = scale
        self.surroundings = surroundings
    }

    /// Process and rates.
    func read() throws(SettingsError) -> (ArrivalProcess, RateProfile) {
        if let schedule = section.value("schedule") {
            for key in ["stages", "arrivals", "day", "duration"] where section.has(key) {
                throw section.error(key, "stands beside a schedule, which says all of it")
            }
            return try ScheduleReader.read(schedule, scale)
        }
        let process = try process()
        let profile = try profile(process)
        do throws(ArrivalError) {
            try process.check(profile)
        } catch { throw place.error("\(error)") }
        guard process.expected(over: profile) >= 1 else { throw place.error("the rate gives no request at all") }
        return (process, profile)
    }

    /// The value that errors about the whole schedule name.
    private var place: SettingValue {
        for key in ["stages", "day", "arrivals"] {
            if let value = section.value(key) { return value }
        }
        return SettingValue(SettingNode(.mapping([]), at: section.place), path: section.path(of: "stages"))
    }

    // MARK: Rates

    private func profile(_ process: ArrivalProcess) throws(SettingsError) -> RateProfile {
        switch process {
        case .replay(let recording):
            return try recorded(recording.profile(), repeats: recording.repeats)
        case .replayCounts(let recording):
            return try recorded(recording.profile(), repeats: recording.repeats)
        default: break
        }
        if section.has("duration") {
            throw section.error("duration", "is for replays; stages have lengths of their own")
        }
        if let day = section.value("day") {
            if section.has("stages") { throw section.error("stages", "stands beside a day; only one of them") }
            return try self.day(day)
        }
        let wave = try wave()
        let list = try section.required(
            "stages", "is missing: a list of {rate: R, hold: T} or {rate: R, over: T} (options --rate, --duration)")
        var segments: [RateProfile.Segment] = []
        var last = 0.0
        for item in try list.list() {
            let stage = try item.section()
            try stage.allow(["rate", "hold", "over", "pause"])
            if let pause = stage.value("pause") {
                guard !stage.has("rate"), !stage.has("hold"), !stage.has("over") else {
                    throw item.must("be {rate: R, hold: T}, {rate: R, over: T} or {pause: T}")
                }
                segments.append(.init(from: 0, to: 0, seconds: try scaled(pause, zero: false)))
                continue
            }
            let rate = try stage.required("rate", "is missing: requests a second").rate(in: 0...Self.rateMax)
            guard stage.has("hold") != stage.has("over"), let length = stage.value("hold") ?? stage.value("over") else {
                throw item.must("be {rate: R, hold: T}, {rate: R, over: T} or {pause: T}")
            }
            let seconds = try scaled(length, zero: stage.has("over"))
            if seconds > 0 {
                let isRamp = stage.has("over")
                if let wave, rate > 0 {
                    guard !isRamp else { throw length.error("a sine swings around a rate that is held") }
                    segments.append(try wave(rate, seconds))
                } else {
                    segments.append(.init(from: isRamp ? last : rate, to: rate, seconds: seconds))
                }
            }
            last = rate
        }
        guard !segments.isEmpty else { throw list.error("the stages take no time") }
        return RateProfile(segments)
    }

    private func scaled(_ value: SettingValue, zero isAllowed: Bool) throws(SettingsError) -> Double {
        try Lengths.scaled(value, scale, zero: isAllowed)
    }

    /// A recording's own rates, cut or repeated to `duration` where that is given.
    private func recorded(_ profile: RateProfile, repeats: Bool) throws(SettingsError) -> RateProfile {
        for key in ["stages", "day"] where section.has(key) {
            throw section.error(key, "stands beside a recording, which has rates of its own")
        }
        guard let value = section.value("duration") else {
            if repeats { throw section.error("arrivals", "a recording that repeats needs a duration") }
            return scale == 1 ? profile : Self.cut(profile, to: profile.seconds / scale)
        }
        return Self.cut(profile, to: try scaled(value, zero: false))
    }

    /// The first `seconds` of a profile, begun anew as often as needed.
    static func cut(_ profile: RateProfile, to seconds: Double) -> RateProfile {
        var segments: [RateProfile.Segment] = []
        var rest = seconds
        while rest > 1e-9 {
            for segment in profile.segments where rest > 1e-9 {
                var part = segment
                part.seconds = min(rest, segment.seconds)
                part.end = segment.rate(at: part.seconds)
                segments.append(part)
                rest -= part.seconds
            }
        }
        return RateProfile(segments)
    }

    /// `{market: a-share | united-states, rate: MEAN, duration: T}`.
    private func day(_ value: SettingValue) throws(SettingsError) -> RateProfile {
        let section = try value.section()
        try section.allow(["market", "rate", "duration"])
        let market = try section.required("market").word(among: ["a-share", "united-states"])
        let rate = try section.required("rate", "is missing: mean requests a second").rate(in: 0...Self.rateMax)
        let day = market == "a-share" ? TradingDay.aShare(meanRate: rate) : .unitedStates(meanRate: rate)
        do {
            let profile = try day.profile()
            let seconds = try section.value("duration").map { (value) throws(SettingsError) in
                try Lengths.scaled(value, scale, zero: false)
            }
            return profile.stretched(by: (seconds ?? profile.seconds / scale) / profile.seconds)
        } catch let error as SettingsError {
            throw error
        } catch { throw value.error("\(error)") }
    }

    /// What makes a sine of a held rate; nil for other processes.
    private func wave() throws(SettingsError) -> ((Double, Double) throws(SettingsError) -> RateProfile.Segment)? {
        guard let value = section.value("arrivals"), !value.isScalar, !value.isList else { return nil }
        let keys = try value.section()
        guard case .scalar("sine")? = keys.value("process")?.node.content else { return nil }
        let share = try keys.value("amplitude")?.share() ?? 1
        let period = try Lengths.scaled(
            try keys.required("period", "is missing: from peak to peak"), scale, zero: false)
        let phase = try keys.number("phase", default: 0, in: 0...1)
        return { (rate: Double, seconds: Double) throws(SettingsError) -> RateProfile.Segment in
            guard let wave = RateProfile.Wave(mean: rate, amplitude: rate * share, periodSeconds: period, phase: phase)
            else { throw value.error("no such sine") }
            return .init(wave, seconds: seconds)
        }
    }

    // MARK: Processes

    /// The process alone.
    func process() throws(SettingsError) -> ArrivalProcess {
        guard let value = section.value("arrivals") else { return .poisson }
        guard value.isList else { return try process(value) }
        var streams: [ArrivalStream] = []
        for item in try value.list() {
            let share = try item.section().required("share", "is missing: this stream's part of the rate").share()
            streams.append(
                try make(item) { () throws(ArrivalError) in try ArrivalStream(try stream(item), share: share) })
        }
        guard streams.count > 1 else { throw value.must("be a list of two or more streams") }
        return .superposition(streams)
    }

    private func stream(_ value: SettingValue) throws(ArrivalError) -> ArrivalProcess {
        do throws(SettingsError) {
            return try process(value)
        } catch { throw ArrivalError(error.message) }
    }

    private func process(_ value: SettingValue) throws(SettingsError) -> ArrivalProcess {
        if value.isScalar {
            switch try value.word(among: Self.names) {
            case "poisson": return .poisson
            case "poisson-exact": return .poissonExact(count: nil)
            case "even": return .even
            case let name: throw value.error("\(name) needs parameters: {process: \(name), ...}")
            }
        }
        let section = try value.section()
        let name = try section.required("process").word(among: Self.names)
        func allow(_ keys: [String]) throws(SettingsError) { try section.allow(["process", "share"] + keys) }
        switch name {
        case "poisson":
            try allow([])
            return .poisson
        case "even":
            try allow([])
            return .even
        case "poisson-exact":
            try allow(["count"])
            return .poissonExact(count: try section.value("count")?.integer(in: 1...1_000_000_000))
        case "sine":
            try allow(["amplitude", "period", "phase"])
            return .poisson
        case "hawkes":
            try allow(["branching", "decay"])
            let branching = try section.required("branching").number(in: 0...0.99)
            let decay = try section.required("decay").rate(in: 1e-6...1e9)
            return .hawkes(
                try make(value) { () throws(ArrivalError) in try SelfExcitation(branching: branching, decay: decay) })
        case "mmpp":
            try allow(["states", "transitions"])
            return .mmpp(try states(section, value))
        case "replay", "replay-counts":
            return try RecordingReader(section, surroundings).read(value, areCounts: name == "replay-counts")
        default:
            try allow(["shape"])
            guard let family = GapDistribution.Family(rawValue: name) else { throw value.error("no such process") }
            let shape = try section.required("shape").number(in: 0...10_000)
            return .renewal(try make(value) { () throws(ArrivalError) in try GapDistribution(family, shape: shape) })
        }
    }

    /// `states: [{rate: 1, dwell: 200ms}, ...]`, `transitions: [[0, 1], [1, 0]]`.
    private func states(_ section: SettingsSection, _ value: SettingValue) throws(SettingsError) -> MarkovStates {
        var (rates, dwell): ([Double], [Double]) = ([], [])
        for item in try section.required("states").list() {
            let state = try item.section()
            try state.allow(["rate", "dwell"])
            rates.append(try state.required("rate").rate(in: 0...1e9))
            dwell.append(try Lengths.scaled(try state.required("dwell"), scale, zero: false))
        }
        var rows: [[Double]]?
        if let transitions = section.value("transitions") {
            var found: [[Double]] = []
            for item in try transitions.list() {
                var row: [Double] = []
                for cell in try item.list() { row.append(try cell.share()) }
                found.append(row)
            }
            rows = found
        }
        return try make(value) { () throws(ArrivalError) in
            try MarkovStates(rates: rates, dwellSeconds: dwell, transitions: rows)
        }
    }

    /// Gives an error of the arrivals its place.
    private func make<T>(_ value: SettingValue, _ body: () throws(ArrivalError) -> T) throws(SettingsError) -> T {
        do throws(ArrivalError) { return try body() } catch { throw value.error("\(error)") }
    }
}

/// Recorded times or counts.
struct RecordingReader {
    private let section: SettingsSection
    private let surroundings: ScenarioFile.Surroundings

    init(_ section: SettingsSection, _ surroundings: ScenarioFile.Surroundings) {
        self.section = section
        self.surroundings = surroundings
    }

    func read(_ value: SettingValue, areCounts: Bool) throws(SettingsError) -> ArrivalProcess {
        let common = ["process", "share", "file", "column", "speed", "repeat"]
        try section.allow(common + (areCounts ? ["counts", "bucket", "placement"] : ["jitter"]))
        let numbers = try numbers(value, areCounts: areCounts)
        let speed = try section.number("speed", default: 1, in: 0.000_001...1_000_000)
        let repeats = try section.flag("repeat", default: false)
        do {
            if areCounts {
                let bucket = try section.value("bucket").map { (value) throws(SettingsError) in
                    try PlanReader.seconds(value, in: 0.001...86_400)
                }
                return .replayCounts(
                    try CountRecording(
                        counts: numbers.map { Int($0) }, bucketSeconds: bucket ?? 1, speed: speed, repeats: repeats,
                        placement: try section.value("placement")?.choice(CountRecording.Placement.self) ?? .random))
            }
            let jitter = try section.value("jitter").map { (value) throws(SettingsError) in
                try PlanReader.seconds(value, in: 0...3_600)
            }
            return .replay(
                try TimeRecording(times: numbers, speed: speed, repeats: repeats, jitterSeconds: jitter ?? 0))
        } catch let error as SettingsError {
            throw error
        } catch { throw value.error("\(error)") }
    }

    /// The numbers of a file, or `counts` in the scenario itself.
    private func numbers(_ value: SettingValue, areCounts: Bool) throws(SettingsError) -> [UInt64] {
        if let counts = section.value("counts") {
            if section.has("file") { throw counts.error("stands beside a file; only one of them") }
            var found: [UInt64] = []
            for item in try counts.list() { found.append(UInt64(try item.integer(in: 0...1_000_000_000))) }
            return found
        }
        let file = try section.required("file", "is missing: the recording (option --replay)")
        let path = try file.name()
        let column = try section.value("column")?.integer(in: 1...10_000)
        let text: String
        do { text = try surroundings.read(path) } catch { throw file.error("\(error)") }
        do throws(ArrivalError) {
            return try RecordingText.column(column, of: text)
        } catch { throw file.error("\(path): \(error)") }
    }
}
