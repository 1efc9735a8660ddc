/// Many runs one after another, and what they have shown together.
package struct Campaign: Sendable, CustomStringConvertible {
    package private(set) var seeds = 0
    package private(set) var checked = 0
    package private(set) var operations = 0
    package private(set) var commits = 0
    package private(set) var steps = 0
    /// Messages of L2 that processes have heard.
    package private(set) var heard = 0
    /// Reads that the stacks have checked again themselves; none of them was wrong, or it is the failure.
    package private(set) var shadowChecks = 0
    /// Runs whose history was checked, and the values in it.
    package private(set) var histories = 0
    package private(set) var recorded = 0
    /// Virtual time, in nanoseconds.
    package private(set) var simulated: Int64 = 0
    package private(set) var fired: [Fault: Int] = [:]
    /// The first run that went wrong, as small as it could be made.
    package private(set) var failure: RunReport?

    /// What is run, and by whom it is judged.
    package struct Scope: Sendable {
        package var first: UInt64 = 0
        /// At least so many runs, and so many values compared.
        package var seeds = 1
        package var checked = 0
        package var seedsMax = Int.max
        package var mutant: Mutant?
        package var judges = Set(Judge.allCases)
        /// The history of one run in this many is recorded and checked, by the seed.
        package var historyEvery: UInt64 = 1
        /// Threads that run seeds; the result does not depend on it.
        package var threads = 1

        /// The runs from seed `first` on, until `checked` values were compared and `seeds` runs were made.
        package init(from first: UInt64, seeds: Int, checked: Int = 0) {
            (self.first, self.seeds, self.checked) = (first, seeds, checked)
        }

        func judges(of seed: UInt64) -> Set<Judge> {
            seed % historyEvery == 0 ? judges : judges.subtracting([.history])
        }

        func run(_ seed: UInt64) -> RunReport {
            Simulation.run(FaultPlan(seed: seed, mutant: mutant), judges: judges(of: seed))
        }
    }

    /// Makes the runs of `scope`, up to the first that goes wrong.
    ///
    /// - Parameter report: called after every run, for progress.
    package init(_ scope: Scope, report: (Campaign) -> Void = { _ in }) {
        let end = scope.first.addingReportingOverflow(UInt64(scope.seedsMax)).partialValue
        let queue = RunQueue(from: scope.first, upTo: end, threads: scope.threads) { scope.run($0) }
        while failure == nil, seeds < scope.seedsMax, seeds < scope.seeds || checked < scope.checked {
            let run = queue.next()
            add(run, scope)
            report(self)
        }
        queue.close()
        guard let failure, scope.mutant == nil else { return }
        let judges = scope.judges(of: failure.plan.seed)
        self.failure = Shrinking.shrink(failure) { Simulation.run($0, judges: judges) }
    }

    private mutating func add(_ run: RunReport, _ scope: Scope) {
        seeds += 1
        checked += run.checked
        operations += run.operations
        commits += run.commits
        steps += run.steps
        heard += run.heard
        shadowChecks += run.shadowChecks
        histories += scope.judges(of: run.plan.seed).contains(.history) ? 1 : 0
        recorded += run.recorded
        simulated += run.simulated
        fired.merge(run.fired) { $0 + $1 }
        if run.violation != nil { failure = run }
    }

    /// Sums, the faults with their counts, and the failure with the plan that shows it.
    package var description: String {
        let faults = Fault.allCases.map { "\($0) \(fired[$0] ?? 0)" }.joined(separator: ", ")
        let sums =
            "\(seeds) seeds, \(checked) values checked, \(operations) operations, \(commits) commits, "
            + "\(steps) steps, \(simulated / 1_000_000_000) simulated seconds"
        let judged =
            "\(histories) histories of \(recorded) values against anomalies A1-A12, \(shadowChecks) shadow checks, "
            + "\(heard) messages of L2 heard"
        return sums + "\n  \(judged)\n  faults: \(faults)" + (failure.map { "\n  \($0)" } ?? "")
    }
}
