internal import Synchronization

/// Who owns which part of the key space, for those who want to hear of changes: the I/O thread writes, others read.
final class SlotWatch: Sendable {
    /// Owners by slot of a cluster.
    struct View: Sendable {
        /// Owner of each slot as an index into `nodes`; -1 where none is known.
        var owners: [Int16] = []
        var nodes: [RedisAddress] = []
    }

    private struct State {
        var view = View()
        var wake: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// The view as it is now; empty before the first answer of a cluster, and for ever in a ring.
    var view: View { state.withLock { $0.view } }

    /// Calls `wake`, which must be short, whenever the view has changed; nil ends that.
    func setWake(_ wake: (@Sendable () -> Void)?) { state.withLock { $0.wake = wake } }

    /// Takes the owners over after something about them may have changed; about 30 us.
    func publish(_ cluster: ClusterState) {
        let owners = (0..<UInt16(KeySlot.count)).map { slot in Int16(cluster.owner(of: slot) ?? -1) }
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            guard state.view.owners != owners else { return nil }
            state.view = View(owners: owners, nodes: cluster.nodes)
            return state.wake
        }
        wake?()
    }
}

/// What has moved between two views, and who owns what by now. Pure.
///
/// A slot without owner keeps the last one known: a cluster in repair names none for a while.
struct SlotOwners: Sendable {
    /// Owner of each route (slot of a cluster, shard of a ring); nil where none was ever known.
    private(set) var owners: [RedisAddress?]

    init(routes: Int) { owners = Array(repeating: nil, count: routes) }

    /// Takes a view; returns the routes that have changed hands. The first owner of a route is no change.
    mutating func take(_ view: SlotWatch.View) -> [Int] {
        guard view.owners.count == owners.count else { return [] }
        var moved: [Int] = []
        for (route, owner) in view.owners.enumerated() where owner >= 0 {
            let address = view.nodes[Int(owner)]
            guard owners[route] != address else { continue }
            if owners[route] != nil { moved.append(route) }
            owners[route] = address
        }
        return moved
    }

    /// Every owner, each once, in the order of their first routes.
    var nodes: [RedisAddress] {
        var seen: Set<RedisAddress> = []
        return owners.compactMap { $0 }.filter { seen.insert($0).inserted }
    }

    /// The routes of one owner.
    func routes(of address: RedisAddress) -> [Int] { owners.indices.filter { owners[$0] == address } }
}
