/// A binary tree of axis-parallel splits, for regression or classification (CART, Breiman et al. 1984).
///
/// Nodes are arrays in pre-order; a row goes left where its feature is <= the threshold. The value of a node is the mean
/// of its targets or the fractions of its classes.
public struct DecisionTree: Sendable, Equatable {
    /// How a tree is grown; the defaults are scikit-learn's.
    public struct Configuration: Sendable, Equatable {
        /// Classes 0..<n of the targets; nil for regression.
        public var classes: Int?
        /// Levels of splits at most; nil grows until the leaves are pure.
        public var depthMax: Int?
        /// Fewest rows of a node that is split.
        public var splitRowsMin = 2
        /// Fewest rows on either side of a split.
        public var leafRowsMin = 1
        /// Features looked at for each split; nil looks at all.
        public var featuresMax: Int?

        /// The defaults above.
        public init(classes: Int? = nil) { self.classes = classes }
    }

    /// One node; 40 bytes.
    public struct Node: Sendable, Equatable {
        /// Column compared; -1 in a leaf.
        public var feature: Int32
        /// Index of the child for values <= `threshold`.
        public var left: Int32
        /// Index of the other child.
        public var right: Int32
        /// Rows of training in the node, repetitions counted.
        public var rows: Int32
        /// Middle between two neighbouring values.
        public var threshold: Float
        /// Mean target, or the most frequent class (the lowest of several).
        public var value: Double
        /// Variance of the targets, or Gini impurity.
        public var impurity: Double
    }

    /// In pre-order, the root first.
    public let nodes: [Node]
    /// Columns of a row.
    public let features: Int
    /// Classes; nil for regression.
    public let classes: Int?
    /// Fractions of the classes at each node, node after node; empty for regression.
    public let fractions: [Double]

    /// Grows a tree on `rows` of `table`, each as often as it is named; `random` draws the order of the features, which
    /// decides between equal splits.
    public init(
        _ table: Table, rows: [Int32]? = nil, _ configuration: Configuration = Configuration(),
        random: inout Xoshiro256StarStar
    ) throws(LearningError) {
        try table.validate(classes: configuration.classes)
        var grower = TreeGrower(table, rows ?? (0..<Int32(table.rows)).map { $0 }, configuration, random)
        grower.grow()
        random = grower.random
        nodes = grower.nodes
        fractions = grower.fractions
        features = table.features
        classes = configuration.classes
    }

    /// Index of the leaf that a row of `features` numbers falls into.
    public func leaf(_ row: Span<Float>) -> Int {
        precondition(row.count == features, "a row of \(row.count) instead of \(features) features")
        var index = 0
        while nodes[index].feature >= 0 {
            let node = nodes[index]
            index = Int(row[Int(node.feature)] <= node.threshold ? node.left : node.right)
        }
        return index
    }

    /// The mean target or the class of a row.
    public func predict(_ row: Span<Float>) -> Double { nodes[leaf(row)].value }

    /// Splits on the longest way to a leaf.
    public var depth: Int {
        var depths = [Int](repeating: 0, count: nodes.count)
        for (index, node) in nodes.enumerated() where node.feature >= 0 {
            depths[Int(node.left)] = depths[index] + 1
            depths[Int(node.right)] = depths[index] + 1
        }
        return depths.max() ?? 0
    }
}
