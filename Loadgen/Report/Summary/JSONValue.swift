internal import Telemetry

/// A JSON document under construction; objects keep the order of their fields.
enum JSONValue {
    case string(String)
    case number(Double)
    case bool(Bool)
    case null
    case array([JSONValue])
    case object([(String, JSONValue)])

    static func count(_ value: Int) -> JSONValue { .number(Double(value)) }

    /// The text, indented by two spaces; arrays and objects of plain values on one line.
    func text(indent: Int = 0) -> String {
        let pad = String(repeating: " ", count: indent + 2)
        let end = "\n" + String(repeating: " ", count: indent)
        switch self {
        case .string(let text): return JSONText.quote(text)
        case .number(let value): return JSONText.number(value)
        case .bool(let value): return value ? "true" : "false"
        case .null: return "null"
        case .array(let values):
            if values.isEmpty { return "[]" }
            if values.allSatisfy(\.isPlain) { return "[" + values.map { $0.text() }.joined(separator: ", ") + "]" }
            return "[\n" + values.map { pad + $0.text(indent: indent + 2) }.joined(separator: ",\n") + end + "]"
        case .object(let fields):
            if fields.isEmpty { return "{}" }
            let isFlat = fields.allSatisfy(\.1.isPlain) && indent > 0
            let parts = fields.map { "\(JSONText.quote($0.0)): \($0.1.text(indent: indent + 2))" }
            if isFlat { return "{" + parts.joined(separator: ", ") + "}" }
            return "{\n" + parts.map { pad + $0 }.joined(separator: ",\n") + end + "}"
        }
    }

    private var isPlain: Bool {
        switch self {
        case .string, .number, .bool, .null: true
        case .array(let values): values.isEmpty
        case .object(let fields): fields.isEmpty
        }
    }
}
