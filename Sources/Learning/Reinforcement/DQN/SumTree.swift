/// Non-negative weights with their sum in a complete binary tree: changing one and finding one by a point of the
/// cumulated sum cost the logarithm of their number.
///
/// Inner nodes are always the sum of their two children, computed anew, so rounding does not build up.
public struct SumTree: Sendable {
    /// Number of weights.
    public let count: Int
    private let leaves: Int
    private var nodes: [Double]

    /// `count` weights of 0.
    public init(count: Int) {
        precondition(count > 0, "a tree without leaves")
        self.count = count
        var leaves = 1
        while leaves < count { leaves *= 2 }
        self.leaves = leaves
        nodes = [Double](repeating: 0, count: 2 * leaves)
    }

    /// Sum of all weights.
    public var total: Double { nodes[1] }

    /// A weight; setting it renews the sums above it.
    public subscript(index: Int) -> Double {
        get {
            precondition(index >= 0 && index < count, "leaf outside the tree")
            return nodes[leaves + index]
        }
        set {
            precondition(index >= 0 && index < count, "leaf outside the tree")
            precondition(newValue >= 0 && newValue.isFinite, "weight \(newValue)")
            var node = leaves + index
            nodes[node] = newValue
            while node > 1 {
                node /= 2
                nodes[node] = nodes[2 * node] + nodes[2 * node + 1]
            }
        }
    }

    /// The leaf within whose part of the cumulated sum `point` lies, 0 <= `point` < `total`; never one of weight 0
    /// unless all are.
    public func find(_ point: Double) -> Int {
        var point = point
        var node = 1
        while node < leaves {
            let left = nodes[2 * node]
            // The last leaf with a weight takes what rounding leaves over.
            if point < left || nodes[2 * node + 1] == 0 {
                node = 2 * node
            } else {
                point -= left
                node = 2 * node + 1
            }
        }
        return min(node - leaves, count - 1)
    }
}
