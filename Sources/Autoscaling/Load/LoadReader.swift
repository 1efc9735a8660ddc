internal import Forecasting

/// Reads a load from comma-separated text: a header, then rows of a time and a value in the order of time.
///
/// Times are seconds (whole or not), or what `CivilTime` reads. A value stands for the interval that begins at its time;
/// the interval is the shortest between two rows, and rows may be missing where no gap is longer than `gapMost`. Between
/// the middles of intervals the rate follows straight lines. A mistake is an error that names the line.
public struct LoadReader: Sendable, Equatable {
    /// What a value counts.
    public enum Unit: String, Sendable, CaseIterable {
        /// Requests a second.
        case perSecond = "per-second"
        /// Requests in the interval.
        case perInterval = "per-interval"
    }

    /// How large the load is made.
    public enum Scale: Sendable, Equatable {
        /// As it was, times a factor.
        case factor(Double)
        /// Its largest rate is this.
        case peak(Double)
        /// Its mean rate is this.
        case mean(Double)
    }

    /// Column of the time.
    public var timeColumn = "time"
    /// Column of the value.
    public var valueColumn = "value"
    /// What a value counts.
    public var unit = Unit.perSecond
    /// How large the load is made.
    public var scale = Scale.factor(1)
    /// Seconds of the recording that pass in one second of the load.
    public var speed = 1.0
    /// The longest gap between two rows in seconds of the recording; a longer one is a mistake.
    public var gapMost = Double.infinity
    /// Part of the recording, in its own seconds from its first row.
    public var window: Range<Double> = 0 ..< .infinity

    /// A reader of the columns `time` and `value`.
    public init() {}

    /// The load in `text`; `name` is the file in messages and the load's name.
    public func read(_ text: String, name: String) throws(SimulationFault) -> LoadTrace {
        guard speed > 0, speed <= 1e6 else { throw SimulationFault(.option, "speed is more than 0 and at most 1e6") }
        let rows = try rows(text, name)
        let load = LoadTrace(name: name, rates: try resampled(rows, name))
        if let fault = load.fault { throw fault }
        return try scaled(load)
    }

    private func scaled(_ load: LoadTrace) throws(SimulationFault) -> LoadTrace {
        let (wanted, now): (Double, Double) =
            switch scale {
            case .factor(let factor): (factor, 1)
            case .peak(let peak): (peak, load.peak)
            case .mean(let mean): (mean, load.mean)
            }
        guard wanted > 0, wanted.isFinite else { throw SimulationFault(.option, "a scale is more than 0") }
        guard now > 0 else { throw SimulationFault(.load, "load '\(load.name)' is 0 throughout and cannot be scaled") }
        let result = load.scaled(by: wanted / now)
        if let fault = result.fault { throw fault }
        return result
    }

    private func rows(_ text: String, _ name: String) throws(SimulationFault) -> [(time: Double, value: Double)] {
        let table = try CommaTable(text, name: name, columns: [timeColumn, valueColumn])
        var rows: [(time: Double, value: Double)] = []
        rows.reserveCapacity(table.rows.count)
        for row in table.rows {
            let cell = row.cells[0]
            guard let at = Double(cell) ?? CivilTime(Array(cell.utf8)[...]).map({ Double($0.seconds) }), at.isFinite
            else { throw SimulationFault(.malformed, "\(row.place): '\(cell)' is no time") }
            guard let rate = Double(row.cells[1]), rate.isFinite, rate >= 0 else {
                throw SimulationFault(.malformed, "\(row.place): '\(row.cells[1])' is no rate; rates are 0 or more")
            }
            if let last = rows.last, at <= last.time {
                throw SimulationFault(.malformed, "\(row.place): its time is not after that of the row before")
            }
            if let last = rows.last, at - last.time > gapMost {
                throw SimulationFault(
                    .malformed,
                    "\(row.place): \(at - last.time) s after the row before; at most \(gapMost) s are bridged")
            }
            rows.append((at, rate))
        }
        guard rows.count >= 2 else { throw SimulationFault(.malformed, "\(name) has \(rows.count) rows; 2 or more") }
        return rows
    }

    /// Rates second by second.
    private func resampled(
        _ rows: [(time: Double, value: Double)], _ name: String
    ) throws(SimulationFault) -> [Double] {
        var interval = Double.infinity
        for (a, b) in zip(rows, rows.dropFirst()) { interval = min(interval, b.time - a.time) }
        let start = rows[0].time + max(0, window.lowerBound)
        let end = min(rows[rows.count - 1].time + interval, rows[0].time + window.upperBound)
        let seconds = ((end - start) / speed).rounded(.down)
        guard seconds >= 1 else { throw SimulationFault(.load, "the window of \(name) holds less than a second") }
        guard seconds <= Double(LoadTrace.secondsMax) else {
            throw SimulationFault(
                .load, "\(name) lasts \(Int(min(seconds, 1e15))) s; at most \(LoadTrace.secondsMax), raise the speed")
        }
        let divisor = unit == .perSecond ? 1 : interval
        var rates: [Double] = []
        rates.reserveCapacity(Int(seconds))
        var next = 0
        for second in 0..<Int(seconds) {
            let at = start + (Double(second) + 0.5) * speed - 0.5 * interval
            while next < rows.count, rows[next].time <= at { next += 1 }
            let value: Double
            if next == 0 {
                value = rows[0].value
            } else if next == rows.count {
                value = rows[next - 1].value
            } else {
                let (a, b) = (rows[next - 1], rows[next])
                value = a.value + (at - a.time) / (b.time - a.time) * (b.value - a.value)
            }
            rates.append(value / divisor)
        }
        return rates
    }
}
