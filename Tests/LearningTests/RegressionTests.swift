import Learning
import Testing

@Suite struct RegressionTests {
    /// Random rows and targets from known coefficients.
    static func data(
        rows: Int, noise: Double, _ random: inout Xoshiro256StarStar
    ) -> (rows: [[Double]], targets: [Double]) {
        let x = (0..<rows).map { _ in (0..<4).map { Double($0 * 10) + random.normal() } }
        return (x, x.map { 3 + $0[0] - 2 * $0[1] + 0.5 * $0[2] + noise * random.normal() })
    }

    @Test("Least squares finds exact coefficients; means far from zero do no harm") func exact() throws {
        var random = Xoshiro256StarStar(seed: 1)
        let (rows, targets) = Self.data(rows: 50, noise: 0, &random)
        let fit = try LinearRegression(rows, targets)
        for (found, expected) in zip(fit.coefficients + [fit.intercept], [1, -2, 0.5, 0, 3]) {
            #expect(abs(found - expected) < 1e-9)
        }
    }

    /// One feature by hand: x = 0, 1, 2 and y = 0, 1, 5, centred Σxy = 5, Σx² = 2; w = 5 / (2 + α), intercept 2 - w.
    @Test("Ridge by hand", arguments: [0.0, 0.5, 3, 1e6]) func byHand(_ alpha: Double) throws {
        let fit = try LinearRegression([[0], [1], [2]], [0, 1, 5], alpha: alpha)
        #expect(abs(fit.coefficients[0] - 5 / (2 + alpha)) < 1e-12)
        #expect(abs(fit.intercept - (2 - 5 / (2 + alpha))) < 1e-12)
        #expect(abs(fit.predict([2]) - (2 + 5 / (2 + alpha))) < 1e-12)
    }

    @Test("Leave-one-out chooses as fits without each row do") func leaveOneOut() throws {
        var random = Xoshiro256StarStar(seed: 4)
        let (rows, targets) = Self.data(rows: 12, noise: 4, &random)
        let alphas = (0..<11).map { index in VectorMathTests.power(10, -2 + 0.5 * Double(index)) }
        let errors = try alphas.map { alpha in
            try rows.indices.reduce(0.0) { sum, left in
                let others = rows.indices.filter { $0 != left }
                let fit = try LinearRegression(others.map { rows[$0] }, others.map { targets[$0] }, alpha: alpha)
                let error = targets[left] - fit.predict(rows[left])
                return sum + error * error
            }
        }
        let best = try #require(errors.indices.min { errors[$0] < errors[$1] })
        let chosen = try LinearRegression.leaveOneOut(rows, targets, alphas: alphas)
        #expect(chosen.alpha == alphas[best])
        #expect(chosen == (try LinearRegression(rows, targets, alpha: alphas[best])))
    }

    @Test("Dependent columns are singular without a penalty and fine with one") func dependent() throws {
        let rows = (0..<6).map { [Double($0), 2 * Double($0)] }
        let targets = (0..<6).map { 5 * Double($0) }
        #expect { try LinearRegression(rows, targets) } throws: { ($0 as? LearningError)?.code == .singular }
        let fit = try LinearRegression(rows, targets, alpha: 1e-6)
        #expect(abs(fit.predict([3, 6]) - 15) < 1e-5)
        #expect { try LinearRegression([[1], [1]], [1, 2]) } throws: { ($0 as? LearningError)?.code == .singular }
    }

    @Test("Data that do not fit are errors") func badData() {
        #expect(throws: LearningError.self) { try LinearRegression([], []) }
        #expect(throws: LearningError.self) { try LinearRegression([[1], [2]], [1]) }
        #expect(throws: LearningError.self) { try LinearRegression([[1], [2, 3]], [1, 2]) }
        #expect(throws: LearningError.self) { try LinearRegression([[1], [.nan]], [1, 2]) }
        #expect(throws: LearningError.self) { try LinearRegression([[1], [2]], [1, 2], alpha: -1) }
        #expect(throws: LearningError.self) { try LinearRegression.leaveOneOut([[1], [2]], [1, 2], alphas: []) }
    }

    @Test("k-means finds separate clouds, assigns to the nearest centre, and repeats itself") func clusters() throws {
        var random = Xoshiro256StarStar(seed: 1)
        let centres = [[0.0, 0], [10, 0], [0, 10], [10, 10]]
        let rows = (0..<400).map { index in centres[index % 4].map { $0 + 0.5 * random.normal() } }
        let found = try KMeans(rows, clusters: 4, seed: 3)
        for centre in centres {
            let nearest = found.centres[found.nearest(centre)]
            #expect(abs(nearest[0] - centre[0]) < 0.3 && abs(nearest[1] - centre[1]) < 0.3)
        }
        #expect(zip(rows, found.assignments).allSatisfy { found.nearest($0) == $1 })
        // 400 rows of two coordinates with variance 0.25, less the four fitted means: about 198.
        #expect(abs(found.inertia - 198) < 50)
        #expect(try KMeans(rows, clusters: 4, seed: 3) == found)
    }

    @Test("k-means with equal rows, one cluster, as many clusters as rows, and bad data") func clusterLimits() throws {
        let equal = [[Double]](repeating: [1, 2], count: 5)
        #expect(try KMeans(equal, clusters: 3, seed: 1).inertia == 0)
        let rows = [[0.0], [1], [5]]
        #expect(try KMeans(rows, clusters: 1, seed: 1).centres == [[2]])
        #expect(try KMeans(rows, clusters: 3, seed: 1).inertia == 0)
        #expect(throws: LearningError.self) { try KMeans(rows, clusters: 4, seed: 1) }
        #expect(throws: LearningError.self) { try KMeans(rows, clusters: 0, seed: 1) }
        #expect(throws: LearningError.self) { try KMeans([[1], [1, 2]], clusters: 1, seed: 1) }
        #expect(throws: LearningError.self) { try KMeans([[.nan]], clusters: 1, seed: 1) }
    }
}
