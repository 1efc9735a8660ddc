/// How the rows of one space look: the fields of the payload in order, and the table that keeps them in L3.
///
/// The payload is a fixed layout: the fields one after another, integers little endian without padding, text as one
/// length byte followed by `max` bytes (zero padded), bytes likewise. L3 tiers turn the fields into typed columns, so
/// that a row stays readable in SQL.
public struct SpaceSchema: Sendable {
    /// Type of a field, and of its column.
    public enum FieldType: Hashable, Sendable {
        case int16, int32, int64
        /// ASCII text of at most `max` bytes, 1...255.
        case text(max: Int)
        /// Raw bytes of at most `max`, 1...255.
        case bytes(max: Int)

        /// Bytes it takes in a payload.
        public var width: Int {
            switch self {
            case .int16: 2
            case .int32: 4
            case .int64: 8
            case .text(let max), .bytes(let max): max + 1
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

    /// A schema; `fields` must not be empty.
    public init(
        space: SpaceID, table: String, key: Key, fields: [Field], isShared: Bool = true, isAppendOnly: Bool = false
    ) {
        precondition(!fields.isEmpty, "a space has at least one field")
        self.space = space
        self.table = table
        self.key = key
        self.fields = fields
        self.isShared = isShared
        self.isAppendOnly = isAppendOnly
    }

    /// Bytes of one payload.
    public var payloadSize: Int { fields.reduce(0) { $0 + $1.type.width } }
}
