internal import FoundationEssentials

/// A Codable value as two columns: the version of its type, and JSON text with sorted keys.
struct JSONBody: Sendable {
    let version: Int16
    let readable: Set<Int16>
    let max: Int
    let table: String

    /// `schema_version` and `body`.
    var fields: [SpaceSchema.Field] { [.init("schema_version", .int16), .init("body", .bytes(max: max))] }

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
        PayloadForm.append(version, to: &bytes)
        PayloadForm.append(body, max: max, to: &bytes)
    }

    /// The value in the payload from `offset` on, which moves behind its fields.
    func read<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8], from offset: inout Int
    ) throws(RowError) -> Value {
        guard let word = PayloadForm.number(bytes, &offset, width: 2),
            let body = PayloadForm.value(bytes, &offset, max: max)
        else {
            throw RowError(.otherLayout, "a payload of \(bytes.count) bytes does not hold a body of table \(table)")
        }
        let found = Int16(truncatingIfNeeded: Int64(word))
        guard readable.contains(found) else {
            throw RowError(.otherVersion, "a row of table \(table) has version \(found), this program reads \(version)")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw RowError(.badBody, "a body of table \(table) does not decode as its type; was its version raised?")
        }
    }
}
