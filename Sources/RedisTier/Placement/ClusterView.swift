/// Who owns which slots, as one node sees it: the answer to CLUSTER SLOTS, checked and put in order.
///
/// Two views are equal if they name the same owners: nodes may differ about replicas for a while, and must not be kept
/// from agreeing on the primaries by that.
package struct ClusterView: Hashable, Sendable {
    /// A run of slots with one primary.
    package struct Range: Hashable, Sendable {
        package let first: UInt16
        package let last: UInt16
        package let primary: RedisAddress

        /// The slots `first...last` on `primary`.
        package init(_ first: UInt16, _ last: UInt16, _ primary: RedisAddress) {
            self.first = first
            self.last = last
            self.primary = primary
        }
    }

    /// Ranges by first slot; they do not overlap, and neighbours of one primary are merged.
    package let ranges: [Range]
    /// The replicas of each primary, in the order of their addresses' texts.
    package let replicas: [RedisAddress: [RedisAddress]]

    /// Whether both name the same owners.
    package static func == (one: ClusterView, other: ClusterView) -> Bool { one.ranges == other.ranges }

    package func hash(into hasher: inout Hasher) { hasher.combine(ranges) }

    /// A view of those ranges in any order; nil if they overlap or leave 0...16383.
    package init?(_ ranges: [Range], replicas: [RedisAddress: Set<RedisAddress>] = [:]) {
        var merged: [Range] = []
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            guard range.first <= range.last, range.last < KeySlot.count else { return nil }
            if let previous = merged.last {
                guard previous.last < range.first else { return nil }
                if previous.last + 1 == range.first, previous.primary == range.primary {
                    merged[merged.count - 1] = Range(previous.first, range.last, range.primary)
                    continue
                }
            }
            merged.append(range)
        }
        self.ranges = merged
        self.replicas = replicas.mapValues { addresses in addresses.sorted { "\($0)" < "\($1)" } }
    }

    /// Parses the reply of CLUSTER SLOTS by the node `asked`; nil if it is not one.
    ///
    /// Each element is `[first, last, [host, port, id, ...] of the primary, replicas ...]`. An empty or null host
    /// means the one that was asked (Redis 7, `cluster-preferred-endpoint-type unknown-endpoint`). A replica that cannot
    /// be read is left out.
    package init?(_ reply: ReplyStore, from asked: RedisAddress) {
        guard reply.nodes.first?.kind == .array else { return nil }
        var ranges: [Range] = []
        var replicas: [RedisAddress: Set<RedisAddress>] = [:]
        for element in reply.elements(of: 0) {
            let parts = reply.elements(of: element)
            guard let range = Self.range(reply, parts, asked) else { return nil }
            ranges.append(range)
            let others = parts.dropFirst(3).compactMap { Self.address(reply, $0, asked) }
            replicas[range.primary, default: []].formUnion(others)
        }
        self.init(ranges, replicas: replicas)
    }

    private static func range(_ reply: ReplyStore, _ parts: [Int], _ asked: RedisAddress) -> Range? {
        guard parts.count >= 3, let first = number(reply, parts[0]), let last = number(reply, parts[1]),
            let primary = address(reply, parts[2], asked)
        else { return nil }
        return Range(first, last, primary)
    }

    private static func address(_ reply: ReplyStore, _ element: Int, _ asked: RedisAddress) -> RedisAddress? {
        let parts = reply.elements(of: element)
        guard parts.count >= 2, let port = number(reply, parts[1]), port > 0 else { return nil }
        let host = reply.string(parts[0])
        return RedisAddress(host: host.isEmpty || host == "?" ? asked.host : host, port: port)
    }

    private static func number(_ reply: ReplyStore, _ index: Int) -> UInt16? {
        reply.nodes[index].kind == .integer ? UInt16(exactly: reply.nodes[index].value) : nil
    }

    /// Slots that have a primary.
    package var coveredSlots: Int { ranges.reduce(0) { $0 + Int($1.last) - Int($1.first) + 1 } }
}
