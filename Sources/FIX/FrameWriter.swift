/// The part of a message header that never changes in a session, rendered once.
public struct HeaderTemplate: Sendable {
    /// Our own CompID, field 49 of what we send.
    public let sender: [UInt8]
    /// The peer's CompID, field 56 of what we send.
    public let target: [UInt8]
    let senderField: [UInt8]
    let targetField: [UInt8]

    /// The header of messages from `sender` to `target`.
    public init(sender: [UInt8], target: [UInt8]) {
        self.sender = sender
        self.target = target
        senderField = Array("49=".utf8) + sender + [1]
        targetField = Array("56=".utf8) + target + [1]
    }
}

/// Writes FIX 4.4 frames one behind the other into one growing buffer.
///
/// `begin` writes the header, `append` fields, `finish` puts BodyLength and CheckSum in place. The caller appends
/// fields in the order they shall have (this house: ascending tag numbers). Nothing is allocated once the buffer has
/// reached its working size; rendered times are kept until the millisecond changes.
///
/// Header order is 8, 9, 35, then ascending: 34, 43, 49, 52, 56, 97, 115 ... 122 ...
@safe
public struct FrameWriter: ~Copyable {
    private var storage: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// The number of bytes written so far, finished frames and the one under construction.
    public private(set) var count = 0
    /// The number of frames finished since the last `removeAll`.
    public private(set) var frames = 0

    private var frameStart = 0
    private var bodyStart = 0
    private var clock = TimestampText()

    /// `8=FIX.4.4|9=` and three digits with SOH: what is reserved before the length is known.
    private static let prefix: StaticString = "8=FIX.4.4\u{1}9="
    private static let prefixLength = 12
    private static let lengthDigits = 3

    /// A writer whose buffer starts with `capacity` bytes and grows by doubling.
    public init(capacity: Int = 65_536) {
        precondition(capacity >= 64, "a writer starts with at least 64 bytes")
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    /// Forgets everything written; the buffer stays.
    public mutating func removeAll() {
        count = 0
        frames = 0
    }

    /// Calls `body` with everything written.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try unsafe body(UnsafeRawBufferPointer(start: storage, count: count))
    }

    /// Calls `body` with the frame finished last.
    public func withLastFrame<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try unsafe body(UnsafeRawBufferPointer(start: storage + frameStart, count: count - frameStart))
    }

    /// Starts a frame.
    ///
    /// - Parameters:
    ///   - number: field 34.
    ///   - time: field 52, microseconds since 1970 UTC.
    ///   - originalTime: the first sending time of a message that is sent again; sets 43=Y and 122.
    ///   - isPossibleResend: sets 97=Y.
    public mutating func begin(
        _ type: MessageType, number: UInt64, header: HeaderTemplate, time: Int64, originalTime: Int64? = nil,
        isPossibleResend: Bool = false
    ) {
        frameStart = count
        reserve(Self.prefixLength + Self.lengthDigits + 1)
        unsafe (storage + count).update(from: Self.prefix.utf8Start, count: Self.prefixLength)
        count += Self.prefixLength + Self.lengthDigits
        put(1)
        bodyStart = count
        putTag(Tag.msgType)
        put(UInt8(truncatingIfNeeded: type.rawValue))
        if type.rawValue >> 8 != 0 { put(UInt8(truncatingIfNeeded: type.rawValue >> 8)) }
        put(1)
        append(Tag.msgSeqNum, Int64(number))
        if originalTime != nil { append(Tag.possDupFlag, char: UInt8(ascii: "Y")) }
        put(header.senderField)
        append(Tag.sendingTime, timestamp: time)
        put(header.targetField)
        if isPossibleResend { append(Tag.possResend, char: UInt8(ascii: "Y")) }
        if let originalTime { append(Tag.origSendingTime, timestamp: originalTime) }
    }

    /// Completes the frame: BodyLength, CheckSum. Returns the frame's length in bytes.
    @discardableResult
    public mutating func finish() -> Int {
        placeLength(count - bodyStart)
        let sum = unsafe FrameScanner.checkSum(
            UnsafeRawBufferPointer(start: storage + frameStart, count: count - frameStart))
        putTag(Tag.checkSum)
        put(UInt8(ascii: "0") + sum / 100)
        put(UInt8(ascii: "0") + sum / 10 % 10)
        put(UInt8(ascii: "0") + sum % 10)
        put(1)
        frames += 1
        return count - frameStart
    }

    /// Drops the frame under construction.
    public mutating func abandon() { count = frameStart }

    /// Writes the length where room for three digits was left; other lengths move the body.
    private mutating func placeLength(_ length: Int) {
        let digits = length < 100 ? (length < 10 ? 1 : 2) : length < 1_000 ? 3 : length < 10_000 ? 4 : 5
        precondition(length < 100_000, "frame too long")
        if digits != Self.lengthDigits {
            reserve(2)
            let shift = digits - Self.lengthDigits
            unsafe UnsafeMutableRawPointer(storage + bodyStart + shift - 1).copyMemory(
                from: storage + bodyStart - 1, byteCount: length + 1)
            count += shift
            bodyStart += shift
        }
        var rest = length
        var position = bodyStart - 2
        for _ in 0..<digits {
            unsafe storage[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            position -= 1
        }
    }

    /// Appends a whole number.
    public mutating func append(_ tag: Int, _ value: Int64) {
        putTag(tag)
        putInt(value)
        put(1)
    }

    /// Appends a decimal number of thousandths, without trailing zeros: 10500 is `10.5`.
    public mutating func append(_ tag: Int, milli value: Int64) { append(tag, scaled: value, digits: 3) }

    /// Appends `value` / 10^`digits` without trailing zeros.
    public mutating func append(_ tag: Int, scaled value: Int64, digits: Int) {
        putTag(tag)
        if value < 0 { put(UInt8(ascii: "-")) }
        let magnitude = value.magnitude
        var unit: UInt64 = 1
        for _ in 0..<digits { unit *= 10 }
        putDigits(magnitude / unit)
        var fraction = magnitude % unit
        if fraction != 0 {
            put(UInt8(ascii: "."))
            while fraction != 0 {
                unit /= 10
                put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / unit))
                fraction %= unit
            }
        }
        put(1)
    }

    /// Appends one character.
    public mutating func append(_ tag: Int, char: UInt8) {
        putTag(tag)
        put(char)
        put(1)
    }

    /// Appends bytes as they are; they must hold no SOH.
    public mutating func append(_ tag: Int, bytes: [UInt8]) {
        putTag(tag)
        put(bytes)
        put(1)
    }

    /// Appends bytes as they are; they must hold no SOH.
    public mutating func append(_ tag: Int, span: Span<UInt8>) {
        putTag(tag)
        reserve(span.count)
        for index in 0..<span.count { unsafe storage[count + index] = span[index] }
        count += span.count
        put(1)
    }

    /// Appends `count` bytes given by `byte(index)`: for ids stored inline in words.
    @inlinable
    public mutating func append(_ tag: Int, count: Int, byte: (Int) -> UInt8) {
        openField(tag)
        for index in 0..<count { putByte(byte(index)) }
        putByte(1)
    }

    /// Appends text; it must hold no SOH. For cold paths.
    public mutating func append(_ tag: Int, text: String) { append(tag, bytes: Array(text.utf8)) }

    /// Appends a UTC timestamp with milliseconds, given in microseconds since 1970.
    public mutating func append(_ tag: Int, timestamp: Int64) {
        putTag(tag)
        reserve(TimestampText.length + 1)
        unsafe clock.write(timestamp, to: storage + count)
        count += TimestampText.length
        put(1)
    }

    /// Copies fields that are already in wire form, each with its SOH.
    public mutating func append(raw: UnsafeRawBufferPointer) {
        guard let source = raw.baseAddress else { return }
        reserve(raw.count)
        unsafe UnsafeMutableRawPointer(storage + count).copyMemory(from: source, byteCount: raw.count)
        count += raw.count
    }

    /// Writes `tag=`; `putByte` writes the value, and 1 (SOH) ends it.
    public mutating func openField(_ tag: Int) { putTag(tag) }

    /// Writes one byte of an opened field.
    public mutating func putByte(_ byte: UInt8) { put(byte) }

    // MARK: bytes

    private mutating func reserve(_ extra: Int) {
        guard count + extra > capacity else { return }
        let grown = max(capacity * 2, count + extra)
        let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
        unsafe bigger.update(from: storage, count: count)
        unsafe storage.deallocate()
        unsafe storage = bigger
        capacity = grown
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        reserve(1)
        unsafe storage[count] = byte
        count += 1
    }

    private mutating func put(_ bytes: [UInt8]) {
        reserve(bytes.count)
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            unsafe (storage + count).update(from: base, count: source.count)
        }
        count += bytes.count
    }

    private mutating func putTag(_ tag: Int) {
        putDigits(UInt64(tag))
        put(UInt8(ascii: "="))
    }

    private mutating func putInt(_ value: Int64) {
        if value < 0 { put(UInt8(ascii: "-")) }
        putDigits(value.magnitude)
    }

    /// Decimal digits of `value`, at most 20.
    private mutating func putDigits(_ value: UInt64) {
        reserve(20)
        guard value >= 10 else {
            unsafe storage[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)
            count += 1
            return
        }
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20, value >= bound {
            digits += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            bound = overflow ? .max : next
            if overflow { break }
        }
        if digits == 19, value >= 10_000_000_000_000_000_000 { digits = 20 }
        var rest = value
        var position = count + digits - 1
        while position >= count {
            unsafe storage[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            position -= 1
        }
        count += digits
    }
}
