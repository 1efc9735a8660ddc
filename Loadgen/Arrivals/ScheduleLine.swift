/// JMeter's one-line schedule of its open model: `rate(1000/s) random_arrivals(15m) rate(10000/s)`.
///
/// | step | meaning |
/// |---|---|
/// | `rate(5/s)` | the rate from here on; units us, ms, s, m, h, d and their long names |
/// | `random_arrivals(1h 30m)` | Poisson arrivals for that long; the rate goes to that of a `rate` right after, or holds |
/// | `even_arrivals(10s)` | evenly spaced arrivals, likewise |
/// | `pause(2s)` | no arrivals; the rate afterwards is the one before |
///
/// `/* */` and `//` are comments. JMeter draws a fixed number of random arrivals a step, this draws a Poisson process
/// with that mean; its exact form is `poisson-exact` over `profile`.
public struct ScheduleLine: Sendable, Equatable {
    /// The most steps in a line.
    public static let stepsMax = 10_000

    /// The rates.
    public let profile: RateProfile
    /// Poisson or even, or where both occur the two merged.
    public let process: ArrivalProcess

    private struct Stretch {
        var isRandom: Bool
        var start: Double
        var segments: [RateProfile.Segment]
    }

    /// Reads a line.
    ///
    /// - Throws: what is wrong, with its column.
    public init(_ text: String) throws(ArrivalError) {
        var scanner = TextScanner(text)
        var reader = Reader()
        try scanner.skipSpace()
        var steps = 0
        while !scanner.isAtEnd {
            steps += 1
            try require(steps <= Self.stepsMax, "at most \(Self.stepsMax) steps")
            try reader.step(&scanner)
            try scanner.skipSpace()
        }
        try self.init(reader.stretches(at: scanner.column))
    }

    private init(_ stretches: [Stretch]) throws(ArrivalError) {
        profile = RateProfile(stretches.flatMap(\.segments))
        let kinds = Set(stretches.filter { $0.segments.contains { $0.peak > 0 } }.map(\.isRandom))
        guard kinds.count > 1 else {
            process = kinds.first ?? true ? .poisson : .even
            return
        }
        var streams: [ArrivalStream] = []
        for stretch in stretches {
            let process = stretch.isRandom ? ArrivalProcess.poisson : .even
            streams.append(
                try ArrivalStream(process, profile: RateProfile(stretch.segments), startSeconds: stretch.start))
        }
        process = .superposition(streams)
    }

    /// Reads steps; an arrivals step waits for the rate that may follow it.
    private struct Reader {
        private var rate: Double?
        private var waiting: (isRandom: Bool, seconds: Double)?
        private var done: [Stretch] = []
        private var seconds = 0.0

        mutating func step(_ scanner: inout TextScanner) throws(ArrivalError) {
            let column = scanner.column
            let name = scanner.word()
            guard ["rate", "random_arrivals", "even_arrivals", "pause"].contains(name) else {
                let what = name.isEmpty ? scanner.found : "\"\(name)\""
                throw ArrivalError(
                    "rate(), random_arrivals(), even_arrivals() or pause() expected, not \(what)", column: column)
            }
            try scanner.expect("(", "after \(name)")
            if name == "rate" {
                let value = try scanner.rate()
                guard value <= 1e9 else { throw ArrivalError("a rate is at most 1e9 a second", column: column) }
                settle(endRate: value)
                rate = value
            } else {
                let length = try scanner.duration()
                settle(endRate: nil)
                guard seconds + length <= 1e9 else {
                    throw ArrivalError("the schedule is longer than 1e9 s", column: column)
                }
                if name == "pause" {
                    append(true, from: 0, to: 0, length)
                } else if rate == nil {
                    throw ArrivalError("no rate is set yet; write rate(100/s) before \(name)", column: column)
                } else {
                    waiting = (name == "random_arrivals", length)
                }
            }
            try scanner.expect(")", "after \(name == "rate" ? "the rate" : "the length")")
        }

        /// Ends a waiting arrivals step.
        private mutating func settle(endRate: Double?) {
            guard let step = waiting, let start = rate else { return }
            waiting = nil
            append(step.isRandom, from: start, to: endRate ?? start, step.seconds)
        }

        private mutating func append(_ isRandom: Bool, from start: Double, to end: Double, _ length: Double) {
            guard length > 0 else { return }
            let segment = RateProfile.Segment(from: start, to: end, seconds: length)
            if let last = done.indices.last, done[last].isRandom == isRandom || segment.peak == 0 {
                done[last].segments.append(segment)
            } else {
                done.append(Stretch(isRandom: isRandom, start: seconds, segments: [segment]))
            }
            seconds += length
        }

        mutating func stretches(at column: Int) throws(ArrivalError) -> [Stretch] {
            settle(endRate: nil)
            guard !done.isEmpty else {
                throw ArrivalError("no arrivals; write rate(100/s) random_arrivals(1m)", column: column)
            }
            return done
        }
    }
}

extension RateProfile {
    /// Stages of a command line: `15000:60s` holds a rate, `>45000:2s` goes there in a straight line from the rate
    /// before (0 before the first), joined by commas; rates are per second or `900/m`.
    ///
    /// - Throws: what is wrong, with its column.
    public init(stages text: String) throws(ArrivalError) {
        var scanner = TextScanner(text)
        var segments: [Segment] = []
        var seconds = 0.0
        repeat {
            try scanner.skipSpace()
            let column = scanner.column
            let isRamp = scanner.take(">")
            try scanner.skipSpace()
            let rate = try scanner.rate()
            guard rate <= 1e9 else { throw ArrivalError("a rate is at most 1e9 a second", column: column) }
            try scanner.expect(":", "between rate and length, as in 15000:60s")
            let length = try scanner.duration()
            seconds += length
            guard length > 0, seconds <= 1e9 else {
                throw ArrivalError("a stage lasts more than 0 s, all together at most 1e9 s", column: column)
            }
            guard segments.count < ScheduleLine.stepsMax else {
                throw ArrivalError("at most \(ScheduleLine.stepsMax) stages", column: column)
            }
            segments.append(Segment(from: isRamp ? segments.last?.end ?? 0 : rate, to: rate, seconds: length))
        } while scanner.take(",")
        guard scanner.isAtEnd else {
            throw ArrivalError("\",\" or the end expected, not \(scanner.found)", column: scanner.column)
        }
        self.init(segments)
    }
}
