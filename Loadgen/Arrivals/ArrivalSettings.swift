/// A process and its parameters as options and scenario files write them: names and texts.
///
/// | process | parameters (default) |
/// |---|---|
/// | `poisson`, `even` | none |
/// | `poisson-exact` | `count` (the profile's expectation) |
/// | `sine` | Poisson over a wave: `amplitude` and `period` are required |
/// | `trading-day` | Poisson over a day: `day` is required |
/// | `pareto`, `lognormal`, `weibull`, `gamma` | `shape` (2.5, 1, 0.7, 2) |
/// | `erlang` | `stages` (2) |
/// | `mmpp` | `rates` and `dwell` are required, `transitions` |
/// | `hawkes` | `branching` (0.7), `decay` (200/s) |
/// | `replay` | `input` is required, `column` (1), `speed` (1), `repeat` (false), `jitter` (0s), `length` |
/// | `replay-counts` | `input` is required, `column` (last), `bucket` (1s), `placement` (random), `speed`, `repeat` |
///
/// `amplitude`, `period`, `phase` and `day` shape the rate, so every process but the replays takes them.
public struct ArrivalSettings: Sendable, Equatable {
    /// The parameters of each process, besides those of the rate's shape.
    public static let parameters: [(process: String, keys: [String])] = [
        ("poisson", []), ("poisson-exact", ["count"]), ("even", []), ("sine", []), ("trading-day", []),
        ("pareto", ["shape"]), ("lognormal", ["shape"]), ("weibull", ["shape"]), ("gamma", ["shape"]),
        ("erlang", ["stages"]), ("mmpp", ["rates", "dwell", "transitions"]), ("hawkes", ["branching", "decay"]),
        ("replay", ["input", "column", "speed", "repeat", "jitter", "length"]),
        ("replay-counts", ["input", "column", "bucket", "placement", "speed", "repeat"]),
    ]
    /// The parameters of the rate's shape.
    public static let shapeKeys = ["amplitude", "period", "phase", "day"]

    /// The name of the process.
    public let process: String
    /// Texts of the parameters by their names.
    public let values: [String: String]

    /// Settings with a known process and parameters that belong to it.
    public init(process: String, values: [String: String] = [:]) throws(ArrivalError) {
        guard let row = Self.parameters.first(where: { $0.process == process }) else {
            let names = Self.parameters.map(\.process).joined(separator: ", ")
            throw ArrivalError("no process is called \"\(process)\"; there are \(names)")
        }
        let keys = row.keys + (process.hasPrefix("replay") ? [] : Self.shapeKeys)
        for key in values.keys.sorted() where !keys.contains(key) {
            let own = keys.isEmpty ? "no parameters" : keys.joined(separator: ", ")
            throw ArrivalError("\(process) has no parameter \"\(key)\"; it has \(own)")
        }
        self.process = process
        self.values = values
    }

    /// Whether arrivals come from a file, whose text `arrivalProcess` needs.
    public var isReplay: Bool { process.hasPrefix("replay") }

    /// The process.
    ///
    /// - Parameter recording: text of the file that `input` names, for a replay.
    /// - Throws: a parameter that is missing or not of its form, or out of its range.
    public func arrivalProcess(recording: String? = nil) throws(ArrivalError) -> ArrivalProcess {
        switch process {
        case "even": return .even
        case "poisson-exact": return .poissonExact(count: try whole("count", 0...(1 << 53)))
        case "pareto", "lognormal", "weibull", "gamma":
            guard let family = GapDistribution.Family(rawValue: process) else { return .poisson }
            return .renewal(try GapDistribution(family, shape: try number("shape") ?? Self.shapes[process] ?? 1))
        case "erlang":
            return .renewal(try GapDistribution(.gamma, shape: Double(try whole("stages", 1...1_000) ?? 2)))
        case "mmpp": return .mmpp(try states())
        case "hawkes":
            let decay = try parsed("decay") { (scanner: inout TextScanner) throws(ArrivalError) in try scanner.rate() }
            return .hawkes(try SelfExcitation(branching: try number("branching") ?? 0.7, decay: decay ?? 200))
        case "replay": return .replay(try times(recording ?? ""))
        case "replay-counts": return .replayCounts(try counts(recording ?? ""))
        default: return .poisson
        }
    }

    /// The rate over `seconds` where no stages give it: constant, or shaped by a wave or a day of this mean.
    ///
    /// - Parameters:
    ///   - rate: mean arrivals a second; for an `mmpp` nil is the mean of its rates.
    ///   - seconds: the length; a day is compressed into it, nil is a minute, or a day's own length.
    public func profile(rate: Double?, seconds: Double?) throws(ArrivalError) -> RateProfile {
        let ownRate = process == "mmpp" && rate == nil ? try states().meanRate : 15_000
        let mean = rate ?? ownRate
        try require(mean >= 0 && mean <= 1e9, "the rate must be 0 to 1e9 a second")
        try require(seconds.map { $0 > 0 && $0 <= 1e9 } ?? true, "the length must be more than 0 and at most 1e9 s")
        let amplitude = try parsed("amplitude") { (text: inout TextScanner) throws(ArrivalError) in try text.rate() }
        let period = try duration("period")
        guard values["day"] == nil && process != "trading-day" else {
            try require(amplitude == nil && period == nil, "give a wave or a day, not both")
            return try day(mean, seconds)
        }
        guard process == "sine" || amplitude != nil || period != nil || values["phase"] != nil else {
            return .constant(mean, seconds: seconds ?? 60)
        }
        guard let amplitude, let period else {
            throw ArrivalError("a wave needs amplitude and period, such as 5000 and 30s")
        }
        let phase = try number("phase") ?? 0
        guard let wave = RateProfile.Wave(mean: mean, amplitude: amplitude, periodSeconds: period, phase: phase) else {
            throw ArrivalError(
                "the amplitude must be 0 to the mean rate \(mean), the period more than 0 s, the phase within 1e6 turns"
            )
        }
        return .sine(wave, seconds: seconds ?? 60)
    }

    private func day(_ rate: Double, _ seconds: Double?) throws(ArrivalError) -> RateProfile {
        let day: TradingDay
        switch values["day"] {
        case "a-share": day = .aShare(meanRate: rate)
        case "us": day = .unitedStates(meanRate: rate)
        default: throw ArrivalError("day must be a-share or us")
        }
        let profile = try day.profile()
        return seconds.map { profile.stretched(by: $0 / profile.seconds) } ?? profile
    }

    private static let shapes = ["pareto": 2.5, "lognormal": 1, "weibull": 0.7, "gamma": 2]

    private func states() throws(ArrivalError) -> MarkovStates {
        guard values["rates"] != nil, values["dwell"] != nil else {
            throw ArrivalError("mmpp needs rates and dwell, such as 5000,40000 and 1s,200ms")
        }
        let rates = try list("rates") { (text: inout TextScanner) throws(ArrivalError) in try text.rate() }
        let dwell = try list("dwell") { (text: inout TextScanner) throws(ArrivalError) in try text.duration() }
        guard values["transitions"] != nil else { return try MarkovStates(rates: rates, dwellSeconds: dwell) }
        let flat = try list("transitions") { (text: inout TextScanner) throws(ArrivalError) in
            try text.number("a probability")
        }
        try require(
            flat.count == rates.count * rates.count,
            "transitions: \(rates.count) rates need \(rates.count * rates.count) probabilities, row by row")
        let rows = rates.indices.map { Array(flat[($0 * rates.count)..<(($0 + 1) * rates.count)]) }
        return try MarkovStates(rates: rates, dwellSeconds: dwell, transitions: rows)
    }

    private func times(_ text: String) throws(ArrivalError) -> TimeRecording {
        try TimeRecording(
            times: RecordingText.column(try whole("column", 1...1_000) ?? 1, of: text),
            speed: try number("speed") ?? 1, repeats: try flag("repeat"), jitterSeconds: try duration("jitter") ?? 0,
            lengthSeconds: try duration("length"))
    }

    private func counts(_ text: String) throws(ArrivalError) -> CountRecording {
        guard let placement = CountRecording.Placement(rawValue: values["placement"] ?? "random") else {
            throw ArrivalError("placement must be random or even")
        }
        let counts = try RecordingText.column(try whole("column", 1...1_000), of: text)
        try require(counts.allSatisfy { $0 <= 1 << 40 }, "replay: a count is at most 2^40")
        return try CountRecording(
            counts: counts.map { Int($0) }, bucketSeconds: try duration("bucket") ?? 1,
            speed: try number("speed") ?? 1, repeats: try flag("repeat"), placement: placement)
    }
}

/// Reading of single parameters.
extension ArrivalSettings {
    /// A rate as `15000` or `900/m`; nil for nil.
    public static func rate(_ text: String?) throws(ArrivalError) -> Double? {
        try text.map { text throws(ArrivalError) in
            try whole(text) { (scanner: inout TextScanner) throws(ArrivalError) in try scanner.rate() }
        }
    }

    /// Seconds of `90s` or `1h 30m`; nil for nil.
    public static func duration(_ text: String?) throws(ArrivalError) -> Double? {
        try text.map { text throws(ArrivalError) in
            try whole(text) { (scanner: inout TextScanner) throws(ArrivalError) in try scanner.duration() }
        }
    }

    /// Reads a text to its end.
    private static func whole<T>(
        _ text: String, _ read: (inout TextScanner) throws(ArrivalError) -> T
    ) throws(ArrivalError) -> T {
        var scanner = TextScanner(text)
        do {
            try scanner.skipSpace()
            let value = try read(&scanner)
            try scanner.skipSpace()
            guard scanner.isAtEnd else { throw ArrivalError("\(scanner.found) is too much", column: scanner.column) }
            return value
        } catch { throw ArrivalError("\"\(text)\": \(error)") }
    }

    private func parsed<T>(
        _ key: String, _ read: (inout TextScanner) throws(ArrivalError) -> T
    ) throws(ArrivalError) -> T? {
        guard let text = values[key] else { return nil }
        do { return try Self.whole(text, read) } catch { throw ArrivalError("\(key) \(error)") }
    }

    private func list(
        _ key: String, _ read: (inout TextScanner) throws(ArrivalError) -> Double
    ) throws(ArrivalError) -> [Double] {
        let values = try parsed(key) { (scanner: inout TextScanner) throws(ArrivalError) -> [Double] in
            var values: [Double] = []
            repeat {
                try scanner.skipSpace()
                values.append(try read(&scanner))
                try scanner.skipSpace()
            } while scanner.take(",")
            return values
        }
        return values ?? []
    }

    private func number(_ key: String) throws(ArrivalError) -> Double? {
        try parsed(key) { (scanner: inout TextScanner) throws(ArrivalError) in try scanner.number("a number") }
    }

    private func duration(_ key: String) throws(ArrivalError) -> Double? {
        try parsed(key) { (scanner: inout TextScanner) throws(ArrivalError) in try scanner.duration() }
    }

    private func whole(_ key: String, _ range: ClosedRange<Int>) throws(ArrivalError) -> Int? {
        guard let text = values[key] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ArrivalError("\(key) \"\(text)\": a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private func flag(_ key: String) throws(ArrivalError) -> Bool {
        guard let text = values[key] else { return false }
        guard let value = Bool(text) else { throw ArrivalError("\(key) \"\(text)\": true or false") }
        return value
    }
}
