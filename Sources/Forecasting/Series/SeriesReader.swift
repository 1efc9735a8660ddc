/// Reads a load series from comma-separated text: a header, then one row an interval in the order of time.
///
/// A bin without a row takes the value of the bin before it, within a day. A day with fewer rows than `dayShareMin` of
/// its bins is left out. Both are counted in the series' `repairs`. Rows out of order, two rows in one bin, and values
/// that are no number, not finite or negative are errors that name the line.
public struct SeriesReader: Sendable {
    /// Column of the time.
    public var timeColumn: String
    /// Column of the load.
    public var valueColumn: String
    /// Column names of the indicators that are there.
    public var indicatorColumns: [LoadSeries.Indicator: String] = [:]
    /// Session of the days.
    public var session: TradingSession
    /// Fewest rows of a day, as a share of its bins.
    public var dayShareMin = 0.95
    /// Most rows of a file.
    public static let rowsMax = 50_000_000

    /// A reader of two columns.
    public init(timeColumn: String, valueColumn: String, session: TradingSession) {
        self.timeColumn = timeColumn
        self.valueColumn = valueColumn
        self.session = session
    }

    /// The series in `bytes`; `name` is the file in messages.
    public func read(_ bytes: [UInt8], name: String = "input") throws(ForecastError) -> LoadSeries {
        try read([(bytes, name)])
    }

    /// The series in several files that follow each other in time, each with its own header.
    public func read(_ files: [(bytes: [UInt8], name: String)]) throws(ForecastError) -> LoadSeries {
        var builder = DayBuilder(session: session, columns: indicatorColumns.count)
        let wanted = LoadSeries.Indicator.allCases.filter { indicatorColumns[$0] != nil }
        for file in files { try read(file.bytes, file.name, wanted, into: &builder) }
        builder.finishDay(shareMin: dayShareMin)
        guard !builder.days.isEmpty else {
            let rows = builder.repairs.rowsOutside
            throw ForecastError(
                .tooFewDays,
                "no whole day of session '\(session.name)' (\(builder.repairs.daysDropped.count) partial "
                    + "days, \(rows) rows outside the session)")
        }
        var indicators: [LoadSeries.Indicator: [Double]] = [:]
        for (number, indicator) in wanted.enumerated() { indicators[indicator] = builder.columns[number + 1] }
        return try LoadSeries(
            session: session, days: builder.days, values: builder.columns[0], indicators: indicators,
            repairs: builder.repairs)
    }

    private func read(
        _ bytes: [UInt8], _ name: String, _ wanted: [LoadSeries.Indicator], into builder: inout DayBuilder
    ) throws(ForecastError) {
        var lines = LineCursor(bytes)
        guard let header = lines.next() else { throw ForecastError(.malformed, "\(name) is empty") }
        let names = Self.fields(header).map { String(decoding: Self.trimmed($0), as: UTF8.self) }
        let time = try Self.column(timeColumn, in: names, name)
        var places = [try Self.column(valueColumn, in: names, name)]
        for indicator in wanted { places.append(try Self.column(indicatorColumns[indicator] ?? "", in: names, name)) }
        var row = [Double](repeating: 0, count: places.count)
        while let line = lines.next() {
            if line.isEmpty { continue }
            guard lines.number <= Self.rowsMax else {
                throw ForecastError(.malformed, "\(name) has more than \(Self.rowsMax) lines")
            }
            let place = Place(name: name, line: lines.number)
            let fields = Self.fields(line)
            guard fields.count > max(time, places.max() ?? 0) else {
                throw ForecastError(.malformed, "\(place): \(fields.count) fields, the header has \(names.count)")
            }
            guard let stamp = CivilTime(Self.trimmed(fields[time])) else {
                throw ForecastError(
                    .malformed, "\(place): '\(String(decoding: fields[time], as: UTF8.self))' is no time")
            }
            for (index, column) in places.enumerated() {
                row[index] = try Self.number(fields[column], names[column], place, isLoad: index == 0)
            }
            try builder.add(stamp, row, place, shareMin: dayShareMin)
        }
    }

    private static func column(_ name: String, in names: [String], _ file: String) throws(ForecastError) -> Int {
        let places = names.indices.filter { names[$0] == name }
        guard let place = places.first else {
            throw ForecastError(.column, "\(file) has no column '\(name)'; it has \(names.joined(separator: ", "))")
        }
        guard places.count == 1 else { throw ForecastError(.column, "\(file) has \(places.count) columns '\(name)'") }
        return place
    }

    private static func number(
        _ field: ArraySlice<UInt8>, _ column: String, _ place: Place, isLoad: Bool
    ) throws(ForecastError) -> Double {
        let text = String(decoding: trimmed(field), as: UTF8.self)
        if text.isEmpty, !isLoad { return .nan }
        guard let value = Double(text) else {
            throw ForecastError(.malformed, "\(place): '\(text)' in column '\(column)' is no number")
        }
        guard value.isFinite else { throw ForecastError(.notFinite, "\(place): column '\(column)' is \(text)") }
        guard !isLoad || value >= 0 else { throw ForecastError(.negative, "\(place): column '\(column)' is \(text)") }
        return value
    }

    private static func fields(_ line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    }

    private static func trimmed(_ field: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var field = field
        while let first = field.first, first == 32 || first == 9 { field.removeFirst() }
        while let last = field.last, last == 32 || last == 9 || last == 13 { field.removeLast() }
        return field
    }
}

/// File and line, for messages.
struct Place: CustomStringConvertible {
    let name: String
    let line: Int
    var description: String { "\(name) line \(line)" }
}

/// Goes through text line by line.
private struct LineCursor {
    private let bytes: [UInt8]
    private var start = 0
    private(set) var number = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> ArraySlice<UInt8>? {
        guard start < bytes.count else { return nil }
        let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
        var line = bytes[start..<end]
        if line.last == 13 { line.removeLast() }
        start = end + 1
        number += 1
        return line
    }
}

/// Collects rows into whole days.
private struct DayBuilder {
    private(set) var days: [Int] = []
    private(set) var columns: [[Double]]
    private(set) var repairs = LoadSeries.Repairs()
    private let session: TradingSession
    private var day: Int?
    private var rows: [[Double]]
    private var isThere: [Bool]
    private var lastBin = -1
    private var lastTime: CivilTime?

    init(session: TradingSession, columns count: Int) {
        self.session = session
        columns = [[Double]](repeating: [], count: count + 1)
        rows = [[Double]](repeating: [Double](repeating: 0, count: session.binsPerDay), count: count + 1)
        isThere = [Bool](repeating: false, count: session.binsPerDay)
    }

    mutating func add(
        _ time: CivilTime, _ row: [Double], _ place: Place, shareMin: Double
    ) throws(ForecastError) {
        if let lastTime {
            guard time >= lastTime else {
                throw ForecastError(.unordered, "\(place): \(Self.text(time)) after \(Self.text(lastTime))")
            }
            guard time > lastTime else {
                throw ForecastError(.duplicate, "\(place): a second row for \(Self.text(time))")
            }
        }
        lastTime = time
        guard let (rowDay, bin) = session.place(time) else {
            repairs.rowsOutside += 1
            return
        }
        if rowDay != day {
            finishDay(shareMin: shareMin)
            day = rowDay
        }
        guard bin > lastBin else {
            throw ForecastError(.duplicate, "\(place): a second row for bin \(bin) of \(CivilTime.text(day: rowDay))")
        }
        lastBin = bin
        isThere[bin] = true
        for (column, value) in row.enumerated() { rows[column][bin] = value }
    }

    /// Keeps the day if it has enough rows, its holes filled from the bin before (at the start of the day, after).
    mutating func finishDay(shareMin: Double) {
        guard let day else { return }
        defer {
            for bin in isThere.indices { isThere[bin] = false }
            lastBin = -1
            self.day = nil
        }
        let there = isThere.count { $0 }
        guard there > 0, Double(there) >= shareMin * Double(session.binsPerDay) else {
            repairs.daysDropped.append(day)
            return
        }
        repairs.binsFilled += session.binsPerDay - there
        days.append(day)
        for column in columns.indices {
            let first = isThere.indices.first { isThere[$0] && rows[column][$0].isFinite }
            var value = first.map { rows[column][$0] } ?? 0
            for bin in isThere.indices {
                if isThere[bin], rows[column][bin].isFinite { value = rows[column][bin] }
                columns[column].append(value)
            }
        }
    }

    private static func text(_ time: CivilTime) -> String {
        "\(CivilTime.text(day: time.day)) \(CivilTime.text(second: time.second))"
    }
}
