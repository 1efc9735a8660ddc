import Foundation
import Glibc
import Synchronization
import Testing

/// An HTTP server on loopback that answers every request and keeps the first lines.
final class RequestLog: @unchecked Sendable {
    /// Microseconds before an answer. Set before it is used.
    let delay: UInt32
    let port: UInt16
    private let listener: Int32
    // Sendable: the only mutable state is in the mutex.
    private let lines = Mutex<[String]>([])

    init(delay: UInt32 = 0) throws {
        self.delay = delay
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) | listen(descriptor, 128) | getsockname(descriptor, raw, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(status == 0)
        Thread.detachNewThread { [self] in accepting(descriptor) }
    }

    /// No new connections; those that stand go on.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The first lines of all requests, sorted.
    var requests: [String] { lines.withLock { $0.sorted() } }

    private func accepting(_ descriptor: Int32) {
        while true {
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { return }
            Thread.detachNewThread { [self] in answering(client) }
        }
    }

    private func answering(_ client: Int32) {
        defer { close(client) }
        var on: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var text = ""
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            while let end = text.range(of: "\r\n\r\n") {
                let line = String(text[..<end.lowerBound].split(separator: "\r\n").first ?? "")
                lines.withLock { $0.append(line) }
                text.removeSubrange(..<end.upperBound)
                if delay > 0 { usleep(delay) }
                let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                guard reply.withCString({ send(client, $0, strlen($0), Int32(MSG_NOSIGNAL)) }) > 0 else { return }
            }
            let count = read(client, &chunk, chunk.count)
            guard count > 0 else { return }
            text += String(decoding: chunk[..<count], as: UTF8.self)
        }
    }
}

/// The program `loadgen`, which lies beside the test bundle, as a child of this process.
final class LoadgenProcess {
    let pid: pid_t
    private let folder: TemporaryFolder
    private let name: String

    init(_ arguments: [String], in folder: TemporaryFolder, name: String = "run") throws {
        let bundle = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") }, "no test bundle named")
        let program = (bundle as NSString).deletingLastPathComponent + "/loadgen"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, folder.file(name + ".out"), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, folder.file(name + ".err"), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pointers = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var child = pid_t()
        try #require(posix_spawn(&child, program, &actions, &attributes, &pointers, environ) == 0)
        (pid, self.folder, self.name) = (child, folder, name)
    }

    /// Waits for its end: exit code, or less than 0 for a signal.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
    }

    var output: String { (try? folder.text(name + ".out")) ?? "" }
    var errors: String { (try? folder.text(name + ".err")) ?? "" }

    /// Processes that it started, by what the kernel lists.
    var children: [pid_t] {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? ""
        return text.split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
    }

    /// Waits until a condition holds, for a minute at most.
    static func until(_ condition: () -> Bool) -> Bool {
        for _ in 0..<6_000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }
}
