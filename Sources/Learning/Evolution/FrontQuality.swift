/// How good a front of solutions is, beside a reference.
public enum FrontQuality {
    /// Area that `points` of two objectives dominate below `reference` (Zitzler and Thiele 1998).
    ///
    /// Points that do not lie below the reference in both objectives add nothing. O(N log N).
    public static func hypervolume(_ points: [[Double]], reference: [Double]) -> Double {
        precondition(reference.count == 2 && points.allSatisfy { $0.count == 2 }, "two objectives")
        let inside = points.filter { $0[0] < reference[0] && $0[1] < reference[1] }
            .sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
        var area = 0.0
        var height = reference[1]
        for point in inside where point[1] < height {
            area += (reference[0] - point[0]) * (height - point[1])
            height = point[1]
        }
        return area
    }

    /// Mean Euclidean distance from each point of the true front to the nearest of `points` (inverted generational
    /// distance); infinite without points.
    public static func invertedGenerationalDistance(_ points: [[Double]], trueFront: [[Double]]) -> Double {
        precondition(!trueFront.isEmpty, "a true front has points")
        let sum = trueFront.reduce(0.0) { sum, target in
            let nearest = points.lazy.map { point in
                zip(point, target).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            }.min()
            return sum + (nearest ?? .infinity).squareRoot()
        }
        return sum / Double(trueFront.count)
    }

    /// Index of the point with the smallest sum of objectives, each scaled to 0...1 by its span over the front and
    /// weighted; the first of several, nil for no points.
    ///
    /// One decision out of a front: the knee by normalised weights.
    public static func knee(_ points: [[Double]], weights: [Double]) -> Int? {
        precondition(points.allSatisfy { $0.count == weights.count }, "one weight an objective")
        let scales = weights.indices.map { objective -> (low: Double, span: Double) in
            let column = points.map { $0[objective] }
            guard let low = column.min(), let high = column.max() else { return (0, 0) }
            return (low, high - low)
        }
        let sums = points.map { point in
            weights.indices.reduce(0.0) { sum, objective in
                let scale = scales[objective]
                return scale.span > 0
                    ? sum + weights[objective] * (point[objective] - scale.low) / scale.span : sum
            }
        }
        return sums.indices.min { (sums[$0], $0) < (sums[$1], $1) }
    }
}
