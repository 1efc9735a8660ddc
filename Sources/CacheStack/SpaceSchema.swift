/// How the rows of one space look: the fields of the payload in order, and the table that keeps them in L3.
///
/// The payload is the stamp, if the schema has one, and the fields one after another. L3 tiers turn the fields into
/// typed columns, so that a row stays readable in SQL.
///
/// | part | payload | column in L3 |
/// |---|---|---|
/// | stamp | 4 bytes, little endian | none: L3's columns have names and types of their own |
/// | `int16`, `int32`, `int64` | 2, 4, 8 bytes, little endian | smallint, integer, bigint |
/// | `text`, `bytes`, max at most 255 | 1 byte length, then `max` bytes, zeros behind the value | text, bytea |
/// | `text`, `bytes`, max above 255 (wide) | 4 bytes length, little endian, then the value | text, bytea |
///
/// Without wide fields all payloads of a space have the same size. With one they are filled up with zeros to a multiple
/// of `stepBytes`. Each row has exactly one payload: bytes behind a value that are not zero make it malformed.
public struct SpaceSchema: Sendable {
    /// Type of a field, and of its column.
    public enum FieldType: Hashable, Sendable {
        case int16, int32, int64
        /// ASCII text of at most `max` bytes, 1...`wideMax`.
        case text(max: Int)
        /// Raw bytes of at most `max`, 1...`wideMax`.
        case bytes(max: Int)

        /// Bytes it takes in a payload; of a wide one, the most it takes.
        public var width: Int {
            switch self {
            case .int16: 2
            case .int32: 4
            case .int64: 8
            case .text(let max), .bytes(let max): max + (isWide ? 4 : 1)
            }
        }

        /// Whether it takes only as many bytes of a payload as its value has, and 4 for its length.
        public var isWide: Bool {
            switch self {
            case .int16, .int32, .int64: false
            case .text(let max), .bytes(let max): max > SpaceSchema.narrowMax
            }
        }
    }

    /// One field of the payload.
    public struct Field: Hashable, Sendable {
        public let name: String
        public let type: FieldType

        /// A field of that name (a lower-case SQL identifier) and type.
        public init(_ name: String, _ type: FieldType) {
            self.name = name
            self.type = type
        }
    }

    /// How the 64-bit id maps to key columns.
    public enum Key: Hashable, Sendable {
        /// One bigint column.
        case id(String)
        /// Two integer columns: the high and the low 32 bits of the id.
        case pair(String, String)
    }

    public let space: SpaceID
    /// Name of the table, a lower-case SQL identifier.
    public let table: String
    public let key: Key
    public let fields: [Field]
    /// Whether other processes cache these rows: then commits list their keys in the outbox.
    public let isShared: Bool
    /// Whether rows are only ever inserted (trades): L3 may then use its fastest way of appending.
    public let isAppendOnly: Bool
    /// First 4 bytes of each payload, by which releases with other layouts know that it is not theirs; nil for none.
    public let stamp: UInt32?

    /// Largest `max` of a field that takes the same bytes whatever it holds.
    public static let narrowMax = 255
    /// Largest `max` of any field.
    public static let wideMax = 262_144
    /// Payloads with wide fields have a multiple of this many bytes.
    public static let stepBytes = 64

    /// A schema; `fields` must not be empty, and a payload has at most `EntryFormat.payloadMax` bytes.
    public init(
        space: SpaceID, table: String, key: Key, fields: [Field], isShared: Bool = true, isAppendOnly: Bool = false,
        stamp: UInt32? = nil
    ) {
        precondition(!fields.isEmpty, "a space has at least one field")
        for case .text(let max) in fields.map(\.type) { Self.check(max, table) }
        for case .bytes(let max) in fields.map(\.type) { Self.check(max, table) }
        self.space = space
        self.table = table
        self.key = key
        self.fields = fields
        self.isShared = isShared
        self.isAppendOnly = isAppendOnly
        self.stamp = stamp
        precondition(
            payloadSize <= EntryFormat.payloadMax, "rows of table \(table) have at most \(EntryFormat.payloadMax) bytes"
        )
    }

    private static func check(_ max: Int, _ table: String) {
        precondition((1...wideMax).contains(max), "texts and bytes of table \(table) have 1 to \(wideMax) bytes")
    }

    /// Bytes of one payload; with wide fields, of the largest.
    public var payloadSize: Int {
        let size = fields.reduce(stampSize) { $0 + $1.type.width }
        return hasWideFields ? Self.filled(size) : size
    }

    /// Whether payloads differ in size.
    public var hasWideFields: Bool { fields.contains { $0.type.isWide } }

    /// Bytes of the stamp.
    public var stampSize: Int { stamp == nil ? 0 : 4 }

    /// `size` filled up to a multiple of `stepBytes`.
    public static func filled(_ size: Int) -> Int { (size + stepBytes - 1) / stepBytes * stepBytes }
}
