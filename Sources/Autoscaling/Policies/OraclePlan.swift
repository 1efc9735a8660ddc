/// The cheapest replicas of one service for a future that is known, by dynamic programming.
///
/// State: replicas that serve and the steps since their number changed. A step costs its serving replicas plus
/// `shortfall` for each that is missing; a replica added costs the steps it starts, in which it is paid and does not
/// serve. Replicas become fewer only where their number has stood for `holdSteps`. O(steps * levels * holdSteps).
public struct OraclePlan: Sendable, Equatable {
    /// Replicas to be ordered at each step: those that serve and those that are to serve within the start-up time.
    public let ordered: [Int]
    /// Replicas that serve at each step.
    public let serving: [Int]
    /// The cost in replica-steps, shortfalls included.
    public let cost: Double

    /// Plans for the replicas needed at each step.
    ///
    /// - Parameters:
    ///   - needs: replicas needed at each step.
    ///   - bounds: replicas allowed.
    ///   - initial: replicas that serve before the first step.
    ///   - startupSteps: steps from order to readiness, at least 0.
    ///   - holdSteps: steps for which a number stands before it becomes smaller, at least 0.
    ///   - shortfall: cost of one missing replica for one step, in replica-steps.
    public init(
        needs: [Int], bounds: ClosedRange<Int>, initial: Int, startupSteps: Int, holdSteps: Int,
        shortfall: Double = 1_000
    ) {
        precondition(startupSteps >= 0 && holdSteps >= 0, "steps are not negative")
        let low = bounds.lowerBound
        let first = min(bounds.upperBound, max(low, initial))
        let high = min(bounds.upperBound, max(first, needs.max() ?? low))
        let levels = high - low + 1
        let ages = holdSteps + 1
        var future = [Double](repeating: 0, count: levels * ages)
        var choices = [Int16](repeating: 0, count: needs.count * levels * ages)
        var table = StepTable(levels: levels, ages: ages, startup: Double(startupSteps))
        for step in needs.indices.reversed() {
            let need = needs[step]
            for level in 0..<levels {
                table.running[level] = Double(low + level) + shortfall * Double(max(0, need - low - level))
            }
            table.solve(&future, mayGrow: step >= startupSteps) { level, age, choice in
                choices[(step * levels + level) * ages + age] = Int16(choice)
            }
        }
        var (level, age) = (first - low, holdSteps)
        cost = future.isEmpty ? 0 : future[level * ages + age]
        var serving: [Int] = []
        serving.reserveCapacity(needs.count)
        for step in needs.indices {
            let next = Int(choices[(step * levels + level) * ages + age])
            age = next == level ? min(age + 1, holdSteps) : 0
            level = next
            serving.append(low + level)
        }
        self.serving = serving
        ordered = Self.orders(serving, first: first, startupSteps: startupSteps, limit: bounds.upperBound)
    }

    /// What serves at a step and all that is added within the next `startupSteps`.
    private static func orders(_ serving: [Int], first: Int, startupSteps: Int, limit: Int) -> [Int] {
        var risen = [Int](repeating: 0, count: serving.count + 1)
        var before = first
        for (step, count) in serving.enumerated() {
            risen[step + 1] = risen[step] + max(0, count - before)
            before = count
        }
        return serving.indices.map { step in
            let end = min(serving.count, step + startupSteps + 1)
            return min(limit, serving[step] + risen[end] - risen[step + 1])
        }
    }
}

/// One step of the plan's recursion.
private struct StepTable {
    let levels: Int
    let ages: Int
    let startup: Double
    var running: [Double]
    private var changed: [Double]
    private var best: [(cost: Double, level: Int)]
    private var next: [Double]

    init(levels: Int, ages: Int, startup: Double) {
        self.levels = levels
        self.ages = ages
        self.startup = startup
        running = Array(repeating: 0, count: levels)
        changed = running
        best = Array(repeating: (.infinity, 0), count: levels)
        next = Array(repeating: 0, count: levels * ages)
    }

    /// From the cost after this step to the cost before it; tells the choice of each state.
    mutating func solve(_ future: inout [Double], mayGrow: Bool, _ choose: (Int, Int, Int) -> Void) {
        for level in 0..<levels { changed[level] = running[level] + future[level * ages] }
        // The best larger level for each: its cost with all start-up, of which the level's own part is taken off.
        var grown = (cost: Double.infinity, level: 0)
        for level in (0..<levels).reversed() {
            best[level] = grown
            let cost = changed[level] + startup * Double(level)
            if cost <= grown.cost { grown = (cost, level) }
        }
        var shrunk = (cost: Double.infinity, level: 0)
        for level in 0..<levels {
            for age in 0..<ages {
                var cost = running[level] + future[level * ages + min(age + 1, ages - 1)]
                var choice = level
                let growing = best[level].cost - startup * Double(level)
                if mayGrow, growing < cost { (cost, choice) = (growing, best[level].level) }
                if age == ages - 1, shrunk.cost < cost { (cost, choice) = shrunk }
                next[level * ages + age] = cost
                choose(level, age, choice)
            }
            if changed[level] <= shrunk.cost { shrunk = (changed[level], level) }
        }
        swap(&future, &next)
    }
}
