import Learning
import Testing

@Suite("Fronts of non-dominated solutions") struct FrontTests {
    /// Points of few different values, so that equal ones and ties occur; a third of them infeasible.
    private func randomPoints(_ count: Int, objectives: Int, _ random: inout Xoshiro256StarStar) -> [ObjectiveVector] {
        (0..<count).map { _ in
            let values = (0..<objectives).map { _ in Double(random.below(8)) }
            return ObjectiveVector(values, violation: random.below(3) == 0 ? Double(random.below(3)) : 0)
        }
    }

    /// Fronts by their definition: peel off what no remaining point dominates.
    private func peeled(_ points: [ObjectiveVector]) -> [[Int]] {
        func dominates(_ a: ObjectiveVector, _ b: ObjectiveVector) -> Bool {
            if a.violation != b.violation { return a.violation < b.violation }
            return zip(a.values, b.values).allSatisfy { $0 <= $1 } && a.values != b.values
        }
        var rest = Array(points.indices)
        var fronts: [[Int]] = []
        while !rest.isEmpty {
            let front = rest.filter { index in !rest.contains { dominates(points[$0], points[index]) } }
            fronts.append(front)
            rest.removeAll { front.contains($0) }
        }
        return fronts
    }

    @Test("Fronts are those of the definition, for one to four objectives with ties and violations", arguments: 1...4)
    func fronts(objectives: Int) {
        var random = Xoshiro256StarStar(seed: UInt64(objectives))
        for round in 0..<150 {
            let points = randomPoints(round % 60, objectives: objectives, &random)
            let expected = peeled(points)
            #expect(NonDominatedSorting.fronts(points) == expected, "round \(round)")
            let countMin = round % 7 + 1
            let cut = NonDominatedSorting.fronts(points, countMin: countMin)
            #expect(cut == Array(expected.prefix(cut.count)))
            #expect(cut.joined().count >= min(countMin, points.count))
            #expect(cut.dropLast().joined().count < countMin)
        }
    }

    @Test("Domination compares violations first, and equal solutions dominate nothing") func domination() {
        let a = ObjectiveVector([1, 2])
        #expect(!a.dominates(a))
        #expect(a.dominates(ObjectiveVector([1, 3])) && !a.dominates(ObjectiveVector([0, 3])))
        #expect(ObjectiveVector([9, 9]).dominates(ObjectiveVector([0, 0], violation: 0.1)))
        #expect(ObjectiveVector([9, 9], violation: 0.1).dominates(ObjectiveVector([0, 0], violation: 0.2)))
    }

    /// By hand: spans 4 and 4; the middle points have gaps (3 + 3)/4 and (3 + 3)/4.
    @Test("Crowding is the gap of the neighbours over the span, infinite at the ends") func crowding() {
        let points = [[0.0, 4], [1, 2], [3, 1], [4, 0]].map { ObjectiveVector($0) }
        #expect(NonDominatedSorting.crowding([0, 1, 2, 3], in: points) == [.infinity, 1.5, 1.25, .infinity])
        #expect(NonDominatedSorting.crowding([3, 1, 0, 2], in: points) == [.infinity, 1.5, .infinity, 1.25])
        #expect(NonDominatedSorting.crowding([1, 2], in: points) == [.infinity, .infinity])
        let flat = [[0.0, 1], [1, 1], [2, 1]].map { ObjectiveVector($0) }
        #expect(NonDominatedSorting.crowding([0, 1, 2], in: flat) == [.infinity, 1, .infinity])
        let equal = [ObjectiveVector](repeating: ObjectiveVector([1, 1]), count: 3)
        #expect(NonDominatedSorting.crowding([0, 1, 2], in: equal) == [0, 0, 0])
    }

    /// By hand: the union of rectangles of two points below (1.1, 1.1), and counted over a grid for random ones.
    @Test("Hypervolume is the dominated area") func hypervolume() {
        let reference = [1.1, 1.1]
        #expect(abs(FrontQuality.hypervolume([[0.5, 0.1]], reference: reference) - 0.6) < 1e-12)
        let two = FrontQuality.hypervolume([[0.5, 0.1], [0.1, 0.6], [0.6, 0.2], [2, -5]], reference: reference)
        #expect(abs(two - (0.6 * 1 + 0.4 * 0.5)) < 1e-12)
        #expect(FrontQuality.hypervolume([], reference: reference) == 0)
        var random = Xoshiro256StarStar(seed: 3)
        for _ in 0..<30 {
            let points = (0..<9).map { _ in [Double(random.below(20)), Double(random.below(20))] }
            var cells = 0.0
            for x in 0..<15 {
                for y in 0..<15 where points.contains(where: { $0[0] <= Double(x) && $0[1] <= Double(y) }) {
                    cells += 1
                }
            }
            #expect(FrontQuality.hypervolume(points, reference: [15, 15]) == cells)
        }
    }

    @Test("The inverted generational distance is the mean distance to the nearest point") func distance() {
        let truth = [[0.0, 0], [3, 4]]
        #expect(FrontQuality.invertedGenerationalDistance([[0, 0]], trueFront: truth) == 2.5)
        #expect(FrontQuality.invertedGenerationalDistance(truth, trueFront: truth) == 0)
        #expect(FrontQuality.invertedGenerationalDistance([], trueFront: truth) == .infinity)
    }

    @Test("The knee is the smallest weighted sum of scaled objectives") func knee() {
        let points = [[0.0, 10], [1, 4], [5, 0]]
        // Scaled: (0, 1), (0.2, 0.4), (1, 0).
        #expect(FrontQuality.knee(points, weights: [1, 1]) == 1)
        #expect(FrontQuality.knee(points, weights: [10, 1]) == 0)
        #expect(FrontQuality.knee(points, weights: [0, 1]) == 2)
        #expect(FrontQuality.knee([[2, 2], [2, 2]], weights: [1, 1]) == 0)
        #expect(FrontQuality.knee([], weights: [1, 1]) == nil)
    }
}
