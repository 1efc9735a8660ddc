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
        /// Where the payloads are; for spaces with wide fields only.
        var ranges: [Range<Int>]?

        var places: Places { ranges.map { .anywhere($0) } ?? .inOrder(ids.count) }
    }

    /// Where the payloads of rows are in their bytes.
    enum Places {
        /// One after another, so many, of the table's size.
        case inOrder(Int)
        /// In these ranges; bytes outside of them belong to no row.
        case anywhere([Range<Int>])

        var count: Int {
            switch self {
            case .inOrder(let rows): rows
            case .anywhere(let ranges): ranges.count
            }
        }

        func start(of row: Int, size: Int) -> Int {
            switch self {
            case .inOrder: row * size
            case .anywhere(let ranges): ranges[row].lowerBound
            }
        }
    }

    let table: SpaceTable
    private var rows = [Rows(), Rows(), Rows()]
    private var index = RowIndex()

    init(_ table: SpaceTable) {
        self.table = table
        clear()
    }

    /// What is staged for `mode`.
    subscript(_ mode: WriteSet.Mode) -> Rows { rows[Int(mode.rawValue)] }

    var count: Int { rows.reduce(0) { $0 + $1.ids.count } }

    func clear() {
        for mode in rows.indices {
            rows[mode].ids.removeAll(keepingCapacity: true)
            // What one batch of large rows took is not kept for the next.
            rows[mode].bytes.removeAll(keepingCapacity: !table.hasWideFields)
            rows[mode].ranges = table.hasWideFields ? [] : nil
        }
        index.clear()
    }

    /// Takes the rows of the only transaction of a batch, whose keys occur once, without copying.
    func adopt(_ group: WriteSet.Group) {
        check(group)
        let list = Int(group.mode.rawValue)
        guard table.hasWideFields else {
            rows[list] = Rows(ids: group.ids, bytes: group.bytes)
            return
        }
        for row in group.ids.indices { append(group.ids[row], list, Self.payload(group, row)) }
    }

    /// Adds the rows of one of several transactions.
    func merge(_ group: WriteSet.Group) throws(DatabaseFault) {
        check(group)
        for row in group.ids.indices { try merge(group, row) }
    }

    private func merge(_ group: WriteSet.Group, _ row: Int) throws(DatabaseFault) {
        let id = group.ids[row]
        let staged = index.slot(of: id).map(Place.init)
        switch (group.mode, staged?.mode) {
        case (.insert, .some):
            throw DatabaseFault(
                .statement, sqlState: "23505", "a row of table \(table.schema.table) is inserted and written twice")
        case (.delete, .delete?): return
        case (.upsert, .insert?), (.upsert, .upsert?):
            guard let staged else { return }
            replace(staged, with: Self.payload(group, row))
            return
        case (.upsert, .delete?), (.delete, .upsert?):
            if let staged { remove(staged) }
        case (.insert, nil), (.upsert, nil), (.delete, nil), (.delete, .insert?): break
        }
        let list = Int(group.mode.rawValue)
        index.set(id, Place(list: list, row: rows[list].ids.count).slot)
        append(id, list, Self.payload(group, row))
    }

    private func append(_ id: UInt64, _ list: Int, _ payload: ArraySlice<UInt8>) {
        rows[list].ids.append(id)
        let start = rows[list].bytes.count
        rows[list].ranges?.append(start..<start + payload.count)
        rows[list].bytes.append(contentsOf: payload)
    }

    /// The payload of a row of a group, empty for a deletion.
    private static func payload(_ group: WriteSet.Group, _ row: Int) -> ArraySlice<UInt8> {
        let size = group.bytes.count / group.ids.count
        return group.bytes[row * size..<(row + 1) * size]
    }

    private func replace(_ place: Place, with payload: ArraySlice<UInt8>) {
        if table.hasWideFields {
            let start = rows[place.list].bytes.count
            rows[place.list].ranges?[place.row] = start..<start + payload.count
            rows[place.list].bytes.append(contentsOf: payload)
        } else {
            let start = place.row * table.payloadSize
            rows[place.list].bytes.replaceSubrange(start..<start + table.payloadSize, with: payload)
        }
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
        if let range = rows[place.list].ranges?.popLast() {
            if place.row != last { rows[place.list].ranges?[place.row] = range }
            return
        }
        guard place.mode != .delete else { return }
        let size = table.payloadSize
        if place.row != last { replace(place, with: rows[place.list].bytes[last * size..<(last + 1) * size]) }
        rows[place.list].bytes.removeLast(size)
    }

    private func check(_ group: WriteSet.Group) {
        let size = group.ids.isEmpty ? 0 : group.bytes.count / group.ids.count
        let isRight =
            group.mode == .delete
            ? group.bytes.isEmpty : table.hasWideFields ? size <= table.payloadSize : size == table.payloadSize
        precondition(
            isRight && size * group.ids.count == group.bytes.count,
            "payloads of space \(group.space.rawValue) have \(size) bytes, the schema says \(table.payloadSize)")
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
