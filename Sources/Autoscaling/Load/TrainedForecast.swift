internal import Glibc
internal import Learning

/// Ridge regressions fitted on other days: the profile of those days by time since the open, and how an excess over it
/// goes on.
///
/// With e the logarithm of rate + 1 less the profile's, the change of e over k samples is regressed on e's differences
/// to ten samples before, up to 25 ago, to its means over 6 to 900 samples, and on e itself where there is a profile.
/// q50 and q90 add the median and the 90th percentile of the errors on days kept out of the fit. The inputs of the fit
/// carry the noise of metrics, else differences would be trusted that measurements cannot show. Metrics are late, so a
/// regression reaches from the newest sample's middle: its age plus the time ahead, at most 160 s or 60
/// samples. Cost: about 300 multiplications and no look at the truth.
public struct TrainedForecast: LoadForecasting {
    public let name = "ridge"
    /// Seconds between samples that it was fitted on and takes.
    public let period: Double
    /// Mean e of the days' bins; empty for loads without a calendar.
    private let profile: [Double]
    /// Seconds since the open of the profile's first bin.
    private let profileStart: Double
    /// One for each of `reaches`.
    private let steps: [Step]
    /// Samples ahead of the regressions, growing.
    private let reaches: [Int]

    /// The regression over one number of samples ahead.
    private struct Step: Sendable {
        var coefficients: [Double]
        var intercept: Double
        var median = 0.0
        var upper = 0.0

        /// The regression's answer.
        func change(_ row: [Double]) -> Double {
            var sum = intercept
            for index in row.indices { sum += coefficients[index] * row[index] }
            return sum
        }
    }

    private static let lags = [1, 2, 3, 4, 5, 7, 10, 15, 20, 25]
    private static let means = [6, 30, 180, 900]
    private static let reaches = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 50, 60]
    /// Seconds that no regression reaches beyond; nor beyond a quarter of the shortest day or `reachSure` samples,
    /// whichever is more.
    private static let reachMost = 160
    private static let reachSure = 16
    /// Rows of the fit for each of its inputs: fewer and the regression follows the noise.
    private static let rowsPerInput = 10
    /// Errors that the 90th percentile is taken from: with so many its standard deviation is 5 % of the coverage.
    private static let errorsMin = 36

    /// Fits on whole days; a third of them, the last, gives the errors' percentiles.
    ///
    /// - Parameters:
    ///   - days: at least 3, all with a market clock or none.
    ///   - period: seconds between samples, whole.
    ///   - alpha: the ridge penalty on inputs scaled to deviation 1.
    ///   - noise: standard deviation of the metrics it will read, relative to their value.
    /// - Throws: where there are too few days or samples in them (each second sample of a day but its first 6 and those
    ///   of the furthest regression at its end: ten for each of the 14 or 15 inputs, and 36 in the days kept out), or
    ///   they do not vary.
    public init(days: [LoadTrace], period: Int = 10, alpha: Double = 10, noise: Double = 0.02) throws(SimulationFault) {
        guard (1...600).contains(period) else {
            throw SimulationFault(.measurement, "a forecast of samples of \(period) s; 1 to 600 s")
        }
        guard days.count >= 3 else {
            throw SimulationFault(.measurement, "\(days.count) days to fit a forecast on; 3 or more")
        }
        for day in days { if let fault = day.fault { throw fault } }
        let hasClock = days.allSatisfy { $0.market != nil }
        let shortest = days.map { $0.duration / period }.min() ?? 0
        reaches = Self.reaches.filter {
            $0 == 1 || $0 * period <= Self.reachMost && $0 <= max(Self.reachSure, shortest / 4)
        }
        try Self.checkLength(
            days, period: period, inputs: Self.inputs(hasLevel: hasClock), furthest: reaches[reaches.count - 1])
        let start = hasClock ? days.compactMap { $0.market?.sinceOpen }.min() ?? 0 : 0
        let fitted = Array(days[..<Self.fitted(days.count)])
        let profile = hasClock ? Self.profile(fitted, start: start, period: period) : []
        self.period = Double(period)
        self.profile = profile
        profileStart = start
        let series = days.map { Self.excess($0, profile: profile, start: start, period: period) }
        var random = Xoshiro256StarStar(seed: 1).split("noise")
        let pairs = series.map { (clean: $0, seen: $0.map { $0 + noise * random.normal() }) }
        var steps: [Step] = []
        for ahead in reaches {
            var step = try Self.fit(pairs[..<fitted.count], ahead: ahead, alpha: alpha, hasLevel: hasClock)
            Self.calibrate(&step, pairs[fitted.count...], ahead: ahead, hasLevel: hasClock)
            steps.append(step)
        }
        self.steps = steps
    }

    /// Days of so many that are fitted on; the others tell the errors.
    private static func fitted(_ days: Int) -> Int { days - max(1, days / 3) }

    /// Numbers that a regression takes.
    private static func inputs(hasLevel: Bool) -> Int { lags.count + means.count + (hasLevel ? 1 : 0) }

    /// Samples of a day from which a change over so many samples can be seen.
    private static func origins(_ samples: Int, ahead: Int) -> StrideTo<Int> {
        stride(from: 6, to: max(6, samples - ahead), by: 2)
    }

    /// Refuses days whose samples do not determine the regression over the furthest horizon, or its errors.
    private static func checkLength(
        _ days: [LoadTrace], period: Int, inputs: Int, furthest: Int
    ) throws(SimulationFault) {
        let rows = days.map { day in origins(day.duration / period, ahead: furthest).count { _ in true } }
        if let short = rows.firstIndex(of: 0) {
            throw SimulationFault(
                .measurement,
                "load '\(days[short].name)' is too short: \(days[short].duration) s of samples of \(period) s")
        }
        let found = rows[..<Self.fitted(days.count)].reduce(0, +)
        let errors = rows.reduce(0, +) - found
        guard found >= rowsPerInput * inputs, errors >= errorsMin else {
            throw SimulationFault(
                .measurement,
                "days of too few samples of \(period) s: \(found) and \(errors) for the fit and its errors, not "
                    + "\(rowsPerInput * inputs) and \(errorsMin); more or longer days, or a shorter period")
        }
    }

    /// Mean logarithm of the rate, bin by bin since `start`; a bin that no day has repeats the one before.
    private static func profile(_ days: [LoadTrace], start: Double, period: Int) -> [Double] {
        var sums: [Double] = []
        var counts: [Double] = []
        for day in days {
            let offset = Int((((day.market?.sinceOpen ?? 0) - start) / Double(period)).rounded())
            for bin in 0..<day.duration / period {
                while sums.count <= offset + bin {
                    sums.append(0)
                    counts.append(0)
                }
                sums[offset + bin] += log(day.mean(bin * period..<(bin + 1) * period) + 1)
                counts[offset + bin] += 1
            }
        }
        var last = 0.0
        return zip(sums, counts).map { sum, count in
            if count > 0 { last = sum / count }
            return last
        }
    }

    /// e of a day's bins.
    private static func excess(_ day: LoadTrace, profile: [Double], start: Double, period: Int) -> [Double] {
        let offset = Int((((day.market?.sinceOpen ?? 0) - start) / Double(period)).rounded())
        return (0..<day.duration / period).map { bin in
            let level = profile.isEmpty ? 0 : profile[min(max(0, offset + bin), profile.count - 1)]
            return log(day.mean(bin * period..<(bin + 1) * period) + 1) - level
        }
    }

    private static func inputs(of excess: [Double], at origin: Int, hasLevel: Bool, into row: inout [Double]) {
        row.removeAll(keepingCapacity: true)
        let now = excess[origin]
        for lag in lags { row.append(excess[max(0, origin - lag)] - now) }
        var sum = 0.0
        var count = 0
        for mean in means {
            while count < mean, count <= origin {
                sum += excess[origin - count]
                count += 1
            }
            row.append(sum / Double(count) - now)
        }
        if hasLevel { row.append(now) }
    }

    private static func fit(
        _ series: ArraySlice<(clean: [Double], seen: [Double])>, ahead: Int, alpha: Double, hasLevel: Bool
    ) throws(SimulationFault) -> Step {
        var equations = NormalEquations(columns: inputs(hasLevel: hasLevel))
        var row: [Double] = []
        for (excess, seen) in series {
            for origin in origins(excess.count, ahead: ahead) {
                inputs(of: seen, at: origin, hasLevel: hasLevel, into: &row)
                equations.add(row, excess[origin + ahead] - seen[origin])
            }
        }
        do {
            let regression = try equations.regression(alpha: alpha, isScaled: true)
            return Step(coefficients: regression.coefficients, intercept: regression.intercept)
        } catch {
            throw SimulationFault(.measurement, "the days do not determine a forecast: \(error.message)")
        }
    }

    private static func calibrate(
        _ step: inout Step, _ series: ArraySlice<(clean: [Double], seen: [Double])>, ahead: Int, hasLevel: Bool
    ) {
        var errors: [Double] = []
        var row: [Double] = []
        for (excess, seen) in series {
            for origin in origins(excess.count, ahead: ahead) {
                inputs(of: seen, at: origin, hasLevel: hasLevel, into: &row)
                errors.append(excess[origin + ahead] - seen[origin] - step.change(row))
            }
        }
        guard !errors.isEmpty else { return }
        errors.sort()
        step.median = errors[errors.count / 2]
        step.upper = max(
            step.median, errors[min(errors.count - 1, Int((0.9 * Double(errors.count + 1)).rounded(.up)) - 1)])
    }

    public mutating func forecast(_ view: LoadView) -> RateForecast? {
        guard !view.observed.isEmpty, view.period == period, profile.isEmpty || view.market != nil else { return nil }
        let count = view.observed.count
        let newest = view.market.map { $0.sinceOpen - view.age }
        let history = min(count, Self.means.max() ?? 1)
        var excess: [Double] = []
        excess.reserveCapacity(history)
        for index in 0..<history {
            let at = newest.map { $0 - Double(history - 1 - index) * period }
            excess.append(log(view.observed[count - history + index] + 1) - level(at))
        }
        var row: [Double] = []
        row.reserveCapacity(Self.lags.count + Self.means.count + 1)
        Self.inputs(of: excess, at: history - 1, hasLevel: !profile.isEmpty, into: &row)
        let points = RateForecast.horizons.map { ahead in
            let base = excess[history - 1] + level(newest.map { $0 + view.age + ahead })
            let (median, upper) = change(row, samples: (view.age + ahead) / period)
            let q50 = max(0, exp(base + median) - 1)
            return RateForecast.Point(ahead: ahead, q50: q50, q90: max(q50, exp(base + upper) - 1))
        }
        return RateForecast(points: points)
    }

    /// Change of e over a number of samples, between `reaches` along a line; its median and 90th percentile.
    private func change(_ row: [Double], samples: Double) -> (median: Double, upper: Double) {
        let next = reaches.firstIndex { Double($0) >= samples } ?? reaches.count - 1
        let (b, atB) = (steps[next], steps[next].change(row))
        guard next > 0, samples < Double(reaches[next]) else { return (atB + b.median, atB + b.upper) }
        let a = steps[next - 1]
        let atA = a.change(row)
        let share = (samples - Double(reaches[next - 1])) / Double(reaches[next] - reaches[next - 1])
        return (
            atA + a.median + share * (atB + b.median - atA - a.median),
            atA + a.upper + share * (atB + b.upper - atA - a.upper)
        )
    }

    /// The profile's e at a time since the open; the ends go on beyond them, 0 where there is no profile.
    private func level(_ sinceOpen: Double?) -> Double {
        guard let sinceOpen, !profile.isEmpty else { return 0 }
        let bin = ((sinceOpen - profileStart) / period).rounded(.down)
        return profile[Int(min(max(bin, 0), Double(profile.count - 1)))]
    }
}
