internal import FoundationEssentials

/// A Codable value as a version and JSON text, spread over as many columns of 255 bytes as its limit needs.
struct JSONBody: Sendable {
    private static let columnMax = 255
    let version: Int16
    let readable: Set<Int16>
    let max: Int
    let table: String

    init(version: Int16, readable: Set<Int16>, max: Int, table: String) {
        precondition((1...16 * Self.columnMax).contains(max), "a body has at most \(16 * Self.columnMax) bytes")
        self.version = version
        self.readable = readable
        self.max = max
        self.table = table
    }

    private var columnCount: Int { (max + Self.columnMax - 1) / Self.columnMax }

    private func width(_ column: Int) -> Int { min(Self.columnMax, max - column * Self.columnMax) }

    /// `schema_version`, `body`, `body_2`, ...
    var fields: [SpaceSchema.Field] {
        [.init("schema_version", .int16)]
            + (0..<columnCount).map { .init($0 == 0 ? "body" : "body_\($0 + 1)", .bytes(max: width($0))) }
    }

    func write<Value: Encodable>(_ value: Value, to bytes: inout [UInt8]) throws(RowError) {
        let body: [UInt8]
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            body = Array(try encoder.encode(value))
        } catch {
            throw RowError(.badBody, "a value for table \(table) has no JSON form")
        }
        guard body.count <= max else {
            throw RowError(.tooLong, "bodies of table \(table) have at most \(max) bytes, this one has \(body.count)")
        }
        bytes.append(UInt8(truncatingIfNeeded: version))
        bytes.append(UInt8(truncatingIfNeeded: version >> 8))
        for column in 0..<columnCount {
            let part = body.dropFirst(column * Self.columnMax).prefix(Self.columnMax)
            bytes.append(UInt8(part.count))
            bytes.append(contentsOf: part)
            bytes.append(contentsOf: repeatElement(0, count: width(column) - part.count))
        }
    }

    func read<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], from start: Int) throws(RowError) -> Value {
        let found = Int16(truncatingIfNeeded: Int(bytes[start]) | Int(bytes[start + 1]) << 8)
        guard readable.contains(found) else {
            throw RowError(.otherVersion, "a row of table \(table) has version \(found), this program reads \(version)")
        }
        var body = Data()
        var offset = start + 2
        for column in 0..<columnCount {
            let count = Int(bytes[offset])
            guard count <= width(column) else {
                throw RowError(.otherLayout, "a body of table \(table) is longer than its column")
            }
            body.append(contentsOf: bytes[offset + 1..<offset + 1 + count])
            offset += 1 + width(column)
        }
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw RowError(.badBody, "a body of table \(table) does not decode as its type; was its version raised?")
        }
    }
}
