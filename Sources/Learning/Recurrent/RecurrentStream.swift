/// Answers after every step of one sequence, the state kept from step to step.
///
/// After n steps since the last `reset` the answer is that of a window of these n steps. A network that was trained on
/// windows from the zero state has not seen longer sequences: reset where its sequences began (the first bin of a day,
/// say), or use `RecurrentRollingPredictor`, whose every answer is that of a window.
public final class RecurrentStream {
    /// Steps since the last reset.
    public private(set) var stepCount = 0
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

    /// Takes the features of one step and computes the outputs; allocates nothing.
    public func step(_ features: Span<Float>) {
        space.input.row(0).copy(from: features)
        let width = network.configuration.outputs
        network.forward(
            space, raw: Matrix(rawBuffer.floats, rows: 1, columns: width),
            outputs: Matrix(outputBuffer.floats, rows: 1, columns: width), fromZero: false)
        space.carryState()
        stepCount += 1
    }

    /// Calls `body` with the outputs of the last step; the handle must not leave it.
    public func withOutputs<Result, Failure: Error>(
        _ body: (Floats) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(outputBuffer.floats) }
    }

    /// Returns to the zero state.
    public func reset() {
        space.clearState()
        stepCount = 0
    }
}
