/// What one solution is worth under a single objective, to be made large, with what screening may look at beside it.
public struct Fitness: Sendable, Equatable {
    /// The objective; the larger the better.
    public var value: Double
    /// Sum of what the constraints are broken by; 0 for a feasible solution, never negative.
    public var violation: Double
    /// Criteria for screening by non-dominated sorting, all to be made small; empty for none.
    public var criteria: [Double]

    /// A worth, feasible unless a violation is given.
    public init(_ value: Double, violation: Double = 0, criteria: [Double] = []) {
        self.value = value
        self.violation = violation
        self.criteria = criteria
    }

    /// Feasibility first: the smaller violation wins, then the larger value.
    public func isBetter(than other: Fitness) -> Bool {
        violation != other.violation ? violation < other.violation : value > other.value
    }

    /// Whether every number is finite and the violation is not negative.
    public var isSound: Bool {
        value.isFinite && violation >= 0 && violation.isFinite && criteria.allSatisfy(\.isFinite)
    }
}

/// A genome and what it is worth.
public struct ScoredGenome<Genome: Hashable & Sendable>: Sendable, Equatable {
    /// The solution.
    public var genome: Genome
    /// Its worth.
    public var fitness: Fitness

    /// A solution with its worth.
    public init(_ genome: Genome, _ fitness: Fitness) {
        self.genome = genome
        self.fitness = fitness
    }
}
