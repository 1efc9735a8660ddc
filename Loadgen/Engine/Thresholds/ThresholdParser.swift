/// A threshold expression that cannot be read.
public struct ThresholdError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The expression.
    public let text: String
    /// Where in it, from 1.
    public let column: Int
    /// What was expected there.
    public let expected: String

    /// One line for a person.
    public var description: String { "threshold \"\(text)\", column \(column): expected \(expected)" }
}

extension Threshold {
    /// The conditions in an expression; see the grammar above.
    public static func parse(_ text: String) throws(ThresholdError) -> [Threshold] {
        var parser = ThresholdParser(text)
        var found = [try parser.condition()]
        while parser.takeWord("and") { found.append(try parser.condition()) }
        try parser.end()
        return found
    }

    /// A condition whose metric stands apart, as in a scenario: key `errors{op:order.new}`, check `rate<0.001`.
    ///
    /// Columns of errors count in `key.check`.
    public static func parse(
        key: String, check: String, abortsOnFail: Bool = false, delaySeconds: Double = 0
    ) throws(ThresholdError) -> Threshold {
        var parser = ThresholdParser("\(key).\(check)")
        var found = try parser.condition()
        try parser.end()
        found.abortsOnFail = abortsOnFail
        found.delaySeconds = delaySeconds
        return found
    }
}

/// Recursive descent over the bytes of an expression.
struct ThresholdParser {
    private let text: String
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func condition() throws(ThresholdError) -> Threshold {
        skipSpaces()
        let start = position
        var metric = Threshold.Metric.response
        var (scenario, operation): (String?, String?) = (nil, nil)
        var objective: Int64?
        var measure: Threshold.Measure?
        if let named = takeMetric() {
            metric = named
            if metric == .apdex { objective = try takeObjective() }
            (scenario, operation) = try takeFilters()
            if take(".") { measure = try takeMeasure(metric) }
            if measure == nil { measure = try defaultMeasure(metric) }
        }
        let found: Threshold.Measure
        if let measure { found = measure } else { found = try takeMeasure(metric) }
        let comparison = try takeComparison()
        let limit = try takeValue(metric, found)
        let written = String(decoding: bytes[start..<position], as: UTF8.self)
        return Threshold(
            text: written, metric: metric, scenario: scenario, operation: operation, measure: found,
            comparison: comparison, limit: limit, objectiveNanoseconds: objective)
    }

    private mutating func takeMetric() -> Threshold.Metric? {
        Threshold.Metric.allCases.first { takeWord($0.rawValue) }
    }

    /// `(50ms)`.
    private mutating func takeObjective() throws(ThresholdError) -> Int64 {
        guard take("("), let number = takeNumber(), let factor = takeUnit(), number > 0, take(")") else {
            throw failure("an objective such as (50ms)")
        }
        return Int64(number * factor)
    }

    private mutating func takeFilters() throws(ThresholdError) -> (scenario: String?, operation: String?) {
        var (scenario, operation): (String?, String?) = (nil, nil)
        guard take("{") else { return (nil, nil) }
        repeat {
            skipSpaces()
            if operation == nil, take("op:") {
                operation = try takeName()
            } else if scenario == nil, take("scenario:") {
                scenario = try takeName()
            } else {
                throw failure("op: or scenario:, each once")
            }
            skipSpaces()
        } while take(",")
        guard take("}") else { throw failure("}") }
        return (scenario, operation)
    }

    /// Everything up to a comma, a brace or a space.
    private mutating func takeName() throws(ThresholdError) -> String {
        skipSpaces()
        let start = position
        while position < bytes.count,
            ![UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: " ")].contains(bytes[position])
        {
            position += 1
        }
        guard position > start else { throw failure("a name") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func defaultMeasure(_ metric: Threshold.Metric) throws(ThresholdError) -> Threshold.Measure {
        switch metric {
        case .errors, .rejects: return .rate
        case .requests: return .count
        case .throughput: return .perSecond
        case .apdex: return .apdex
        case .response, .service, .lag: throw failure(".p(99), .avg, .med, .min or .max")
        }
    }

    private mutating func takeMeasure(_ metric: Threshold.Metric) throws(ThresholdError) -> Threshold.Measure {
        if metric.isDuration {
            if take("p(") {
                guard let percentile = takeNumber(), percentile > 0, percentile <= 100 else {
                    throw failure("a percentile above 0 and at most 100")
                }
                guard take(")") else { throw failure(")") }
                return .percentile(percentile)
            }
            if takeWord("avg") { return .mean }
            if takeWord("med") { return .percentile(50) }
            if takeWord("min") { return .least }
            if takeWord("max") { return .greatest }
            throw failure("a metric or p(99), avg, med, min, max")
        }
        switch metric {
        case .errors, .rejects:
            if takeWord("rate") { return .rate }
            if takeWord("count") { return .count }
            throw failure("rate or count")
        case .throughput: if takeWord("rate") { return .perSecond }
        case .requests: if takeWord("count") { return .count }
        case .apdex: if takeWord("value") { return .apdex }
        case .response, .service, .lag: break
        }
        throw failure(metric == .requests ? "count" : metric == .apdex ? "value" : "rate")
    }

    private mutating func takeComparison() throws(ThresholdError) -> Threshold.Comparison {
        skipSpaces()
        guard let found = Threshold.Comparison.allCases.first(where: { take($0.rawValue) }) else {
            throw failure("<, <=, >, >=, == or !=")
        }
        skipSpaces()
        return found
    }

    private mutating func takeValue(
        _ metric: Threshold.Metric, _ measure: Threshold.Measure
    ) throws(ThresholdError) -> Double {
        guard let number = takeNumber() else { throw failure("a number") }
        if metric.isDuration {
            guard let factor = takeUnit() else { throw failure("a unit: us, ms or s") }
            return number * factor
        }
        if measure == .rate, take("%") { return number / 100 }
        return number
    }

    private mutating func takeUnit() -> Double? {
        [("us", 1e3), ("ms", 1e6), ("s", 1e9)].first { takeWord($0.0) }?.1
    }

    mutating func end() throws(ThresholdError) {
        skipSpaces()
        guard position == bytes.count else { throw failure("\"and\" or the end") }
    }

    // MARK: Characters

    private mutating func skipSpaces() {
        while position < bytes.count, bytes[position] == UInt8(ascii: " ") { position += 1 }
    }

    private mutating func take(_ token: String) -> Bool {
        guard bytes[position...].starts(with: token.utf8) else { return false }
        position += token.utf8.count
        return true
    }

    /// Takes a word that does not go on with a letter, a digit or `_`.
    mutating func takeWord(_ word: String) -> Bool {
        skipSpaces()
        let end = position + word.utf8.count
        guard bytes[position...].starts(with: word.utf8) else { return false }
        if end < bytes.count {
            let next = bytes[end]
            let isLetter = (97...122).contains(next | 32) || (48...57).contains(next) || next == UInt8(ascii: "_")
            guard !isLetter else { return false }
        }
        position = end
        return true
    }

    /// Digits with an optional point; at most 15 of them.
    private mutating func takeNumber() -> Double? {
        let start = position
        while position < bytes.count, (48...57).contains(bytes[position]) || bytes[position] == UInt8(ascii: ".") {
            position += 1
        }
        guard position - start <= 16, let value = Double(String(decoding: bytes[start..<position], as: UTF8.self))
        else {
            position = start
            return nil
        }
        return value
    }

    private func failure(_ expected: String) -> ThresholdError {
        ThresholdError(text: text, column: position + 1, expected: expected)
    }
}
