public import Learning

/// The plans of SealOS+'s action (equation 2) as genomes of whole numbers: instances, priority and quota of each service.
///
/// A genome has 3K genes for K services: K counts of replicas, then K indices into `priorities`, then K into `quotas`.
/// The paper's migration m is not here: where replicas run is the placement's task (reading 17 of the paper notes).
public struct PlanSpace: Sendable {
    /// The chain that is planned.
    public let profile: ChainProfile
    /// Replicas a plan may give each service.
    public let replicas: [ClosedRange<Int>]
    /// Weights where services compete for processors, ascending, each more than 0 and at most 1; one weight means that
    /// nobody competes.
    public let priorities: [Double]
    /// Shares of a replica's processors that it may use, ascending, each more than 0 and at most 1.
    public let quotas: [Double]
    /// How genomes begin, mix and change.
    public let variation: IntegerVariation

    /// Plans of `profile`.
    /// - Parameter floors: Least replicas of each service, clamped to the profile's bounds; nil for those bounds.
    /// - Throws: `Configuration` where the profile contradicts itself or levels are not ascending within 0...1.
    public init(
        _ profile: ChainProfile, floors: [Int]? = nil, priorities: [Double] = [1], quotas: [Double] = [0.5, 0.75, 1]
    ) throws(PolicyFault) {
        if let fault = profile.fault { throw PolicyFault("Configuration", fault) }
        for (name, levels) in [("priorities", priorities), ("quotas", quotas)] {
            let isAscending = zip(levels, levels.dropFirst()).allSatisfy { $0 < $1 }
            guard !levels.isEmpty, isAscending, levels.allSatisfy({ $0 > 0 && $0 <= 1 }) else {
                throw PolicyFault("Configuration", "\(name) ascend, are more than 0 and at most 1: \(levels)")
            }
        }
        if let floors, floors.count != profile.services.count {
            throw PolicyFault("Configuration", "\(floors.count) floors for \(profile.services.count) services")
        }
        self.profile = profile
        self.priorities = priorities
        self.quotas = quotas
        replicas = profile.services.indices.map { index in
            let bounds = profile.services[index].bounds
            let floor = floors.map { $0[index] } ?? bounds.lowerBound
            return min(max(floor, bounds.lowerBound), bounds.upperBound)...bounds.upperBound
        }
        let levels = [priorities.count, quotas.count].flatMap { count in
            [ClosedRange<Int>](repeating: 0...count - 1, count: profile.services.count)
        }
        do throws(LearningError) {
            variation = try IntegerVariation(bounds: replicas + levels, creepShare: 0.5)
        } catch {
            throw PolicyFault("Configuration", error.message)
        }
    }

    /// Number of services K.
    public var count: Int { replicas.count }

    /// The genome of replicas alone: middle priority, full quota, clamped.
    public func genome(replicas counts: [Int]) -> [Int] {
        var genome = counts
        genome += [Int](repeating: priorities.count / 2, count: count)
        genome += [Int](repeating: quotas.count - 1, count: count)
        variation.clamp(&genome)
        return genome
    }

    /// The quota of service `index` in a genome.
    public func quota(_ genome: [Int], _ index: Int) -> Double { quotas[genome[2 * count + index]] }

    /// The priority of service `index` in a genome.
    public func priority(_ genome: [Int], _ index: Int) -> Double { priorities[genome[count + index]] }

    /// Processors that the replicas of a genome are given, quotas not counted.
    public func processors(_ genome: [Int]) -> Double {
        profile.services.indices.reduce(0) { $0 + Double(genome[$1]) * profile.services[$1].processors }
    }

    /// What a genome tells the actuators, without reasons; a priority where services compete, a quota where there is a
    /// choice.
    public func decision(_ genome: [Int]) -> Decision {
        Decision(
            services: (0..<count).map { index in
                ServiceDecision(
                    replicas: genome[index], priority: priorities.count > 1 ? priority(genome, index) : nil,
                    quota: quotas.count > 1 ? quota(genome, index) : nil)
            })
    }

    /// Makes a plan feasible for `rates` offered to each service a second: enough replicas for 95 % utilisation, or a
    /// higher quota where replicas are at their bound, then no more processors than the profile's budget.
    ///
    /// Over the budget, the replica whose going leaves its service the least utilised goes first.
    public func repair(_ genome: inout [Int], rates: [Double]) {
        variation.clamp(&genome)
        for index in 0..<count {
            let full = profile.services[index].capacity * 0.95
            while full * quota(genome, index) * Double(replicas[index].upperBound) < rates[index],
                genome[2 * count + index] < quotas.count - 1
            {
                genome[2 * count + index] += 1
            }
            let needed = (rates[index] / (full * quota(genome, index)) - 1e-9).rounded(.up)
            genome[index] = max(genome[index], min(replicas[index].upperBound, Int(clamping: needed)))
        }
        guard let budget = profile.processorBudget else { return }
        var excess = processors(genome) - budget
        while excess > 1e-9 {
            let candidates = (0..<count).filter { genome[$0] > replicas[$0].lowerBound }
            func utilisationAfter(_ index: Int) -> Double {
                rates[index]
                    / (profile.services[index].capacity * quota(genome, index) * max(0.1, Double(genome[index] - 1)))
            }
            guard let least = candidates.min(by: { utilisationAfter($0) < utilisationAfter($1) }) else { return }
            genome[least] -= 1
            excess -= profile.services[least].processors
        }
    }
}
