/// The bytes of sized values and of the end of a payload, as `SpaceSchema` lays them down.
///
/// Reading accepts nothing that writing would not have made, so that of two payloads that differ at most one is a given
/// value.
enum PayloadForm {
    /// Appends a number, little endian.
    static func append<Word: FixedWidthInteger>(_ word: Word, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: Word.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }

    /// The number of `width` bytes at `offset`, which moves behind it; nil where the payload ends before.
    static func number(_ bytes: [UInt8], _ offset: inout Int, width: Int) -> UInt64? {
        guard offset <= bytes.count - width else { return nil }
        var word: UInt64 = 0
        for index in 0..<width { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        offset += width
        return word
    }

    /// Appends a text or byte string of a field of at most `max` bytes, which it keeps.
    static func append(_ value: [UInt8], max: Int, to bytes: inout [UInt8]) {
        if max > SpaceSchema.narrowMax {
            append(UInt32(value.count), to: &bytes)
            bytes.append(contentsOf: value)
        } else {
            bytes.append(UInt8(value.count))
            bytes.append(contentsOf: value)
            bytes.append(contentsOf: repeatElement(0, count: max - value.count))
        }
    }

    /// The value of a field of at most `max` bytes at `offset`, which moves behind it; nil where none was written there.
    static func value(_ bytes: [UInt8], _ offset: inout Int, max: Int) -> ArraySlice<UInt8>? {
        let isWide = max > SpaceSchema.narrowMax
        guard let length = number(bytes, &offset, width: isWide ? 4 : 1).map({ Int($0) }), length <= max else {
            return nil
        }
        let end = offset + (isWide ? length : max)
        guard end <= bytes.count else { return nil }
        defer { offset = end }
        guard bytes[offset + length..<end].allSatisfy({ $0 == 0 }) else { return nil }
        return bytes[offset..<offset + length]
    }

    /// Whether `bytes` is text that a field holds: ASCII without zero bytes.
    static func isText(_ bytes: some Sequence<UInt8>) -> Bool { bytes.allSatisfy { $0 != 0 && $0 < 128 } }

    /// Fills a payload with wide fields up to a multiple of `stepBytes`.
    static func fill(_ bytes: inout [UInt8]) {
        bytes.append(contentsOf: repeatElement(0, count: SpaceSchema.filled(bytes.count) - bytes.count))
    }

    /// Whether the fields ended at `offset`: nothing follows, or what fills a payload with wide fields up.
    static func isEnd(_ bytes: [UInt8], _ offset: Int, isWide: Bool) -> Bool {
        guard isWide else { return offset == bytes.count }
        return SpaceSchema.filled(offset) == bytes.count && bytes[offset...].allSatisfy { $0 == 0 }
    }
}
