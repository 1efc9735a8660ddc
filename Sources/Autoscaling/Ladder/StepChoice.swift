/// What a learned policy could choose from, what it made of it, and what it chose: for the journal and
/// `autoscaler_mask_blocked_total`.
public struct StepChoice: Sendable, Equatable {
    /// What scores are.
    public enum Measure: String, Sendable, CaseIterable {
        /// Probabilities of the allowed steps; their sum is 1.
        case probability
        /// Action values: the return expected after the step.
        case value
    }

    /// One step.
    public struct Step: Sendable, Equatable {
        /// Its word, such as `+1`; of a choice for the whole chain with the service before it, such as `risk +1`.
        public var word: String
        /// Its score; nil where it was not allowed.
        public var score: Double?
        /// Code of why it was not allowed; nil where it was.
        public var mask: String?

        /// A step.
        public init(_ word: String, score: Double? = nil, mask: String? = nil) {
            self.word = word
            self.score = score
            self.mask = mask
        }
    }

    /// Place of the service in the profile; nil for one choice for the whole chain.
    public var service: Int?
    /// What scores are.
    public var measure: Measure
    /// Word of the step chosen.
    public var chosen: String
    /// All steps, in the order of the network's outputs.
    public var steps: [Step]

    /// A choice.
    public init(service: Int?, measure: Measure, chosen: String, steps: [Step]) {
        self.service = service
        self.measure = measure
        self.chosen = chosen
        self.steps = steps
    }
}

/// A policy that chooses among steps, some of which are forbidden, and can say what it chose from.
public protocol ChoosingPolicy: ScalingPolicy {
    /// The choices of the last `decide`; empty where it threw.
    var choices: [StepChoice] { get }
}
