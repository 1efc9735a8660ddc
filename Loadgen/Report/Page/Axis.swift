internal import Glibc

/// What the values of an axis are, how they are written, and what the page's script calls them.
enum AxisUnit: String {
    /// Nanoseconds; microseconds in the script's data.
    case duration = "us"
    case number = "n"
    case ratio = "p"
    case bytes = "b"
    /// Processors.
    case processors = "c"

    /// A value as people read it.
    func text(_ value: Double) -> String {
        switch self {
        case .duration: Readable.duration(value)
        case .number: Readable.number(value)
        case .ratio: Readable.percent(value)
        case .bytes: Readable.bytes(value)
        case .processors: Readable.significant(value)
        }
    }

    /// A value for the script: at most five significant digits.
    func script(_ value: Double) -> String {
        let scaled = self == .duration ? value / 1e3 : value
        guard scaled != 0, scaled.isFinite else { return "0" }
        let power = pow(10, 4 - log10(abs(scaled)).rounded(.down))
        return Readable.plain((scaled * power).rounded() / power)
    }
}

/// A mapping of values to 0...1.
struct Axis {
    enum Scale {
        case linear, logarithmic
    }

    struct Tick {
        var value: Double
        /// Empty for a line without a label.
        var label: String
    }

    var scale = Scale.linear
    var low: Double
    var high: Double
    var ticks: [Tick] = []

    /// 0...1, clamped.
    func place(_ value: Double) -> Double {
        switch scale {
        case .linear:
            return min(max((value - low) / max(high - low, .leastNonzeroMagnitude), 0), 1)
        case .logarithmic:
            let span = max(log10(high) - log10(low), .leastNonzeroMagnitude)
            return min(max((log10(max(value, low)) - log10(low)) / span, 0), 1)
        }
    }

    /// A linear axis from 0 to just above `most`, in steps of 1, 2 or 5.
    static func linear(upTo most: Double, unit: AxisUnit) -> Axis {
        let high = most > 0 ? most * 1.06 : 1
        let ticks = niceSteps(high, about: 4).map { Tick(value: $0, label: unit.text($0)) }
        return Axis(low: 0, high: high, ticks: ticks)
    }

    /// A logarithmic axis over the decades of the values, with lines at 2 and 5.
    static func logarithmic(_ values: [Double], unit: AxisUnit) -> Axis {
        let positive = values.filter { $0 > 0 }
        let least = positive.min() ?? 1
        let low = decade(least)
        let high = max(Self.next(positive.max() ?? 1, low), low * 10)
        var axis = Axis(scale: .logarithmic, low: low, high: high)
        var step = low
        while step <= high * 1.001 {
            axis.ticks.append(Tick(value: step, label: unit.text(step)))
            for factor in [2.0, 5.0] where step * factor < high {
                axis.ticks.append(Tick(value: step * factor, label: ""))
            }
            step *= 10
        }
        return axis
    }

    private static func decade(_ value: Double) -> Double { pow(10, log10(value).rounded(.down)) }

    /// The least of 1, 2, 5 times a power of ten that is not below a value.
    private static func next(_ value: Double, _ low: Double) -> Double {
        let base = decade(max(value, low))
        return [1.0, 2, 5, 10].map { $0 * base }.first { $0 >= value * 0.999 } ?? base * 10
    }

    /// Multiples of 1, 2 or 5 times a power of ten from 0 to `most`, about `about` of them.
    static func niceSteps(_ most: Double, about: Int) -> [Double] {
        guard most > 0, most.isFinite else { return [0] }
        let rough = most / Double(about)
        let power = decade(rough)
        let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
        return (0...Int(most / step)).map { Double($0) * step }
    }

    /// Time from 0 to `seconds`, with ticks at whole seconds, minutes or hours.
    static func time(_ seconds: Double) -> Axis {
        let steps: [Double] = [
            1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400,
        ]
        let length = max(seconds, 1)
        let step = steps.first { length / $0 <= 9 } ?? (length / 9).rounded(.up)
        let ticks = stride(from: 0, through: length, by: step).map {
            Tick(value: $0, label: clock($0, of: length))
        }
        return Axis(low: 0, high: length, ticks: ticks)
    }

    /// `42 s` in short runs, else `12:30`, with hours from one hour on.
    static func clock(_ seconds: Double, of length: Double) -> String {
        if length <= 120 { return "\(Readable.plain((seconds * 10).rounded() / 10)) s" }
        let whole = Int(seconds.rounded())
        let tail = ":" + (whole % 60 < 10 ? "0" : "") + "\(whole % 60)"
        guard length >= 3_600 else { return "\(whole / 60)" + tail }
        let minutes = whole / 60 % 60
        return "\(whole / 3_600):" + (minutes < 10 ? "0" : "") + "\(minutes)" + tail
    }
}
