internal import CacheStack

/// The rows a batch writes, by space: consecutive small transactions become one statement for each space and mode.
final class WriteStaging {
    private let catalog: Catalog
    private var spaces: [SpaceID: StagedSpace] = [:]
    /// In the order in which the batch first named them.
    private(set) var used: [StagedSpace] = []

    init(_ catalog: Catalog) { self.catalog = catalog }

    /// Number of rows staged.
    var count: Int { used.reduce(0) { $0 + $1.count } }

    /// Stages the writes of the transactions of `batch` at `accepted`, in order, in place of what was staged before.
    ///
    /// - Throws: a refusal where one inserts a row that another writes.
    func stage(_ batch: ArraySlice<Transaction>, accepted: [Int]) throws(DatabaseFault) {
        for space in used { space.clear() }
        used.removeAll(keepingCapacity: true)
        for member in accepted {
            for group in batch[member].writes.groups where !group.ids.isEmpty {
                let space = space(group.space)
                if accepted.count == 1 { space.adopt(group) } else { try space.merge(group) }
            }
        }
    }

    /// The outbox row's keys: space (2 bytes) and id (8 bytes), little endian, of every row of a shared space.
    func appendOutboxKeys(to keys: inout [UInt8]) {
        for space in used where space.table.schema.isShared {
            let number = space.table.schema.space.rawValue.littleEndian
            for mode in [WriteSet.Mode.insert, .upsert, .delete] {
                for id in space[mode].ids {
                    withUnsafeBytes(of: number) { keys.append(contentsOf: $0) }
                    withUnsafeBytes(of: id.littleEndian) { keys.append(contentsOf: $0) }
                }
            }
        }
    }

    private func space(_ id: SpaceID) -> StagedSpace {
        let space = spaces[id] ?? StagedSpace(catalog[id])
        spaces[id] = space
        if !used.contains(where: { $0 === space }) { used.append(space) }
        return space
    }
}
