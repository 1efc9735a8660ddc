/// Rows of comma-separated text below a header that names its columns; no quoting.
struct CommaTable {
    /// One row.
    struct Row {
        /// File and line.
        var place: String
        /// The columns asked for, in their order; empty where an optional one is absent.
        var cells: [String]

        /// The finite number in a column.
        func number(_ column: Int) throws(SimulationFault) -> Double {
            guard let value = Double(cells[column]), value.isFinite else {
                throw SimulationFault(.malformed, "\(place): '\(cells[column])' is no number")
            }
            return value
        }
    }

    /// Most rows.
    static let rowsMax = 10_000_000

    private(set) var rows: [Row] = []

    init(
        _ text: String, name: String, columns: [String], optional: [String] = []
    ) throws(SimulationFault) {
        var lines = Array(text.utf8).split(separator: 10, omittingEmptySubsequences: false)[...]
        guard let header = lines.popFirst().map(Self.fields), header != [""] else {
            throw SimulationFault(.malformed, "\(name) is empty; its first line names the columns")
        }
        var places: [Int?] = []
        for column in columns {
            guard let place = header.firstIndex(of: column) else {
                throw SimulationFault(
                    .malformed, "\(name) has no column '\(column)'; it has \(header.joined(separator: ", "))")
            }
            places.append(place)
        }
        for column in optional { places.append(header.firstIndex(of: column)) }
        let needed = places.compactMap { $0 }.max() ?? 0
        for (number, line) in lines.enumerated() where !line.isEmpty && line != [13] {
            let fields = Self.fields(line)
            let place = "\(name) line \(number + 2)"
            guard fields.count > needed else {
                throw SimulationFault(.malformed, "\(place): \(fields.count) fields, the header has \(header.count)")
            }
            rows.append(Row(place: place, cells: places.map { $0.map { fields[$0] } ?? "" }))
            guard rows.count <= Self.rowsMax else {
                throw SimulationFault(.malformed, "\(name) has more than \(Self.rowsMax) rows")
            }
        }
    }

    private static func fields(_ line: ArraySlice<UInt8>) -> [String] {
        line.split(separator: 44, omittingEmptySubsequences: false).map { field in
            var field = field
            while let first = field.first, first == 32 || first == 9 { field.removeFirst() }
            while let last = field.last, last == 32 || last == 9 || last == 13 { field.removeLast() }
            return String(decoding: field, as: UTF8.self)
        }
    }
}
