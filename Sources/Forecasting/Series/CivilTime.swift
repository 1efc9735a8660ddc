/// A wall-clock time without zone: days since 1970-01-01 and the second of the day.
public struct CivilTime: Sendable, Equatable, Comparable {
    /// Days since 1970-01-01 in the proleptic Gregorian calendar.
    public let day: Int
    /// 0..<86,400.
    public let second: Int

    /// The time `second` seconds into `day`.
    public init(day: Int, second: Int) {
        precondition((0..<86_400).contains(second), "second \(second) of a day")
        self.day = day
        self.second = second
    }

    /// Seconds since 1970-01-01 00:00 of the same wall clock.
    public var seconds: Int { day * 86_400 + second }

    public static func < (a: CivilTime, b: CivilTime) -> Bool { a.seconds < b.seconds }

    /// Reads `2015-01-05 09:31:00`, with one-digit parts, `T` between, a fraction, `Z`, or no seconds; or seconds or
    /// milliseconds (from 10^11 on) since 1970 as a whole number. Nil for anything else.
    public init?(_ text: ArraySlice<UInt8>) {
        var scanner = DigitScanner(text)
        guard let first = scanner.number(digitsMax: 15) else { return nil }
        if scanner.isAtEnd {
            let seconds = first >= 100_000_000_000 ? first / 1_000 : first
            self.init(day: seconds / 86_400, second: seconds % 86_400)
            return
        }
        guard scanner.skip("-"), let month = scanner.number(digitsMax: 2), (1...12).contains(month), scanner.skip("-"),
            let dayOfMonth = scanner.number(digitsMax: 2), (1...31).contains(dayOfMonth), (1...9_999).contains(first)
        else { return nil }
        let day = Self.days(year: first, month: month, day: dayOfMonth)
        guard Self.date(day) == (first, month, dayOfMonth) else { return nil }
        if scanner.isAtEnd {
            self.init(day: day, second: 0)
            return
        }
        guard scanner.skip(" ") || scanner.skip("T"), let hour = scanner.number(digitsMax: 2), hour < 24,
            scanner.skip(":"), let minute = scanner.number(digitsMax: 2), minute < 60
        else { return nil }
        var second = 0
        if scanner.skip(":") {
            guard let read = scanner.number(digitsMax: 2), read < 60 else { return nil }
            second = read
            if scanner.skip("."), scanner.number(digitsMax: 9) == nil { return nil }
        }
        _ = scanner.skip("Z")
        guard scanner.isAtEnd else { return nil }
        self.init(day: day, second: hour * 3_600 + minute * 60 + second)
    }

    /// Days since 1970-01-01 of a date (Hinnant, chrono-compatible low-level date algorithms).
    public static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Year, month and day of the month of a day number.
    public static func date(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// `2015-01-05` of a day number.
    public static func text(day: Int) -> String {
        let date = date(day)
        return "\(date.year)-\(twoDigits(date.month))-\(twoDigits(date.day))"
    }

    /// `09:31` of a second of the day.
    public static func text(second: Int) -> String { "\(twoDigits(second / 3_600)):\(twoDigits(second / 60 % 60))" }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// Reads numbers and marks from ASCII text.
private struct DigitScanner {
    private var rest: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) { rest = text }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == mark.value else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(digitsMax: Int) -> Int? {
        var value = 0
        var digits = 0
        while let byte = rest.first, (48...57).contains(byte) {
            digits += 1
            guard digits <= digitsMax else { return nil }
            value = value * 10 + Int(byte - 48)
            rest.removeFirst()
        }
        return digits > 0 ? value : nil
    }
}
