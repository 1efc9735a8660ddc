import FIX

/// Test text with `|` for SOH.
func wire(_ text: String) -> [UInt8] { text.utf8.map { $0 == UInt8(ascii: "|") ? 1 : $0 } }

/// The other way round.
func readable(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.map { $0 == 1 ? UInt8(ascii: "|") : $0 }, as: UTF8.self)
}

/// Puts 8, 9 and 10 around `body` (which starts with 35), computed the plain way, independent of `FrameWriter`.
func framed(_ body: String, version: String = "FIX.4.4") -> [UInt8] {
    let bytes = wire(body)
    var frame = wire("8=\(version)|9=\(bytes.count)|") + bytes
    let sum = frame.reduce(0) { ($0 + Int($1)) % 256 }
    frame += wire("10=" + String(repeating: "0", count: 3 - String(sum).count) + "\(sum)|")
    return frame
}

/// A parsed frame.
func index(_ frame: [UInt8]) -> FieldIndex {
    var fields = FieldIndex(lengthMax: max(frame.count, FrameScanner.frameLengthMax))
    _ = fields.parse(frame.span)
    return fields
}

/// What `body` reads from a parsed frame.
func read<R>(_ frame: [UInt8], _ body: (borrowing FieldIndex) -> R) -> R { body(index(frame)) }

/// What parsing a frame gives.
func parsed(_ frame: [UInt8]) -> FieldIndex.Outcome {
    var fields = FieldIndex()
    return fields.parse(frame.span)
}

/// The frames in a writer, readable.
func frames(_ writer: borrowing FrameWriter) -> [String] {
    var rest = writer.withBytes { Array($0) }
    var result: [String] = []
    while case .frame(let length) = FrameScanner.scan(rest.span) {
        result.append(readable(rest[..<length]))
        rest.removeFirst(length)
    }
    if !rest.isEmpty { result.append("NOT A FRAME: " + readable(rest)) }
    return result
}
