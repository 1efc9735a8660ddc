/// What one solution is worth under several objectives, all to be made small, and how far it breaks its constraints.
public struct ObjectiveVector: Sendable, Equatable {
    /// One number for each objective; the smaller the better.
    public var values: [Double]
    /// Sum of what the constraints are broken by; 0 for a feasible solution, never negative.
    public var violation: Double

    /// The worth of a solution, feasible unless a violation is given.
    public init(_ values: [Double], violation: Double = 0) {
        self.values = values
        self.violation = violation
    }

    /// Whether no constraint is broken.
    public var isFeasible: Bool { violation <= 0 }

    /// Whether every number is finite and the violation is not negative.
    public var isSound: Bool { violation >= 0 && violation.isFinite && values.allSatisfy(\.isFinite) }

    /// Domination, feasibility first (Deb 2002): the smaller violation wins; at equal violations, no objective may be
    /// larger and one must be smaller.
    public func dominates(_ other: ObjectiveVector) -> Bool {
        if violation != other.violation { return violation < other.violation }
        precondition(values.count == other.values.count, "solutions with different numbers of objectives")
        var isSmaller = false
        for index in values.indices {
            if values[index] > other.values[index] { return false }
            if values[index] < other.values[index] { isSmaller = true }
        }
        return isSmaller
    }

    /// Order by violation, then by the objectives one after the other: nothing dominates what precedes it.
    func precedes(_ other: ObjectiveVector) -> Bool {
        if violation != other.violation { return violation < other.violation }
        for index in values.indices where values[index] != other.values[index] {
            return values[index] < other.values[index]
        }
        return false
    }
}
