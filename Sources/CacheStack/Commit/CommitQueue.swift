/// The transactions waiting for the group commit, and the choice of those that go together. Pure.
///
/// A batch takes members from the front, in order, and passes over those that may not share it: no row may be written
/// twice in one batch. Small members are compared row by row. A large one, such as a partition's batch of thousands of
/// rows, is compared by spaces, which costs nothing per row: it shares a batch only with members that write none of
/// its spaces. What passed-over members write blocks those behind them, so that writers of a row keep their order.
struct CommitQueue<Waiter> {
    struct Limits: Sendable {
        var membersMax = 256
        var rowsMax = 50_000
        /// A member with more rows is large.
        var smallRowsMax = 64
        var queueMembersMax = 65_536
        var queueRowsMax = 1_000_000
        /// Members looked at for one batch.
        var scanMax = 4_096
    }

    struct Member {
        var transaction: Transaction
        var rows: Int
        var waiter: Waiter
    }

    let limits: Limits
    private var members: [Member] = []
    private(set) var rows = 0

    init(_ limits: Limits) { self.limits = limits }

    var count: Int { members.count }

    /// Adds a transaction; false where the queue is full. A transaction above every limit alone is taken when alone.
    mutating func append(_ transaction: Transaction, _ waiter: Waiter) -> Bool {
        let size = transaction.writes.count
        guard count < limits.queueMembersMax, count == 0 || rows + size <= limits.queueRowsMax else { return false }
        members.append(Member(transaction: transaction, rows: size, waiter: waiter))
        rows += size
        return true
    }

    /// The waiter at the front.
    var front: Waiter? { members.first?.waiter }

    /// Removes and returns the next batch; the front member is always its first.
    mutating func takeBatch() -> [Member] {
        var batch: [Member] = []
        var passed: [Member] = []
        var conflicts = Conflicts()
        var size = 0
        var index = 0
        let end = min(members.count, limits.scanMax)
        while index < end, batch.count < limits.membersMax {
            let member = members[index]
            let fits = batch.isEmpty || size + member.rows <= limits.rowsMax
            if conflicts.admit(member.transaction.writes, isLarge: member.rows > limits.smallRowsMax) && fits {
                batch.append(member)
                size += member.rows
            } else {
                passed.append(member)
            }
            index += 1
        }
        members.replaceSubrange(..<index, with: passed)
        rows -= size
        return batch
    }

    /// What the members seen so far write: single rows of the small ones, whole spaces of the large ones.
    private struct Conflicts {
        private var smallKeys: Set<CacheKey> = []
        private var smallSpaces: Set<SpaceID> = []
        private var largeSpaces: Set<SpaceID> = []

        /// Whether a write set is disjoint from all before it; it counts from now on either way.
        mutating func admit(_ writes: WriteSet, isLarge: Bool) -> Bool {
            var isDisjoint = true
            for group in writes.groups where !group.ids.isEmpty {
                if largeSpaces.contains(group.space) { isDisjoint = false }
                if isLarge {
                    if smallSpaces.contains(group.space) { isDisjoint = false }
                    continue
                }
                smallSpaces.insert(group.space)
                for id in group.ids where !smallKeys.insert(CacheKey(group.space, id)).inserted { isDisjoint = false }
            }
            if isLarge { largeSpaces.formUnion(writes.groups.lazy.filter { !$0.ids.isEmpty }.map(\.space)) }
            return isDisjoint
        }
    }
}
