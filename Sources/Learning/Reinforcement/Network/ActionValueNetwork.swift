/// Sizes of a network of action values.
public struct ActionValueConfiguration: Sendable, Equatable {
    /// Units of the hidden layers.
    public var layers: [Int]
    /// After every hidden layer.
    public var activation: Activation
    /// Whether state value and advantages are separate (Wang et al. 2016).
    public var isDueling: Bool
    /// Units of one more hidden layer before each of the two dueling heads; 0 for none.
    public var streams: Int

    /// The defaults are 128-128, then 64 for the value and 64 for the advantages.
    public init(layers: [Int] = [128, 128], activation: Activation = .relu, isDueling: Bool = true, streams: Int = 64) {
        self.layers = layers
        self.activation = activation
        self.isDueling = isDueling
        self.streams = streams
    }
}

/// Action values of the rows of a `DecisionSpace`; all agents share the parameters.
///
/// A dueling network has one state value a row and advantages of all heads, each head's mean over its allowed actions
/// taken out: with one agent and several heads the branching network of Tavakoli, Pardo and Kormushev 2018. The features
/// of the whole state are not read. Parameters are `trunk.*` and `head.*`, with streams also `state.*`, `advantage.*`.
public final class ActionValueNetwork: Sendable {
    /// What is observed and decided.
    public let space: DecisionSpace
    /// Sizes.
    public let configuration: ActionValueConfiguration
    /// Names, shapes and places of the parameters.
    public let layout: ParameterLayout
    let trunk: DenseStack
    let head: Head
    private let buffer: FloatBuffer

    /// What turns hidden units into action values.
    enum Head: Sendable {
        case plain(Linear)
        case dueling(state: DenseStack, advantage: DenseStack, DuelingHead)
    }

    /// PyTorch's default weights, drawn from `seed`.
    public init(_ space: DecisionSpace, _ configuration: ActionValueConfiguration, seed: UInt64) {
        precondition(configuration.streams >= 0, "a negative width")
        self.space = space
        self.configuration = configuration
        var layout = ParameterLayout()
        let trunk = DenseStack(
            "trunk", inputs: space.width, widths: configuration.layers, activation: configuration.activation,
            layout: &layout)
        self.trunk = trunk
        if configuration.isDueling {
            let widths = configuration.streams > 0 ? [configuration.streams] : []
            let streams = ["state", "advantage"].map {
                DenseStack(
                    $0, inputs: trunk.outputs, widths: widths, activation: configuration.activation, layout: &layout)
            }
            head = .dueling(
                state: streams[0], advantage: streams[1],
                DuelingHead("head", inputs: streams[0].outputs, actions: space.actions, layout: &layout))
        } else {
            head = .plain(Linear("head", inputs: trunk.outputs, outputs: space.actions, layout: &layout))
        }
        self.layout = layout
        buffer = FloatBuffer(count: layout.count)
        var random = Xoshiro256StarStar(seed: seed).split("action values")
        trunk.initialise(values, random: &random)
        switch head {
        case .plain(let linear): linear.initialise(values, random: &random)
        case .dueling(let state, let advantage, let join):
            state.initialise(values, random: &random)
            advantage.initialise(values, random: &random)
            join.initialise(values, random: &random)
        }
    }

    /// All parameters in one arena of `layout`; a handle that is valid while the network lives.
    var values: Floats { buffer.floats }

    /// Calls `body` with all parameters in one arena of `layout`, to read or to change; the handle must not leave it.
    public func withValues<Result, Failure: Error>(
        _ body: (Floats) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(buffer.floats) }
    }

    /// Action values [rows, actions]; valid until the next use of `memory`. Those of forbidden actions mean nothing.
    func actionValues(rows: Matrix, allowed: Matrix, _ memory: ActionValueMemory) -> Matrix {
        let hidden = trunk.forward(values, input: rows, memory.trunk)
        let result = memory.output.rows(0..<rows.rows)
        memory.hidden = hidden
        switch head {
        case .plain(let linear): linear.forward(values, input: hidden, output: result)
        case .dueling(let stateStream, let advantageStream, let join):
            guard let streams = memory.streams else { preconditionFailure("another network's memory") }
            let forState = stateStream.forward(values, input: hidden, streams.state)
            let forAdvantage = advantageStream.forward(values, input: hidden, streams.advantage)
            let state = memory.stateValues.rows(0..<rows.rows)
            join.value.forward(values, input: forState, output: state)
            join.advantage.forward(values, input: forAdvantage, output: result)
            for row in 0..<rows.rows {
                let flags = allowed.row(row)
                let line = result.row(row)
                for columns in memory.heads {
                    DuelingJoin.forward(line[columns], state: state[row, 0], allowed: flags[columns])
                }
            }
            memory.streamOutputs = (forState, forAdvantage)
        }
        return result
    }

    /// Adds to `gradients` after `actionValues` on the same input; overwrites `memory.outputGradient`, which holds the
    /// gradient with respect to the action values.
    func backward(gradients: Floats, rows: Matrix, allowed: Matrix, _ memory: ActionValueMemory) {
        guard let hidden = memory.hidden, let hiddenGradients = memory.hiddenGradients else {
            preconditionFailure("a memory for training after a forward pass")
        }
        let output = memory.outputGradient.rows(0..<rows.rows)
        let hiddenGradient = hiddenGradients.0.rows(0..<rows.rows)
        switch head {
        case .plain(let linear):
            linear.backward(values, gradients: gradients, input: hidden, outputGradient: output, inputGradient: nil)
            linear.setInputGradient(hiddenGradient, values, outputGradient: output, scratch: memory.scratch)
        case .dueling(let stateStream, let advantageStream, let join):
            guard let streams = memory.streams, let outputs = memory.streamOutputs else {
                preconditionFailure("another network's memory")
            }
            let state = memory.stateValues.rows(0..<rows.rows)
            for row in 0..<rows.rows {
                var sum: Float = 0
                for columns in memory.heads {
                    sum += DuelingJoin.backward(output.row(row)[columns], allowed: allowed.row(row)[columns])
                }
                state[row, 0] = sum
            }
            let other = hiddenGradients.1.rows(0..<rows.rows)
            backward(
                gradients, join.value, stateStream, streams.state, input: hidden, streamOutput: outputs.state,
                outputGradient: state, inputGradient: hiddenGradient, memory)
            backward(
                gradients, join.advantage, advantageStream, streams.advantage, input: hidden,
                streamOutput: outputs.advantage, outputGradient: output, inputGradient: other, memory)
            for row in 0..<rows.rows { hiddenGradient.row(row).add(other.row(row)) }
        }
        trunk.backward(
            values, gradients: gradients, input: rows, outputGradient: hiddenGradient, inputGradient: nil,
            memory.trunk)
    }

    /// Backward through one of the dueling heads and its stream.
    private func backward(
        _ gradients: Floats, _ linear: Linear, _ stream: DenseStack, _ space: DenseSpace, input: Matrix,
        streamOutput: Matrix, outputGradient: Matrix, inputGradient: Matrix, _ memory: ActionValueMemory
    ) {
        linear.backward(
            values, gradients: gradients, input: streamOutput, outputGradient: outputGradient, inputGradient: nil)
        let gradient = memory.streamGradient.rows(0..<input.rows)
        linear.setInputGradient(gradient, values, outputGradient: outputGradient, scratch: memory.scratch)
        stream.backward(
            values, gradients: gradients, input: input, outputGradient: gradient, inputGradient: inputGradient, space)
    }
}

/// Memory of an `ActionValueNetwork` for at most `countMax` states.
final class ActionValueMemory {
    let heads: [Range<Int>]
    let trunk: DenseSpace
    let streams: (state: DenseSpace, advantage: DenseSpace)?
    /// Action values, [countMax · agents, actions].
    let output: Matrix
    let outputGradient: Matrix
    let stateValues: Matrix
    let streamGradient: Matrix
    let hiddenGradients: (Matrix, Matrix)?
    let scratch: Floats
    var hidden: Matrix?
    var streamOutputs: (state: Matrix, advantage: Matrix)?
    private let buffers: [FloatBuffer]

    init(_ network: ActionValueNetwork, countMax: Int, training: Bool) {
        let space = network.space
        heads = space.headColumns
        let rows = countMax * space.agents
        trunk = DenseSpace(network.trunk, rowsMax: rows, training: training)
        let width = network.trunk.outputs
        var streamWidth = width
        if case .dueling(let state, let advantage, _) = network.head {
            streams = (
                DenseSpace(state, rowsMax: rows, training: training),
                DenseSpace(advantage, rowsMax: rows, training: training)
            )
            streamWidth = state.outputs
        } else {
            streams = nil
        }
        let trained = training ? rows : 0
        let sizes = [
            rows * space.actions, trained * space.actions, rows, trained * streamWidth, trained * width,
            trained * width, training ? streamWidth * space.actions : 0,
        ]
        buffers = sizes.map { FloatBuffer(count: $0) }
        output = Matrix(buffers[0].floats, rows: rows, columns: space.actions)
        outputGradient = Matrix(buffers[1].floats, rows: trained, columns: space.actions)
        stateValues = Matrix(buffers[2].floats, rows: rows, columns: 1)
        streamGradient = Matrix(buffers[3].floats, rows: trained, columns: streamWidth)
        hiddenGradients =
            training
            ? (
                Matrix(buffers[4].floats, rows: rows, columns: width),
                Matrix(buffers[5].floats, rows: rows, columns: width)
            ) : nil
        scratch = buffers[6].floats
    }
}
