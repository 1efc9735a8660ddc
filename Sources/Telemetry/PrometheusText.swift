/// A page of metrics: Prometheus' text format 0.0.4 or OpenMetrics 1.0.
///
/// `init(_:)` takes a page whole or refuses it with the line at fault, so that half a page is never mistaken for a page
/// of zeros; `init(readable:)` passes over what cannot be read, for pages of somebody else that only get displayed.
/// Cost: one pass over the bytes, one dictionary of labels a sample.
/// Sources: Prometheus "Exposition formats"; OpenMetrics 1.0.0 (prometheus/OpenMetrics, ABNF).
public struct PrometheusText: Sendable, Equatable {
    /// Which of the two formats a page is written in; they differ in the unit of timestamps and in the page's end.
    public enum Format: Sendable {
        /// 0.0.4: timestamps are milliseconds.
        case prometheus
        /// 1.0: timestamps are seconds, the last line is `# EOF`, samples may carry exemplars.
        case openMetrics
    }

    /// The largest page that is read.
    public struct Limits: Sendable {
        /// Bytes of the page.
        public var bytesMax = 16 << 20
        /// Samples of the page.
        public var samplesMax = 200_000
        /// Labels of one sample.
        public var labelsMax = 64

        /// The defaults.
        public init() {}
    }

    /// One line `name{label="value",...} value [timestamp]`.
    public struct Sample: Sendable, Equatable {
        /// The name as written, with suffixes such as `_bucket`.
        public var name: String
        /// Label values by label name, unescaped.
        public var labels: [String: String]
        /// The value; NaN and infinities are values here.
        public var value: Double
        /// Seconds since 1970 UTC, where the line says a time.
        public var timestamp: Double?
    }

    /// The samples in the order of the page.
    public private(set) var samples: [Sample] = []
    /// The word of the `# TYPE` line by family name, e.g. `counter`.
    public private(set) var types: [String: String] = [:]
    /// Lines that `init(readable:)` passed over.
    public private(set) var skippedLines = 0
    private var index: [String: [Int]] = [:]

    /// Reads a page whole.
    ///
    /// - Parameter format: nil takes OpenMetrics where the page ends in `# EOF`, else Prometheus' own.
    /// - Throws: `Fault` where the page is no metrics page, is cut off, breaks a limit, or says a series twice.
    public init(
        _ page: some Collection<UInt8>, format: Format? = nil, limits: Limits = Limits()
    ) throws(Fault) {
        let bytes = Array(page)
        guard bytes.count <= limits.bytesMax else {
            throw Fault(.tooLarge, 0, "the page has more than \(limits.bytesMax) bytes")
        }
        try Self.refuseOtherDocuments(bytes)
        guard bytes.isEmpty || bytes.last == 10 else { throw Fault(.truncated, 0, "the last line has no end") }
        let hasEnd = Self.endsInEOF(bytes)
        let isOpen = format.map { $0 == .openMetrics } ?? hasEnd
        guard !isOpen || hasEnd else { throw Fault(.truncated, 0, "an OpenMetrics page ends in # EOF") }
        var seen: Set<Series> = []
        var number = 0
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            number += 1
            do throws(LineFault) {
                guard let sample = try take(line, isOpen, limits) else { continue }
                guard samples.count < limits.samplesMax else {
                    throw LineFault(.tooLarge, "the page has more than \(limits.samplesMax) samples")
                }
                let series = Series(name: sample.name, labels: sample.labels, timestamp: sample.timestamp)
                guard seen.insert(series).inserted else { throw LineFault(.malformed, "the series was said before") }
                append(sample)
            } catch {
                throw Fault(error.code, number, error.text)
            }
        }
    }

    /// Reads a page whole; see `init(_:format:limits:)`.
    public init(text: String, format: Format? = nil, limits: Limits = Limits()) throws(Fault) {
        try self.init(text.utf8, format: format, limits: limits)
    }

    /// Reads what can be read of a page and counts the lines passed over; never fails.
    ///
    /// What is beyond a limit is passed over too. The last line may lack its end.
    public init(readable text: String, format: Format? = nil, limits: Limits = Limits()) {
        let bytes = Array(text.utf8.prefix(limits.bytesMax))
        let isOpen = format.map { $0 == .openMetrics } ?? Self.endsInEOF(bytes)
        for line in bytes.split(separator: 10) {
            do throws(LineFault) {
                guard let sample = try take(line, isOpen, limits) else { continue }
                if samples.count < limits.samplesMax { append(sample) } else { skippedLines += 1 }
            } catch {
                skippedLines += 1
            }
        }
    }

    /// The samples of a name whose labels hold all of `labels`, in the order of the page.
    public func samples(_ name: String, _ labels: [String: String] = [:]) -> [Sample] {
        (index[name] ?? []).lazy.map { samples[$0] }.filter { sample in
            labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }
    }

    /// Sum of the samples of a name whose labels hold all of `labels`; nil where there is none.
    public func sum(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = samples(name, labels)
        return found.isEmpty ? nil : found.reduce(0) { $0 + $1.value }
    }

    /// Whether two pages say the same samples and types, in the same order; NaN equals NaN.
    public static func == (a: PrometheusText, b: PrometheusText) -> Bool {
        guard a.types == b.types, a.samples.count == b.samples.count else { return false }
        return zip(a.samples, b.samples).allSatisfy { x, y in
            x.name == y.name && x.labels == y.labels && x.timestamp == y.timestamp
                && (x.value == y.value || x.value.isNaN && y.value.isNaN)
        }
    }

    private struct Series: Hashable {
        let name: String
        let labels: [String: String]
        let timestamp: Double?
    }

    private mutating func append(_ sample: Sample) {
        index[sample.name, default: []].append(samples.count)
        samples.append(sample)
    }

    /// A page of another kind is named for what it is: most often a login page, or the wrong path.
    private static func refuseOtherDocuments(_ bytes: [UInt8]) throws(Fault) {
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        guard let first = bytes[start...].first(where: { !LineScanner.isBlank($0) && $0 != 10 && $0 != 13 }) else {
            return
        }
        if first == UInt8(ascii: "<") {
            throw Fault(.otherDocument, 1, "the page is HTML or XML, not metrics: is it the right path?")
        }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            throw Fault(.otherDocument, 1, "the page is JSON, not metrics: is it the right path?")
        }
    }

    private static func endsInEOF(_ bytes: [UInt8]) -> Bool {
        let end = Array("# EOF".utf8)
        let body = bytes.last == 10 ? bytes.dropLast() : bytes[...]
        guard body.count >= end.count, body.suffix(end.count).elementsEqual(end) else { return false }
        return body.count == end.count || body[body.endIndex - end.count - 1] == 10
    }
}

extension PrometheusText {
    /// Why a page was refused.
    public struct Fault: Error, Equatable, CustomStringConvertible {
        /// The kinds of fault.
        public enum Code: String, Sendable {
            /// Not metrics at all: HTML, XML, JSON.
            case otherDocument
            /// The end is missing.
            case truncated
            /// A line breaks the grammar.
            case malformed
            /// A limit is broken.
            case tooLarge
        }

        /// What kind of fault it is.
        public let code: Code
        /// The line, from 1; 0 where it is the page as a whole.
        public let line: Int
        /// What is wrong, with the line's number.
        public let description: String

        init(_ code: Code, _ line: Int, _ text: String) {
            self.code = code
            self.line = line
            description = line > 0 ? "line \(line): \(text)" : text
        }
    }

    struct LineFault: Error {
        let code: Fault.Code
        let text: String

        init(_ code: Fault.Code, _ text: String) {
            self.code = code
            self.text = text
        }
    }

    /// A line's sample; nil for blank lines and comments, whose types are kept.
    private mutating func take(
        _ line: ArraySlice<UInt8>, _ isOpen: Bool, _ limits: Limits
    ) throws(LineFault) -> Sample? {
        var scanner = LineScanner(line)
        scanner.skipBlanks()
        guard let first = scanner.next else { return nil }
        guard first != UInt8(ascii: "#") else {
            try takeComment(line)
            return nil
        }
        var sample = Sample(name: try scanner.name(colons: true), labels: [:], value: 0)
        scanner.skipBlanks()
        if scanner.next == UInt8(ascii: "{") { sample.labels = try scanner.labels(limits.labelsMax) }
        sample.value = try scanner.number("value")
        scanner.skipBlanks()
        if let next = scanner.next, next != UInt8(ascii: "#") {
            let time = try scanner.number("timestamp")
            guard time.isFinite else { throw LineFault(.malformed, "the timestamp is not finite") }
            sample.timestamp = isOpen ? time : time / 1_000
            scanner.skipBlanks()
        }
        if isOpen, scanner.next == UInt8(ascii: "#") { try scanner.exemplar(limits.labelsMax) }
        guard scanner.next == nil else { throw LineFault(.malformed, "there is more behind the sample") }
        return sample
    }

    private mutating func takeComment(_ line: ArraySlice<UInt8>) throws(LineFault) {
        let words = line.split(maxSplits: 3, whereSeparator: LineScanner.isBlank)
        guard words.count >= 2, words[0].elementsEqual("#".utf8), words[1].elementsEqual("TYPE".utf8) else { return }
        guard words.count == 4 else { throw LineFault(.malformed, "a # TYPE line has a name and a type") }
        let type = String(decoding: words[3], as: UTF8.self)
        guard Self.typeWords.contains(type) else { throw LineFault(.malformed, "no type is called '\(type)'") }
        types[String(decoding: words[2], as: UTF8.self)] = type
    }

    private static let typeWords: Set = [
        "counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram",
    ]
}

/// Reads one line from left to right.
private struct LineScanner {
    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    var next: UInt8? { rest.first }

    mutating func skipBlanks() { rest = rest.drop(while: Self.isBlank) }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, for labels without the colon.
    mutating func name(colons: Bool) throws(PrometheusText.LineFault) -> String {
        let end = rest.firstIndex { byte in
            switch byte {
            case 48...57, 65...90, 95, 97...122: false
            case 58: !colons
            default: true
            }
        }
        let word = rest[..<(end ?? rest.endIndex)]
        guard let first = word.first, !(48...57).contains(first) else {
            throw PrometheusText.LineFault(.malformed, colons ? "no metric name" : "no label name")
        }
        rest = rest[word.endIndex...]
        return String(decoding: word, as: UTF8.self)
    }

    /// `{a="x",b="y"}`; one comma may stand behind the last.
    mutating func labels(_ limit: Int) throws(PrometheusText.LineFault) -> [String: String] {
        var labels: [String: String] = [:]
        rest.removeFirst()
        skipBlanks()
        while next != UInt8(ascii: "}") {
            let key = try name(colons: false)
            skipBlanks()
            guard rest.popFirst() == UInt8(ascii: "=") else {
                throw PrometheusText.LineFault(.malformed, "label \(key) has no value")
            }
            skipBlanks()
            let value = try quoted(key)
            guard labels.updateValue(value, forKey: key) == nil else {
                throw PrometheusText.LineFault(.malformed, "label \(key) is said twice")
            }
            guard labels.count <= limit else {
                throw PrometheusText.LineFault(.tooLarge, "more than \(limit) labels")
            }
            skipBlanks()
            if next == UInt8(ascii: ",") {
                rest.removeFirst()
                skipBlanks()
            } else if next != UInt8(ascii: "}") {
                throw PrometheusText.LineFault(.malformed, "the labels do not end")
            }
        }
        rest.removeFirst()
        return labels
    }

    /// A value in quotes with the escapes `\\`, `\"` and `\n`; another escaped character keeps its backslash.
    private mutating func quoted(_ key: String) throws(PrometheusText.LineFault) -> String {
        var value: [UInt8] = []
        guard rest.popFirst() == UInt8(ascii: "\"") else {
            throw PrometheusText.LineFault(.malformed, "the value of label \(key) has no quotes")
        }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: value, as: UTF8.self) else {
                    throw PrometheusText.LineFault(.malformed, "the value of label \(key) is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { break }
                switch escaped {
                case UInt8(ascii: "n"): value.append(10)
                case UInt8(ascii: "\\"), UInt8(ascii: "\""): value.append(escaped)
                default: value += [byte, escaped]
                }
            default: value.append(byte)
            }
        }
        throw PrometheusText.LineFault(.malformed, "the value of label \(key) does not end")
    }

    /// A decimal number, NaN, +Inf or -Inf in any case.
    mutating func number(_ what: String) throws(PrometheusText.LineFault) -> Double {
        skipBlanks()
        let word = rest.prefix { !Self.isBlank($0) }
        rest = rest[word.endIndex...]
        let text = String(decoding: word, as: UTF8.self)
        if let value = Self.special[text.lowercased()] { return value }
        let isDecimal = word.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
        guard isDecimal, let value = Double(text), value.isFinite else {
            throw PrometheusText.LineFault(.malformed, word.isEmpty ? "no \(what)" : "the \(what) is no number")
        }
        return value
    }

    private static let special: [String: Double] = [
        "nan": .nan, "inf": .infinity, "+inf": .infinity, "-inf": -.infinity, "infinity": .infinity,
        "+infinity": .infinity, "-infinity": -.infinity,
    ]

    /// `# {trace_id="..."} value [timestamp]`, read and left out.
    mutating func exemplar(_ limit: Int) throws(PrometheusText.LineFault) {
        rest.removeFirst()
        skipBlanks()
        guard next == UInt8(ascii: "{") else { throw PrometheusText.LineFault(.malformed, "an exemplar has labels") }
        _ = try labels(limit)
        _ = try number("value of the exemplar")
        skipBlanks()
        if next != nil { _ = try number("timestamp of the exemplar") }
        skipBlanks()
    }
}
