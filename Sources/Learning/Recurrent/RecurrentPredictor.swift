/// Answers whole windows, each from the zero state, as the network was trained; memory is allocated once.
public final class RecurrentPredictor {
    /// The network asked.
    public let network: RecurrentNetwork
    /// Steps of a window.
    public let steps: Int
    /// Windows a call answers.
    public let batch: Int
    private let space: RecurrentSpace
    private let rawBuffer: FloatBuffer
    private let outputBuffer: FloatBuffer

    /// A predictor of `batch` windows of `steps` steps at a time.
    public init(_ network: RecurrentNetwork, steps: Int, batch: Int = 1) {
        self.network = network
        self.steps = steps
        self.batch = batch
        space = RecurrentSpace(network.stack, steps: steps, batch: batch, training: false)
        rawBuffer = FloatBuffer(count: batch * network.configuration.outputs)
        outputBuffer = FloatBuffer(count: batch * network.configuration.outputs)
    }

    /// Outputs of each window, [batch, outputs], valid until the next call of `predict`.
    public var outputs: Matrix {
        Matrix(outputBuffer.floats, rows: batch, columns: network.configuration.outputs)
    }

    /// Puts window `row` of the batch in place: `steps` x `inputs` numbers, the oldest step first.
    public func setWindow(_ row: Int, _ window: Span<Float>) {
        let width = network.configuration.inputs
        precondition(row >= 0 && row < batch && window.count == steps * width, "window of another size")
        for step in 0..<steps {
            space.input.row(step * batch + row).copy(from: window.extracting(step * width..<(step + 1) * width))
        }
    }

    /// Computes `outputs` from the windows in place; allocates nothing.
    public func predict() {
        let raw = Matrix(rawBuffer.floats, rows: batch, columns: network.configuration.outputs)
        network.forward(space, raw: raw, outputs: outputs)
    }
}

/// Answers after every step of one endless sequence, the state kept from step to step.
///
/// A network trained on windows from the zero state sees longer histories here than in training.
public final class RecurrentStream {
    private let network: RecurrentNetwork
    private let space: RecurrentSpace
    private let rawBuffer: FloatBuffer
    private let outputBuffer: FloatBuffer

    /// A stream in the zero state.
    public init(_ network: RecurrentNetwork) {
        self.network = network
        space = RecurrentSpace(network.stack, steps: 1, batch: 1, training: false)
        rawBuffer = FloatBuffer(count: network.configuration.outputs)
        outputBuffer = FloatBuffer(count: network.configuration.outputs)
    }

    /// Takes the features of one step and returns the outputs, valid until the next call; allocates nothing.
    public func step(_ features: Span<Float>) -> Floats {
        space.input.row(0).copy(from: features)
        let width = network.configuration.outputs
        network.forward(
            space, raw: Matrix(rawBuffer.floats, rows: 1, columns: width),
            outputs: Matrix(outputBuffer.floats, rows: 1, columns: width), fromZero: false)
        space.carryState()
        return outputBuffer.floats
    }

    /// Returns to the zero state.
    public func reset() { space.clearState() }
}
