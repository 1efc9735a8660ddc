/// A sequence model: recurrent layers, then a linear head on the last hidden state of the last layer.
///
/// Parameters have PyTorch's names (`lstm.weight_ih_l0`, ..., `head.weight`, `head.bias`) and order of gates. The object
/// holds the parameters only; `RecurrentTrainer`, the predictors and `RecurrentStream` hold their memory. Reading while a
/// trainer updates is a race: give predictors a `copy()`.
public final class RecurrentNetwork: Sendable {
    /// Sizes of a network.
    public struct Configuration: Sendable, Equatable {
        /// The recurrent unit.
        public var kind: RecurrentKind
        /// Features of a step.
        public var inputs: Int
        /// Units of each layer.
        public var hidden: Int
        /// Recurrent layers.
        public var layers: Int
        /// Rate of dropout between the layers while training.
        public var dropout: Float
        /// Targets of a window, as the horizons of a forecast.
        public var targets: Int
        /// Quantiles of each target; nil for one plain output each.
        public var quantiles: QuantileHead?

        /// The defaults are SealOS+'s forecaster: LSTM, 18 features, 3 x 128, dropout 0.3, one target.
        public init(
            kind: RecurrentKind = .lstm, inputs: Int = 18, hidden: Int = 128, layers: Int = 3, dropout: Float = 0.3,
            targets: Int = 1, quantiles: QuantileHead? = nil
        ) {
            self.kind = kind
            self.inputs = inputs
            self.hidden = hidden
            self.layers = layers
            self.dropout = dropout
            self.targets = targets
            self.quantiles = quantiles
        }

        /// Columns of the output: targets times quantiles, the quantiles of a target side by side.
        public var outputs: Int { targets * (quantiles?.levels.count ?? 1) }
    }

    /// Sizes.
    public let configuration: Configuration
    /// Names, shapes and places of the parameters.
    public let layout: ParameterLayout
    /// The recurrent layers.
    public let stack: RecurrentStack
    /// The linear layer on the last hidden state.
    public let head: Linear
    private let buffer: FloatBuffer

    /// A network with PyTorch's initial distribution, drawn from `seed`.
    public init(_ configuration: Configuration, seed: UInt64) {
        var layout = ParameterLayout()
        stack = RecurrentStack(
            configuration.kind, configuration.kind.rawValue, inputs: configuration.inputs,
            hidden: configuration.hidden, layers: configuration.layers, layout: &layout)
        head = Linear("head", inputs: configuration.hidden, outputs: configuration.outputs, layout: &layout)
        self.configuration = configuration
        self.layout = layout
        buffer = FloatBuffer(count: layout.count)
        var random = Xoshiro256StarStar(seed: seed).split("weights")
        stack.initialise(buffer.floats, random: &random)
        head.initialise(buffer.floats, random: &random)
    }

    /// All parameters in one arena of `layout`; a handle that is valid while the network lives.
    var values: Floats { buffer.floats }

    /// Calls `body` with all parameters in one arena of `layout`, to read or to change; the network lives until `body`
    /// returns, and the handle must not leave it.
    public func withValues<Result, Failure: Error>(
        _ body: (Floats) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(buffer.floats) }
    }

    /// All parameters as an array, in the order of the arena.
    public var parameters: [Float] { withValues { $0.array } }

    /// Takes over the parameters of a network of the same sizes.
    public func copyParameters(from other: RecurrentNetwork) {
        precondition(other.configuration == configuration, "a network of other sizes")
        other.withValues { values.copy(from: $0) }
    }

    /// A network of the same sizes with a copy of the parameters.
    public func copy() -> RecurrentNetwork {
        let twin = RecurrentNetwork(configuration, seed: 0)
        twin.values.copy(from: values)
        return twin
    }

    /// Outputs [batch, outputs] from the window in `space`; `raw` receives the head's outputs before the quantile head.
    func forward(
        _ space: RecurrentSpace, raw: Matrix, outputs: Matrix, fromZero: Bool = true, dropout: DropoutMask? = nil,
        firstRow: Int = 0, batchTotal: Int? = nil
    ) {
        stack.forward(
            values, space, fromZero: fromZero, dropout: dropout, firstRow: firstRow, batchTotal: batchTotal)
        guard let quantiles = configuration.quantiles else {
            head.forward(values, input: space.lastHidden, output: outputs)
            return
        }
        head.forward(values, input: space.lastHidden, output: raw)
        quantiles.forward(raw: raw, quantiles: outputs)
    }
}
