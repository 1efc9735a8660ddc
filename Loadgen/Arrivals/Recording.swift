/// Recorded arrival times to be replayed as they were.
public struct TimeRecording: Sendable, Equatable {
    /// The most arrivals; 8 bytes each.
    public static let countMax = 1 << 28

    /// Nanoseconds from the recording's start, ascending.
    public let times: [UInt64]
    /// How many recorded seconds pass in one.
    public let speed: Double
    /// Whether it begins again at its end, until the profile's end.
    public let repeats: Bool
    /// The most an arrival is moved either way, uniformly; the order is restored.
    public let jitterSeconds: Double
    /// Recorded length after which it repeats.
    public let lengthNanoseconds: UInt64

    /// A recording.
    ///
    /// - Parameter lengthSeconds: of the recording; nil is the last time and one mean gap.
    /// - Throws: no times, times out of order, or a speed, jitter or length out of range.
    public init(
        times: [UInt64], speed: Double = 1, repeats: Bool = false, jitterSeconds: Double = 0,
        lengthSeconds: Double? = nil
    ) throws(ArrivalError) {
        guard let first = times.first, let last = times.last else { throw ArrivalError("replay: no time is recorded") }
        try require(times.count <= Self.countMax, "replay: at most \(Self.countMax) times")
        try require(last <= 1 << 53, "replay: times are nanoseconds up to 2^53, which is 104 days")
        if let index = times.indices.dropFirst().first(where: { times[$0] < times[$0 - 1] }) {
            throw ArrivalError(
                "replay: time \(index + 1), \(times[index]), is before the one above it; sort the times first")
        }
        try require(speed >= 1e-6 && speed <= 1e6, "replay: the speed must be 0.000001 to 1,000,000")
        try require(jitterSeconds >= 0 && jitterSeconds <= 3_600, "replay: the jitter must be 0 to an hour")
        if let lengthSeconds {
            try require(
                lengthSeconds * 1e9 >= Double(last) + 1 && lengthSeconds <= 1e7,
                "replay: the length must be more than the last time and at most 1e7 s")
        }
        self.times = times
        self.speed = speed
        self.repeats = repeats
        self.jitterSeconds = jitterSeconds
        let gap = times.count > 1 ? max(1, (last - first) / UInt64(times.count - 1)) : 1_000_000_000
        lengthNanoseconds = lengthSeconds.map { UInt64($0 * 1e9) } ?? last + gap
    }

    /// Seconds one pass takes.
    public var seconds: Double { Double(lengthNanoseconds) / speed / 1e9 }

    /// The replayed nanosecond of a recorded one.
    func replayed(_ time: UInt64, pass: UInt64) -> UInt64 {
        let total = time + pass * lengthNanoseconds
        return speed == 1 ? total : UInt64((Double(total) / speed).rounded())
    }

    /// Arrivals in the first `limit` seconds, jitter aside.
    func count(within limit: Double) -> Int {
        let end = UInt64(min(limit * 1e9, 9e18))
        // Passes that certainly fit are not walked through.
        let sure = limit / seconds - 2
        var pass = repeats && sure > 0 ? UInt64(sure) : 0
        var total = Int(pass) * times.count
        while replayed(times[times.count - 1], pass: pass) < end {
            total += times.count
            pass += 1
            if !repeats { return total }
        }
        return total + times.prefix { replayed($0, pass: pass) < end }.count
    }

    /// Its rate second by second, for charts and totals; one pass.
    public func profile() -> RateProfile {
        let width = max(1, seconds / 86_400)
        var counts = [Int](repeating: 0, count: max(1, Int((seconds / width).rounded(.up))))
        for time in times { counts[min(Int(Double(replayed(time, pass: 0)) / 1e9 / width), counts.count - 1)] += 1 }
        let last = seconds - width * Double(counts.count - 1)
        return RateProfile(
            counts.enumerated().map { index, count in
                let length = index == counts.count - 1 && last > 0 ? last : width
                return .init(from: Double(count) / length, to: Double(count) / length, seconds: length)
            })
    }
}

/// Recorded arrivals per second, per minute or per any other bucket, to be replayed with exactly these counts.
public struct CountRecording: Sendable, Equatable {
    /// Where the arrivals of a bucket fall.
    public enum Placement: String, Sendable, CaseIterable {
        /// Uniform and independent: a Poisson process given its count.
        case random
        /// At the middles of equal parts.
        case even
    }

    /// Arrivals in each bucket.
    public let counts: [Int]
    /// Recorded length of a bucket.
    public let bucketSeconds: Double
    /// How many recorded seconds pass in one; the counts stay, the buckets shorten.
    public let speed: Double
    /// Whether it begins again at its end, until the profile's end.
    public let repeats: Bool
    /// Where arrivals fall within a bucket.
    public let placement: Placement

    /// A recording; the counts are 0 or more and not all 0.
    public init(
        counts: [Int], bucketSeconds: Double, speed: Double = 1, repeats: Bool = false, placement: Placement = .random
    ) throws(ArrivalError) {
        try require(
            counts.contains { $0 > 0 } && counts.count <= 1 << 26,
            "replay: no arrival is recorded, or over 2^26 buckets")
        try require(
            counts.allSatisfy { $0 >= 0 && $0 <= 1 << 40 }, "replay: a count is a whole number from 0 to 2^40")
        try require(bucketSeconds >= 1e-3 && bucketSeconds <= 86_400, "replay: a bucket lasts 1 ms to a day")
        try require(speed >= 1e-6 && speed <= 1e6, "replay: the speed must be 0.000001 to 1,000,000")
        try require(
            Double(counts.count) * bucketSeconds / speed <= 1e9, "replay: the replay must end within 1e9 s")
        self.counts = counts
        self.bucketSeconds = bucketSeconds
        self.speed = speed
        self.repeats = repeats
        self.placement = placement
    }

    /// Seconds one pass takes.
    public var seconds: Double { Double(counts.count) * bucketSeconds / speed }

    /// First nanosecond of a bucket, counted through all passes.
    func start(ofBucket index: Int) -> UInt64 {
        UInt64((Double(index) * bucketSeconds / speed * 1e9).rounded(.up))
    }

    /// Arrivals of the buckets that end within `limit` seconds, and a share of the one that does not.
    func expected(within limit: Double) -> Double {
        let buckets = limit * speed / bucketSeconds
        let passes = repeats ? (buckets / Double(counts.count)).rounded(.down) : 0
        let rest = min(buckets - passes * Double(counts.count), Double(counts.count))
        let whole = Int(rest)
        let part = whole < counts.count ? Double(counts[whole]) * (rest - Double(whole)) : 0
        return passes * Double(counts.reduce(0, +)) + Double(counts[..<whole].reduce(0, +)) + part
    }

    /// Its rate bucket by bucket; one pass.
    public func profile() -> RateProfile {
        let width = bucketSeconds / speed
        return RateProfile(
            counts.map { .init(from: Double($0) / width, to: Double($0) / width, seconds: width) })
    }
}

/// Reads numbers from a column of comma-separated text.
public enum RecordingText {
    /// Whole numbers of a column; a first line that is not a number there is a header, empty lines are skipped.
    ///
    /// - Parameters:
    ///   - csv: UTF-8 text.
    ///   - column: from 1; nil is the last of each line.
    /// - Throws: the line whose column is missing or no whole number.
    public static func column(_ column: Int?, of csv: String) throws(ArrivalError) -> [UInt64] {
        var values: [UInt64] = []
        var line = 0
        for row in csv.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            line += 1
            let text = row.last == UInt8(ascii: "\r") ? row.dropLast() : row
            if text.isEmpty { continue }
            let fields = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            let index = (column ?? fields.count) - 1
            guard fields.indices.contains(index) else {
                throw ArrivalError("line \(line): no column \(index + 1)")
            }
            if let value = UInt64(String(Substring(fields[index])).trimmed) {
                values.append(value)
            } else if line > 1 || !values.isEmpty {
                throw ArrivalError(
                    "line \(line): \"\(Substring(fields[index]))\" is not a whole number from 0; "
                        + "times are nanoseconds, counts are arrivals")
            }
        }
        return values
    }
}

extension String {
    /// Without spaces and tabs at its ends.
    var trimmed: String {
        let kept = drop { $0 == " " || $0 == "\t" }
        return String(kept.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
