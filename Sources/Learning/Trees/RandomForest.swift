/// Trees on bootstrap samples, their answers averaged (Breiman 2001).
///
/// Each tree has a random stream of its own, split from the seed by its number: adding trees leaves the first ones as
/// they are.
public struct RandomForest: Sendable, Equatable {
    /// How a forest is grown; the defaults are scikit-learn's.
    public struct Configuration: Sendable, Equatable {
        /// Number of trees.
        public var trees = 100
        /// Of each tree; `featuresMax` nil means all features in regression and √features in classification.
        public var tree: DecisionTree.Configuration

        /// The defaults above.
        public init(trees: Int = 100, tree: DecisionTree.Configuration = .init()) {
            self.trees = trees
            self.tree = tree
        }
    }

    /// In the order they were grown.
    public let trees: [DecisionTree]
    /// Mean of the trees that did not see a row, one a row of training; nil for a row that all trees saw.
    ///
    /// In classification the class with the largest mean fraction.
    public let outOfBag: [Double?]

    /// Grows a forest on `table`.
    public init(_ table: Table, _ configuration: Configuration = Configuration(), seed: UInt64) throws(LearningError) {
        try table.validate(classes: configuration.tree.classes)
        precondition(configuration.trees > 0, "a forest without trees")
        var settings = configuration.tree
        if settings.classes != nil, settings.featuresMax == nil {
            settings.featuresMax = max(1, Int(Double(table.features).squareRoot()))
        }
        let root = Xoshiro256StarStar(seed: seed)
        let width = settings.classes ?? 1
        var trees: [DecisionTree] = []
        var votes = [Double](repeating: 0, count: table.rows * width)
        var voters = [Int](repeating: 0, count: table.rows)
        let features = (0..<table.rows).map { table.row($0) }
        for number in 0..<configuration.trees {
            var random = root.split("tree \(number)")
            let sample = (0..<table.rows).map { _ in Int32(random.below(table.rows)) }
            let tree = try DecisionTree(table, rows: sample, settings, random: &random)
            trees.append(tree)
            var isIn = [Bool](repeating: false, count: table.rows)
            for row in sample { isIn[Int(row)] = true }
            for row in 0..<table.rows where !isIn[row] {
                voters[row] += 1
                let values = features[row]
                tree.addVote(values.span, to: &votes, at: row * width)
            }
        }
        self.trees = trees
        outOfBag = (0..<table.rows).map { row in
            voters[row] == 0 ? nil : Self.answer(votes[row * width..<(row + 1) * width], voters[row])
        }
    }

    /// The mean of the trees, or the class with the largest mean fraction.
    public func predict(_ row: Span<Float>) -> Double {
        var votes = [Double](repeating: 0, count: trees[0].classes ?? 1)
        for tree in trees { tree.addVote(row, to: &votes, at: 0) }
        return Self.answer(votes[...], trees.count)
    }

    private static func answer(_ votes: ArraySlice<Double>, _ voters: Int) -> Double {
        if votes.count == 1 { return votes[votes.startIndex] / Double(voters) }
        var best = votes.startIndex
        for index in votes.indices where votes[index] > votes[best] { best = index }
        return Double(best - votes.startIndex)
    }
}

extension DecisionTree {
    /// Adds the value of the row's leaf, or the fractions of its classes, to `votes` from `start` on.
    func addVote(_ row: Span<Float>, to votes: inout [Double], at start: Int) {
        let leaf = leaf(row)
        guard let classes else {
            votes[start] += nodes[leaf].value
            return
        }
        for index in 0..<classes { votes[start + index] += fractions[leaf * classes + index] }
    }
}
