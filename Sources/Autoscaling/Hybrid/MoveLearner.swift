internal import Learning

/// The policy that improves elites: a small Q-network over the moves of one service, shared by all services, and the
/// replay memory it is trained from.
///
/// Q(s, (service, move)) = W2 · relu(W1 · features(service) + b1) + b2, 12 -> 24 -> 8. Targets are
/// r + discount · max over the valid moves of all services after the move, by a copy of the network that is renewed every
/// 20 trainings; Huber loss, Adam, gradient norm 1. It proposes changes of plans in a model of the chain only; nothing
/// here acts on the real one (reading 13 of the paper notes).
package final class MoveLearner {
    /// Settings of the learner.
    package struct Configuration {
        package var discount: Float = 0.5
        package var learningRate: Float = 2e-3
        package var batch = 16
        package var capacity = 2_000
        /// Share of proposals drawn at random from the valid moves.
        package var exploration = 0.1

        package init() {}
    }

    /// A transition: the state, the move by row and column, its reward, the state after it and its mask.
    package struct Transition {
        var features: [Float]
        var service: Int
        var kind: Int
        var reward: Float
        var next: [Float]
        var nextValid: [Bool]

        package init(
            features: [Float], service: Int, kind: Int, reward: Float, next: [Float], nextValid: [Bool]
        ) {
            self.features = features
            self.service = service
            self.kind = kind
            self.reward = reward
            self.next = next
            self.nextValid = nextValid
        }
    }

    private let configuration: Configuration
    private let services: Int
    private let first: Linear
    private let second: Linear
    private let layout: ParameterLayout
    private let values: FloatBuffer
    private let frozen: FloatBuffer
    private let gradients: FloatBuffer
    private let adam: Adam
    private var random: Xoshiro256StarStar
    private var memory: [Transition] = []
    private var written = 0
    package private(set) var trainings = 0
    private let inputs: FloatBuffer
    private let hidden: FloatBuffer
    private let hiddenGradient: FloatBuffer
    private let outputs: FloatBuffer
    private let outputGradient: FloatBuffer

    static let moves = LocalMove.Kind.allCases.count
    private static let width = 24

    /// A learner for chains of `services` services.
    package init(services: Int, seed: UInt64, configuration: Configuration = Configuration()) {
        self.services = services
        self.configuration = configuration
        var layout = ParameterLayout()
        first = Linear("first", inputs: MoveFeatures.count, outputs: Self.width, layout: &layout)
        second = Linear("second", inputs: Self.width, outputs: Self.moves, layout: &layout)
        self.layout = layout
        values = FloatBuffer(count: layout.count)
        frozen = FloatBuffer(count: layout.count)
        gradients = FloatBuffer(count: layout.count)
        adam = Adam(layout, configuration: .init(learningRate: configuration.learningRate, clipNorm: 1))
        let root = Xoshiro256StarStar(seed: seed)
        var weights = root.split("move network")
        first.initialise(values.floats, random: &weights)
        second.initialise(values.floats, random: &weights)
        frozen.floats.copy(from: values.floats)
        random = root.split("move replay")
        let rows = services * configuration.batch
        inputs = FloatBuffer(count: rows * MoveFeatures.count)
        hidden = FloatBuffer(count: rows * Self.width)
        hiddenGradient = FloatBuffer(count: rows * Self.width)
        outputs = FloatBuffer(count: rows * Self.moves)
        outputGradient = FloatBuffer(count: rows * Self.moves)
    }

    /// Index service · moves + kind of a valid move that `isFresh` accepts: most often the one of the largest Q, sometimes
    /// a random one; nil where none of 8 is fresh. `features` is [services, 12].
    package func propose(_ features: [Float], valid: [Bool], isFresh: (Int) -> Bool) -> Int? {
        var choices = valid.indices.filter { valid[$0] }
        inputs.floats[0..<features.count].copy(from: features)
        let scores = forward(values.floats, rows: services).floats
        for _ in 0..<8 where !choices.isEmpty {
            let isRandom = random.uniform() < configuration.exploration
            let best = choices.indices.max { scores[choices[$0]] < scores[choices[$1]] } ?? 0
            let choice = choices.remove(at: isRandom ? random.below(choices.count) : best)
            if isFresh(choice) { return choice }
        }
        return nil
    }

    /// Remembers a transition in place of the oldest.
    package func remember(_ transition: Transition) {
        if memory.count < configuration.capacity {
            memory.append(transition)
        } else {
            memory[written % configuration.capacity] = transition
        }
        written += 1
    }

    /// One step on a batch drawn from the memory, once that holds a batch.
    package func train() {
        let batch = configuration.batch
        guard memory.count >= batch else { return }
        let drawn = (0..<batch).map { _ in random.below(memory.count) }
        let targets = self.targets(drawn)
        for (row, index) in drawn.enumerated() {
            let start = memory[index].service * MoveFeatures.count
            inputs.floats[row * MoveFeatures.count..<(row + 1) * MoveFeatures.count]
                .copy(from: Array(memory[index].features[start..<start + MoveFeatures.count]))
        }
        let scores = forward(values.floats, rows: batch)
        let gradient = Matrix(outputGradient.floats, rows: batch, columns: Self.moves)
        gradient.fill(0)
        for (row, index) in drawn.enumerated() {
            let error = scores[row, memory[index].kind] - targets[row]
            // Huber with β = 1: the gradient is the error cut to ±1.
            gradient[row, memory[index].kind] = min(1, max(-1, error)) / Float(batch)
        }
        backward(gradient, rows: batch)
        adam.update(values.floats, gradients: gradients.floats)
        trainings += 1
        if trainings % 20 == 0 { frozen.floats.copy(from: values.floats) }
    }

    private func targets(_ drawn: [Int]) -> [Float] {
        let size = services * MoveFeatures.count
        for (row, index) in drawn.enumerated() {
            inputs.floats[row * size..<(row + 1) * size].copy(from: memory[index].next)
        }
        let scores = forward(frozen.floats, rows: drawn.count * services)
        return drawn.enumerated().map { row, index in
            let start = row * services * Self.moves
            var best = -Float.infinity
            for move in memory[index].nextValid.indices where memory[index].nextValid[move] {
                best = max(best, scores.floats[start + move])
            }
            return memory[index].reward + (best.isFinite ? configuration.discount * best : 0)
        }
    }

    private func forward(_ weights: Floats, rows: Int) -> Matrix {
        let input = Matrix(inputs.floats, rows: rows, columns: MoveFeatures.count)
        let middle = Matrix(hidden.floats, rows: rows, columns: Self.width)
        let output = Matrix(outputs.floats, rows: rows, columns: Self.moves)
        first.forward(weights, input: input, output: middle)
        Activation.relu.forward(middle)
        second.forward(weights, input: middle, output: output)
        return output
    }

    private func backward(_ gradient: Matrix, rows: Int) {
        let input = Matrix(inputs.floats, rows: rows, columns: MoveFeatures.count)
        let middle = Matrix(hidden.floats, rows: rows, columns: Self.width)
        let middleGradient = Matrix(hiddenGradient.floats, rows: rows, columns: Self.width)
        gradients.floats.fill(0)
        second.backward(
            values.floats, gradients: gradients.floats, input: middle, outputGradient: gradient,
            inputGradient: middleGradient)
        Activation.relu.backward(output: middle, gradient: middleGradient)
        first.backward(
            values.floats, gradients: gradients.floats, input: input, outputGradient: middleGradient,
            inputGradient: nil)
    }
}
