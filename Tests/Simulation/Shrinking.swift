/// Makes the plan of a run that went wrong smaller, as long as it still goes wrong.
package enum Shrinking {
    /// The smallest plan found whose run violates something, and its report; at most `runsMax` runs.
    ///
    /// Tried in turn, until nothing helps: without one fault, half the processes, clients, rows, and time.
    package static func shrink(
        _ report: RunReport, runsMax: Int = 200, _ run: (FaultPlan) -> RunReport = { Simulation.run($0) }
    ) -> RunReport {
        precondition(report.violation != nil, "only what went wrong can be shrunk")
        var best = report
        var runs = 0
        var isSmaller = true
        while isSmaller {
            isSmaller = false
            for candidate in candidates(best) {
                guard runs < runsMax else { return best }
                runs += 1
                let next = run(candidate)
                guard next.violation != nil else { continue }
                best = next
                isSmaller = true
                break
            }
        }
        return best
    }

    /// Plans smaller than the one of `report` in one way each, the boldest first.
    static func candidates(_ report: RunReport) -> [FaultPlan] {
        let plan = report.plan
        var plans: [FaultPlan] = []
        func add(_ change: (inout FaultPlan) -> Void) {
            var smaller = plan
            change(&smaller)
            if smaller != plan { plans.append(smaller) }
        }
        add { $0.duration = min($0.duration, report.simulated + 1) }
        add { $0.rates = [:] }
        for fault in Fault.allCases where plan.rates[fault] != nil { add { $0.rates[fault] = nil } }
        add { $0.processes = max(1, $0.processes / 2) }
        add { $0.processes = max(1, $0.processes - 1) }
        add { $0.clientsPerProcess = 1 }
        add { $0.accounts = 2 }
        add { $0.notes = 1 }
        add { $0.orders = 1 }
        add { $0.firstTicket = 0 }
        add { $0.installsCommits = false }
        add { $0.entriesMax = 256 }
        add { $0.floorsMax = 1_024 }
        add { $0.duration /= 2 }
        return plans
    }
}
