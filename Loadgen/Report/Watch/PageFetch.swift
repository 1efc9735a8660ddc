internal import Engine
internal import Glibc

/// One HTTP GET with a deadline and a limit of size, for pages of metrics.
package enum PageFetch {
    /// Greatest answer, bytes.
    package static let bytesMax = 16 << 20

    /// The body of a 200 answer; nil for anything else, in time or not.
    ///
    /// - Parameter milliseconds: for everything, connecting included.
    package static func get(_ url: ScrapeURL, milliseconds: Int) -> String? {
        let deadline = now() + Int64(milliseconds)
        let family = url.endpoint.host.contains(":") ? AF_INET6 : AF_INET
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard connect(descriptor, url.endpoint, family), wait(descriptor, POLLOUT, deadline) else { return nil }
        let request =
            "GET \(url.path) HTTP/1.1\r\nHost: \(url.endpoint)\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
        guard send(descriptor, Array(request.utf8), deadline) else { return nil }
        return receive(descriptor, deadline).flatMap(body)
    }

    private static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    private static func connect(_ descriptor: Int32, _ endpoint: Endpoint, _ family: Int32) -> Bool {
        let status: Int32
        if family == AF_INET6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = endpoint.port.bigEndian
            guard unsafe inet_pton(AF_INET6, endpoint.host, &address.sin6_addr) == 1 else { return false }
            status = unsafe withUnsafeBytes(of: address) { raw in
                unsafe raw.withMemoryRebound(to: sockaddr.self) { bound in
                    unsafe Glibc.connect(descriptor, bound.baseAddress, socklen_t(raw.count))
                }
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = endpoint.port.bigEndian
            guard unsafe inet_pton(AF_INET, endpoint.host, &address.sin_addr) == 1 else { return false }
            status = unsafe withUnsafeBytes(of: address) { raw in
                unsafe raw.withMemoryRebound(to: sockaddr.self) { bound in
                    unsafe Glibc.connect(descriptor, bound.baseAddress, socklen_t(raw.count))
                }
            }
        }
        return status == 0 || errno == EINPROGRESS
    }

    private static func wait(_ descriptor: Int32, _ events: Int32, _ deadline: Int64) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while true {
            let rest = deadline - now()
            guard rest > 0 else { return false }
            let count = unsafe poll(&entry, 1, Int32(rest))
            if count < 0, errno == EINTR { continue }
            return count > 0
        }
    }

    private static func send(_ descriptor: Int32, _ bytes: [UInt8], _ deadline: Int64) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard wait(descriptor, POLLOUT, deadline) else { return false }
            let count = unsafe rest.withUnsafeBytes { raw in
                unsafe Glibc.send(descriptor, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func receive(_ descriptor: Int32, _ deadline: Int64) -> [UInt8]? {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while wait(descriptor, POLLIN, deadline) {
            let count = unsafe chunk.withUnsafeMutableBytes { raw in
                unsafe Glibc.recv(descriptor, raw.baseAddress, raw.count, 0)
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return answer }
            answer += chunk[..<count]
            guard answer.count <= bytesMax else { return nil }
            if isComplete(answer) { return answer }
        }
        return nil
    }

    // MARK: The answer (RFC 9112)

    private static func split(_ answer: [UInt8]) -> (head: [Substring], body: ArraySlice<UInt8>)? {
        let blank: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard let at = answer.indices.first(where: { answer[$0...].starts(with: blank) }) else { return nil }
        let head = String(decoding: answer[..<at], as: UTF8.self)
        return (head.split(separator: "\r\n"), answer[(at + 4)...])
    }

    private static func field(_ name: String, _ head: [Substring]) -> String? {
        for line in head.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
            return line[line.index(after: colon)...].drop { $0 == " " }.lowercased()
        }
        return nil
    }

    /// Whether a length that the head names has come; servers may keep the connection open.
    private static func isComplete(_ answer: [UInt8]) -> Bool {
        guard let (head, body) = split(answer), let length = field("content-length", head).flatMap({ Int($0) }) else {
            return false
        }
        return body.count >= length
    }

    /// The body of a whole answer with status 200; nil for others and for malformed ones.
    package static func body(_ answer: [UInt8]) -> String? {
        guard let (head, body) = split(answer), let status = head.first?.split(separator: " "), status.count > 1,
            status[0].hasPrefix("HTTP/1."), status[1] == "200"
        else { return nil }
        if field("transfer-encoding", head) == "chunked" { return chunks(body) }
        guard let length = field("content-length", head) else { return String(decoding: body, as: UTF8.self) }
        guard let count = Int(length), count >= 0, count <= body.count else { return nil }
        return String(decoding: body.prefix(count), as: UTF8.self)
    }

    private static func chunks(_ body: ArraySlice<UInt8>) -> String? {
        var rest = body
        var out: [UInt8] = []
        while let end = rest.firstIndex(of: 0x0D) {
            let size = String(decoding: rest[..<end], as: UTF8.self).split(separator: ";").first ?? ""
            guard let count = Int(size, radix: 16), count >= 0, rest.count >= end - rest.startIndex + 4 + count else {
                return nil
            }
            if count == 0 { return String(decoding: out, as: UTF8.self) }
            let begin = end + 2
            out += rest[begin..<begin + count]
            rest = rest[(begin + count + 2)...]
        }
        return nil
    }
}
