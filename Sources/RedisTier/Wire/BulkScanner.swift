/// Finds whole replies of one value in received bytes, where they lie.
///
/// Batches of GETs are answered by bulk strings; those are taken from here without a parser's copies. Everything else,
/// malformed bytes above all, is `ReplyReader`'s to judge: what is not plainly a bulk string is `other`.
package enum BulkScanner {
    /// What the bytes from some offset on begin with.
    package enum Found: Hashable, Sendable {
        /// A whole bulk string: its contents, and the offset after its end.
        case bulk(Range<Int>, end: Int)
        /// The null bulk string, and the offset after it.
        case null(end: Int)
        /// A bulk string of at most `bytesMax` bytes whose end has not come.
        case incomplete
        /// Anything else.
        case other
    }

    /// Digits of the longest length that is looked at.
    private static let digitsMax = 9

    /// What begins at `start`, which is at most `bytes.count`; a bulk string above `bytesMax` bytes is `other`.
    package static func scan(_ bytes: UnsafeRawBufferPointer, at start: Int, bytesMax: Int) -> Found {
        guard start < bytes.count else { return .incomplete }
        guard bytes[start] == UInt8(ascii: "$") else { return .other }
        var position = start + 1
        var length = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit <= 9 {
            guard position - start <= digitsMax else { return .other }
            length = length * 10 + Int(digit)
            position += 1
        }
        if position == start + 1 { return null(bytes, at: start) }
        // Zeros in front are the parser's to judge.
        if position > start + 2, bytes[start + 1] == UInt8(ascii: "0") { return .other }
        guard position < bytes.count else { return .incomplete }
        guard bytes[position] == 13, length <= bytesMax else { return .other }
        guard position + 1 < bytes.count else { return .incomplete }
        guard bytes[position + 1] == 10 else { return .other }
        let content = position + 2..<position + 2 + length
        guard content.upperBound + 2 <= bytes.count else { return .incomplete }
        guard bytes[content.upperBound] == 13, bytes[content.upperBound + 1] == 10 else { return .other }
        return .bulk(content, end: content.upperBound + 2)
    }

    /// `$-1` and a line's end, or a beginning of it.
    private static func null(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Found {
        let text: StaticString = "$-1\r\n"
        for index in 0..<text.utf8CodeUnitCount {
            guard start + index < bytes.count else { return .incomplete }
            guard bytes[start + index] == text.utf8Start[index] else { return .other }
        }
        return .null(end: start + text.utf8CodeUnitCount)
    }
}
