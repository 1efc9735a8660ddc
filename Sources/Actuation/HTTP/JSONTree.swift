internal import FoundationEssentials
internal import Telemetry

/// A JSON document of somebody else's: unknown fields stay in it, so that it can be sent back whole.
package enum JSONTree: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONTree])
    case object([String: JSONTree])

    /// Parses a document; nil where it is none.
    package init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty, let tree = try? JSONDecoder().decode(JSONTree.self, from: Data(bytes)) else {
            return nil
        }
        self = tree
    }

    /// The member of that name; null where there is none.
    package subscript(_ name: String) -> JSONTree {
        get {
            guard case .object(let members) = self else { return .null }
            return members[name] ?? .null
        }
        set {
            var members: [String: JSONTree] = [:]
            if case .object(let old) = self { members = old }
            members[name] = newValue
            self = .object(members)
        }
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integer: Int? {
        switch self {
        case .integer(let value): Int(exactly: value)
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var array: [JSONTree]? {
        guard case .array(let items) = self else { return nil }
        return items
    }

    package var object: [String: JSONTree]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The document as text, members sorted by name.
    package var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): JSONText.number(value)
        case .string(let value): JSONText.quote(value)
        case .array(let items): "[\(items.map(\.text).joined(separator: ","))]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }
                .map { "\(JSONText.quote($0.key)):\($0.value.text)" }.joined(separator: ",") + "}"
        }
    }

    package var bytes: [UInt8] { Array(text.utf8) }
}

extension JSONTree: Decodable {
    package init(from decoder: any Decoder) throws {
        let single = try decoder.singleValueContainer()
        // The commonest first: each attempt that fails costs an error with its path.
        if let value = try? single.decode(String.self) {
            self = .string(value)
        } else if let value = try? single.decode([String: JSONTree].self) {
            self = .object(value)
        } else if let value = try? single.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? single.decode(Double.self) {
            self = .number(value)
        } else if let value = try? single.decode(Bool.self) {
            self = .bool(value)
        } else if single.decodeNil() {
            self = .null
        } else {
            self = .array(try single.decode([JSONTree].self))
        }
    }
}

extension JSONTree: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(dictionaryLiteral elements: (String, JSONTree)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}
