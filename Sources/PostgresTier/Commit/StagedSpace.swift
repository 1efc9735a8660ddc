internal import CacheStack

/// The rows a batch writes to one space, coalesced over its transactions: at most one row a key and statement.
///
/// Statements run in the order insert, upsert, delete. Of two transactions that write the same key the later wins:
///
/// | staged before | upsert now | delete now | insert now |
/// |---|---|---|---|
/// | insert | payload replaced | inserted, then deleted | refused |
/// | upsert | payload replaced | only deleted | refused |
/// | delete | only upserted | once | refused |
///
/// "Refused" stands for the uniqueness violation the database would have found had the two come one after the other.
final class StagedSpace {
    struct Rows {
        var ids: [UInt64] = []
        var bytes: [UInt8] = []
    }

    let table: SpaceTable
    private var rows = [Rows(), Rows(), Rows()]
    private var index = RowIndex()

    init(_ table: SpaceTable) { self.table = table }

    /// What is staged for `mode`.
    subscript(_ mode: WriteSet.Mode) -> Rows { rows[Int(mode.rawValue)] }

    var count: Int { rows.reduce(0) { $0 + $1.ids.count } }

    func clear() {
        for mode in rows.indices {
            rows[mode].ids.removeAll(keepingCapacity: true)
            rows[mode].bytes.removeAll(keepingCapacity: true)
        }
        index.clear()
    }

    /// Takes the rows of the only transaction of a batch, whose keys occur once, without copying.
    func adopt(_ group: WriteSet.Group) {
        check(group)
        rows[Int(group.mode.rawValue)] = Rows(ids: group.ids, bytes: group.bytes)
    }

    /// Adds the rows of one of several transactions.
    func merge(_ group: WriteSet.Group) throws(DatabaseFault) {
        check(group)
        for row in group.ids.indices { try merge(group, row) }
    }

    private func merge(_ group: WriteSet.Group, _ row: Int) throws(DatabaseFault) {
        let id = group.ids[row]
        let size = table.payloadSize
        let staged = index.slot(of: id).map(Place.init)
        switch (group.mode, staged?.mode) {
        case (.insert, .some):
            throw DatabaseFault(
                .statement, sqlState: "23505", "a row of table \(table.schema.table) is inserted and written twice")
        case (.delete, .delete?): return
        case (.upsert, .insert?), (.upsert, .upsert?):
            guard let staged else { return }
            replace(staged, with: group.bytes[row * size..<(row + 1) * size])
            return
        case (.upsert, .delete?), (.delete, .upsert?):
            if let staged { remove(staged) }
        case (.insert, nil), (.upsert, nil), (.delete, nil), (.delete, .insert?): break
        }
        append(id, group.mode, group.mode == .delete ? [] : group.bytes[row * size..<(row + 1) * size])
    }

    private func append(_ id: UInt64, _ mode: WriteSet.Mode, _ payload: ArraySlice<UInt8>) {
        let list = Int(mode.rawValue)
        index.set(id, Place(list: list, row: rows[list].ids.count).slot)
        rows[list].ids.append(id)
        rows[list].bytes.append(contentsOf: payload)
    }

    private func replace(_ place: Place, with payload: ArraySlice<UInt8>) {
        let start = place.row * table.payloadSize
        rows[place.list].bytes.replaceSubrange(start..<start + table.payloadSize, with: payload)
    }

    /// Takes a row out by moving the last one to its place.
    private func remove(_ place: Place) {
        let last = rows[place.list].ids.count - 1
        if place.row != last {
            let moved = rows[place.list].ids[last]
            rows[place.list].ids[place.row] = moved
            index.set(moved, place.slot)
        }
        rows[place.list].ids.removeLast()
        guard place.mode != .delete else { return }
        let size = table.payloadSize
        if place.row != last { replace(place, with: rows[place.list].bytes[last * size..<(last + 1) * size]) }
        rows[place.list].bytes.removeLast(size)
    }

    private func check(_ group: WriteSet.Group) {
        let expected = group.mode == .delete ? 0 : group.ids.count * table.payloadSize
        precondition(
            group.bytes.count == expected,
            "payloads of space \(group.space.rawValue) have \(group.bytes.count) bytes, the schema says \(expected)")
    }

    /// A row of one list, packed into the index's 31 bits.
    private struct Place {
        var list: Int
        var row: Int

        init(list: Int, row: Int) {
            self.list = list
            self.row = row
        }

        init(_ slot: Int32) {
            self.init(list: Int(slot & 3), row: Int(slot >> 2))
        }

        var slot: Int32 { Int32(row << 2 | list) }

        var mode: WriteSet.Mode? { WriteSet.Mode(rawValue: UInt8(list)) }
    }
}
