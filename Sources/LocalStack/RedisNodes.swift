internal import Glibc

/// Private Redis servers on loopback: one cluster, or standalone shards for a ring. Nothing is written to disk.
public final class RedisNodes: Sendable {
    /// How the servers belong together.
    public enum Layout: Sendable {
        /// One cluster of `masters` nodes that share the 16,384 slots evenly.
        case cluster(masters: Int)
        /// `shards` servers that know nothing of each other.
        case standalone(shards: Int)
    }

    /// One server.
    public struct Node: Sendable {
        /// Its loopback port.
        public let port: UInt16
        /// The process, to stop or kill it.
        public let process: ServerProcess
    }

    /// The servers, in the order of their slots.
    public let nodes: [Node]
    private let layout: Layout

    /// Starts the servers below `root`; a cluster must still be waited for (`waitUntilReady`).
    init(_ layout: Layout, root: String) throws(LocalStackError) {
        self.layout = layout
        let (count, isCluster) =
            switch layout {
            case .cluster(let masters): (masters, true)
            case .standalone(let shards): (shards, false)
            }
        var nodes: [Node] = []
        for index in 0..<count { nodes.append(try Self.startNode(index, isCluster: isCluster, root: root)) }
        self.nodes = nodes
    }

    private static func startNode(_ index: Int, isCluster: Bool, root: String) throws(LocalStackError) -> Node {
        // A port seen free can be taken a moment later: try a few.
        for attempt in 0..<5 {
            let port = try Loopback.freePort()
            let directory = "\(root)/redis\(index)-\(attempt)"
            mkdir(directory, 0o755)
            var arguments = [
                "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", directory, "--maxmemory", "512mb", "--maxmemory-policy", "allkeys-lru",
            ]
            if isCluster {
                let bus = try Loopback.freePort()
                arguments += [
                    "--cluster-enabled", "yes", "--cluster-port", "\(bus)", "--cluster-node-timeout", "2000",
                ]
            }
            let process = try ServerProcess("redis \(port)", arguments, directory: directory, stopSignal: "TERM")
            if waitUntil(seconds: 10, { Loopback.redis(port, ["PING"])?.hasPrefix("+PONG") == true }) {
                return Node(port: port, process: process)
            }
            let tail = process.logTail()
            process.stop()
            if attempt == 4 { throw LocalStackError("redis-server does not answer on port \(port):\n\(tail)") }
        }
        throw LocalStackError("no redis-server could be started")
    }

    /// Hands out the slots and introduces the nodes to each other; a fresh cluster refuses traffic for two seconds.
    func formCluster() {
        guard case .cluster = layout else { return }
        for (index, node) in nodes.enumerated() {
            let first = index * 16_384 / nodes.count
            let last = (index + 1) * 16_384 / nodes.count - 1
            _ = Loopback.redis(node.port, ["CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(last)"])
            _ = Loopback.redis(node.port, ["CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)"])
        }
        for node in nodes.dropFirst() {
            let bus = Loopback.redis(node.port, ["CONFIG", "GET", "cluster-port"]).flatMap(Self.lastLine) ?? ""
            _ = Loopback.redis(nodes[0].port, ["CLUSTER", "MEET", "127.0.0.1", "\(node.port)", bus])
        }
    }

    private static func lastLine(_ reply: String) -> String? {
        reply.split(separator: "\r\n").last.map(String.init)
    }

    /// Waits until every node serves its slots.
    func waitUntilReady() throws(LocalStackError) {
        guard case .cluster = layout else { return }
        for node in nodes {
            let isReady = waitUntil(seconds: 30) {
                let state = Loopback.redis(node.port, ["CLUSTER", "INFO"]) ?? ""
                return state.contains("cluster_state:ok") && state.contains("cluster_slots_ok:16384")
            }
            guard isReady else {
                throw LocalStackError("the Redis Cluster node \(node.port) is not ready:\n\(node.process.logTail())")
            }
        }
    }

    /// The addresses, `127.0.0.1:port`.
    public var addresses: [String] { nodes.map { "127.0.0.1:\($0.port)" } }

    /// Stops all servers.
    public func stop() { for node in nodes { node.process.stop() } }
}
