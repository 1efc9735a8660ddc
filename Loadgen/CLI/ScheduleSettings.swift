internal import Arrivals
internal import Glibc

/// A schedule with the name and stream it has in a run.
struct NamedSchedule {
    let name: String
    let process: ArrivalProcess
    let profile: RateProfile
    let seed: UInt64
    /// Name of its random stream; schedules of one run take different ones.
    var stream = "arrivals"
}

/// What `loadgen schedule` was asked for, checked.
struct ScheduleSettings {
    let schedule: NamedSchedule
    let stripe: ArrivalSchedule.Stripe
    let isBinary: Bool
    let wantsStatistics: Bool

    init(_ options: ScheduleCommand) throws(ScenarioError) {
        stripe = try Self.stripe(options)
        switch options.format ?? "text" {
        case "text": isBinary = false
        case "binary": isBinary = true
        case let other: throw ScenarioError("--format", "\"\(other)\": expected text or binary")
        }
        wantsStatistics = options.stats || options.out == nil
        if options.format != nil, options.out == nil { throw ScenarioError("--format", "needs --out FILE") }
        if options.stats, options.out == "-" {
            throw ScenarioError("--stats", "prints to standard output, where --out - writes; name a file there")
        }
        if wantsStatistics, stripe != .whole {
            throw ScenarioError("--workers", "the tests are of the whole schedule; give --out FILE and no --stats")
        }
        let settings = try Self.settings(options)
        let (process, profile) = try Self.arrivals(options, settings)
        try Self.checked("--process") { () throws(ArrivalError) in try process.check(profile) }
        guard process.expected(over: profile) > 0 else {
            throw ScenarioError("--rate", "the schedule has no arrival at all")
        }
        for (option, value) in [("--instruments", options.instruments), ("--time-scale", options.timeScale)]
        where value != nil {
            throw ScenarioError(option, "has a meaning only beside a scenario file")
        }
        guard let seed = UInt64(options.seed ?? "7") else {
            throw ScenarioError("--seed", "\"\(options.seed ?? "")\": expected a whole number from 0 to 2^64 - 1")
        }
        schedule = NamedSchedule(name: "arrivals", process: process, profile: profile, seed: seed)
    }

    /// Recordings are read whole, up to this many bytes.
    private static let inputMax = 64 << 20

    /// Runs a check of the library and names the option where it fails.
    private static func checked<T>(
        _ option: String, _ body: () throws(ArrivalError) -> T
    ) throws(ScenarioError) -> T {
        do { return try body() } catch { throw ScenarioError(option, "\(error)") }
    }

    private static func whole(
        _ option: String, _ text: String?, _ range: ClosedRange<Int>
    ) throws(ScenarioError) -> Int? {
        guard let text else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ScenarioError(
                option, "\"\(text)\": expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func stripe(_ options: ScheduleCommand) throws(ScenarioError) -> ArrivalSchedule.Stripe {
        guard let count = try whole("--workers", options.workers, 1...(1 << 20)) else {
            if options.worker != nil { throw ScenarioError("--worker", "needs --workers, how many there are") }
            return .whole
        }
        guard let index = try whole("--worker", options.worker, 0...(1 << 20)) else {
            throw ScenarioError("--workers", "needs --worker, which of them: 0 to \(count - 1)")
        }
        return try checked("--worker") { () throws(ArrivalError) in try .init(worker: index, of: count) }
    }

    private static func settings(_ options: ScheduleCommand) throws(ScenarioError) -> ArrivalSettings {
        let given: [(key: String, value: String?)] = [
            ("count", options.count), ("amplitude", options.amplitude), ("period", options.period),
            ("phase", options.phase), ("day", options.day), ("shape", options.shape),
            ("stages", options.erlangStages), ("rates", options.rates), ("dwell", options.dwell),
            ("transitions", options.transitions), ("branching", options.branching), ("decay", options.decay),
            ("input", options.input), ("column", options.column), ("bucket", options.bucket),
            ("placement", options.placement), ("speed", options.speed),
            ("repeat", options.repeats ? "true" : nil), ("jitter", options.jitter), ("length", options.length),
        ]
        var values: [String: String] = [:]
        for (key, value) in given { values[key] = value }
        return try checked("--process") { () throws(ArrivalError) in
            try ArrivalSettings(process: options.process ?? "poisson", values: values)
        }
    }

    /// The process and the rates, from whichever options give them.
    private static func arrivals(
        _ options: ScheduleCommand, _ settings: ArrivalSettings
    ) throws(ScenarioError) -> (ArrivalProcess, RateProfile) {
        let rateSources = [options.stages, options.schedule].compactMap { $0 }.count
        let hasShape = ArrivalSettings.shapeKeys.contains { settings.values[$0] != nil }
        if rateSources > 1 || rateSources == 1 && (options.rate != nil || options.duration != nil || hasShape) {
            throw ScenarioError("--stages", "give the rates once: --rate and --duration, --stages, or --schedule")
        }
        if settings.isReplay { return try replay(options, settings) }
        var process = try checked("--process") { () throws(ArrivalError) in try settings.arrivalProcess() }
        let profile: RateProfile
        if let text = options.schedule {
            let line = try checked("--schedule") { () throws(ArrivalError) in try ScheduleLine(text) }
            if options.process == nil { process = line.process }
            profile = line.profile
        } else if let text = options.stages {
            profile = try checked("--stages") { () throws(ArrivalError) in try RateProfile(stages: text) }
        } else {
            let rate = try checked("--rate") { () throws(ArrivalError) in try ArrivalSettings.rate(options.rate) }
            let seconds = try length(options.duration)
            profile = try checked("--rate") { () throws(ArrivalError) in
                try settings.profile(rate: rate, seconds: seconds)
            }
        }
        return (try split(process, options), profile)
    }

    private static func length(_ text: String?) throws(ScenarioError) -> Double? {
        try checked("--duration") { () throws(ArrivalError) in try ArrivalSettings.duration(text) }
    }

    private static func replay(
        _ options: ScheduleCommand, _ settings: ArrivalSettings
    ) throws(ScenarioError) -> (ArrivalProcess, RateProfile) {
        if options.rate != nil || options.stages != nil || options.schedule != nil || options.streams != nil {
            throw ScenarioError("--rate", "a replay has the rates of its recording; use --speed and --duration")
        }
        guard let path = options.input else { throw ScenarioError("--input", "a replay needs a CSV file") }
        let text: String
        do { text = try TextFile.read(path) } catch { throw ScenarioError("--input", "\(error)") }
        guard text.utf8.count < inputMax else { throw ScenarioError("--input", "\(path) has 64 MiB or more; split it") }
        let process = try checked(path) { () throws(ArrivalError) in try settings.arrivalProcess(recording: text) }
        let own: RateProfile
        switch process {
        case .replay(let recording): own = recording.profile()
        case .replayCounts(let recording): own = recording.profile()
        default: throw ScenarioError("--process", "not a replay")
        }
        guard let seconds = try length(options.duration) else {
            if options.repeats { throw ScenarioError("--repeat", "needs --duration, when to end") }
            return (process, own)
        }
        guard seconds > 0 else { throw ScenarioError("--duration", "more than 0 s") }
        return (process, .constant(own.mass / own.seconds, seconds: seconds))
    }

    private static func split(
        _ process: ArrivalProcess, _ options: ScheduleCommand
    ) throws(ScenarioError) -> ArrivalProcess {
        guard let count = try whole("--streams", options.streams, 1...65_536), count > 1 else { return process }
        return try checked("--streams") { () throws(ArrivalError) in
            let stream = try ArrivalStream(process, share: 1 / Double(count))
            return .superposition([ArrivalStream](repeating: stream, count: count))
        }
    }
}
