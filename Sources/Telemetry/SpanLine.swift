/// Spans as one line of OTLP/JSON: an `ExportTraceServiceRequest` (opentelemetry-proto 1.x, "JSON Protobuf Encoding").
///
/// Ids are lower-case hexadecimal, 64-bit numbers are decimal strings, enumerations are numbers, fields without a value
/// are left out. A line is what a collector takes at `POST /v1/traces`, and what its file exporter writes.
package struct SpanLine {
    /// Most spans of one line.
    package static let spansMax = 512

    package private(set) var bytes: [UInt8] = []

    /// The line of at most `spansMax` spans, with its newline.
    package init(_ spans: ArraySlice<SpanRecord>, service: String) {
        precondition(spans.count <= Self.spansMax, "a line has at most \(Self.spansMax) spans")
        bytes.reserveCapacity(256 + spans.count * 512)
        put(#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"#)
        put(JSONText.quote(service))
        put(#"}}]},"scopeSpans":[{"scope":{"name":"springtide"},"spans":["#)
        for (index, span) in spans.enumerated() {
            if index > 0 { put(",") }
            put(span)
        }
        put("]}]}]}\n")
    }

    private mutating func put(_ span: SpanRecord) {
        put(#"{"traceId":""#)
        putHex(span.context.traceHigh)
        putHex(span.context.traceLow)
        put(#"","spanId":""#)
        putHex(span.context.span)
        if span.parent != 0 {
            put(#"","parentSpanId":""#)
            putHex(span.parent)
        }
        put(#"","flags":\#(span.context.flags),"name":\#(JSONText.quote(span.name)),"kind":\#(span.kind.rawValue)"#)
        put(#","startTimeUnixNano":"\#(span.start)","endTimeUnixNano":"\#(span.end)""#)
        put(span.attributes)
        if span.status != .unset { put(#","status":{"code":\#(span.status.rawValue)}"#) }
        put("}")
    }

    private mutating func put(_ attributes: SpanRecord.Attributes) {
        var texts: [String] = []
        func add(_ key: String, _ value: Int32?) {
            if let value { texts.append(#"{"key":"\#(key)","value":{"intValue":"\#(value)"}}"#) }
        }
        add("batch.size", attributes.batchSize)
        add("cache.l1.hits", attributes.cache?.l1)
        add("cache.l2.hits", attributes.cache?.l2)
        add("cache.l3.hits", attributes.cache?.l3)
        add("cache.missing", attributes.cache?.missing)
        add("http.response.status_code", attributes.httpStatus)
        if !attributes.httpRoute.isEmpty {
            texts.append(#"{"key":"http.route","value":{"stringValue":\#(JSONText.quote(attributes.httpRoute))}}"#)
        }
        if !texts.isEmpty { put(#","attributes":[\#(texts.joined(separator: ","))]"#) }
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func putHex(_ value: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
