import TestData

/// The faults of a run in their order: the same for the same seed and choice, whatever the servers do.
struct FaultPlan: Sequence, IteratorProtocol {
    /// One injection, at times two at once.
    struct Step: CustomStringConvertible {
        var fault: Fault
        var second: Fault?
        /// What the two draw their times and victims from.
        var seeds: (UInt64, UInt64)
        /// Milliseconds of peace after it.
        var pause: Int

        var description: String {
            [fault, second].compactMap { $0?.rawValue }.joined(separator: " and ")
        }
    }

    private var random: SplitMix64
    private let choices: [Fault]
    /// Every kind has its turn first, in random order; then they come by weight.
    private var queue: [Fault]

    init(seed: UInt64, only: [Fault]) {
        random = SplitMix64(seed: seed)
        choices = (only.isEmpty ? Fault.allCases : only).flatMap {
            Array(repeating: $0, count: $0.weight)
        }
        queue = Set(choices).sorted { $0.rawValue < $1.rawValue }.shuffled(using: &random)
    }

    mutating func next() -> Step? {
        let fault = queue.popLast() ?? choices.randomElement(using: &random) ?? .redisFlush
        var second =
            Int.random(in: 0..<4, using: &random) == 0 ? choices.randomElement(using: &random) : nil
        if let other = second, other == fault || other.ownsPostgres && fault.ownsPostgres {
            second = nil
        }
        let seeds = (random.next(), random.next())
        return Step(
            fault: fault, second: second, seeds: seeds, pause: Int.random(in: 50...600, using: &random))
    }
}
