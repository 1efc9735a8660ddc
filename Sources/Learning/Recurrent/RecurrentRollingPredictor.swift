/// Answers the window of the last `steps` steps after each step of a sequence, every window from the zero state, as the
/// network was trained, for little more than one streaming step.
///
/// `steps - 1` windows are open at any time, each begun one step after the one before and each with a state of its own.
/// `step` takes the oldest through the new step, which makes it whole: that is the answer, one row through each layer.
/// `advance` then takes the others through the step as one batch; it needs nothing that is not known yet, so it can
/// wait until the answer is in use. Per step the arithmetic is that of a window computed anew, but in products of
/// `steps - 1` rows, and only a `steps`-th of it lies between the features and the answer.
public final class RecurrentRollingPredictor {
    /// The network asked.
    public let network: RecurrentNetwork
    /// Steps of a window.
    public let steps: Int
    /// Steps taken since the last reset, at most `steps`.
    public private(set) var stepCount = 0
    private let closing: RecurrentSpace
    /// The open windows, a row each; nil for windows of one step.
    private let open: RecurrentSpace?
    private let rawBuffer: FloatBuffer
    private let outputBuffer: FloatBuffer
    /// Row of the oldest open window.
    private var oldest = 0
    /// Whether the open windows lack the newest step.
    private var isBehind = false

    /// A predictor that has seen no step.
    public init(_ network: RecurrentNetwork, steps: Int) {
        precondition(steps > 0, "a window of \(steps) steps")
        self.network = network
        self.steps = steps
        closing = RecurrentSpace(network.stack, steps: 1, batch: 1, training: false)
        open = steps > 1 ? RecurrentSpace(network.stack, steps: 1, batch: steps - 1, training: false) : nil
        rawBuffer = FloatBuffer(count: network.configuration.outputs)
        outputBuffer = FloatBuffer(count: network.configuration.outputs)
    }

    /// Takes the features of the newest step; allocates nothing.
    ///
    /// - Returns: whether there are `steps` of them, so that the outputs answer a whole window.
    @discardableResult
    public func step(_ features: Span<Float>) -> Bool {
        advance()
        closing.input.row(0).copy(from: features)
        isBehind = true
        stepCount = min(stepCount + 1, steps)
        guard stepCount == steps else { return false }
        if let open { closing.copyState(from: open, row: oldest) }
        let width = network.configuration.outputs
        network.forward(
            closing, raw: Matrix(rawBuffer.floats, rows: 1, columns: width),
            outputs: Matrix(outputBuffer.floats, rows: 1, columns: width), fromZero: open == nil)
        return true
    }

    /// Takes the open windows through the newest step and begins one with it; `step` does so first where it was not
    /// done. Allocates nothing.
    public func advance() {
        guard isBehind else { return }
        isBehind = false
        guard let open else { return }
        open.clearState(row: oldest)
        for row in 0..<open.batch { open.input.row(row).copy(from: closing.input.row(0)) }
        network.stack.forward(network.values, open, fromZero: false)
        open.carryState()
        oldest = (oldest + 1) % open.batch
    }

    /// Calls `body` with the outputs of the last whole window; the handle must not leave it.
    public func withOutputs<Result, Failure: Error>(
        _ body: (Floats) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(outputBuffer.floats) }
    }

    /// Forgets all steps.
    public func reset() {
        stepCount = 0
        oldest = 0
        isBehind = false
        open?.clearState()
    }
}
