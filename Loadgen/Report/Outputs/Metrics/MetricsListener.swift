public import Engine
internal import Glibc
internal import Synchronization
public import Telemetry

/// Serves `GET /metrics` on a loopback address while a run goes.
///
/// One thread, one connection at a time, closed after its answer. A client has a second for its request and a second to
/// take the answer; a head longer than 8 KiB is refused. OpenMetrics 1.0 where the Accept header asks for it, else the
/// Prometheus text format 0.0.4.
public final class MetricsListener: Sendable {
    private static let milliseconds: Int64 = 1_000
    private let descriptor: Int32
    private let registry: MetricsRegistry
    private let isStopped = Atomic<Bool>(false)
    private let isDone = Atomic<Bool>(false)

    /// Listens and starts to answer.
    ///
    /// - Throws: `OutputError` for an address that is not of this machine, or in use.
    public init(_ endpoint: Endpoint, _ registry: MetricsRegistry) throws(OutputError) {
        guard endpoint.isLoopback else {
            throw OutputError(.listener, "openmetrics: \(endpoint) is not a loopback address")
        }
        self.registry = registry
        let family = endpoint.host.contains(":") ? AF_INET6 : AF_INET
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(family, kind, 0)
        var on: Int32 = 1
        guard descriptor >= 0,
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size)) == 0,
            Self.bind(descriptor, endpoint, family), listen(descriptor, 16) == 0
        else {
            let reason = unsafe String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw OutputError(.listener, "openmetrics: cannot listen on \(endpoint): \(reason)")
        }
        if let refusal = BackgroundThread.start({ self.loop() }) {
            isDone.store(true, ordering: .releasing)
            throw OutputError(.listener, "openmetrics: no thread: \(refusal)")
        }
    }

    deinit { close(descriptor) }

    /// Answers no more; returns when the thread has ended, within three seconds.
    public func stop() {
        isStopped.store(true, ordering: .relaxed)
        while !isDone.load(ordering: .acquiring) { usleep(1_000) }
    }

    private func loop() {
        while !isStopped.load(ordering: .relaxed) {
            guard Self.wait(descriptor, POLLIN, Self.now() + 50) else { continue }
            let client = accept(descriptor, nil, nil)
            guard client >= 0, fcntl(client, F_SETFL, O_NONBLOCK) == 0, fcntl(client, F_SETFD, FD_CLOEXEC) == 0 else {
                if client >= 0 { close(client) }
                if errno == EMFILE || errno == ENFILE { usleep(50_000) }
                continue
            }
            answer(client)
            close(client)
        }
        isDone.store(true, ordering: .releasing)
    }

    private func answer(_ client: Int32) {
        let deadline = Self.now() + Self.milliseconds
        var request: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while Self.wait(client, POLLIN, deadline) {
            let count = unsafe chunk.withUnsafeMutableBytes { raw in
                unsafe recv(client, raw.baseAddress, raw.count, 0)
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { return }
            request += chunk[..<count]
            guard let answer = MetricsAnswer.to(request, { registry.text(openMetrics: $0) }) else { continue }
            send(client, answer.bytes)
            // What the client sent too much is read, or closing would reset the connection under the answer.
            shutdown(client, Int32(SHUT_WR))
            var rest = 0
            while rest < 1 << 20, Self.wait(client, POLLIN, Self.now() + 50) {
                let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(client, $0.baseAddress, $0.count, 0) }
                guard count > 0 else { return }
                rest += count
            }
            return
        }
    }

    private func send(_ client: Int32, _ bytes: [UInt8]) {
        let deadline = Self.now() + Self.milliseconds
        var rest = bytes[...]
        while !rest.isEmpty, Self.wait(client, POLLOUT, deadline) {
            let count = unsafe rest.withUnsafeBytes { raw in
                unsafe Glibc.send(client, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
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

    private static func bind(_ descriptor: Int32, _ endpoint: Endpoint, _ family: Int32) -> Bool {
        if family == AF_INET6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = endpoint.port.bigEndian
            guard unsafe inet_pton(AF_INET6, endpoint.host, &address.sin6_addr) == 1 else { return false }
            return unsafe withUnsafeBytes(of: address) { unsafe bind(descriptor, $0) }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        guard unsafe inet_pton(AF_INET, endpoint.host, &address.sin_addr) == 1 else { return false }
        return unsafe withUnsafeBytes(of: address) { unsafe bind(descriptor, $0) }
    }

    @unsafe
    private static func bind(_ descriptor: Int32, _ raw: UnsafeRawBufferPointer) -> Bool {
        unsafe raw.withMemoryRebound(to: sockaddr.self) { bound in
            unsafe Glibc.bind(descriptor, bound.baseAddress, socklen_t(raw.count)) == 0
        }
    }
}
