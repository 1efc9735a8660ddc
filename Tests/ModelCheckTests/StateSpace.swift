/// Every state that can be reached from a first one, each visited once, breadth first; states are 64-bit numbers.
///
/// A shortest path to any state is kept: a counterexample prints as the steps that lead to it.
struct StateSpace {
    /// What is wrong with a state, and how it is reached.
    struct Violation: Error, CustomStringConvertible {
        var problem: String
        var path: [UInt64]

        var description: String { "\(problem) after \(path.count - 1) steps" }
    }

    /// States reached, the first included.
    private(set) var count = 0
    /// States in which everybody is done.
    private(set) var ends = 0
    /// Ends that were found wrong.
    private(set) var wrongEnds = 0
    /// The first problem found, reached in the fewest steps.
    private(set) var violation: Violation?

    private var states: [UInt64] = []
    private var parents: [UInt32] = []
    /// Places in `states` plus one; zero: empty.
    private var table: [UInt32]

    /// Explores from `first`. `successors` appends to the array it is given; `problem` and `endProblem` say what is
    /// wrong with a state and with one in which everybody is done. Goes on after a problem, to count.
    init(
        from first: UInt64, successors: (UInt64, inout [UInt64]) -> Void, problem: (UInt64) -> String?,
        isEnd: (UInt64) -> Bool, endProblem: (UInt64) -> String?
    ) {
        table = Array(repeating: 0, count: 1 << 12)
        insert(first, parent: 0)
        var next: [UInt64] = []
        var index = 0
        while index < states.count {
            let state = states[index]
            if let problem = problem(state) { note(problem, at: index) }
            next.removeAll(keepingCapacity: true)
            successors(state, &next)
            if isEnd(state) {
                ends += 1
                if let problem = endProblem(state) {
                    wrongEnds += 1
                    note(problem, at: index)
                }
            }
            for state in next { insert(state, parent: UInt32(index)) }
            index += 1
        }
        count = states.count
        states = []
        parents = []
        table = []
    }

    private mutating func note(_ problem: String, at index: Int) {
        guard violation == nil else { return }
        var path = [states[index]]
        var place = index
        while place > 0 {
            place = Int(parents[place])
            path.append(states[place])
        }
        violation = Violation(problem: problem, path: path.reversed())
    }

    private mutating func insert(_ state: UInt64, parent: UInt32) {
        if states.count * 2 >= table.count { grow() }
        var place = home(state)
        while table[place] != 0 {
            if states[Int(table[place]) - 1] == state { return }
            place = (place + 1) & (table.count - 1)
        }
        states.append(state)
        parents.append(parent)
        table[place] = UInt32(states.count)
    }

    private mutating func grow() {
        table = Array(repeating: 0, count: table.count * 2)
        for (index, state) in states.enumerated() {
            var place = home(state)
            while table[place] != 0 { place = (place + 1) & (table.count - 1) }
            table[place] = UInt32(index + 1)
        }
    }

    private func home(_ state: UInt64) -> Int {
        let mixed = (state ^ (state >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 20) & (table.count - 1)
    }
}
