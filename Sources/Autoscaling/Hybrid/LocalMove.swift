internal import Learning

/// One small change of a plan: a service and what becomes of it. The moves of the hybrid scheduler's policy.
public struct LocalMove: Sendable, Equatable {
    /// What can become of a service; the order is that of the network's outputs.
    public enum Kind: Int, Sendable, CaseIterable {
        /// One replica less or more.
        case remove, add
        /// A quarter of the replicas less or more, at least two.
        case shrink, grow
        /// The next lower or higher quota.
        case tighten, loosen
        /// The next lower or higher priority.
        case yield, press
    }

    /// Index of the service.
    public var service: Int
    /// What becomes of it.
    public var kind: Kind

    /// A move.
    public init(service: Int, kind: Kind) {
        self.service = service
        self.kind = kind
    }

    /// The move of index service · 8 + kind.
    init(index: Int) {
        let kinds = Kind.allCases
        self.init(service: index / kinds.count, kind: kinds[index % kinds.count])
    }

    /// Which moves are possible, by index.
    static func mask(_ genome: [Int], in space: PlanSpace) -> [Bool] {
        let spare = space.profile.processorBudget.map { $0 + 1e-9 - space.processors(genome) } ?? .infinity
        return (0..<space.count * Kind.allCases.count).map { index in
            LocalMove(index: index).isPossible(genome, in: space, spareProcessors: spare)
        }
    }

    /// Whether the move stays within the bounds and, with more replicas, within the processors left.
    private func isPossible(_ genome: [Int], in space: PlanSpace, spareProcessors: Double) -> Bool {
        let (gene, step) = change(genome, space.count)
        guard space.variation.bounds[gene].contains(genome[gene] + step) else { return false }
        return gene >= space.count || step < 0
            || Double(step) * space.profile.services[service].processors <= spareProcessors
    }

    /// The gene that changes and by how much.
    private func change(_ genome: [Int], _ count: Int) -> (gene: Int, step: Int) {
        let quarter = max(2, (genome[service] + 3) / 4)
        return switch kind {
        case .remove: (service, -1)
        case .add: (service, 1)
        case .shrink: (service, -quarter)
        case .grow: (service, quarter)
        case .tighten: (2 * count + service, -1)
        case .loosen: (2 * count + service, 1)
        case .yield: (count + service, -1)
        case .press: (count + service, 1)
        }
    }

    /// The plan after the move; nil where it would leave the bounds or, with more replicas, exceed the budget of
    /// processors: such moves are masked.
    public func applied(to genome: [Int], in space: PlanSpace) -> [Int]? {
        let spare = space.profile.processorBudget.map { $0 + 1e-9 - space.processors(genome) } ?? .infinity
        guard isPossible(genome, in: space, spareProcessors: spare) else { return nil }
        let (gene, step) = change(genome, space.count)
        var moved = genome
        moved[gene] += step
        return moved
    }

    /// Replicas that the move starts or stops.
    public func changed(_ genome: [Int], in space: PlanSpace) -> Int {
        let (gene, step) = change(genome, space.count)
        return gene < space.count ? abs(step) : 0
    }
}

/// What the policy sees of one service in a plan: numbers of about -1...2.
enum MoveFeatures {
    static let count = 12

    /// Writes the features of each service of a plan, service by service.
    static func write(
        _ genome: [Int], _ outcome: PlanOutcome, _ space: PlanSpace, _ fitness: PlanFitness, into row: inout [Float]
    ) {
        row.removeAll(keepingCapacity: true)
        let terms = fitness.terms(outcome)
        let total = outcome.means.reduce(0, +)
        let known = outcome.utilisations.filter(\.isFinite)
        let mean = known.reduce(0, +) / Double(max(1, known.count))
        let late = outcome.responseTime / fitness.responseTarget - 1
        let budget = fitness.processorBudget.map { outcome.processors / $0 } ?? 0
        for index in 0..<space.count {
            let utilisation = outcome.utilisations[index].isFinite ? outcome.utilisations[index] : 0
            let features = [
                utilisation - fitness.utilisationTarget, utilisation - mean, mean - fitness.utilisationTarget, late,
                total > 0 ? outcome.means[index] / total : 0,
                Double(genome[index]) / Double(space.replicas[index].upperBound),
                1 / Double(max(1, genome[index])), space.quota(genome, index), space.priority(genome, index),
                terms.utilisation, terms.balance, budget,
            ]
            for value in features { row.append(Float(min(2, max(-2, value)))) }
        }
    }
}
