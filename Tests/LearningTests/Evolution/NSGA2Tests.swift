import Foundation
import Learning
import Testing

/// Zitzler, Deb and Thiele's test problems (2000) in 30 variables.
enum ZDT: Int, CaseIterable, Sendable {
    case one = 1
    case two, three

    func evaluate(_ x: [Double]) -> ObjectiveVector {
        let g = 1 + 9 * x.dropFirst().reduce(0, +) / Double(x.count - 1)
        return ObjectiveVector([x[0], g * height(x[0], over: g)])
    }

    private func height(_ first: Double, over g: Double) -> Double {
        switch self {
        case .one: 1 - (first / g).squareRoot()
        case .two: 1 - (first / g) * (first / g)
        case .three: 1 - (first / g).squareRoot() - first / g * sin(10 * .pi * first)
        }
    }

    /// 100 points of the true front, as pymoo spaces them: evenly, for ZDT3 20 in each of its five pieces.
    var trueFront: [[Double]] {
        let pieces: [(Double, Double)] =
            self == .three
            ? [
                (0, 0.083_001_534_9), (0.182_228_780, 0.257_762_363_4), (0.409_313_674_8, 0.453_882_104_1),
                (0.618_396_794_4, 0.652_511_703_8), (0.823_331_798_3, 0.851_832_865_4),
            ] : [(0, 1)]
        let each = 100 / pieces.count
        return pieces.flatMap { low, high in
            (0..<each).map { step -> [Double] in
                let first = low + (high - low) * Double(step) / Double(each - 1)
                return [first, height(first, over: 1)]
            }
        }
    }

    /// Measured with pymoo 0.6.2: hypervolume of the 100 points, NSGA-II's mean hypervolume, and the largest IGD of 5
    /// seeds.
    var reference: (truth: Double, hypervolume: Double, distance: Double) {
        switch self {
        case .one: (0.8714, 0.8698, 0.00482)
        case .two: (0.5383, 0.5363, 0.00498)
        case .three: (1.3291, 1.3277, 0.00566)
        }
    }
}

@Suite("NSGA-II") struct NSGA2Tests {
    private let unit = [ClosedRange<Double>](repeating: 0...1, count: 30)

    @Test("The true fronts have the hypervolumes of the reference", arguments: ZDT.allCases)
    func trueFronts(problem: ZDT) {
        let volume = FrontQuality.hypervolume(problem.trueFront, reference: [1.1, 1.1])
        #expect(abs(volume - problem.reference.truth) < 6e-5, "\(volume)")
    }

    /// 25,000 evaluations, 5 seeds; the bounds are pymoo's figures less 0.005 of hypervolume and 20 % of distance.
    @Test("ZDT1 to ZDT3 are solved as well as by pymoo", arguments: ZDT.allCases)
    func zdt(problem: ZDT) throws {
        var sums = (volume: 0.0, distance: 0.0)
        for seed in 1...5 {
            let optimiser = try NSGA2(
                RealVariation(bounds: unit), configuration: NSGA2.Configuration(seed: UInt64(seed)))
            let outcome = try optimiser.run(evaluate: problem.evaluate)
            #expect(outcome.evaluations == 25_000 && outcome.generations == 249)
            #expect(outcome.population.count == 100)
            let points = outcome.front.map(\.objectives.values)
            let volume = FrontQuality.hypervolume(points, reference: [1.1, 1.1])
            let distance = FrontQuality.invertedGenerationalDistance(points, trueFront: problem.trueFront)
            #expect(volume >= problem.reference.hypervolume - 0.005, "seed \(seed): \(volume)")
            #expect(volume <= problem.reference.truth + 0.001)
            #expect(distance <= problem.reference.distance * 1.2, "seed \(seed): \(distance)")
            sums.volume += volume / 5
            sums.distance += distance / 5
        }
        if EvolutionFigures.isWanted {
            print("ZDT\(problem.rawValue): HV \(sums.volume), IGD \(sums.distance), mean of 5 seeds")
        }
    }

    @Test("The same seed gives the same population, another seed another") func determinism() throws {
        func run(_ seed: UInt64) throws -> [NSGA2<RealVariation>.Individual] {
            let configuration = NSGA2<RealVariation>.Configuration(population: 20, evaluationsMax: 410, seed: seed)
            return try NSGA2(RealVariation(bounds: unit), configuration: configuration)
                .run(evaluate: ZDT.one.evaluate).population
        }
        #expect(try run(4) == run(4))
        #expect(try run(4) != run(5))
    }

    /// x + y >= 10 over 0...12 squared, minimise both: the front is the 11 points of x + y = 10 and what is off it
    /// never stays.
    @Test("Constraints come first, and small whole-number spaces are searched out") func constraints() throws {
        let optimiser = try NSGA2(
            IntegerVariation(bounds: [0...12, 0...12]),
            configuration: NSGA2.Configuration(population: 40, evaluationsMax: 3_000, seed: 2))
        let outcome = try optimiser.run { genome in
            ObjectiveVector(genome.map(Double.init), violation: Double(max(0, 10 - genome[0] - genome[1])))
        }
        #expect(Set(outcome.front.map(\.genome)) == Set((0...10).map { [$0, 10 - $0] }))
        #expect(Set(outcome.population.map(\.genome)).count == 40, "no two members are alike")
    }

    @Test("Seeds are clamped and repaired, and evaluations end at the limit") func seeds() throws {
        let configuration = NSGA2<IntegerVariation>.Configuration(population: 10, evaluationsMax: 25, seed: 1)
        let optimiser = try NSGA2(IntegerVariation(bounds: [0...9, 0...9]), configuration: configuration)
        var seen: [[Int]] = []
        let outcome = try optimiser.run(
            seeds: [[99, -3], [4, 4]], repair: { genome, _ in genome[1] = max(genome[1], 1) },
            evaluate: { genome in
                seen.append(genome)
                return ObjectiveVector([Double(genome[0]), Double(9 - genome[1])])
            })
        #expect(seen[..<2] == [[9, 1], [4, 4]] && seen.count == 25 && outcome.evaluations == 25)
        #expect(seen.allSatisfy { $0[1] >= 1 })
    }

    @Test("Bad settings and worths are refused with a reason") func badInput() throws {
        func code(_ body: () throws -> Void) -> LearningError.Code? {
            do { try body() } catch let error as LearningError { return error.code } catch { return nil }
            return nil
        }
        typealias Integers = NSGA2<IntegerVariation>
        #expect(code { _ = try IntegerVariation(bounds: []) } == .badData)
        #expect(code { _ = try IntegerVariation(bounds: [0...1], creepShare: .nan) } == .badData)
        #expect(code { _ = try RealVariation(bounds: []) } == .badData)
        #expect(code { _ = try RealVariation(bounds: [0...0]) } == .badData)
        #expect(code { _ = try RealVariation(bounds: [0...Double.infinity]) } == .badData)
        #expect(code { _ = try RealVariation(bounds: [0...1], crossoverIndex: -1) } == .badData)
        let genes = try IntegerVariation(bounds: [0...5, 0...5])
        for (population, evaluations) in [(1, 100), (10_001, 20_000), (10, 9)] {
            let configuration = Integers.Configuration(population: population, evaluationsMax: evaluations)
            #expect(code { _ = try Integers(genes, configuration: configuration) } == .badData)
        }
        var rates = Integers.Configuration()
        rates.mutationRate = .nan
        #expect(code { _ = try Integers(genes, configuration: rates) } == .badData)
        let optimiser = try Integers(genes, configuration: Integers.Configuration(population: 4, evaluationsMax: 8))
        #expect(code { _ = try optimiser.run { _ in ObjectiveVector([.nan, 0]) } } == .notFinite)
        #expect(code { _ = try optimiser.run { _ in ObjectiveVector([0], violation: -1) } } == .notFinite)
        var count = 0
        let uneven: ([Int]) -> ObjectiveVector = { _ in
            count += 1
            return ObjectiveVector([Double](repeating: 0, count: count))
        }
        #expect(code { _ = try optimiser.run(evaluate: uneven) } == .badData)
    }
}
