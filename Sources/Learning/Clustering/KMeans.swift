/// Lloyd's k-means with k-means++ seeding (Arthur and Vassilvitskii 2007).
public struct KMeans: Sendable, Equatable {
    /// k rows of `features` numbers.
    public let centres: [[Double]]
    /// Nearest centre of each row of training.
    public let assignments: [Int]
    /// Sum of squared distances to the nearest centres.
    public let inertia: Double
    /// Rounds of the best start until the assignments stayed.
    public let rounds: Int

    /// Clusters `rows`, all of the same length, into `clusters` groups; the best of `starts` seedings.
    public init(
        _ rows: [[Double]], clusters: Int, starts: Int = 10, roundsMax: Int = 300, seed: UInt64
    ) throws(LearningError) {
        guard clusters > 0, rows.count >= clusters else {
            throw LearningError(.badData, "\(clusters) clusters of \(rows.count) rows")
        }
        precondition(starts > 0 && roundsMax > 0, "nothing to do")
        for (index, row) in rows.enumerated() {
            guard row.count == rows[0].count else {
                throw LearningError(.badData, "row \(index) has \(row.count) numbers, row 0 has \(rows[0].count)")
            }
            guard row.allSatisfy(\.isFinite) else { throw LearningError(.notFinite, "row \(index) is not finite") }
        }
        let root = Xoshiro256StarStar(seed: seed)
        var best: KMeans?
        for start in 0..<starts {
            var random = root.split("start \(start)")
            let centres = Self.seed(rows, clusters, &random)
            let result = Self.iterate(rows, centres, roundsMax)
            if best.map({ result.inertia < $0.inertia }) ?? true { best = result }
        }
        guard let best else { throw LearningError(.badData, "no start") }
        self = best
    }

    private init(centres: [[Double]], assignments: [Int], inertia: Double, rounds: Int) {
        self.centres = centres
        self.assignments = assignments
        self.inertia = inertia
        self.rounds = rounds
    }

    /// Number of the nearest centre, the lowest of several.
    public func nearest(_ row: [Double]) -> Int { Self.nearest(row, centres).index }

    private static func squaredDistance(_ a: [Double], _ b: [Double]) -> Double {
        precondition(a.count == b.count, "rows of different lengths")
        var sum = 0.0
        for index in a.indices { sum += (a[index] - b[index]) * (a[index] - b[index]) }
        return sum
    }

    private static func nearest(_ row: [Double], _ centres: [[Double]]) -> (index: Int, distance: Double) {
        var best = (index: 0, distance: Double.infinity)
        for (index, centre) in centres.enumerated() {
            let distance = squaredDistance(row, centre)
            if distance < best.distance { best = (index, distance) }
        }
        return best
    }

    /// Rows drawn with probabilities in proportion to the squared distance from the centres so far.
    private static func seed(_ rows: [[Double]], _ clusters: Int, _ random: inout Xoshiro256StarStar) -> [[Double]] {
        var centres = [rows[random.below(rows.count)]]
        var distances = rows.map { squaredDistance($0, centres[0]) }
        while centres.count < clusters {
            var rest = random.uniform() * distances.reduce(0, +)
            var chosen = rows.count - 1
            for (index, distance) in distances.enumerated() {
                rest -= distance
                if rest < 0 {
                    chosen = index
                    break
                }
            }
            centres.append(rows[chosen])
            for index in rows.indices {
                distances[index] = min(distances[index], squaredDistance(rows[index], rows[chosen]))
            }
        }
        return centres
    }

    private static func iterate(_ rows: [[Double]], _ start: [[Double]], _ roundsMax: Int) -> KMeans {
        var centres = start
        var assignments = [Int](repeating: -1, count: rows.count)
        var round = 0
        while round < roundsMax {
            round += 1
            let found = rows.map { nearest($0, centres) }
            let next = found.map(\.index)
            if next == assignments { break }
            assignments = next
            centres = means(rows, found, centres.count)
        }
        let inertia = rows.reduce(0) { $0 + nearest($1, centres).distance }
        return KMeans(centres: centres, assignments: assignments, inertia: inertia, rounds: round)
    }

    /// Mean of each cluster; an empty one moves to the row farthest from its centre, each to another row.
    private static func means(
        _ rows: [[Double]], _ found: [(index: Int, distance: Double)], _ clusters: Int
    ) -> [[Double]] {
        var sums = [[Double]](repeating: [Double](repeating: 0, count: rows[0].count), count: clusters)
        var counts = [Int](repeating: 0, count: clusters)
        for (row, place) in zip(rows, found) {
            counts[place.index] += 1
            for column in row.indices { sums[place.index][column] += row[column] }
        }
        let farthest = found.indices.sorted { (-found[$0].distance, $0) < (-found[$1].distance, $1) }
        var taken = 0
        for cluster in 0..<clusters {
            if counts[cluster] == 0 {
                sums[cluster] = rows[farthest[taken]]
                taken += 1
            } else {
                sums[cluster] = sums[cluster].map { $0 / Double(counts[cluster]) }
            }
        }
        return sums
    }
}
