/// Tests whether times are the process they claim to be, as they stream by; memory does not grow with them.
///
/// | test | of | bound |
/// |---|---|---|
/// | `count` | arrivals against the expectation | 4 standard deviations of the process |
/// | `dispersion_1ms` ... `dispersion_1s` | variance over mean of counts | 3.3 standard deviations where counts are Poisson; else 5 standard errors and 2 % about the derived value; even counts within 1 of their mean |
/// | `ks_exponential`, `anderson_darling` | residuals of the compensator against Exp(1) | 1.95 and 6.0, both at 0.1 % |
/// | `lag1_correlation`, `spearman` | neighbouring residuals | 3.3 standard deviations |
/// | `even_gaps` | expected arrivals between even arrivals against 1 | rounding to nanoseconds |
/// | `replayed_counts`, `replayed_times` | the replay against the recording | none differs |
public struct ArrivalCheck: Sendable {
    private static let windows: [(name: String, nanoseconds: UInt64)] = [
        ("dispersion_1ms", 1_000_000), ("dispersion_10ms", 10_000_000), ("dispersion_100ms", 100_000_000),
        ("dispersion_1s", 1_000_000_000),
    ]

    private let process: ArrivalProcess
    private let profile: RateProfile
    private let expected: Double
    private let resolution: UInt64
    private var compensator: Compensator?
    private var residuals: ResidualTests
    private var counts: [WindowCounts]
    private var count = 0
    private var first: UInt64?
    private var last: UInt64 = 0
    private var checksum: UInt64 = 0xCBF2_9CE4_8422_2325
    private var direct: DirectTest

    /// A check of the schedule made with the same arguments.
    public init(_ process: ArrivalProcess, profile: RateProfile, seed: UInt64, stream: String = "arrivals") {
        self.process = process
        self.profile = profile
        expected = process.expected(over: profile)
        resolution = process.resolutionNanoseconds
        compensator = Compensator(process, profile: profile, seed: seed, stream: stream)
        residuals = ResidualTests(expected: expected, rounding: profile.peak * 1e-9)
        let rates = process.expectedRates(profile)
        let isExact = process.name == "poisson-exact" && profile.mass > 0
        let scale = isExact ? expected / profile.mass : 1
        counts = Self.windows.map {
            WindowCounts(rates, seconds: profile.seconds, nanoseconds: $0.nanoseconds, scale: scale)
        }
        direct = DirectTest(process, profile)
    }

    /// Takes in the next time.
    public mutating func add(_ time: UInt64) {
        if let residual = compensator?.step(to: time, after: last, resolution: resolution) { residuals.add(residual) }
        for index in counts.indices { counts[index].add(time) }
        direct.add(time)
        if first == nil { first = time }
        last = time
        count += 1
        checksum = (checksum ^ time) &* 0x0000_0100_0000_01B3
    }

    /// What was found, once all times are in.
    public consuming func summary() -> ArrivalSummary {
        for index in counts.indices { counts[index].finish() }
        var tests = [countTest()]
        for (index, window) in Self.windows.enumerated() {
            let expectation = ArrivalDispersion(process, profile, seconds: Double(window.nanoseconds) / 1e9)
            tests.append(counts[index].test(window.name, against: expectation))
        }
        tests += residuals.tests() + direct.tests()
        return ArrivalSummary(
            count: count, expected: expected, seconds: profile.seconds, first: first, last: first == nil ? nil : last,
            busiestMillisecond: counts[0].busiest, busiestSecond: counts[3].busiest, checksum: checksum, tests: tests)
    }

    /// Checks a whole schedule.
    public static func summary(
        _ process: ArrivalProcess, profile: RateProfile, seed: UInt64, stream: String = "arrivals"
    ) -> ArrivalSummary {
        var check = ArrivalCheck(process, profile: profile, seed: seed, stream: stream)
        var schedule = ArrivalSchedule(process, profile: profile, seed: seed, stream: stream)
        while let time = schedule.next() { check.add(time) }
        return check.summary()
    }

    private func countTest() -> ArrivalTest {
        let difference = Double(count) - expected
        guard let dispersion = process.totalDispersion(profile) else {
            let reason = "as recorded, or the count's variance is infinite or not derived"
            return ArrivalTest("count", value: Double(count), expected: expected, unjudged: reason)
        }
        // A renewal process that begins with an arrival expects (CV^2 - 1) / 2 more; an even one may lose its last.
        var bound = 4 * (dispersion * expected).squareRoot()
        switch process {
        case .renewal: bound += abs(dispersion - 1) / 2 + 1
        case .even: bound = 1
        default: break
        }
        return ArrivalTest(
            "count", value: Double(count), expected: expected, score: difference, bound: bound,
            note: "difference; bound is 4 standard deviations of the count")
    }
}

extension ArrivalProcess {
    /// The rates that counts are held against, with their starts; for replays their mean.
    func expectedRates(_ profile: RateProfile) -> [(profile: RateProfile, start: Double)] {
        switch self {
        case .replay, .replayCounts:
            return [(.constant(expected(over: profile) / profile.seconds, seconds: profile.seconds), 0)]
        case .superposition(let streams):
            if streams.allSatisfy({ $0.ownProfile == nil }) {
                return [(profile.scaled(by: streams.reduce(0) { $0 + $1.share }), 0)]
            }
            return streams.map { ($0.profile(in: profile), $0.startSeconds) }
        default: return [(profile, 0)]
        }
    }

    /// Below this gap the rounding of times to nanoseconds shows: where arrivals come in clusters.
    var resolutionNanoseconds: UInt64 {
        switch self {
        case .renewal, .hawkes: 16
        case .superposition(let streams): streams.map(\.process.resolutionNanoseconds).max() ?? 0
        default: 0
        }
    }
}

/// The tests of processes without an intensity.
struct DirectTest: Sendable {
    private enum Kind: Sendable {
        case none
        case even(MassCursor, mass: Double, largest: Double)
        case counts(CountRecording, bucket: Int, inBucket: Int, differing: Int)
        case times(TimeRecording, index: Int, differing: Int)
    }

    private var kind: Kind
    private let peak: Double

    init(_ process: ArrivalProcess, _ profile: RateProfile) {
        peak = profile.peak
        switch process {
        case .even: kind = .even(MassCursor(profile), mass: 0, largest: 0)
        case .replayCounts(let recording): kind = .counts(recording, bucket: 0, inBucket: 0, differing: 0)
        case .replay(let recording) where recording.jitterSeconds == 0:
            kind = .times(recording, index: 0, differing: 0)
        default: kind = .none
        }
    }

    mutating func add(_ time: UInt64) {
        switch kind {
        case .none: return
        case .even(var cursor, let mass, let largest):
            let reached = cursor.mass(until: Double(time) / 1e9)
            kind = .even(cursor, mass: reached, largest: max(largest, abs(reached - mass - 1)))
        case .counts(let recording, var bucket, var inBucket, var differing):
            while time >= recording.start(ofBucket: bucket + 1) {
                if inBucket != recording.counts[bucket % recording.counts.count] { differing += 1 }
                bucket += 1
                inBucket = 0
            }
            kind = .counts(recording, bucket: bucket, inBucket: inBucket + 1, differing: differing)
        case .times(let recording, let index, let differing):
            let size = recording.times.count
            let same = recording.replayed(recording.times[index % size], pass: UInt64(index / size)) == time
            kind = .times(recording, index: index + 1, differing: differing + (same ? 0 : 1))
        }
    }

    func tests() -> [ArrivalTest] {
        switch kind {
        case .none: []
        case .even(_, _, let largest):
            [
                ArrivalTest(
                    "even_gaps", value: 1 + largest, expected: 1, score: largest, bound: 2e-9 * peak + 1e-6,
                    note: "largest difference of a gap from one expected arrival; bound is 2 ns at the highest rate")
            ]
        case .counts(_, let bucket, _, let differing):
            [
                ArrivalTest(
                    "replayed_counts", value: Double(bucket - differing), expected: Double(bucket),
                    score: Double(differing), bound: 0, note: "whole buckets whose count differs from the recording")
            ]
        case .times(_, let index, let differing):
            [
                ArrivalTest(
                    "replayed_times", value: Double(index - differing), expected: Double(index),
                    score: Double(differing), bound: 0, note: "times that differ from the recording")
            ]
        }
    }
}
