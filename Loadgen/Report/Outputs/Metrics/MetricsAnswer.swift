/// What a page of metrics answers to the bytes of an HTTP request (RFC 9112).
package struct MetricsAnswer: Equatable {
    /// Greatest head of a request, bytes.
    package static let headMax = 8_192
    private static let openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    private static let plainType = "text/plain; version=0.0.4; charset=utf-8"

    /// Status with its words.
    package var status: String
    /// Media type of the body.
    package var type = "text/plain; charset=utf-8"
    /// A line of the head that the status asks for.
    package var extra = ""
    /// The body.
    package var body = ""

    /// The answer; nil while the head is not complete.
    ///
    /// - Parameter text: the metrics, as OpenMetrics or not.
    package static func to(_ request: [UInt8], _ text: (_ openMetrics: Bool) -> String) -> MetricsAnswer? {
        guard let end = endOfHead(request) else {
            guard request.count > headMax else { return nil }
            return MetricsAnswer(status: "431 Request Header Fields Too Large")
        }
        guard end <= headMax else { return MetricsAnswer(status: "431 Request Header Fields Too Large") }
        let lines = String(decoding: request[..<end], as: UTF8.self)
            .split(omittingEmptySubsequences: false) { $0 == "\r\n" || $0 == "\n" }
        let words = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/1."), !words[1].isEmpty else {
            return MetricsAnswer(status: "400 Bad Request")
        }
        guard words[0] == "GET" else { return MetricsAnswer(status: "405 Method Not Allowed", extra: "Allow: GET\r\n") }
        guard words[1].split(separator: "?").first == "/metrics" else {
            return MetricsAnswer(status: "404 Not Found", body: "The metrics are at /metrics.\n")
        }
        let accepted = lines.dropFirst().compactMap { line -> Substring? in
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "accept" else { return nil }
            return line[line.index(after: colon)...]
        }
        let isOpen = prefersOpenMetrics(accepted.joined(separator: ","))
        return MetricsAnswer(status: "200 OK", type: isOpen ? openMetricsType : plainType, body: text(isOpen))
    }

    /// Head and body.
    package var bytes: [UInt8] {
        let content = Array(body.utf8)
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(content.count)\r\n\(extra)"
            + "Connection: close\r\n\r\n"
        return Array(head.utf8) + content
    }

    /// Whether OpenMetrics is named with at least the quality of plain text.
    static func prefersOpenMetrics(_ accept: String) -> Bool {
        var (open, plain) = (0.0, 0.0)
        for range in accept.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            switch parts.first {
            case "application/openmetrics-text": open = max(open, quality)
            case "text/plain": plain = max(plain, quality)
            default: break
            }
        }
        return open > 0 && open >= plain
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...bytes.count - 4).first {
            bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
        }
    }
}
