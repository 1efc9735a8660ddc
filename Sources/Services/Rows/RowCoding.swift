internal import Market

/// Appends the fields of a row to a payload in the layout of `SpaceSchema`: little endian, no padding.
struct RowWriter {
    private var bytes: [UInt8]

    /// Takes over `bytes`, which must be handed back by `finish`.
    init(_ bytes: consuming [UInt8]) { self.bytes = bytes }

    mutating func put<T: FixedWidthInteger>(_ value: T) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func put(_ flag: Bool) { put(Int16(flag ? 1 : 0)) }

    /// Text or bytes of at most `max`: a length byte, the bytes, zeros.
    mutating func put(_ text: some Collection<UInt8>, max: Int) {
        let count = Swift.min(text.count, max)
        bytes.append(UInt8(count))
        bytes.append(contentsOf: text.prefix(count))
        for _ in count..<max { bytes.append(0) }
    }

    mutating func put(_ id: ClientOrderID?) {
        guard let id else { return put(EmptyCollection(), max: ClientOrderID.lengthMax) }
        bytes.append(UInt8(id.count))
        for index in 0..<id.count { bytes.append(id[index]) }
        for _ in id.count..<ClientOrderID.lengthMax { bytes.append(0) }
    }

    consuming func finish() -> [UInt8] { bytes }
}

/// Reads the fields of a payload in order; a payload that is too short traps, because its size is checked where it
/// enters the process (`SpaceSchema.payloadSize`).
struct RowReader {
    private let bytes: ArraySlice<UInt8>
    private var offset: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }

    mutating func next<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T {
        var value: T.Magnitude = 0
        for index in 0..<(T.bitWidth / 8) {
            value |= T.Magnitude(truncatingIfNeeded: bytes[offset + index]) << T.Magnitude(8 * index)
        }
        offset += T.bitWidth / 8
        return T(truncatingIfNeeded: value)
    }

    mutating func nextFlag() -> Bool { next(Int16.self) != 0 }

    mutating func nextBytes(max: Int) -> ArraySlice<UInt8> {
        let count = Swift.min(Int(bytes[offset]), max)
        defer { offset += 1 + max }
        return bytes[(offset + 1)..<(offset + 1 + count)]
    }

    mutating func nextClientOrderID() -> ClientOrderID? { ClientOrderID(nextBytes(max: ClientOrderID.lengthMax)) }
}

/// A row of one space: how it becomes a payload and back.
protocol Row {
    /// Appends the payload to `bytes`.
    func encode(into bytes: inout [UInt8])

    /// The row `id` in `payload`, which has the size of the space's payload.
    init(id: UInt64, payload: ArraySlice<UInt8>)
}

extension Row {
    /// Encodes through a `RowWriter` without copying the buffer.
    @inline(__always)
    func write(_ bytes: inout [UInt8], _ body: (inout RowWriter) -> Void) {
        var writer = RowWriter(bytes)
        bytes = []
        body(&writer)
        bytes = writer.finish()
    }
}
