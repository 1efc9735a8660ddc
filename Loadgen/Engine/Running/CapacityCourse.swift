/// Which rates a capacity search tries: doubling from the least until one fails, then bisection.
///
/// A rate has failed after `attempts` failed steps. It ends when the passed and the failed rate differ by less than the tolerance (as a share of the failed one), when
/// the least rate fails, when the greatest passes, or after `stepsMax` steps. Pure: answers go in, rates come out.
package struct CapacityCourse {
    private let search: CapacitySearch
    /// The greatest rate that passed.
    package private(set) var passed: Double?
    /// The least rate that failed.
    package private(set) var failed: Double?
    /// Steps judged.
    package private(set) var steps = 0
    /// Failed steps of the present rate.
    private var failures = 0
    /// The rate to try; nil at the end.
    package private(set) var rate: Double?

    package init(_ search: CapacitySearch) {
        self.search = search
        rate = search.rates.lowerBound
    }

    /// What came of the present rate.
    package mutating func judge(isMet: Bool) {
        guard let tried = rate else { return }
        steps += 1
        failures = isMet ? 0 : failures + 1
        if isMet {
            passed = max(passed ?? 0, tried)
        } else if failures == search.attempts || steps == search.stepsMax {
            failed = min(failed ?? .infinity, tried)
            failures = 0
        } else {
            return
        }
        rate = steps < search.stepsMax ? following() : nil
    }

    private func following() -> Double? {
        guard let passed else { return nil }
        guard let failed else {
            return passed < search.rates.upperBound ? min(passed * 2, search.rates.upperBound) : nil
        }
        // A rate that failed below one that passed (noise) ends the search too.
        guard failed > passed, (failed - passed) / failed >= search.tolerance else { return nil }
        return (passed + failed) / 2
    }
}
