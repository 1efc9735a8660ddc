/// Rows of features with one target each, the features stored column by column.
public struct Table: Sendable {
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let features: Int
    /// Column after column, `rows` numbers each.
    let columns: [Float]
    /// One a row.
    public let targets: [Double]

    /// A table from features row after row.
    public init(rowMajor values: [Float], features: Int, targets: [Double]) throws(LearningError) {
        guard features > 0, values.count == features * targets.count else {
            throw LearningError(.badData, "\(values.count) numbers for \(targets.count) rows of \(features)")
        }
        let rows = targets.count
        self.rows = rows
        self.features = features
        self.targets = targets
        var columns = [Float](repeating: 0, count: values.count)
        for row in 0..<rows {
            for feature in 0..<features { columns[feature * rows + row] = values[row * features + feature] }
        }
        self.columns = columns
    }

    /// The features of a row.
    public func row(_ index: Int) -> [Float] { (0..<features).map { columns[$0 * rows + index] } }

    /// The rows `indices` as a table.
    public func selecting(_ indices: [Int]) throws(LearningError) -> Table {
        try Table(rowMajor: indices.flatMap(row), features: features, targets: indices.map { targets[$0] })
    }

    /// Throws for an empty table, numbers that are not finite, or targets that are no class.
    func validate(classes: Int?) throws(LearningError) {
        guard rows > 0 else { throw LearningError(.badData, "a table without rows") }
        guard rows <= Int(Int32.max) else { throw LearningError(.badData, "\(rows) rows") }
        if let index = columns.firstIndex(where: { !$0.isFinite }) {
            throw LearningError(.notFinite, "row \(index % rows), feature \(index / rows) is \(columns[index])")
        }
        for (row, target) in targets.enumerated() {
            guard target.isFinite else { throw LearningError(.notFinite, "the target of row \(row) is \(target)") }
            guard let classes else { continue }
            guard target >= 0, target < Double(classes), target == target.rounded() else {
                throw LearningError(.badData, "the target of row \(row) is \(target), not a class below \(classes)")
            }
        }
    }
}
