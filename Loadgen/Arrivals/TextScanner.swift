/// Reads words, numbers and signs from a short text and knows where it is, for errors with a column.
struct TextScanner {
    private let text: [Character]
    private(set) var position = 0

    init(_ text: String) { self.text = Array(text) }

    /// Column of the next character, from 1.
    var column: Int { position + 1 }
    var isAtEnd: Bool { position == text.count }

    /// What comes next, for messages.
    var found: String { isAtEnd ? "the end" : "\"\(text[position])\"" }

    /// Steps over white space and the comments `/* */` and `//`.
    mutating func skipSpace() throws(ArrivalError) {
        while position < text.count {
            if text[position].isWhitespace {
                position += 1
            } else if isNext("//") {
                while position < text.count, !text[position].isNewline { position += 1 }
            } else if isNext("/*") {
                let start = column
                position += 2
                while !isNext("*/") {
                    guard position < text.count else {
                        throw ArrivalError("this comment has no end; close it with */", column: start)
                    }
                    position += 1
                }
                position += 2
            } else {
                return
            }
        }
    }

    private func isNext(_ sign: String) -> Bool { text[position...].starts(with: sign) }

    /// Steps over a character if it is next.
    mutating func take(_ character: Character) -> Bool {
        guard position < text.count, text[position] == character else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Character, _ purpose: String) throws(ArrivalError) {
        try skipSpace()
        if !take(character) {
            throw ArrivalError("\"\(character)\" expected \(purpose), not \(found)", column: column)
        }
        try skipSpace()
    }

    /// Letters and underscores, possibly none.
    mutating func word() -> String {
        let start = position
        while position < text.count, text[position].isASCII, text[position].isLetter || text[position] == "_" {
            position += 1
        }
        return String(text[start..<position])
    }

    /// A number from 0 to 1e12 without sign or exponent.
    mutating func number(_ what: String) throws(ArrivalError) -> Double {
        let start = position
        while position < text.count, ("0"..."9").contains(text[position]) || text[position] == "." { position += 1 }
        guard let value = Double(String(text[start..<position])), value <= 1e12 else {
            position = start
            throw ArrivalError("\(what) expected, a number from 0 to 1e12, not \(found)", column: column)
        }
        return value
    }

    /// A rate: a number and `/` a unit of time; without one it is per second.
    mutating func rate() throws(ArrivalError) -> Double {
        let value = try number("a rate")
        try skipSpace()
        guard take("/") else { return value }
        try skipSpace()
        return value / (try unit())
    }

    /// One or more numbers with units of time, added: `90s`, `1h 30m`.
    mutating func duration() throws(ArrivalError) -> Double {
        var total = 0.0
        repeat {
            let value = try number("a length of time")
            try skipSpace()
            total += value * (try unit())
            try skipSpace()
        } while position < text.count && ("0"..."9").contains(text[position])
        return total
    }

    private mutating func unit() throws(ArrivalError) -> Double {
        let start = column
        let name = word()
        guard let seconds = Self.units[name] else {
            throw ArrivalError("a unit of time expected: ms, s, m, h or d, not \"\(name)\"", column: start)
        }
        return seconds
    }

    private static let units: [String: Double] = [
        "us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60,
        "minutes": 60, "h": 3_600, "hr": 3_600, "hour": 3_600, "hours": 3_600, "d": 86_400, "day": 86_400,
        "days": 86_400,
    ]
}
