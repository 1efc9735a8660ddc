/// The versions of every key in the order of their tickets, which is the order of commits: L3 issues the tickets.
struct VersionOrder {
    /// All versions, by key and then ticket.
    let versions: [DurableVersion]
    private let ranges: [UInt64: Range<Int>]
    /// The ends of the acknowledged writes by ticket: `ends[i]` is the earliest end of a write at `tickets[i]` or later.
    private let tickets: [UInt64]
    private let ends: [Int64]

    init(_ history: History) {
        let sorted = history.versions.sorted { ($0.key, $0.ticket) < ($1.key, $1.ticket) }
        versions = sorted
        var ranges: [UInt64: Range<Int>] = [:]
        var start = 0
        for index in sorted.indices where index + 1 == sorted.count || sorted[index + 1].key != sorted[index].key {
            ranges[sorted[index].key] = start..<index + 1
            start = index + 1
        }
        self.ranges = ranges
        var acknowledged = history.operations.filter { $0.kind == .write && $0.outcome == .ok }
            .map { (ticket: $0.ticket, end: $0.end) }
        acknowledged.sort { $0.ticket < $1.ticket }
        for index in acknowledged.indices.reversed().dropFirst() {
            acknowledged[index].end = min(acknowledged[index].end, acknowledged[index + 1].end)
        }
        tickets = acknowledged.map(\.ticket)
        ends = acknowledged.map(\.end)
    }

    /// Where a version stands in `versions`; nil where L3 has no such version.
    func place(_ key: UInt64, _ ticket: UInt64) -> Int? {
        guard let range = ranges[key] else { return nil }
        let at = lowerBound(range) { versions[$0].ticket < ticket }
        return at < range.upperBound && versions[at].ticket == ticket ? at : nil
    }

    /// Where the first version above `ticket` stands.
    func next(_ key: UInt64, after ticket: UInt64) -> Int? {
        guard let range = ranges[key] else { return nil }
        let at = lowerBound(range) { versions[$0].ticket <= ticket }
        return at < range.upperBound ? at : nil
    }

    /// Where the version before the one at `place` stands.
    func previous(_ place: Int) -> Int? {
        place > 0 && versions[place - 1].key == versions[place].key ? place - 1 : nil
    }

    /// The earliest time at which the commit at `ticket` is known to have completed: that write, or one that L3 ordered
    /// after it, was acknowledged. Nil where none was.
    func completion(of ticket: UInt64) -> Int64? {
        let at = lowerBound(tickets.indices) { tickets[$0] < ticket }
        return at < ends.count ? ends[at] : nil
    }

    private func lowerBound(_ range: Range<Int>, _ isBelow: (Int) -> Bool) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if isBelow(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
