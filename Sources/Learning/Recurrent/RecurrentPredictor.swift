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

    private var outputs: Matrix { Matrix(outputBuffer.floats, rows: batch, columns: network.configuration.outputs) }

    /// Calls `body` with the outputs of the last `predict`, [batch, outputs]; the handle must not leave it.
    public func withOutputs<Result, Failure: Error>(
        _ body: (Matrix) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(outputs) }
    }

    /// Puts window `row` of the batch in place: `steps` x `inputs` numbers, the oldest step first.
    public func setWindow(_ row: Int, _ window: Span<Float>) {
        let width = network.configuration.inputs
        precondition(row >= 0 && row < batch && window.count == steps * width, "window of another size")
        for step in 0..<steps {
            space.input.row(step * batch + row).copy(from: window.extracting(step * width..<(step + 1) * width))
        }
    }

    /// Computes the outputs of the windows in place; allocates nothing.
    public func predict() {
        let raw = Matrix(rawBuffer.floats, rows: batch, columns: network.configuration.outputs)
        network.forward(space, raw: raw, outputs: outputs)
    }
}
