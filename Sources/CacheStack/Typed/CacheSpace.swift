/// A typed handle on a space: which rows it has, what names them, and how they become columns and back.
///
///     let accounts = CacheSpace<UInt32, Account>(1, table: "account", key: "account")
///     let holdings = CacheSpace<KeyPair<UInt32, UInt32>, Position>(2, table: "position", key: "account", "instrument")
///     let notes = CacheSpace<String, Note>(3, table: "note", key: "title", json: 1, bodyMax: 1_000)
///
/// A handle is a value and holds no rows; `schema` goes into the stack and into L3, and the handle into each call. It
/// must be used with a stack that was made with its schema.
///
/// **Change of layout.** Rows in L2 are bytes. A program with another layout of the same width would read them wrongly,
/// so: give `layoutColumn`, or take a new space number after all writers of the old one have stopped. With
/// `layoutColumn` each row carries the fingerprint of the columns it was written with, and rows of another layout are
/// `otherLayout` until they are written anew. A different width is always noticed; JSON bodies carry their version.
public struct CacheSpace<Key: CacheableKey, Value: Sendable>: Sendable {
    /// The space as tiers and stack want it: number, table, columns.
    public let schema: SpaceSchema
    private let payloadSize: Int
    private let textMax: Int?
    /// CRC32C of the columns, where rows carry it.
    private let fingerprint: UInt32?
    private let writeValue: @Sendable (Value, inout [UInt8]) throws(RowError) -> Void
    private let readValue: @Sendable ([UInt8], Int) throws(RowError) -> Value

    private init(
        _ base: Base, fields: [SpaceSchema.Field], layoutColumn: String?,
        write: @escaping @Sendable (Value, inout [UInt8]) throws(RowError) -> Void,
        read: @escaping @Sendable ([UInt8], Int) throws(RowError) -> Value
    ) {
        precondition(base.number > 0, "spaces are numbered from 1")
        precondition((1...255).contains(base.keyMax), "a text key has at most 255 bytes")
        var all: [SpaceSchema.Field] = []
        let key: SpaceSchema.Key
        switch (Key.keyShape, base.keyColumns.count) {
        case (.number, 1): key = .id(base.keyColumns[0])
        case (.pair, 2): key = .pair(base.keyColumns[0], base.keyColumns[1])
        case (.text, 1):
            key = .id(base.keyColumns[0] + "_hash")
            all.append(.init(base.keyColumns[0], .text(max: base.keyMax)))
        default: preconditionFailure("table \(base.table): a key of this type has another number of columns")
        }
        textMax = Key.keyShape == .text ? base.keyMax : nil
        if let layoutColumn { all.append(.init(layoutColumn, .int32)) }
        all += fields
        fingerprint = layoutColumn.map { _ in Self.layoutHash(of: all) }
        schema = SpaceSchema(
            space: SpaceID(rawValue: base.number), table: base.table, key: key, fields: all, isShared: base.isShared)
        payloadSize = schema.payloadSize
        writeValue = write
        readValue = read
    }

    /// What all initialisers have in common.
    private struct Base {
        var number: UInt16
        var table: String
        var keyColumns: [String]
        var keyMax: Int
        var isShared: Bool
    }

    private static func layoutHash(of fields: [SpaceSchema.Field]) -> UInt32 {
        let text = fields.map { "\($0.name) \($0.type);" }.joined()
        return CRC32C.checksum(Array(text.utf8).span)
    }

    /// The row `key` of this space.
    ///
    /// - Throws: `tooLong` or `notASCII` for a text that is no key.
    public func key(_ key: Key) throws(RowError) -> CacheKey {
        if let textMax, let text = key.cacheText {
            guard text.utf8.count <= textMax else {
                throw RowError(.tooLong, "keys of table \(schema.table) have at most \(textMax) bytes")
            }
            guard text.utf8.allSatisfy({ $0 != 0 && $0 < 128 }) else {
                throw RowError(.notASCII, "keys of table \(schema.table) are ASCII text without zero bytes")
            }
        }
        return CacheKey(schema.space, key.cacheID)
    }

    /// Whether rows keep their key's text, so that a write must first see whose row is there.
    var isTextKeyed: Bool { textMax != nil }

    /// The payload of a row.
    func encode(_ value: Value, for key: Key) throws(RowError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payloadSize)
        if let textMax { Self.append(Array((key.cacheText ?? "").utf8), max: textMax, to: &bytes) }
        if let fingerprint {
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: fingerprint >> UInt32(shift)))
            }
        }
        try writeValue(value, &bytes)
        guard bytes.count == payloadSize else { throw otherLayout(bytes.count) }
        return bytes
    }

    /// The value in a payload, once it is known to be of this key and layout.
    func decode(_ bytes: [UInt8], for key: Key) throws(RowError) -> Value {
        guard bytes.count == payloadSize else { throw otherLayout(bytes.count) }
        var offset = 0
        if let textMax {
            try checkText(bytes, key)
            offset += 1 + textMax
        }
        if let fingerprint {
            var found: UInt32 = 0
            for index in 0..<4 { found |= UInt32(bytes[offset + index]) << UInt32(8 * index) }
            guard found == fingerprint else {
                throw RowError(.otherLayout, "a row of table \(schema.table) was written with other columns")
            }
            offset += 4
        }
        return try readValue(bytes, offset)
    }

    /// Refuses the row of another text.
    func checkText(_ bytes: [UInt8], _ key: Key) throws(RowError) {
        guard let textMax else { return }
        guard bytes.count == payloadSize, bytes[0] <= textMax else { throw otherLayout(bytes.count) }
        guard bytes[1..<1 + Int(bytes[0])].elementsEqual((key.cacheText ?? "").utf8) else {
            throw RowError(.keyCollision, "another key of table \(schema.table) has the same hash; rename one of them")
        }
    }

    private func otherLayout(_ count: Int) -> RowError {
        RowError(.otherLayout, "a row of table \(schema.table) has \(count) bytes, declared are \(payloadSize)")
    }

    private static func append(_ value: [UInt8], max: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(value.count))
        bytes.append(contentsOf: value)
        bytes.append(contentsOf: repeatElement(0, count: max - value.count))
    }
}

extension CacheSpace where Value: CacheRow {
    /// A space whose rows are SQL columns.
    ///
    /// - Parameters:
    ///   - number: the space, 1...65535; unique in the stack.
    ///   - table: its table, a lower-case SQL identifier.
    ///   - key: the key column, or the two of a pair. A text key has its hash in a column of that name with `_hash`.
    ///   - keyMax: most bytes of a text key.
    ///   - isShared: whether other processes cache these rows; then commits list their keys in the outbox.
    ///   - layoutColumn: an integer column for the fingerprint of the layout; see the type.
    public init(
        _ number: UInt16, table: String, key: String..., keyMax: Int = 64, isShared: Bool = true,
        layoutColumn: String? = nil
    ) {
        self.init(
            Base(number: number, table: table, keyColumns: key, keyMax: keyMax, isShared: isShared),
            fields: RowColumns.fields(of: Value.self), layoutColumn: layoutColumn
        ) { value, bytes throws(RowError) in
            try RowColumns.write(value, to: &bytes)
        } read: { bytes, offset throws(RowError) in
            try RowColumns.read(Value.self, bytes, from: offset)
        }
    }
}

extension CacheSpace where Value: Codable {
    /// A space whose rows are JSON: a column `schema_version`, and `body`, `body_2`, ... of at most 255 bytes each.
    ///
    /// In SQL the text is `convert_from(body || body_2 || ..., 'UTF8')`. Each row costs `bodyMax` bytes in memory
    /// and in L2, whatever it holds, and encoding costs as JSON does: for values that are small, seldom read, or still
    /// changing shape. A longer body is refused with `tooLong`.
    /// - Parameters:
    ///   - version: the version of the type; raise it when old bodies must not be read any more.
    ///   - older: older versions whose bodies the type still decodes; all others are `otherVersion`.
    ///   - bodyMax: most bytes of a body, up to 4,080.
    public init(
        _ number: UInt16, table: String, key: String..., keyMax: Int = 64, isShared: Bool = true, json version: Int16,
        reading older: Set<Int16> = [], bodyMax: Int = 255
    ) {
        let body = JSONBody(version: version, readable: older.union([version]), max: bodyMax, table: table)
        self.init(
            Base(number: number, table: table, keyColumns: key, keyMax: keyMax, isShared: isShared),
            fields: body.fields, layoutColumn: nil
        ) { value, bytes throws(RowError) in
            try body.write(value, to: &bytes)
        } read: { bytes, offset throws(RowError) in
            try body.read(Value.self, bytes, from: offset)
        }
    }
}
