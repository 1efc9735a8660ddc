/// A value that is a row of SQL columns: one declaration gives its table, its payload and the way back.
///
///     struct Account: CacheRow {
///         var cash: Int64 = 0
///         var isBlocked = false
///         var owner = ""
///
///         mutating func columns(_ column: inout RowColumns) {
///             column("cash", &cash)
///             column("is_blocked", &isBlocked)
///             column("owner", &owner, max: 32)
///         }
///     }
///
/// `columns` runs in three ways: over a fresh value to collect the names and types, over a copy to write it, and over a
/// fresh value to fill it. So it names the same columns in the same order whatever the value holds; a row that does
/// otherwise is refused with `otherLayout`.
public protocol CacheRow: Sendable {
    /// A value to be filled.
    init()

    /// Hands each column to `column`, always the same ones in the same order.
    mutating func columns(_ column: inout RowColumns)
}

/// The visitor of a row's columns: collects, writes or reads them, in the layout of `SpaceSchema`.
///
/// | Swift | column | payload |
/// |---|---|---|
/// | `Int8`, `UInt8`, `Int16`, `UInt16`, `Bool` | smallint | 2 bytes |
/// | `Int32`, `UInt32` | integer | 4 bytes |
/// | `Int64`, `UInt64`, `Int`, `UInt` | bigint | 8 bytes |
/// | ASCII `String` | text | 1 + max bytes; with `max` above 255, 4 bytes and those it has |
/// | `[UInt8]` | bytea | likewise |
/// | an enumeration of one of these numbers | as its number | |
///
/// Unsigned numbers keep their bits: above the signed maximum they show as negative in SQL. There is no floating point:
/// amounts are whole numbers of their smallest unit.
public struct RowColumns {
    private enum Way {
        case collecting, writing, reading
    }

    private let way: Way
    private(set) var fields: [SpaceSchema.Field] = []
    private var bytes: [UInt8]
    private var offset = 0
    private var fault: RowError?

    private init(_ way: Way, _ bytes: consuming [UInt8], from offset: Int = 0) {
        self.way = way
        self.bytes = bytes
        self.offset = offset
    }

    /// The columns of a row type.
    static func fields<Row: CacheRow>(of type: Row.Type) -> [SpaceSchema.Field] {
        var columns = RowColumns(.collecting, [])
        var row = Row()
        row.columns(&columns)
        return columns.fields
    }

    /// Appends the payload of `row` to `bytes`; on an error `bytes` is as it was.
    static func write<Row: CacheRow>(_ row: Row, to bytes: inout [UInt8]) throws(RowError) {
        let start = bytes.count
        var columns = RowColumns(.writing, bytes)
        bytes = []
        var copy = row
        copy.columns(&columns)
        let fault = columns.fault
        bytes = columns.bytes
        if let fault {
            bytes.removeSubrange(start...)
            throw fault
        }
    }

    /// The row in the payload from `offset` on, which moves behind its fields.
    static func read<Row: CacheRow>(
        _ type: Row.Type, _ bytes: [UInt8], from offset: inout Int
    ) throws(RowError) -> Row {
        var columns = RowColumns(.reading, bytes, from: offset)
        var row = Row()
        row.columns(&columns)
        if let fault = columns.fault { throw fault }
        offset = columns.offset
        return row
    }

    private static func otherLayout(_ count: Int) -> RowError {
        RowError(.otherLayout, "a payload of \(count) bytes does not hold the columns declared")
    }

    // MARK: Columns

    /// A column of whole numbers.
    @inlinable
    public mutating func callAsFunction<Number: FixedWidthInteger>(_ name: String, _ value: inout Number) {
        var word = Int64(truncatingIfNeeded: value)
        visit(name, bits: Number.bitWidth, &word)
        if Number.bitWidth > 8 {
            value = Number(truncatingIfNeeded: word)
        } else if let number = Number(exactly: word) {
            value = number
        } else {
            refuse(name)
        }
    }

    /// A column that is 0 or 1.
    public mutating func callAsFunction(_ name: String, _ value: inout Bool) {
        var word: Int64 = value ? 1 : 0
        visit(name, bits: 16, &word)
        guard word == 0 || word == 1 else { return refuse(name) }
        value = word == 1
    }

    /// A column of an enumeration or wrapper of whole numbers; a number without a case is `badValue`.
    @inlinable
    public mutating func callAsFunction<Value: RawRepresentable>(_ name: String, _ value: inout Value)
    where Value.RawValue: FixedWidthInteger {
        var raw = value.rawValue
        callAsFunction(name, &raw)
        guard let known = Value(rawValue: raw) else { return refuse(name) }
        value = known
    }

    /// A column of ASCII text of at most `max` bytes, 1...262,144.
    public mutating func callAsFunction(_ name: String, _ value: inout String, max: Int) {
        let written = way == .writing ? Array(value.utf8) : []
        guard PayloadForm.isText(written) else { return notASCII(name) }
        guard let read = visit(name, .text(max: max), written, max) else { return }
        guard PayloadForm.isText(read) else { return notASCII(name) }
        value = String(decoding: read, as: UTF8.self)
    }

    /// A column of at most `max` bytes, 1...262,144.
    public mutating func callAsFunction(_ name: String, _ value: inout [UInt8], max: Int) {
        if let read = visit(name, .bytes(max: max), value, max) { value = Array(read) }
    }

    // MARK: The layout

    @usableFromInline
    mutating func refuse(_ name: String) {
        fail(.badValue, "column \(name) holds a number that its type does not know")
    }

    private mutating func notASCII(_ name: String) {
        fail(.notASCII, "column \(name) takes ASCII text without zero bytes")
    }

    private mutating func fail(_ code: RowError.Code, _ message: String) {
        if fault == nil { fault = RowError(code, message) }
    }

    @usableFromInline
    mutating func visit(_ name: String, bits: Int, _ word: inout Int64) {
        let width = Swift.max(2, bits / 8)
        switch way {
        case .collecting:
            precondition(bits <= 64, "column \(name) is wider than 64 bits")
            fields.append(.init(name, width == 2 ? .int16 : width == 4 ? .int32 : .int64))
        case .writing:
            for shift in stride(from: 0, to: 8 * width, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> Int64(shift)))
            }
        case .reading:
            guard fault == nil else { return }
            guard let bits = PayloadForm.number(bytes, &offset, width: width) else { return overrun() }
            let unused = Int64(64 - 8 * width)
            word = (Int64(bitPattern: bits) << unused) >> unused
        }
    }

    private mutating func overrun() { if fault == nil { fault = Self.otherLayout(bytes.count) } }

    private mutating func visit(
        _ name: String, _ type: SpaceSchema.FieldType, _ value: [UInt8], _ max: Int
    ) -> ArraySlice<UInt8>? {
        switch way {
        case .collecting:
            precondition(
                (1...SpaceSchema.wideMax).contains(max), "column \(name) has 1 to \(SpaceSchema.wideMax) bytes")
            fields.append(.init(name, type))
        case .writing:
            if value.count <= max {
                PayloadForm.append(value, max: max, to: &bytes)
            } else {
                fail(.tooLong, "column \(name) takes \(max) bytes, not \(value.count)")
            }
        case .reading:
            guard fault == nil else { break }
            if let read = PayloadForm.value(bytes, &offset, max: max) { return read }
            overrun()
        }
        return nil
    }
}
