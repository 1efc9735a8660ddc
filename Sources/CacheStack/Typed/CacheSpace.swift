/// A typed handle on a space: which rows it has, what names them, and how they become columns and back.
///
///     let accounts = CacheSpace<UInt32, Account>(1, table: "account", key: "account")
///     let holdings = CacheSpace<KeyPair<UInt32, UInt32>, Position>(2, table: "position", key: "account", "instrument")
///     let notes = CacheSpace<String, Note>(3, table: "note", key: "title", json: 1, bodyMax: 1_000)
///
/// A handle is a value and holds no rows; `schema` goes into the stack and into L3, and the handle into each call. It
/// must be used with a stack that was made with its schema.
///
/// **Codecs.** A `CacheRow` has a fixed layout, and its columns are typed in SQL. A `Codable` value becomes JSON in one
/// column, under the version of its type. Either way a payload has exactly one form (`SpaceSchema`): what decodes,
/// encodes to the same bytes, JSON bodies excepted; anything else is a `RowError`, and none of it stops the program.
///
/// **Change of layout.** L2 outlives a deployment, so each payload begins with a stamp: a hash of the columns' names,
/// types and order, and of `version`. Bytes with another stamp are not believed: a read takes the row from L3 then,
/// where the stamp is not kept and columns have names. Raise `version` where a column keeps its name and type and
/// changes its meaning.
public struct CacheSpace<Key: CacheableKey, Value: Sendable>: Sendable {
    /// The space as tiers and stack want it: number, table, columns.
    public let schema: SpaceSchema
    private let sizeMax: Int
    private let isWide: Bool
    private let textMax: Int?
    private let stamp: UInt32
    private let writeValue: @Sendable (Value, inout [UInt8]) throws(RowError) -> Void
    private let readValue: @Sendable ([UInt8], inout Int) throws(RowError) -> Value

    private init(
        _ base: Base, fields: [SpaceSchema.Field],
        write: @escaping @Sendable (Value, inout [UInt8]) throws(RowError) -> Void,
        read: @escaping @Sendable ([UInt8], inout Int) throws(RowError) -> Value
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
        all += fields
        stamp = LayoutStamp.stamp(of: all, version: base.version)
        schema = SpaceSchema(
            space: SpaceID(rawValue: base.number), table: base.table, key: key, fields: all, isShared: base.isShared,
            stamp: stamp)
        sizeMax = schema.payloadSize
        isWide = schema.hasWideFields
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
        var version: UInt16
    }

    /// The row `key` of this space.
    ///
    /// - Throws: `tooLong` or `notASCII` for a text that is no key.
    public func key(_ key: Key) throws(RowError) -> CacheKey {
        if let textMax, let text = key.cacheText {
            guard text.utf8.count <= textMax else {
                throw RowError(.tooLong, "keys of table \(schema.table) have at most \(textMax) bytes")
            }
            guard PayloadForm.isText(text.utf8) else {
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
        if !isWide { bytes.reserveCapacity(sizeMax) }
        PayloadForm.append(stamp, to: &bytes)
        if let textMax { PayloadForm.append(Array((key.cacheText ?? "").utf8), max: textMax, to: &bytes) }
        try writeValue(value, &bytes)
        if isWide { PayloadForm.fill(&bytes) }
        guard hasSize(bytes) else { throw otherLayout(bytes.count) }
        return bytes
    }

    /// The value in a payload, once it is known to be of this key and layout.
    func decode(_ bytes: [UInt8], for key: Key) throws(RowError) -> Value {
        var offset = try checkOwner(bytes, key)
        let value = try readValue(bytes, &offset)
        guard PayloadForm.isEnd(bytes, offset, isWide: isWide) else { throw otherLayout(bytes.count) }
        return value
    }

    /// Refuses the payload of another layout or text key; gives the place of its first field behind the key.
    @discardableResult
    func checkOwner(_ bytes: [UInt8], _ key: Key) throws(RowError) -> Int {
        var offset = 0
        guard hasSize(bytes), PayloadForm.number(bytes, &offset, width: 4) == UInt64(stamp) else {
            throw otherLayout(bytes.count)
        }
        guard let textMax else { return offset }
        guard let text = PayloadForm.value(bytes, &offset, max: textMax) else { throw otherLayout(bytes.count) }
        guard text.elementsEqual((key.cacheText ?? "").utf8) else {
            throw RowError(.keyCollision, "another key of table \(schema.table) has the same hash; rename one of them")
        }
        return offset
    }

    private func hasSize(_ bytes: [UInt8]) -> Bool { isWide ? bytes.count <= sizeMax : bytes.count == sizeMax }

    private func otherLayout(_ count: Int) -> RowError {
        RowError(
            .otherLayout,
            "a row of table \(schema.table) with \(count) bytes is not of the columns or version declared here")
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
    ///   - version: of the columns' meaning; see the type.
    public init(
        _ number: UInt16, table: String, key: String..., keyMax: Int = 64, isShared: Bool = true, version: UInt16 = 1
    ) {
        self.init(
            Base(
                number: number, table: table, keyColumns: key, keyMax: keyMax, isShared: isShared, version: version),
            fields: RowColumns.fields(of: Value.self)
        ) { value, bytes throws(RowError) in
            try RowColumns.write(value, to: &bytes)
        } read: { bytes, offset throws(RowError) in
            try RowColumns.read(Value.self, bytes, from: &offset)
        }
    }
}

extension CacheSpace where Value: Codable {
    /// A space whose rows are JSON: a column `schema_version`, and `body` (bytea).
    ///
    /// In SQL the text is `convert_from(body, 'UTF8')`. A body takes the bytes it has, rounded up to a multiple of 64,
    /// where `bodyMax` is above 255, and `bodyMax` bytes otherwise. Encoding costs as JSON does: for values that are
    /// seldom read, or still changing shape. A longer body is refused with `tooLong`.
    /// - Parameters:
    ///   - version: the version of the type; raise it when old bodies must not be read any more.
    ///   - older: older versions whose bodies the type still decodes; all others are `otherVersion`.
    ///   - bodyMax: most bytes of a body, up to 262,144.
    public init(
        _ number: UInt16, table: String, key: String..., keyMax: Int = 64, isShared: Bool = true, json version: Int16,
        reading older: Set<Int16> = [], bodyMax: Int = 4_096
    ) {
        let body = JSONBody(version: version, readable: older.union([version]), max: bodyMax, table: table)
        self.init(
            Base(number: number, table: table, keyColumns: key, keyMax: keyMax, isShared: isShared, version: 1),
            fields: body.fields
        ) { value, bytes throws(RowError) in
            try body.write(value, to: &bytes)
        } read: { bytes, offset throws(RowError) in
            try body.read(Value.self, bytes, from: &offset)
        }
    }
}

/// The first bytes of a payload, which tell layouts apart.
enum LayoutStamp {
    /// CRC32C of `v<version>`, and of `;<name> <type>` for each field in order.
    static func stamp(of fields: [SpaceSchema.Field], version: UInt16) -> UInt32 {
        let text = fields.reduce("v\(version)") { $0 + ";\($1.name) \(name(of: $1.type))" }
        return CRC32C.checksum(Array(text.utf8).span)
    }

    private static func name(of type: SpaceSchema.FieldType) -> String {
        switch type {
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .text(let max): "text(\(max))"
        case .bytes(let max): "bytes(\(max))"
        }
    }
}
