import Arrivals
import CLinux
import Glibc
import Telemetry

/// The least a sender on a thread of its own can do here: the same arrivals over as many connections, each sent with
/// one `send` at its time and its echo read with one `recv`, nothing built, parsed or recorded.
///
/// What the generator costs above this is its own; the rest is the kernel's.
enum Floor {
    private static let messageBytes = 180

    /// Connected pairs of loopback TCP sockets.
    private static func pairs(_ count: Int) -> [(client: Int32, server: Int32)] {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var on: Int32 = 1
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                guard bind(listener, name, length) == 0, listen(listener, 64) == 0,
                    getsockname(listener, name, &length) == 0
                else { return [] }
                defer { close(listener) }
                return (0..<count).map { _ in
                    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                    connect(client, name, length)
                    let server = accept(listener, nil, nil)
                    setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
                    setsockopt(server, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
                    return (client, server)
                }
            }
        }
    }

    private static func watch(_ descriptors: [Int32]) -> Int32 {
        let poller = epoll_create1(0)
        for descriptor in descriptors {
            var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: descriptor))
            epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event)
        }
        return poller
    }

    /// Sends back what comes, until a connection ends.
    private static func echo(_ descriptors: [Int32]) {
        let poller = watch(descriptors)
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = epoll_wait(poller, &events, 64, -1)
            for index in 0..<Int(max(count, 0)) {
                let descriptor = events[index].data.fd
                let length = recv(descriptor, &bytes, bytes.count, 0)
                guard length > 0 else { return }
                send(descriptor, bytes, length, Int32(MSG_NOSIGNAL))
            }
        }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Sends Poisson arrivals for `seconds`; prints what that cost.
    static func measure(_ profile: RateProfile, seconds: Double) {
        let pairs = pairs(32)
        guard pairs.count == 32 else { return print("no sockets for the floor") }
        let servers = pairs.map(\.server)
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Descriptors(servers))
        pthread_create(
            &thread, nil,
            { raw in
                if let raw { Floor.echo(Unmanaged<Descriptors>.fromOpaque(raw).takeRetainedValue().values) }
                return nil
            }, box.toOpaque())
        _ = clinux_set_timer_slack(1)
        defer { _ = clinux_set_timer_slack(0) }
        let poller = watch(pairs.map(\.client))
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 65_536)
        var lag = HDRHistogram.latency()
        var (sent, echoed) = (0, 0)
        let cpu = ProcessMetrics.threadCPUSeconds()
        let start = now()
        for offset in ArrivalSchedule(.poisson, profile: profile, seed: 7) {
            while true {
                let elapsed = now() - start
                guard elapsed < offset else { break }
                var wait = timespec(tv_sec: 0, tv_nsec: Int(offset - elapsed))
                let count = epoll_pwait2(poller, &events, 64, &wait, nil)
                for index in 0..<Int(max(count, 0)) {
                    echoed += recv(events[index].data.fd, &bytes, bytes.count, Int32(MSG_DONTWAIT))
                }
            }
            lag.record(Int64(now() - start - offset))
            send(pairs[sent % 32].client, bytes, messageBytes, Int32(MSG_NOSIGNAL))
            sent += 1
        }
        let used = ProcessMetrics.threadCPUSeconds() - cpu
        for pair in pairs { shutdown(pair.client, Int32(SHUT_RDWR)) }
        pthread_join(thread, nil)
        for pair in pairs { close(pair.client); close(pair.server) }
        print(
            "bare sockets: \(sent) sent, \(echoed / messageBytes) read, "
                + "\((used / seconds * 1_000).rounded() / 10) % of a core, "
                + "\((used / Double(max(sent, 1)) * 1e8).rounded() / 100) us a request, "
                + "send lag p99 \(lag.value(atPercentile: 99) / 1_000) us")
    }
}

/// Descriptors handed to a thread.
private final class Descriptors {
    let values: [Int32]
    init(_ values: [Int32]) { self.values = values }
}
