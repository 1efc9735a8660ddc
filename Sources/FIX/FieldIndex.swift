/// The fields of one frame: where each tag's value lies, found without copying values or allocating per message.
///
/// The index owns a copy of the frame, so its values stay readable when the socket's buffer has moved on; one index
/// is reused for every message of a connection. A tag is found in constant time through a table of all tags of the
/// standard, marked with the number of the parse; TraceParent (20001) has a place of its own; other tags above are
/// searched.
///
/// Repeating groups: `value` and the typed getters give the first occurrence; `entry(_:)` walks all.
@safe
public struct FieldIndex: ~Copyable {
    /// One field's place in the frame.
    public struct Entry: Sendable {
        /// The tag; may be 0 or negative, where a frame says so.
        public var tag: Int32
        /// Where the value starts in the frame.
        public var offset: UInt32
        /// Length of the value in bytes.
        public var length: UInt32
    }

    /// What a parse found.
    public enum Outcome: Equatable, Sendable {
        case parsed
        /// Unreadable tag, a field without `=`, or 8, 9, 35 not the first three: ignore the frame.
        case garbled
    }

    /// The most fields of one frame.
    public static let fieldsMax = 512
    static let tableSize = 1_024

    private let bytes: UnsafeMutablePointer<UInt8>
    private let entries: UnsafeMutablePointer<Entry>
    /// Per tag: number of the parse that set it, times 1,024, plus the index of its first entry.
    private let table: UnsafeMutablePointer<UInt64>
    private let lengthMax: Int
    private var parseNumber: UInt64 = 0
    /// Index of the first TraceParent field, or -1.
    private var traceIndex = -1

    /// The number of fields, header and trailer included, at most `fieldsMax`.
    public private(set) var count = 0
    /// The length of the frame in bytes.
    public private(set) var length = 0
    /// Field 35.
    public private(set) var messageType = MessageType(0)
    /// The frame has more than `fieldsMax` fields: the rest is not in the index.
    public private(set) var isTruncated = false
    /// The first tag that appears twice, or 0. Members of repeating groups appear twice rightly.
    public private(set) var repeatedTag = 0

    /// An empty index for frames of up to `lengthMax` bytes.
    public init(lengthMax: Int = FrameScanner.frameLengthMax) {
        precondition(lengthMax > 0 && lengthMax <= 1 << 24, "frame length limit out of range")
        self.lengthMax = lengthMax
        unsafe bytes = .allocate(capacity: lengthMax)
        unsafe entries = .allocate(capacity: Self.fieldsMax)
        unsafe table = .allocate(capacity: Self.tableSize)
        unsafe table.initialize(repeating: 0, count: Self.tableSize)
    }

    deinit {
        unsafe bytes.deallocate()
        unsafe entries.deallocate()
        unsafe table.deallocate()
    }

    /// Indexes `frame`, which `FrameScanner` has found; replaces what was here.
    ///
    /// - Precondition: the frame is no longer than the limit given to `init`.
    public mutating func parse(_ frame: UnsafeRawBufferPointer) -> Outcome {
        precondition(frame.count <= lengthMax, "frame longer than the index's limit")
        parseNumber += 1
        count = 0
        isTruncated = false
        repeatedTag = 0
        traceIndex = -1
        messageType = MessageType(0)
        length = frame.count
        if let source = frame.baseAddress {
            unsafe UnsafeMutableRawPointer(bytes).copyMemory(from: source, byteCount: length)
        }
        var position = 0
        while position < length {
            guard let next = parseField(at: position) else { return .garbled }
            position = next
            if isTruncated { break }
        }
        return finishParse()
    }

    /// Indexes `frame`; see `parse(_:)`.
    public mutating func parse(_ frame: Span<UInt8>) -> Outcome {
        unsafe frame.withUnsafeBytes { unsafe parse($0) }
    }

    /// Reads one field; returns where the next starts, or nil for a garbled frame.
    private mutating func parseField(at start: Int) -> Int? {
        let bytes = unsafe bytes
        let length = length
        var position = start
        var tag: Int32 = 0
        let isNegative = unsafe bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let digitsStart = position
        while position < length {
            let digit = unsafe bytes[position] &- UInt8(ascii: "0")
            guard digit < 10, position &- digitsStart < 9 else { break }
            tag = tag &* 10 &+ Int32(digit)
            position &+= 1
        }
        guard position < length, position > digitsStart, unsafe bytes[position] == UInt8(ascii: "=") else { return nil }
        if isNegative { tag = -tag }
        let value = position + 1
        guard let end = valueEnd(tag, value) else { return nil }
        guard count < Self.fieldsMax else {
            isTruncated = true
            return length
        }
        note(tag, value, end)
        return end + 1
    }

    private mutating func note(_ tag: Int32, _ value: Int, _ end: Int) {
        unsafe entries[count] = Entry(tag: tag, offset: UInt32(value), length: UInt32(end - value))
        if tag >= 0, tag < Self.tableSize {
            let slot = Int(tag)
            if unsafe table[slot] >> 10 == parseNumber {
                if repeatedTag == 0 { repeatedTag = slot }
            } else {
                unsafe table[slot] = parseNumber << 10 | UInt64(count)
            }
        } else if repeatedTag == 0, find(Int(tag)) != nil {
            repeatedTag = Int(tag)
        }
        if tag == Int32(Tag.traceParent), traceIndex < 0 { traceIndex = count }
        count += 1
    }

    /// The position of the SOH that ends the value.
    private func valueEnd(_ tag: Int32, _ value: Int) -> Int? {
        if tag >= 89, count > 0, let end = dataEnd(tag, value) { return end < length ? end : nil }
        let bytes = unsafe bytes
        let length = length
        var position = value
        while position < length, unsafe bytes[position] != 1 { position &+= 1 }
        return position < length ? position : nil
    }

    /// The end of a data field, which may hold SOH: its length field says how long it is. Nil for other fields, and for
    /// a length that cannot be; `length` of the frame where the value does not end there.
    private func dataEnd(_ tag: Int32, _ value: Int) -> Int? {
        guard let lengthTag = DataField.lengthTag(of: Int(tag)) else { return nil }
        guard unsafe entries[count - 1].tag == Int32(lengthTag), let stated = int(at: count - 1), stated >= 0,
            stated < Int64(length)
        else { return nil }
        let end = value + Int(stated)
        let isEnd = unsafe end < length && bytes[end] == 1
        return isEnd ? end : length
    }

    private mutating func finishParse() -> Outcome {
        guard count >= 3, unsafe entries[0].tag == 8, unsafe entries[1].tag == 9, unsafe entries[2].tag == 35 else {
            return .garbled
        }
        let type = unsafe entries[2]
        switch type.length {
        case 1: messageType = MessageType(unsafe bytes[Int(type.offset)])
        case 2: messageType = MessageType(unsafe bytes[Int(type.offset)], unsafe bytes[Int(type.offset) + 1])
        default: messageType = MessageType(0)
        }
        return .parsed
    }

    /// The field at `index`, in the order of the frame.
    public func entry(_ index: Int) -> Entry {
        precondition(index >= 0 && index < count, "no such field")
        return unsafe entries[index]
    }

    /// The index of the first field with that tag, or nil.
    public func find(_ tag: Int) -> Int? {
        if tag >= 0, tag < Self.tableSize {
            let mark = unsafe table[tag]
            return mark >> 10 == parseNumber ? Int(mark & 1_023) : nil
        }
        if tag == Tag.traceParent { return traceIndex >= 0 ? traceIndex : nil }
        for index in 0..<count where unsafe entries[index].tag == Int32(truncatingIfNeeded: tag) { return index }
        return nil
    }

    /// Whether the tag is there, even with an empty value.
    public func contains(_ tag: Int) -> Bool { find(tag) != nil }

    /// Calls `body` with the bytes of the field at `index`; they are valid during the call only.
    public func withValue<R>(at index: Int, _ body: (Span<UInt8>) -> R) -> R {
        let entry = entry(index)
        let buffer = unsafe UnsafeBufferPointer(start: bytes + Int(entry.offset), count: Int(entry.length))
        return unsafe body(buffer.span)
    }

    /// Calls `body` with the whole frame.
    public func withFrame<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe body(UnsafeRawBufferPointer(start: bytes, count: length))
    }
}
