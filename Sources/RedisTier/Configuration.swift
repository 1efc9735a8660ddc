extension RedisTier {
    /// Everything an operator may set, with the defaults; times are for servers in the same data centre.
    public struct Configuration: Sendable {
        /// How the servers belong together.
        public enum Mode: Sendable {
            /// A Redis Cluster: any of its nodes; the others are found through them.
            case cluster(seeds: [RedisAddress])
            /// Standalone servers; a key's server is chosen by rendezvous hashing over the names.
            case ring(shards: [Shard])
        }

        /// A standalone server of a ring.
        public struct Shard: Sendable, Hashable {
            /// Decides which keys it owns: keep it when the address changes.
            public let name: String
            /// Where it listens.
            public let address: RedisAddress
            /// Its share of the keys in proportion to the others'.
            public let weight: Double

            /// A shard; `weight` must be positive.
            public init(_ name: String, _ address: RedisAddress, weight: Double = 1) {
                self.name = name
                self.address = address
                self.weight = weight
            }
        }

        /// What AUTH sends; printed as `***`.
        public struct Credentials: Sendable, CustomStringConvertible, CustomReflectable {
            /// ACL user; nil for the password of the default user.
            public let user: String?
            let password: String

            /// A user, where there is one, and its password.
            public init(user: String? = nil, password: String) {
                self.user = user
                self.password = password
            }

            /// `***`.
            public var description: String { "***" }
            /// Nothing.
            public var customMirror: Mirror { Mirror(self, children: []) }
        }

        /// Cluster or ring, and its servers.
        public var mode: Mode
        /// Sent on every new connection; nil where the servers want none.
        public var credentials: Credentials?
        /// How connections are encrypted; nil for plain ones.
        public var tls: TLS?
        /// What the connections are called in CLIENT LIST; nil for no name. A server that refuses it is used all the same.
        public var clientName: String?
        /// Epoch of L3's history that reads start with; fills and publishes raise it (`RedisTier.epoch`).
        public var epoch: UInt32 = 1
        /// Connecting, the TLS handshake and the greeting's answer, all together.
        public var connectTimeout: Duration = .milliseconds(500)
        /// A batch with less time left is refused instead of sent: letting its deadline pass would cost the connection.
        public var minimumBudget: Duration = .microseconds(500)
        /// How long a loader may take; the loader's own hard timeout must not be longer.
        public var leaseDuration: Duration = .seconds(2)
        /// How long a tombstone refuses older versions. Correctness needs no minimum.
        public var tombstoneDuration: Duration = .seconds(5)
        /// Consecutive faults of a node that open its breaker.
        public var breakerFaults = 3
        /// First delay of an open breaker; doubles with each failed probe.
        public var breakerDelay: Duration = .milliseconds(200)
        /// Delay before the third connection attempt in a row; doubles.
        public var reconnectDelay: Duration = .milliseconds(20)
        /// No delay is longer.
        public var longestDelay: Duration = .seconds(2)
        /// Shortest time between two rounds of CLUSTER SLOTS.
        public var refreshInterval: Duration = .milliseconds(100)
        /// The topology is asked for that often without any cause.
        public var idleRefreshInterval: Duration = .seconds(15)
        /// Redirects and retries of one command.
        public var redirectsMax = 8
        /// Pause before a command is repeated after TRYAGAIN or READONLY.
        public var retryDelay: Duration = .milliseconds(5)
        /// Whether `get(_:allowingReplicas:until:)` may ask a cluster's replicas. The user needs the right to READONLY,
        /// and should have the one to ROLE, which tells whether a replica hears from its primary.
        public var replicaReads = false
        /// A replica that is silent for so long while it owes answers loses its connection, and the primary is asked
        /// instead; batches with less than twice this time left ask the primary at once.
        public var replicaTimeout: Duration = .milliseconds(20)
        /// How often a replica's latency and link to its primary are asked for.
        public var replicaProbeInterval: Duration = .milliseconds(250)
        /// Commands without reply on one connection; more are refused.
        public var inFlightMax = 65_536
        /// Bytes waiting to be written to one connection; more are refused.
        public var outputBytesMax = 16 << 20
        /// Bytes of one reply; more cost the connection.
        public var replyBytesMax = 4 << 20
        /// Elements of one array in a reply; more cost the connection.
        public var replyElementsMax = 16_384
        /// Bytes of all replies of one batch; the commands beyond are `.overloaded`.
        public var batchReplyBytesMax = 64 << 20
        /// Bytes of one encoded entry; larger ones are not stored in L2.
        public var valueBytesMax = 1 << 20
        /// Seed of the lease tokens; nil draws one from the system. Two processes must not share one.
        public var tokenSeed: UInt64?

        /// The defaults for servers in that mode.
        public init(_ mode: Mode) { self.mode = mode }

        /// What is wrong with it, for the person who wrote it; nil if nothing is. Reads the files of `tls`.
        ///
        /// `RedisTier.init` requires nil, except for the files: where those cannot be used by then, every node's fault
        /// says so until they can.
        public var problem: String? { shapeProblem ?? tls?.problem }

        /// The same without reading a file.
        var shapeProblem: String? { modeProblem ?? securityProblem ?? timeProblem ?? limitProblem }

        private var securityProblem: String? {
            // CLIENT SETNAME takes printable characters without blanks.
            if let clientName, clientName.isEmpty || !clientName.utf8.allSatisfy({ (33...126).contains($0) }) {
                return "the client name must be printable ASCII without blanks"
            }
            guard tls != nil else { return nil }
            let addresses =
                switch mode {
                case .cluster(let seeds): seeds
                case .ring(let shards): shards.map(\.address)
                }
            return addresses.contains(where: \.isUnixSocket) ? "tls: Unix sockets take no TLS" : nil
        }

        private var modeProblem: String? {
            if replicaReads, case .ring = mode { return "replicaReads: only a cluster names its replicas" }
            switch mode {
            case .cluster(let seeds):
                return (1...64).contains(seeds.count) ? nil : "a cluster needs 1 to 64 seed addresses"
            case .ring(let shards):
                guard (1...64).contains(shards.count) else { return "a ring needs 1 to 64 shards" }
                guard Set(shards.map(\.name)).count == shards.count else {
                    return "the names of the shards must differ"
                }
                guard Set(shards.map(\.address)).count == shards.count else {
                    return "the servers of the shards must differ"
                }
                guard shards.allSatisfy({ $0.weight > 0 && $0.weight.isFinite }) else {
                    return "the weight of a shard must be positive"
                }
                return nil
            }
        }

        private var timeProblem: String? {
            let times = [
                ("connectTimeout", connectTimeout), ("leaseDuration", leaseDuration),
                ("tombstoneDuration", tombstoneDuration), ("breakerDelay", breakerDelay),
                ("reconnectDelay", reconnectDelay), ("longestDelay", longestDelay),
                ("refreshInterval", refreshInterval), ("idleRefreshInterval", idleRefreshInterval),
                ("retryDelay", retryDelay), ("replicaTimeout", replicaTimeout),
                ("replicaProbeInterval", replicaProbeInterval),
            ]
            return times.first { $0.1 < .milliseconds(1) }.map { "\($0.0) must be at least 1 ms" }
        }

        private var limitProblem: String? {
            let limits = [
                ("breakerFaults", breakerFaults), ("redirectsMax", redirectsMax), ("inFlightMax", inFlightMax),
                ("replyElementsMax", replyElementsMax), ("valueBytesMax", valueBytesMax),
            ]
            if let bad = limits.first(where: { $0.1 < 1 }) { return "\(bad.0) must be positive" }
            guard redirectsMax <= 100 else { return "redirectsMax must be at most 100" }
            // A script's reply holds the entry and a few more bytes.
            guard replyBytesMax >= valueBytesMax + 4_096, replyBytesMax <= 1 << 30 else {
                return "replyBytesMax must be at least valueBytesMax + 4096, and at most 1 GiB"
            }
            guard batchReplyBytesMax >= replyBytesMax else {
                return "batchReplyBytesMax must be at least replyBytesMax"
            }
            guard outputBytesMax >= 2 * valueBytesMax + 4_096 else {
                return "outputBytesMax must be at least twice valueBytesMax + 4096"
            }
            return nil
        }

        /// Bytes that one connection holds at most: what waits to be written, a reply half received, the one being taken,
        /// and the buffers of TLS. Replies handed to a batch count there (`batchReplyBytesMax`).
        public var connectionBytesMax: Int { outputBytesMax + 2 * replyBytesMax + (tls == nil ? 0 : 128 << 10) }

        var breaker: Breaker.Settings {
            Breaker.Settings(
                faults: breakerFaults, reconnectDelay: reconnectDelay, openDelay: breakerDelay,
                longestDelay: longestDelay)
        }

        var replyCaps: ReplyReader.Caps { ReplyReader.Caps(elements: replyElementsMax, bytes: replyBytesMax) }
    }
}
