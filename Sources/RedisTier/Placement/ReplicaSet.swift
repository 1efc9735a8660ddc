/// Which replicas may answer for a primary, and in which turn. Pure: events in, choices out.
///
/// - A replica is used from its first good probe on, until a fault, an error reply, or a probe that finds its link to
///   the primary down; then again from the next good probe on.
/// - Of a primary's usable replicas those take turns whose latency is near the best one's (`isNear`): equal ones share
///   the load, one that is slow or far away gets none, and is heard again with each probe.
/// - Replicas keep their index for ever; those that no view names any more are retired. At most `membersMax` are known.
package struct ReplicaSet: Sendable {
    /// One replica.
    package struct Member: Sendable, Hashable {
        package let address: RedisAddress
        /// The primary's index; nil once no view names the replica.
        package var primary: Int?
        /// Average over the last probes (exponential, 0.3 for the newest); nil before the first.
        package var latency: Duration?
        /// Whether the last thing heard of it was a good probe or an answer.
        package var isServing = false
    }

    /// What the caller must do.
    package enum Action: Hashable, Sendable {
        /// Keep a connection to the replica of that index.
        case connect(Int)
        /// Close its connection once it is idle.
        case retire(Int)
    }

    /// Replicas a client ever knows at once or after another.
    package static let membersMax = 256
    private static let weight = 0.3

    /// Every replica known so far; the position is its index.
    package private(set) var members: [Member] = []
    /// Those to use, by primary.
    private var turns: [Int: [Int]] = [:]

    /// A set without replicas.
    package init() {}

    /// Takes the replicas that a view names, with the index of each one's primary.
    package mutating func adopt(_ replicas: [(address: RedisAddress, primary: Int)]) -> [Action] {
        var actions: [Action] = []
        var named: Set<Int> = []
        for (address, primary) in replicas {
            let known = members.firstIndex { $0.address == address }
            guard known != nil || members.count < Self.membersMax else { continue }
            let index = known ?? members.count
            if known == nil { members.append(Member(address: address)) }
            guard named.insert(index).inserted else { continue }
            if members[index].primary == nil { actions.append(.connect(index)) }
            members[index].primary = primary
        }
        for index in members.indices where members[index].primary != nil && !named.contains(index) {
            members[index].primary = nil
            members[index].isServing = false
            actions.append(.retire(index))
        }
        arrange()
        return actions
    }

    /// A probe was answered after `latency`; `isLinked` tells whether the replica hears from its primary.
    package mutating func probed(_ index: Int, latency: Duration, isLinked: Bool) {
        let old = members[index].latency ?? latency
        members[index].latency = old + (latency - old) * Self.weight
        members[index].isServing = isLinked && members[index].primary != nil
        arrange()
    }

    /// A replica failed or refused: not used until a probe is good again.
    package mutating func suspend(_ index: Int) {
        guard members[index].isServing else { return }
        members[index].isServing = false
        arrange()
    }

    /// The replica to ask for a primary's keys, or nil where the primary must be asked; `turn` counts the batches.
    package func member(for primary: Int, turn: Int) -> Int? {
        guard let usable = turns[primary], !usable.isEmpty else { return nil }
        return usable[turn % usable.count]
    }

    /// Whether a latency is so near the best one that load matters more: within half of it, and 200 us for noise.
    package static func isNear(_ latency: Duration, best: Duration) -> Bool {
        latency <= best * 1.5 + .microseconds(200)
    }

    private mutating func arrange() {
        turns.removeAll(keepingCapacity: true)
        for (index, member) in members.enumerated() where member.isServing {
            if let primary = member.primary { turns[primary, default: []].append(index) }
        }
        for (primary, usable) in turns {
            guard let best = usable.compactMap({ members[$0].latency }).min() else { continue }
            turns[primary] = usable.filter { index in
                members[index].latency.map { Self.isNear($0, best: best) } ?? false
            }
        }
    }
}
