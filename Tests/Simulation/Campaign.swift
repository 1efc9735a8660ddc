/// Many runs one after another, and what they have shown together.
package struct Campaign: Sendable, CustomStringConvertible {
    package private(set) var seeds = 0
    package private(set) var checked = 0
    package private(set) var operations = 0
    package private(set) var commits = 0
    package private(set) var steps = 0
    /// Virtual time, in nanoseconds.
    package private(set) var simulated: Int64 = 0
    package private(set) var fired: [Fault: Int] = [:]
    /// The first run that went wrong, as small as it could be made.
    package private(set) var failure: RunReport?

    /// Runs the seeds from `first` on until `checked` values were compared and `seeds` runs were made, or one went wrong.
    ///
    /// - Parameter report: called after every run, for progress.
    package init(
        from first: UInt64, seeds seedsMin: Int, checked checkedMin: Int, mutant: Mutant? = nil,
        seedsMax: Int = .max, report: (Campaign) -> Void = { _ in }
    ) {
        var seed = first
        while seeds < seedsMax, seeds < seedsMin || checked < checkedMin {
            let run = Simulation.run(FaultPlan(seed: seed, mutant: mutant))
            seeds += 1
            checked += run.checked
            operations += run.operations
            commits += run.commits
            steps += run.steps
            simulated += run.simulated
            fired.merge(run.fired) { $0 + $1 }
            report(self)
            guard run.violation == nil else {
                failure = mutant == nil ? Shrinking.shrink(run) : run
                return
            }
            seed += 1
        }
    }

    /// Sums, the faults with their counts, and the failure with the plan that shows it.
    package var description: String {
        let faults = Fault.allCases.map { "\($0) \(fired[$0] ?? 0)" }.joined(separator: ", ")
        let sums =
            "\(seeds) seeds, \(checked) values checked, \(operations) operations, \(commits) commits, "
            + "\(steps) steps, \(simulated / 1_000_000_000) simulated seconds"
        return sums + "\n  faults: \(faults)" + (failure.map { "\n  \($0)" } ?? "")
    }
}
