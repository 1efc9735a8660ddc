/// Why an encoded histogram could not be read.
public enum HDRHistogramDecodingError: Error, Equatable, Sendable {
    /// Not base64, or shorter than its own lengths say.
    case truncated
    /// A cookie other than V2's.
    case unknownFormat
    /// A zlib stream with compressed blocks: only stored blocks are read here.
    case compressedBlocks
    /// A checksum, a shape or a count that contradicts the rest.
    case corrupt
}

/// HdrHistogram's V2 encoding, format of the `.hlog` lines that its Java and Python tools read.
///
/// base64( `0x1c849314`, length, zlib( `0x1c849313`, payload length, 0, digits, lowest, highest, 1.0, counts ) ),
/// integers big endian; counts as zigzag LEB128 of at most 9 bytes, a run of k zeros as -k (Java writes a single zero
/// as 0, Python as -1; both read both). The zlib stream has stored blocks only, which every inflater accepts: a
/// histogram is small, and this needs no compression library.
public enum HDRHistogramCodec {
    private static let cookie: Int64 = 0x1c84_9313
    private static let compressedCookie: Int64 = 0x1c84_9314
    private static let headerLength = 40
    /// The largest count of one sub-bucket that is believed: sums of a million of them still fit.
    private static let countMax: Int64 = 1 << 42

    /// The text of a log line's last column.
    public static func encode(_ histogram: HDRHistogram) -> String {
        let body = StoredZlib.deflate(encodeUncompressed(histogram))
        var bytes: [UInt8] = []
        append(compressedCookie, 4, &bytes)
        append(Int64(body.count), 4, &bytes)
        return Base64.encode(bytes + body)
    }

    /// The inner encoding, without zlib and base64.
    public static func encodeUncompressed(_ histogram: HDRHistogram) -> [UInt8] {
        let payload = encodeCounts(histogram)
        var bytes: [UInt8] = []
        append(cookie, 4, &bytes)
        append(Int64(payload.count), 4, &bytes)
        append(0, 4, &bytes)
        append(Int64(histogram.digits), 4, &bytes)
        append(histogram.lowest, 8, &bytes)
        append(histogram.highest, 8, &bytes)
        append(Int64(bitPattern: (1.0).bitPattern), 8, &bytes)
        return bytes + payload
    }

    /// The histogram in the text of a log line's last column.
    ///
    /// Exact extremes are not part of the encoding: they come back as the ends of their sub-buckets, and the mean as
    /// that of the sub-buckets' middles.
    public static func decode(_ text: String) throws(HDRHistogramDecodingError) -> HDRHistogram {
        guard let bytes = Base64.decode(text), bytes.count >= 8 else { throw .truncated }
        guard integer(bytes, 0, 4) == compressedCookie else { throw .unknownFormat }
        let length = Int(integer(bytes, 4, 4))
        guard bytes.count == 8 + length else { throw .truncated }
        return try decodeUncompressed(StoredZlib.inflate(Array(bytes[8...])))
    }

    /// The histogram in the inner encoding; see `decode`.
    public static func decodeUncompressed(_ bytes: [UInt8]) throws(HDRHistogramDecodingError) -> HDRHistogram {
        guard bytes.count >= headerLength else { throw .truncated }
        guard integer(bytes, 0, 4) == cookie else { throw .unknownFormat }
        guard bytes.count == headerLength + Int(integer(bytes, 4, 4)) else { throw .truncated }
        let (digits, lowest, highest) = (integer(bytes, 12, 4), integer(bytes, 16, 8), integer(bytes, 24, 8))
        let ratio = Double(bitPattern: UInt64(bitPattern: integer(bytes, 32, 8)))
        guard integer(bytes, 8, 4) == 0, ratio == 1, (1...5).contains(digits), lowest >= 1, lowest < 1 << 40,
            highest / 2 >= lowest
        else { throw .corrupt }
        var histogram = HDRHistogram(lowest: lowest, highest: highest, digits: Int(digits))
        try decodeCounts(bytes[headerLength...], into: &histogram)
        return histogram
    }

    // MARK: Counts

    private static func encodeCounts(_ histogram: HDRHistogram) -> [UInt8] {
        var bytes: [UInt8] = []
        guard histogram.count > 0 else { return bytes }
        let last = histogram.index(of: histogram.greatest)
        var index = 0
        while index <= last {
            let run = histogram.counts[index...last].prefix { $0 == 0 }.count
            if run > 0 {
                appendVariable(Int64(-run), &bytes)
                index += run
            } else {
                appendVariable(Int64(histogram.counts[index]), &bytes)
                index += 1
            }
        }
        return bytes
    }

    private static func decodeCounts(
        _ bytes: ArraySlice<UInt8>, into histogram: inout HDRHistogram
    ) throws(HDRHistogramDecodingError) {
        var rest = bytes
        var index = 0
        while !rest.isEmpty {
            let value = try takeVariable(&rest)
            if value <= 0 {
                guard value > -Int64(histogram.counts.count) else { throw .corrupt }
                index += value == 0 ? 1 : Int(-value)
            } else {
                guard index < histogram.counts.count, value <= countMax else { throw .corrupt }
                let low = histogram.lowestEquivalent(index: index)
                guard low <= histogram.highest else { throw .corrupt }
                histogram.record(low, times: UInt64(value))
                index += 1
            }
        }
    }

    /// Zigzag LEB128-64b9B: seven bits a byte, the ninth byte carries eight.
    private static func appendVariable(_ value: Int64, _ bytes: inout [UInt8]) {
        var word = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        for _ in 0..<8 {
            if word < 0x80 {
                bytes.append(UInt8(word))
                return
            }
            bytes.append(UInt8(word & 0x7F) | 0x80)
            word >>= 7
        }
        bytes.append(UInt8(word))
    }

    private static func takeVariable(_ bytes: inout ArraySlice<UInt8>) throws(HDRHistogramDecodingError) -> Int64 {
        var word: UInt64 = 0
        for position in 0..<9 {
            guard let byte = bytes.popFirst() else { throw .truncated }
            word |= UInt64(position == 8 ? byte : byte & 0x7F) << UInt64(7 * position)
            if position == 8 || byte < 0x80 { break }
        }
        return Int64(bitPattern: word >> 1) ^ -Int64(word & 1)
    }

    // MARK: Integers

    private static func append(_ value: Int64, _ width: Int, _ bytes: inout [UInt8]) {
        for shift in (0..<width).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> Int64(8 * shift))) }
    }

    private static func integer(_ bytes: [UInt8], _ start: Int, _ width: Int) -> Int64 {
        bytes[start..<start + width].reduce(0) { $0 << 8 | Int64($1) }
    }
}
