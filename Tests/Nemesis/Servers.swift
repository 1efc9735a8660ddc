import CacheStack
import Foundation
import Glibc
import LocalStack
import PostgresTier
import Synchronization

/// A fault of the bench itself: nothing was tested.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The servers of a run, a relay before each of them, and what breaks them: a Redis Cluster of three masters with a
/// replica each, and a PostgreSQL with full durability.
///
/// The cluster announces the relays' ports, so the cache reaches it, and it replicates, only through them. Links 0...5
/// are the Redis nodes', link 6 is PostgreSQL's.
final class Servers: Sendable {
    static let masters = 3
    static let postgresLink = 2 * masters
    static let postgresPort = ".s.PGSQL.5432"

    /// A server that may be killed and started again.
    struct Process: Sendable {
        var arguments: [String]
        /// The first start belongs to the local stack, later ones to this program.
        var first: ServerProcess?
        var child: ChildProcess?

        func signal(_ number: Int32) {
            if let child {
                child.signal(number)
            } else if let pid = first?.processID {
                kill(pid, number)
            }
        }
    }

    let stack: LocalStack
    let proxy: FaultProxy
    /// The real ports of the Redis nodes.
    let ports: [UInt16]
    /// The ports of their relays.
    let relayPorts: [UInt16]
    /// Through the relay, and beside it.
    let conninfo: String
    let directConninfo: String
    private let nodes: Mutex<[Process]>
    let postgres: Mutex<Process>
    /// The epochs that have ended, oldest first.
    let ended = Mutex<[EndedEpoch]>([])
    private let currentEpoch = Atomic<UInt32>(1)

    /// The epoch of L3.
    var epoch: UInt32 { currentEpoch.load(ordering: .relaxed) }

    init(seed: UInt64) async throws {
        stack = try LocalStack(redis: .cluster(masters: Self.masters), durability: .full)
        var links: [FaultProxy.Link] = []
        var (ports, relayPorts): ([UInt16], [UInt16]) = ([], [])
        for index in 0..<2 * Self.masters {
            let port = index < Self.masters ? stack.redis.nodes[index].port : try Loopback.freePort()
            guard let relay = SocketAddress.loopback(0).listen() else {
                throw BenchError("no port for a relay")
            }
            links.append(FaultProxy.Link(listener: relay.socket, target: .loopback(port)))
            ports.append(port)
            relayPorts.append(relay.port)
        }
        let directory = "\(stack.directory)/relay"
        mkdir(directory, 0o755)
        guard let relay = SocketAddress.unix("\(directory)/\(Self.postgresPort)").listen() else {
            throw BenchError("no socket for the relay of PostgreSQL in \(directory)")
        }
        links.append(
            FaultProxy.Link(
                listener: relay.socket, target: .unix("\(stack.postgres.directory)/\(Self.postgresPort)")))
        (self.ports, self.relayPorts) = (ports, relayPorts)
        conninfo = "host=\(directory) user=app dbname=nemesis"
        directConninfo =
            "host=\(stack.postgres.directory) user=app dbname=nemesis application_name=injector"
        proxy = FaultProxy(links, seed: seed)
        guard let database = stack.postgres.process.processID else {
            throw BenchError("PostgreSQL has no process id")
        }
        postgres = Mutex(
            Process(
                arguments: Self.user + (try Self.commandLine(database)), first: stack.postgres.process))
        nodes = Mutex([])
        try startNodes()
        try await makeDatabase()
    }

    func stop() {
        proxy.stop()
        for node in nodes.withLock({ $0 }) { node.child?.signal(SIGKILL) }
        postgres.withLock { $0.child?.signal(SIGKILL) }
        stack.stop()
    }

    // MARK: Redis

    /// Announces the relays and adds a replica to each master.
    private func startNodes() throws {
        for index in 0..<Self.masters {
            let server = stack.redis.nodes[index].process
            guard let pid = server.processID else { throw BenchError("a Redis node has no process id") }
            let relay = "\(relayPorts[index])"
            let arguments = try Self.commandLine(pid) + ["--cluster-announce-port", relay]
            let announced = RedisCommand.send(
                ports[index], "CONFIG", "SET", "cluster-announce-port", relay)
            guard announced?.hasPrefix("+OK") == true else {
                throw BenchError("not announced: \(announced ?? "-")")
            }
            nodes.withLock { $0.append(Process(arguments: arguments, first: server)) }
        }
        for index in Self.masters..<2 * Self.masters { try startReplica(index) }
        for index in Self.masters..<2 * Self.masters { try introduce(index) }
        try wait("replicas", seconds: 30) {
            (0..<Self.masters).allSatisfy { index in
                RedisCommand.send(ports[index], "INFO", "replication")?.contains("state=online") == true
            }
        }
    }

    private func startReplica(_ index: Int) throws {
        let master = index - Self.masters
        let directory = "\(stack.redis.nodes[master].process.directory)/replica"
        mkdir(directory, 0o755)
        let arguments = [
            "redis-server", "--port", "\(ports[index])", "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no",
            "--dir", directory, "--maxmemory", "512mb", "--maxmemory-policy", "allkeys-lru",
            "--cluster-enabled", "yes",
            "--cluster-port", "\(try Loopback.freePort())", "--cluster-node-timeout", "2000",
            "--cluster-announce-port", "\(relayPorts[index])", "--repl-diskless-sync-delay", "0",
        ]
        let child = try ChildProcess.start(arguments, log: "\(directory)/log")
        nodes.withLock { $0.append(Process(arguments: arguments, child: child)) }
        try wait("replica \(ports[index])", seconds: 10) {
            RedisCommand.send(ports[index], "PING")?.hasPrefix("+PONG") == true
        }
    }

    /// Joins a replica to the cluster and to its master.
    private func introduce(_ index: Int) throws {
        let master = ports[index - Self.masters]
        guard let id = RedisCommand.send(master, "CLUSTER", "MYID").flatMap(Self.bulk),
            let bus = RedisCommand.send(master, "CONFIG", "GET", "cluster-port")?.split(separator: "\r\n")
                .last
        else { throw BenchError("the master of a replica does not answer") }
        RedisCommand.send(ports[index], "CLUSTER", "MEET", "127.0.0.1", "\(master)", String(bus))
        try wait("meeting of \(ports[index])", seconds: 20) {
            RedisCommand.send(ports[index], "CLUSTER", "REPLICATE", id)?.hasPrefix("+OK") == true
        }
    }

    /// Signals a Redis node's process.
    func signal(redis index: Int, _ number: Int32) { nodes.withLock { $0[index] }.signal(number) }

    /// Starts a killed node again: with what it knew of the cluster, without its keys.
    func restart(redis index: Int) throws {
        let arguments = nodes.withLock { $0[index].arguments }
        let child = try ChildProcess.start(
            arguments, log: "\(stack.directory)/redis-restart-\(index).log")
        nodes.withLock { $0[index].child = child }
    }

    /// The nodes that are masters now, by their own word.
    var masterIndices: [Int] {
        ports.indices.filter {
            RedisCommand.send(ports[$0], "ROLE")?.contains("\r\nmaster\r\n") == true
        }
    }

    /// The text of a bulk reply.
    static func bulk(_ reply: String) -> String? {
        guard reply.hasPrefix("$") else { return nil }
        return reply.split(separator: "\r\n").dropFirst().first.map(String.init)
    }

    /// Notes that an epoch is over and which one has followed.
    func end(_ epoch: EndedEpoch, next: UInt32) {
        ended.withLock { $0.append(epoch) }
        currentEpoch.store(next, ordering: .relaxed)
    }

    // MARK: Waiting

    private func wait(_ what: String, seconds: Int, _ isDone: () -> Bool) throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while !isDone() {
            guard ContinuousClock.now < end else { throw BenchError("not in time: \(what)") }
            usleep(20_000)
        }
    }

    static func wait(_ what: String, seconds: Int, _ isDone: () async -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while await !isDone() {
            guard ContinuousClock.now < end else { throw BenchError("not in time: \(what)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
