package import Telemetry

/// The values of a request's fields by index, as a template needs them.
package protocol HTTPFieldSource {
    /// Calls `body` with the bytes of a field.
    func withValue<R>(_ index: Int, _ body: (Span<UInt8>) -> R) -> R
}

/// One operation's request, rendered once but for its values.
///
/// Values are appended without an allocation. None can leave its place: in the path, bytes that would end it or that no
/// URI holds (controls, blank, DEL, above 127) are percent-encoded, in headers controls become blanks; in bodies values
/// stand as they are. Header order: Host, the target's, the operation's, `traceparent`, Content-Length.
package struct HTTPRequestTemplate: Sendable {
    private enum Part {
        /// Bytes of `text`.
        case text(Range<Int>)
        case path(Int)
        case header(Int)
        case body(Int)
    }

    /// Whether replies have no body whatever their head says.
    package let isHead: Bool
    /// Codes that count as done right.
    package let expected: ClosedRange<Int>
    private var text: [UInt8] = []
    private var head: [Part] = []
    private var body: [Part] = []
    private var bodyTextBytes = 0
    private let hasLength: Bool

    /// The template of a request.
    ///
    /// - Parameter host: the Host header.
    /// - Throws: `LoadError` for a method or header name that is no token, a path that does not begin with `/`, a control
    ///   character, and for headers that follow from the request (Host, Content-Length, Transfer-Encoding).
    package init(_ plan: HTTPRequestPlan, headers: [HTTPTarget.Header], host: String) throws(LoadError) {
        guard Self.isToken(plan.method), plan.method != "CONNECT" else {
            throw LoadError(.configuration, "\"\(plan.method)\" is no method of a request")
        }
        isHead = plan.method == "HEAD"
        expected = plan.expected
        hasLength = plan.body != nil || ["POST", "PUT", "PATCH"].contains(plan.method)
        guard case .text(let start)? = plan.path.pieces.first, start.first == UInt8(ascii: "/") else {
            throw LoadError(.configuration, "the path of a request begins with /")
        }
        add("\(plan.method) ")
        for piece in plan.path.pieces {
            switch piece {
            case .text(let bytes):
                guard bytes.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                    throw LoadError(.configuration, "a path has printable ASCII only; write others as %XX")
                }
                add(bytes)
            case .field(let index): head.append(.path(index))
            }
        }
        add(" HTTP/1.1\r\n")
        try add(name: "Host", host)
        let own = plan.headers.map { $0.name.lowercased() }
        for header in headers where !own.contains(header.name.lowercased()) {
            try check(header.name)
            try add(name: header.name, header.value)
        }
        for header in plan.headers { try add(header) }
        for piece in plan.body?.pieces ?? [] { addBody(piece) }
    }

    private static func isToken(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy(HTTPText.isToken) }

    private func check(_ name: String) throws(LoadError) {
        guard Self.isToken(name) else { throw LoadError(.configuration, "\"\(name)\" is no name of a header") }
        guard !["host", "content-length", "transfer-encoding"].contains(name.lowercased()) else {
            throw LoadError(.configuration, "\(name) follows from the target and the body, and cannot be set")
        }
    }

    private mutating func add(_ string: String) { add(Array(string.utf8)) }

    private mutating func add(_ bytes: [UInt8]) { Self.append(bytes, &text, &head) }

    /// Appends text to the last part where that is text.
    private static func append(_ bytes: [UInt8], _ text: inout [UInt8], _ parts: inout [Part]) {
        guard !bytes.isEmpty else { return }
        let start = text.count
        text += bytes
        if case .text(let range)? = parts.last, range.upperBound == start {
            parts[parts.count - 1] = .text(range.lowerBound..<text.count)
        } else {
            parts.append(.text(start..<text.count))
        }
    }

    private mutating func add(name: String, _ value: String) throws(LoadError) {
        guard !value.utf8.contains(where: HTTPText.isControl) else {
            throw LoadError(.configuration, "the header \(name) has a control character in it")
        }
        add("\(name): \(value)\r\n")
    }

    private mutating func add(_ header: HTTPRequestPlan.HeaderTemplatePlan) throws(LoadError) {
        try check(header.name)
        add("\(header.name): ")
        for piece in header.value.pieces {
            switch piece {
            case .text(let bytes):
                guard !bytes.contains(where: HTTPText.isControl) else {
                    throw LoadError(.configuration, "the header \(header.name) has a control character in it")
                }
                add(bytes)
            case .field(let index): head.append(.header(index))
            }
        }
        add("\r\n")
    }

    private mutating func addBody(_ piece: TextTemplate.Piece) {
        switch piece {
        case .text(let bytes):
            bodyTextBytes += bytes.count
            Self.append(bytes, &text, &body)
        case .field(let index): body.append(.body(index))
        }
    }

    // MARK: Requests

    /// Appends a request.
    package func append(to out: inout [UInt8], _ values: borrowing some HTTPFieldSource, trace: TraceContext?) {
        for part in head { append(part, to: &out, values) }
        if let trace {
            out.append(contentsOf: "traceparent: ".utf8)
            let text = trace.text
            for index in 0..<TraceContext.textLength { out.append(text[index]) }
            out.append(contentsOf: "\r\n".utf8)
        }
        if hasLength {
            out.append(contentsOf: "Content-Length: ".utf8)
            Self.appendDigits(bodyBytes(values), to: &out)
            out.append(contentsOf: "\r\n".utf8)
        }
        out.append(contentsOf: "\r\n".utf8)
        for part in body { append(part, to: &out, values) }
    }

    private func bodyBytes(_ values: borrowing some HTTPFieldSource) -> Int {
        var count = bodyTextBytes
        for case .body(let index) in body { count += values.withValue(index) { $0.count } }
        return count
    }

    private func append(_ part: Part, to out: inout [UInt8], _ values: borrowing some HTTPFieldSource) {
        switch part {
        case .text(let range): out.append(contentsOf: text[range])
        case .path(let index): values.withValue(index) { Self.appendEncoded($0, to: &out) }
        case .header(let index):
            values.withValue(index) { value in
                for index in 0..<value.count { out.append(HTTPText.isControl(value[index]) ? 32 : value[index]) }
            }
        case .body(let index):
            values.withValue(index) { value in
                unsafe value.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
            }
        }
    }

    private static func appendEncoded(_ value: Span<UInt8>, to out: inout [UInt8]) {
        let digits: StaticString = "0123456789ABCDEF"
        for index in 0..<value.count {
            let byte = value[index]
            if byte > 32, byte < 127 {
                out.append(byte)
            } else {
                digits.withUTF8Buffer { digits in
                    out.append(UInt8(ascii: "%"))
                    unsafe out.append(digits[Int(byte >> 4)])
                    unsafe out.append(digits[Int(byte & 15)])
                }
            }
        }
    }

    private static func appendDigits(_ number: Int, to out: inout [UInt8]) {
        var scale = 1
        while number / scale > 9 { scale *= 10 }
        while scale > 0 {
            out.append(UInt8(ascii: "0") + UInt8(number / scale % 10))
            scale /= 10
        }
    }
}
