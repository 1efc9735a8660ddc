/// Grows a tree depth first, as scikit-learn's `_splitter.pyx` and `_criterion.pyx` do.
///
/// For each node features are drawn without replacement, at most `featuresMax` and on until one is not constant. The rows
/// are sorted by the feature and scanned; neighbours closer than 1e-7 are one value. A strictly larger gain wins, so the
/// order of the draw decides between equals.
struct TreeGrower {
    private(set) var nodes: [DecisionTree.Node] = []
    private(set) var fractions: [Double] = []
    private(set) var random: Xoshiro256StarStar
    private let table: Table
    private let configuration: DecisionTree.Configuration
    /// Row numbers; each node owns a range of them.
    private var rows: [Int32]
    /// Features in the order of the last draw.
    private var order: [Int]
    /// Rows of a node in the order of a feature: the value's bits, made to sort like it, above the row number.
    private var sorted: [UInt64]

    /// Neighbours at most this far apart count as one value.
    private static let gapMin: Float = 1e-7
    /// A node at most this impure is a leaf.
    private static let impurityMin = 2.2e-16

    private struct Split {
        var feature = -1
        var threshold: Float = 0
        var gain = -Double.infinity
    }

    /// Count, sum, sum of squares and class counts of a set of targets.
    private struct Sums {
        var count = 0.0
        var sum = 0.0
        var squares = 0.0
        var classes: [Double]

        mutating func add(_ target: Double, sign: Double) {
            count += sign
            if classes.isEmpty {
                sum += sign * target
                squares += sign * target * target
            } else {
                classes[Int(target)] += sign
            }
        }

        /// Larger is purer: S²/n, or Σ n_c²/n.
        var purity: Double {
            if classes.isEmpty { return sum * sum / count }
            return classes.reduce(0) { $0 + $1 * $1 } / count
        }

        /// Variance, or Gini impurity.
        var impurity: Double {
            if classes.isEmpty { return max(0, squares / count - (sum / count) * (sum / count)) }
            return max(0, 1 - purity / count)
        }

        var value: Double {
            if classes.isEmpty { return sum / count }
            var best = 0
            for index in classes.indices where classes[index] > classes[best] { best = index }
            return Double(best)
        }
    }

    init(
        _ table: Table, _ rows: [Int32], _ configuration: DecisionTree.Configuration, _ random: Xoshiro256StarStar
    ) {
        precondition(!rows.isEmpty, "a tree without rows")
        self.table = table
        self.configuration = configuration
        self.rows = rows
        self.random = random
        order = Array(0..<table.features)
        sorted = []
        sorted.reserveCapacity(rows.count)
    }

    /// Fills `nodes` in pre-order.
    mutating func grow() {
        // Each entry: range of rows, depth, and the parent whose right child this is.
        var open: [(range: Range<Int>, depth: Int, parent: Int?)] = [(0..<rows.count, 0, nil)]
        while let next = open.popLast() {
            let index = nodes.count
            if let parent = next.parent { nodes[parent].right = Int32(index) }
            let sums = sums(next.range)
            nodes.append(
                DecisionTree.Node(
                    feature: -1, left: -1, right: -1, rows: Int32(next.range.count), threshold: 0, value: sums.value,
                    impurity: sums.impurity))
            fractions += sums.classes.map { $0 / sums.count }
            guard let split = bestSplit(next.range, sums, depth: next.depth) else { continue }
            let middle = partition(next.range, split)
            nodes[index].feature = Int32(split.feature)
            nodes[index].threshold = split.threshold
            nodes[index].left = Int32(index + 1)
            open.append((middle..<next.range.upperBound, next.depth + 1, index))
            open.append((next.range.lowerBound..<middle, next.depth + 1, nil))
        }
    }

    private func sums(_ range: Range<Int>) -> Sums {
        var sums = emptySums
        for index in range { sums.add(table.targets[Int(rows[index])], sign: 1) }
        return sums
    }

    private var emptySums: Sums { Sums(classes: [Double](repeating: 0, count: configuration.classes ?? 0)) }

    private mutating func bestSplit(_ range: Range<Int>, _ sums: Sums, depth: Int) -> Split? {
        guard range.count >= max(configuration.splitRowsMin, 2), range.count >= 2 * configuration.leafRowsMin,
            depth < configuration.depthMax ?? .max, sums.impurity > Self.impurityMin
        else { return nil }
        var best = Split()
        var looked = 0
        var varied = 0
        let wanted = min(max(configuration.featuresMax ?? table.features, 1), table.features)
        while looked < table.features, looked < wanted || varied == 0 {
            let drawn = looked + random.below(table.features - looked)
            order.swapAt(looked, drawn)
            let feature = order[looked]
            looked += 1
            if scan(range, feature: feature, sums, &best) { varied += 1 }
        }
        return best.feature >= 0 ? best : nil
    }

    /// Looks for a better split by `feature`; false if the feature is constant here.
    private mutating func scan(_ range: Range<Int>, feature: Int, _ all: Sums, _ best: inout Split) -> Bool {
        let base = feature * table.rows
        sorted.removeAll(keepingCapacity: true)
        for index in range {
            sorted.append(Self.key(table.columns[base + Int(rows[index])], rows[index]))
        }
        sorted.sort()
        guard Self.value(sorted[sorted.count - 1]) > Self.value(sorted[0]) + Self.gapMin else { return false }
        var left = emptySums
        var right = all
        for index in 0..<sorted.count - 1 {
            let target = table.targets[Int(sorted[index] & 0xFFFF_FFFF)]
            left.add(target, sign: 1)
            right.add(target, sign: -1)
            let low = Self.value(sorted[index])
            let high = Self.value(sorted[index + 1])
            guard high > low + Self.gapMin, index + 1 >= configuration.leafRowsMin,
                sorted.count - index - 1 >= configuration.leafRowsMin
            else { continue }
            let gain = left.purity + right.purity
            if gain > best.gain {
                let middle = low / 2 + high / 2
                best = Split(feature: feature, threshold: middle < high ? middle : low, gain: gain)
            }
        }
        return true
    }

    /// A number that sorts by `value`, then by `row`: negative values have all bits turned, others the sign bit.
    @inline(__always)
    private static func key(_ value: Float, _ row: Int32) -> UInt64 {
        let bits = value.bitPattern
        let ordered = bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
        return UInt64(ordered) << 32 | UInt64(UInt32(row))
    }

    /// The value of a key.
    @inline(__always)
    private static func value(_ key: UInt64) -> Float {
        let ordered = UInt32(key >> 32)
        return Float(bitPattern: ordered >> 31 == 1 ? ordered & 0x7FFF_FFFF : ~ordered)
    }

    /// Moves the rows that go left to the front, both sides in their order; returns where the right side starts.
    private mutating func partition(_ range: Range<Int>, _ split: Split) -> Int {
        let base = split.feature * table.rows
        var right: [Int32] = []
        var end = range.lowerBound
        for index in range {
            let row = rows[index]
            if table.columns[base + Int(row)] <= split.threshold {
                rows[end] = row
                end += 1
            } else {
                right.append(row)
            }
        }
        for (index, row) in right.enumerated() { rows[end + index] = row }
        return end
    }
}
