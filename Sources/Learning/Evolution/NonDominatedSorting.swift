/// Fronts of non-dominated solutions and the room around each solution of a front (Deb, Pratap, Agarwal and Meyarivan
/// 2002).
public enum NonDominatedSorting {
    /// Indices of `points` by front: no point of a front is dominated by one of the same or a later front, and each
    /// point of a later front is dominated by one of the front before.
    ///
    /// Points are taken in lexicographic order and put into the first front without a dominating member (Zhang, Tian,
    /// Cheng and Jin 2015, ENS-SS): the fronts of Deb's fast sort at up to M·N² comparisons, most often far fewer.
    /// Stops after the front with which `countMin` points are reached. Each front is in ascending order of index.
    public static func fronts(_ points: [ObjectiveVector], countMin: Int? = nil) -> [[Int]] {
        let order = points.indices.sorted {
            points[$0].precedes(points[$1]) || (!points[$1].precedes(points[$0]) && $0 < $1)
        }
        var fronts: [[Int]] = []
        for index in order {
            let free = fronts.firstIndex { front in
                !front.reversed().contains { points[$0].dominates(points[index]) }
            }
            if let free { fronts[free].append(index) } else { fronts.append([index]) }
        }
        if let countMin {
            var count = 0
            let last = fronts.firstIndex { front in
                count += front.count
                return count >= countMin
            }
            if let last { fronts.removeSubrange((last + 1)...) }
        }
        return fronts.map { $0.sorted() }
    }

    /// Crowding distance of each member of `front`, in its order: over all objectives the sum of the gap between its
    /// two neighbours, divided by the span of the front.
    ///
    /// The ends of an objective are infinitely far; an objective without span adds nothing; two members or fewer are
    /// all infinitely far.
    public static func crowding(_ front: [Int], in points: [ObjectiveVector]) -> [Double] {
        guard front.count > 2 else { return [Double](repeating: .infinity, count: front.count) }
        var distances = [Double](repeating: 0, count: front.count)
        for objective in points[front[0]].values.indices {
            func value(_ place: Int) -> Double { points[front[place]].values[objective] }
            let order = front.indices.sorted { (value($0), $0) < (value($1), $1) }
            let span = value(order[order.count - 1]) - value(order[0])
            guard span > 0 else { continue }
            distances[order[0]] = .infinity
            distances[order[order.count - 1]] = .infinity
            for rank in 1..<order.count - 1 {
                distances[order[rank]] += (value(order[rank + 1]) - value(order[rank - 1])) / span
            }
        }
        return distances
    }
}
