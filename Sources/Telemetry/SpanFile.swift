internal import Glibc

/// Reads files of OTLP/JSON lines, as `SpanRecorder` and collectors write them, back into spans.
///
/// Unknown fields are passed over, as OTLP demands; ids may be of either case; whole numbers may be strings or numbers.
/// A line that is no export request is counted, not fatal: a process that was killed leaves one cut off.
public struct SpanFile: Sendable {
    /// Spans in the order of the file.
    public private(set) var spans: [SpanRecord] = []
    /// Lines that could not be read.
    public private(set) var malformedLines = 0
    /// Spans were left out because there were more than `spansMax`.
    public private(set) var isTruncated = false

    /// Longest line that is read.
    public static let lineBytesMax = 16 << 20

    /// Reads `path`, and before it the file that `path` replaced (`<path>.1`) where there is one.
    ///
    /// - Parameters:
    ///   - spansMax: most spans kept, about 200 bytes each.
    ///   - wanted: which spans are kept; all unless told otherwise.
    /// - Throws: where `path` cannot be read.
    public init(
        path: String, spansMax: Int = 10_000_000, where wanted: (SpanRecord) -> Bool = { _ in true }
    ) throws(SpanFileError) {
        if unsafe access(path + ".1", R_OK) == 0 { try read(path + ".1", spansMax, wanted) }
        try read(path, spansMax, wanted)
    }

    /// Reads a text in memory.
    public init(text: String, spansMax: Int = 10_000_000) {
        for line in Array(text.utf8).split(separator: UInt8(ascii: "\n")) {
            add(Array(line), spansMax) { _ in true }
        }
    }

    private mutating func read(
        _ path: String, _ spansMax: Int, _ wanted: (SpanRecord) -> Bool
    ) throws(SpanFileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw SpanFileError("\(path) cannot be opened: \(unsafe String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var line: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var isTooLong = false
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SpanFileError("\(path): \(unsafe String(cString: strerror(errno)))") }
            guard count > 0 else { break }
            var rest = chunk[..<count]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[..<end]
                if isTooLong || line.count > Self.lineBytesMax {
                    malformedLines += 1
                } else {
                    add(line, spansMax, wanted)
                }
                isTooLong = false
                line.removeAll(keepingCapacity: true)
                rest = rest[(end + 1)...]
            }
            if !isTooLong { line += rest }
            if line.count > Self.lineBytesMax {
                isTooLong = true
                line.removeAll()
            }
        }
        if isTooLong { malformedLines += 1 } else { add(line, spansMax, wanted) }
    }

    private mutating func add(_ line: [UInt8], _ spansMax: Int, _ wanted: (SpanRecord) -> Bool) {
        guard !line.isEmpty else { return }
        guard let found = Self.spans(line: line) else {
            malformedLines += 1
            return
        }
        for span in found where wanted(span) {
            if spans.count < spansMax { spans.append(span) } else { isTruncated = true }
        }
    }

    /// The spans of one line; nil where it is no export request, or one of its spans has no proper ids and times.
    static func spans(line: [UInt8]) -> [SpanRecord]? {
        guard let request = try? SpanJSON.parse(line.span), case .array(let resources)? = request["resourceSpans"]
        else { return nil }
        var spans: [SpanRecord] = []
        for resource in resources {
            for scope in resource["scopeSpans"]?.elements ?? [] {
                for value in scope["spans"]?.elements ?? [] {
                    guard let span = span(value) else { return nil }
                    spans.append(span)
                }
            }
        }
        return spans
    }

    private static func span(_ value: SpanJSON) -> SpanRecord? {
        guard let trace = value["traceId"]?.text.map({ Array($0.utf8) }), trace.count == 32,
            let high = hex(Array(trace[..<16]), digits: 16), let low = hex(Array(trace[16...]), digits: 16),
            let id = value["spanId"]?.text.flatMap({ hex(Array($0.utf8), digits: 16) }),
            let start = value["startTimeUnixNano"]?.integer, let end = value["endTimeUnixNano"]?.integer, start >= 0,
            end >= start, let name = value["name"]?.text
        else { return nil }
        let flags = UInt8(truncatingIfNeeded: value["flags"]?.integer ?? 1)
        guard let context = TraceContext(traceHigh: high, traceLow: low, span: id, flags: flags) else { return nil }
        var parent: UInt64 = 0
        if let text = value["parentSpanId"]?.text, !text.isEmpty {
            guard let id = hex(Array(text.utf8), digits: 16) else { return nil }
            parent = id
        }
        let kind = value["kind"]?.integer.flatMap { UInt8(exactly: $0) }.flatMap { SpanRecord.Kind(rawValue: $0) }
        let status = value["status"]?["code"]?.integer.flatMap { UInt8(exactly: $0) }.flatMap {
            SpanRecord.Status(rawValue: $0)
        }
        return SpanRecord(
            context: context, parent: parent, name: name, kind: kind ?? .internal, start: start, end: end,
            status: status ?? .unset, attributes: attributes(value["attributes"]?.elements ?? []))
    }

    private static func attributes(_ list: [SpanJSON]) -> SpanRecord.Attributes {
        var attributes = SpanRecord.Attributes()
        for attribute in list {
            guard let key = attribute["key"]?.text, let value = attribute["value"] else { continue }
            let number = value["intValue"]?.integer.flatMap { Int32(exactly: $0) }
            switch key {
            case "batch.size": attributes.batchSize = number
            case "cache.l1.hits":
                attributes.cache = attributes.cache ?? .init()
                attributes.cache?.l1 = number ?? 0
            case "cache.l2.hits":
                attributes.cache = attributes.cache ?? .init()
                attributes.cache?.l2 = number ?? 0
            case "cache.l3.hits":
                attributes.cache = attributes.cache ?? .init()
                attributes.cache?.l3 = number ?? 0
            case "cache.missing":
                attributes.cache = attributes.cache ?? .init()
                attributes.cache?.missing = number ?? 0
            case "http.response.status_code": attributes.httpStatus = number
            case "http.route": attributes.httpRoute = value["stringValue"]?.text ?? ""
            default: break
            }
        }
        return attributes
    }

    /// The value of exactly `digits` hexadecimal digits of either case.
    static func hex(_ text: [UInt8], digits: Int) -> UInt64? {
        guard text.count == digits else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
