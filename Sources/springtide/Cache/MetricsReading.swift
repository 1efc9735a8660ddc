internal import Foundation
internal import Telemetry

/// A page of metrics and when it was asked for.
struct MetricsReading: Sendable {
    /// When it was asked for.
    let time: ContinuousClock.Instant
    private let page: PrometheusText

    /// Parses a page; lines that are no samples are left out.
    init(_ text: String, at time: ContinuousClock.Instant) {
        self.time = time
        page = PrometheusText(readable: text)
    }

    /// Whether any sample was found.
    var isEmpty: Bool { page.samples.isEmpty }

    /// Sum of all series of `name` whose labels hold all of `labels`; 0 where there is none.
    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double { page.sum(name, labels) ?? 0 }

    /// The greatest of the series of a name; nil where there is none.
    func greatest(_ name: String) -> Double? { page.samples(name).map(\.value).max() }

    /// The values of a name by one of its labels.
    func series(_ name: String, by label: String) -> [(label: String, value: Double)] {
        page.samples(name).map { ($0.labels[label] ?? "", $0.value) }
    }
}

/// `http://host:port/path`, fetched with one connection a request.
struct MetricsAddress: Sendable {
    let host: String
    let port: String
    let path: String

    /// Parses a URL; nil for other schemes and malformed ones.
    init?(_ url: String) {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host, !host.isEmpty,
            parts.user == nil, parts.password == nil
        else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = "\(parts.port ?? 80)"
        path = parts.path.isEmpty ? "/metrics" : parts.path
    }

    /// The body of a 200 answer, five seconds and 16 MB at most; nil otherwise. Blocks its thread.
    func fetch() -> String? {
        guard let descriptor = connected() else { return nil }
        defer { close(descriptor) }
        let request = "GET \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n\r\n"
        let sent = unsafe request.withCString { unsafe send(descriptor, $0, request.utf8.count, Int32(MSG_NOSIGNAL)) }
        guard sent == request.utf8.count else { return nil }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = unsafe recv(descriptor, &buffer, buffer.count, 0), count > 0 {
            answer += buffer[..<count]
            guard answer.count < 16 << 20 else { return nil }
        }
        let text = String(decoding: answer, as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 200") || text.hasPrefix("HTTP/1.0 200"),
            let end = text.range(of: "\r\n\r\n")
        else { return nil }
        return String(text[end.upperBound...])
    }

    private func connected() -> Int32? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, port, &hints, &found) == 0, let first = unsafe found else { return nil }
        defer { unsafe freeaddrinfo(first) }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = unsafe socket(first.pointee.ai_family, kind, 0)
        guard descriptor >= 0 else { return nil }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard unsafe connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
