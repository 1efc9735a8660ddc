/// Finds FIX frames in a stream of bytes.
///
/// A frame is `8=FIX...|9=length|` + `length` bytes + `10=ddd|`. Anything else is garbled: the scanner says how many
/// bytes to drop, and the receiver ignores them (the next good message then shows a gap in the numbers). A BodyLength
/// that is too short or too long makes the scanner drop up to the end of the next CheckSum field behind the stated
/// end, so a length that is too long swallows the following message, as engines commonly do.
public enum FrameScanner {
    /// The largest frame by default, in bytes, header and trailer included.
    public static let frameLengthMax = 8_192

    /// What stands at the start of the bytes.
    public enum Result: Equatable, Sendable {
        /// No whole frame yet.
        case needMore
        /// A frame of that many bytes with right BodyLength and CheckSum. BeginString may be another version's.
        case frame(Int)
        /// Drop that many bytes (at least one).
        case garbled(Int)
        /// A frame that claims to be longer than the limit: nothing sensible follows, close the connection.
        case oversized
    }

    /// Looks at the start of `bytes`; cost is linear in the frame.
    public static func scan(_ bytes: UnsafeRawBufferPointer, lengthMax: Int = frameLengthMax) -> Result {
        let count = bytes.count
        guard count >= 5 else { return unsafe startsLikeFrame(bytes) ? .needMore : .garbled(nextStart(bytes)) }
        guard unsafe startsLikeFrame(bytes) else { return .garbled(unsafe nextStart(bytes)) }
        // 8=FIX.4.4|
        var position = 5
        while position < count, unsafe bytes[position] != 1 {
            position += 1
            if position > 20 { return unsafe drop(bytes, 5, lengthMax) }
        }
        guard position + 3 < count else { return .needMore }
        guard unsafe bytes[position + 1] == UInt8(ascii: "9"), unsafe bytes[position + 2] == UInt8(ascii: "=") else {
            return unsafe drop(bytes, position, lengthMax)
        }
        position += 3
        var length = 0
        let digitsStart = position
        while position < count, unsafe bytes[position] != 1 {
            let digit = unsafe bytes[position] &- UInt8(ascii: "0")
            guard digit < 10, position - digitsStart < 9 else { return unsafe drop(bytes, position, lengthMax) }
            length = length * 10 + Int(digit)
            position += 1
        }
        guard position < count else { return .needMore }
        guard position > digitsStart else { return unsafe drop(bytes, position, lengthMax) }
        let trailer = position + 1 + length
        guard trailer + 7 <= lengthMax else { return .oversized }
        guard trailer + 7 <= count else { return .needMore }
        return unsafe verify(bytes, trailer, lengthMax)
    }

    /// Looks at the start of `bytes`; see `scan(_:lengthMax:)`.
    public static func scan(_ bytes: Span<UInt8>, lengthMax: Int = frameLengthMax) -> Result {
        unsafe bytes.withUnsafeBytes { unsafe scan($0, lengthMax: lengthMax) }
    }

    /// Checks `10=ddd|` at `trailer`, and the sum of everything before it.
    private static func verify(_ bytes: UnsafeRawBufferPointer, _ trailer: Int, _ lengthMax: Int) -> Result {
        guard unsafe bytes[trailer - 1] == 1, unsafe bytes[trailer] == UInt8(ascii: "1"),
            unsafe bytes[trailer + 1] == UInt8(ascii: "0"), unsafe bytes[trailer + 2] == UInt8(ascii: "="),
            unsafe bytes[trailer + 6] == 1
        else { return unsafe drop(bytes, trailer - 1, lengthMax) }
        var stated = 0
        for index in trailer + 3..<trailer + 6 {
            let digit = unsafe bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return .garbled(trailer + 7) }
            stated = stated * 10 + Int(digit)
        }
        let actual = unsafe checkSum(UnsafeRawBufferPointer(rebasing: bytes[..<trailer]))
        return stated == Int(actual) ? .frame(trailer + 7) : .garbled(trailer + 7)
    }

    /// The sum of all bytes modulo 256: what field 10 must say of everything before it.
    public static func checkSum(_ bytes: UnsafeRawBufferPointer) -> UInt8 {
        var sum: UInt8 = 0
        for index in 0..<bytes.count { sum &+= unsafe bytes[index] }
        return sum
    }

    private static let start: StaticString = "8=FIX"

    /// Whether the bytes there are begin as `8=FIX` does; true for a shorter prefix of it.
    private static func startsLikeFrame(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe startsLikeFrame(bytes, at: 0)
    }

    private static func startsLikeFrame(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        for index in 0..<min(5, bytes.count - offset) {
            guard unsafe bytes[offset + index] == start.utf8Start[index] else { return false }
        }
        return true
    }

    /// The distance to the next possible start of a frame, or to the end.
    private static func nextStart(_ bytes: UnsafeRawBufferPointer) -> Int {
        var offset = 1
        while offset < bytes.count {
            if unsafe bytes[offset] == UInt8(ascii: "8"), unsafe startsLikeFrame(bytes, at: offset) { return offset }
            offset += 1
        }
        return bytes.count
    }

    /// Drops up to the end of the first `|10=...|` at or behind `from`; waits for it while it may still come.
    private static func drop(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ lengthMax: Int) -> Result {
        var position = max(0, from)
        while position + 4 < bytes.count {
            if unsafe bytes[position] == 1, unsafe bytes[position + 1] == UInt8(ascii: "1"),
                unsafe bytes[position + 2] == UInt8(ascii: "0"), unsafe bytes[position + 3] == UInt8(ascii: "=")
            {
                var end = position + 4
                while end < bytes.count, end < position + 12, unsafe bytes[end] != 1 { end += 1 }
                if end < bytes.count, unsafe bytes[end] == 1 { return .garbled(end + 1) }
                if end == position + 12 { return .garbled(end) }
                return .needMore
            }
            position += 1
        }
        return bytes.count >= lengthMax ? .garbled(unsafe nextStart(bytes)) : .needMore
    }
}
