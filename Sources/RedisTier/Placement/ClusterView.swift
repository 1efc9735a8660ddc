/// Who owns which slots, as one node sees it: the answer to CLUSTER SLOTS, checked and put in order.
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

    /// A view of those ranges in any order; nil if they overlap or leave 0...16383.
    package init?(_ ranges: [Range]) {
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
    }

    /// Parses the reply of CLUSTER SLOTS by the node `asked`; nil if it is not one.
    ///
    /// Each element is `[first, last, [host, port, id, ...] of the primary, replicas ...]`. An empty or null host
    /// means the one that was asked (Redis 7, `cluster-preferred-endpoint-type unknown-endpoint`).
    package init?(_ reply: ReplyStore, from asked: RedisAddress) {
        guard reply.nodes.first?.kind == .array else { return nil }
        var ranges: [Range] = []
        for element in reply.elements(of: 0) {
            guard let range = Self.range(reply, element, asked) else { return nil }
            ranges.append(range)
        }
        self.init(ranges)
    }

    private static func range(_ reply: ReplyStore, _ element: Int, _ asked: RedisAddress) -> Range? {
        let parts = reply.elements(of: element)
        guard parts.count >= 3 else { return nil }
        let primary = reply.elements(of: parts[2])
        guard primary.count >= 2, let first = number(reply, parts[0]), let last = number(reply, parts[1]),
            let port = number(reply, primary[1]), port > 0
        else { return nil }
        let host = reply.string(primary[0])
        return Range(first, last, RedisAddress(host: host.isEmpty || host == "?" ? asked.host : host, port: port))
    }

    private static func number(_ reply: ReplyStore, _ index: Int) -> UInt16? {
        reply.nodes[index].kind == .integer ? UInt16(exactly: reply.nodes[index].value) : nil
    }

    /// Slots that have a primary.
    package var coveredSlots: Int { ranges.reduce(0) { $0 + Int($1.last) - Int($1.first) + 1 } }
}
