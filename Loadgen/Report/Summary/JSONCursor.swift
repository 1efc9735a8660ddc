/// A summary that cannot be read.
public struct SummaryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file's name, the place in it, and what was expected there.
    public let description: String
}

/// A place in a JSON document, which knows its path for messages.
struct JSONCursor {
    let value: JSONValue
    let path: String

    func failure(_ expected: String) -> SummaryError { SummaryError(description: "\(path): expected \(expected)") }

    /// The field, or nil where it is missing or null.
    func optional(_ key: String) throws(SummaryError) -> JSONCursor? {
        guard case .object(let fields) = value else { throw failure("an object") }
        guard let field = fields.first(where: { $0.0 == key }) else { return nil }
        if case .null = field.1 { return nil }
        return JSONCursor(value: field.1, path: path + (path.hasSuffix(": ") ? "" : ".") + key)
    }

    /// The field.
    subscript(key: String) -> JSONCursor {
        get throws(SummaryError) {
            guard let found = try optional(key) else { throw failure("a field \"\(key)\"") }
            return found
        }
    }

    var elements: [JSONCursor] {
        get throws(SummaryError) {
            guard case .array(let values) = value else { throw failure("an array") }
            return values.enumerated().map { JSONCursor(value: $0.element, path: "\(path)[\($0.offset)]") }
        }
    }

    var fields: [(String, JSONCursor)] {
        get throws(SummaryError) {
            guard case .object(let fields) = value else { throw failure("an object") }
            return fields.map { ($0.0, JSONCursor(value: $0.1, path: "\(path).\($0.0)")) }
        }
    }

    var string: String {
        get throws(SummaryError) {
            guard case .string(let text) = value else { throw failure("text") }
            return text
        }
    }

    var number: Double {
        get throws(SummaryError) {
            guard case .number(let number) = value else { throw failure("a number") }
            return number
        }
    }

    /// A whole number of at most 2^53.
    var whole: Int {
        get throws(SummaryError) {
            guard case .number(let number) = value, number == number.rounded(), abs(number) <= 0x1p53 else {
                throw failure("a whole number")
            }
            return Int(number)
        }
    }

    /// A whole number from 0 on.
    var count: Int {
        get throws(SummaryError) {
            let number = try whole
            guard number >= 0 else { throw failure("a number from 0 on") }
            return number
        }
    }

    var flag: Bool {
        get throws(SummaryError) {
            guard case .bool(let flag) = value else { throw failure("true or false") }
            return flag
        }
    }

    /// Nanoseconds of a field in microseconds; at most a thousand years.
    var nanoseconds: Int64 {
        get throws(SummaryError) {
            let number = try number
            guard abs(number) < 1e15 else { throw failure("a time in microseconds") }
            return Int64((number * 1_000).rounded())
        }
    }
}
