import Foundation
import Glibc
import RedisTier
import TestCertificates

struct PrivateRedisError: Error, CustomStringConvertible {
    let description: String
}

/// Redis servers for one test that kills, stops, restarts or reshapes them; the shared ones must not suffer that.
///
/// Each server runs under a shell whose standard input is a pipe held by this process: when the pipe closes, however
/// this process ends, the shell kills the server and removes its directory.
final class PrivateRedis: @unchecked Sendable {  // used by one test at a time
    private struct Server {
        /// Plain, for the test's own commands.
        let port: UInt16
        let bus: UInt16
        /// 0 where there is none.
        let securePort: UInt16
        var directory: String
        var supervisor: pid_t
        var pipe: Int32
    }

    private static let script = #"""
        d=$1; shift; "$@" & c=$!; echo $c >"$d/pid.new"; mv "$d/pid.new" "$d/pid"; cat >/dev/null
        kill -KILL $c 2>/dev/null; wait $c 2>/dev/null; rm -rf -- "$d"; rmdir -- "$(dirname "$d")" 2>/dev/null
        """#

    /// TLS of the servers, beside their plain port.
    struct Security {
        var pair: TestCertificates.Pair
        var authority: String
        /// `yes`: clients need a certificate that the authority signed.
        var wantsClientCertificate = false
        /// A value of `tls-protocols`.
        var protocols = "TLSv1.2 TLSv1.3"
    }

    private let root: String
    private let isCluster: Bool
    /// Servers that own slots; the others are replicas.
    private let primaries: Int
    private let security: Security?
    private var servers: [Server] = []
    private var starts = 0

    /// Starts `count` servers: a cluster that shares the slots evenly, with `replicas` more servers behind each of them
    /// (server i is a replica of server i modulo `count`), or standalone ones.
    init(count: Int, isCluster: Bool, replicas: Int = 0, security: Security? = nil) throws {
        precondition(isCluster || replicas == 0, "only a cluster has replicas here")
        self.isCluster = isCluster
        primaries = count
        self.security = security
        var template = Array("\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/redistier-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw PrivateRedisError(description: "no scratch directory") }
        root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for _ in 0..<count * (1 + replicas) {
            servers.append(
                try start(
                    port: Self.freePort(), bus: Self.freePort(), securePort: security == nil ? 0 : Self.freePort(),
                    nodesFile: nil))
        }
        for index in servers.indices { try waitUntilAnswering(index) }
        if isCluster { try formCluster() }
    }

    deinit { stop() }

    /// Where the servers speak TLS if they do, else their plain ports.
    var addresses: [RedisAddress] {
        servers.map { RedisAddress(host: "127.0.0.1", port: $0.securePort == 0 ? $0.port : $0.securePort) }
    }

    /// The plain ports.
    var plainAddresses: [RedisAddress] { servers.map { RedisAddress(host: "127.0.0.1", port: $0.port) } }

    /// Ends all servers and removes their directories.
    func stop() {
        for server in servers { end(server) }
        servers.removeAll()
    }

    func kill(_ index: Int, _ signal: Int32) throws { Glibc.kill(try processID(servers[index]), signal) }

    /// Starts a killed server again on its port, with what it knew of the cluster and without its keys.
    func restart(_ index: Int) throws {
        let old = servers[index]
        let nodesFile = isCluster ? try? Data(contentsOf: URL(fileURLWithPath: "\(old.directory)/nodes.conf")) : nil
        end(old)
        servers[index] = try start(
            port: old.port, bus: old.bus, securePort: old.securePort, nodesFile: nodesFile)
        try waitUntilAnswering(index)
    }

    /// Sends a command to one server; the reply as text, arrays as their elements in lines.
    @discardableResult
    func send(_ index: Int, _ words: String...) throws -> String { try Self.send(servers[index].port, words) }

    func nodeID(_ index: Int) throws -> String { try send(index, "CLUSTER", "MYID") }

    private func start(port: UInt16, bus: UInt16, securePort: UInt16, nodesFile: Data?) throws -> Server {
        starts += 1
        let directory = "\(root)/\(port)-\(starts)"
        mkdir(directory, 0o755)
        if let nodesFile { try nodesFile.write(to: URL(fileURLWithPath: "\(directory)/nodes.conf")) }
        var arguments = [
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
            directory,
        ]
        if isCluster {
            arguments += [
                "--cluster-enabled", "yes", "--cluster-port", "\(bus)", "--cluster-node-timeout", "2000",
                "--repl-diskless-sync-delay", "0",
            ]
        }
        if let security {
            arguments += [
                "--tls-port", "\(securePort)", "--tls-cert-file", security.pair.certificate, "--tls-key-file",
                security.pair.key, "--tls-ca-cert-file", security.authority, "--tls-auth-clients",
                security.wantsClientCertificate ? "yes" : "no", "--tls-protocols", security.protocols,
            ]
            if isCluster { arguments += ["--tls-cluster", "yes"] }
        }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw PrivateRedisError(description: "no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let pid = try Self.spawn(
            ["/bin/sh", "-c", Self.script, "supervisor", directory] + arguments, input: ends[0],
            log: "\(directory)/log")
        return Server(
            port: port, bus: bus, securePort: securePort, directory: directory, supervisor: pid, pipe: ends[1])
    }

    private func end(_ server: Server) {
        close(server.pipe)
        var status: Int32 = 0
        waitpid(server.supervisor, &status, 0)
    }

    private func processID(_ server: Server) throws -> pid_t {
        let text = try String(contentsOfFile: "\(server.directory)/pid", encoding: .utf8)
        guard let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw PrivateRedisError(description: "no process id")
        }
        return pid
    }

    private func waitUntilAnswering(_ index: Int) throws {
        try wait("redis on port \(servers[index].port)") { try send(index, "PING") == "PONG" }
    }

    private func formCluster() throws {
        for index in servers.indices {
            let (first, last) = (index * 16_384 / primaries, (index + 1) * 16_384 / primaries - 1)
            if index < primaries { try send(index, "CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(last)") }
            try send(index, "CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)")
            if index > 0 {
                try send(0, "CLUSTER", "MEET", "127.0.0.1", "\(servers[index].port)", "\(servers[index].bus)")
            }
        }
        for index in servers.indices {
            try wait("cluster at \(servers[index].port)") {
                let info = try send(index, "CLUSTER", "INFO")
                return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:\(servers.count)")
            }
        }
        for index in servers.indices.dropFirst(primaries) {
            try send(index, "CLUSTER", "REPLICATE", nodeID(index % primaries))
        }
        for index in servers.indices.dropFirst(primaries) {
            try wait("replica at \(servers[index].port)") {
                try send(index, "INFO", "replication").contains("master_link_status:up")
                    && servers.indices.allSatisfy {
                        try send($0, "CLUSTER", "SLOTS").contains("\n\(servers[index].port)\n")
                    }
            }
        }
    }

    private func wait(_ what: String, _ isReady: () throws -> Bool) throws {
        let end = ContinuousClock.now + .seconds(20)
        while !((try? isReady()) ?? false) {
            guard ContinuousClock.now < end else { throw PrivateRedisError(description: "not ready: \(what)") }
            usleep(10_000)
        }
    }

    private static func spawn(_ arguments: [String], input: Int32, log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &words, environ)
        guard code == 0 else { throw PrivateRedisError(description: "spawn: errno \(code)") }
        return pid
    }

    // MARK: Sockets

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = port.bigEndian
        return address
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw PrivateRedisError(description: "no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Sends one command to a server on loopback and waits two seconds at most for its reply.
    @discardableResult
    static func send(_ port: UInt16, _ words: [String]) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = loopback(port)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw PrivateRedisError(description: "cannot connect to \(port)") }
        var command: [UInt8] = []
        CommandEncoder.head(words.count, to: &command)
        for word in words { CommandEncoder.argument(word.utf8, to: &command) }
        guard Glibc.send(descriptor, command, command.count, Int32(MSG_NOSIGNAL)) == command.count else {
            throw PrivateRedisError(description: "cannot send to \(port)")
        }
        return try receive(descriptor)
    }

    private static func receive(_ descriptor: Int32) throws -> String {
        let reader = ReplyReader(caps: ReplyReader.Caps(elements: 100_000, bytes: 64 << 20))
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw PrivateRedisError(description: "no reply") }
            try buffer[..<count].withUnsafeBytes { try reader.feed($0) }
            if try reader.next() { return describe(reader.reply, 0) }
        }
    }

    private static func describe(_ reply: ReplyStore, _ index: Int) -> String {
        switch reply.nodes[index].kind {
        case .status, .error, .bulk: reply.string(index)
        case .integer: "\(reply.nodes[index].value)"
        case .null: "(nil)"
        case .array: reply.elements(of: index).map { describe(reply, $0) }.joined(separator: "\n")
        }
    }
}
