/// Sizes of a policy and its critic.
public struct ActorCriticConfiguration: Sendable, Equatable {
    /// What the value of a state is computed from.
    public enum ValueSource: String, Sendable, Equatable {
        /// A head on the policy's trunk; the mean over the agents.
        case shared
        /// A trunk of its own over the rows; the mean over the agents.
        case separate
        /// A trunk of its own over the features of the whole state.
        case state
    }

    /// Units of the policy's hidden layers.
    public var policyLayers: [Int]
    /// Units of the critic's hidden layers; unused if the trunk is shared.
    public var valueLayers: [Int]
    /// After every hidden layer.
    public var activation: Activation
    /// Where values come from.
    public var value: ValueSource

    /// The defaults are the usual tanh 64-64 twice.
    public init(
        policyLayers: [Int] = [64, 64], valueLayers: [Int] = [64, 64], activation: Activation = .tanh,
        value: ValueSource = .separate
    ) {
        self.policyLayers = policyLayers
        self.valueLayers = valueLayers
        self.activation = activation
        self.value = value
    }
}

/// A stochastic policy and a critic over the rows of a `DecisionSpace`.
///
/// All agents share the parameters: the policy is applied to every row, the value of a state is the mean of the rows'
/// values, or comes from the features of the whole state. Parameters are `policy.*`, `actor.*`, `value.*`, `critic.*`.
public final class ActorCriticNetwork: Sendable {
    /// What is observed and decided.
    public let space: DecisionSpace
    /// Sizes.
    public let configuration: ActorCriticConfiguration
    /// Names, shapes and places of the parameters.
    public let layout: ParameterLayout
    let policy: DenseStack
    let actor: Linear
    let critic: Linear
    /// Nil if the policy's trunk is shared.
    let valueTrunk: DenseStack?
    private let buffer: FloatBuffer

    /// Orthogonal weights: gain √2 for the trunks, 0.01 for the policy's head, 1 for the critic's (Andrychowicz et al.
    /// 2021 and the usual implementations of PPO).
    public init(_ space: DecisionSpace, _ configuration: ActorCriticConfiguration, seed: UInt64) {
        precondition(configuration.value != .state || space.stateWidth > 0, "a critic of a state without features")
        self.space = space
        self.configuration = configuration
        var layout = ParameterLayout()
        policy = DenseStack(
            "policy", inputs: space.width, widths: configuration.policyLayers, activation: configuration.activation,
            layout: &layout)
        actor = Linear("actor", inputs: policy.outputs, outputs: space.actions, layout: &layout)
        let valueInputs = configuration.value == .state ? space.stateWidth : space.width
        valueTrunk =
            configuration.value == .shared
            ? nil
            : DenseStack(
                "value", inputs: valueInputs, widths: configuration.valueLayers,
                activation: configuration.activation, layout: &layout)
        critic = Linear("critic", inputs: (valueTrunk ?? policy).outputs, outputs: 1, layout: &layout)
        self.layout = layout
        buffer = FloatBuffer(count: layout.count)
        let root = Xoshiro256StarStar(seed: seed)
        var random = root.split("policy")
        policy.initialiseOrthogonal(values, gain: Float(2).squareRoot(), random: &random)
        actor.initialiseOrthogonal(values, gain: 0.01, random: &random)
        random = root.split("value")
        valueTrunk?.initialiseOrthogonal(values, gain: Float(2).squareRoot(), random: &random)
        critic.initialiseOrthogonal(values, gain: 1, random: &random)
    }

    /// All parameters in one arena of `layout`; a handle that is valid while the network lives.
    var values: Floats { buffer.floats }

    /// Calls `body` with all parameters in one arena of `layout`, to read or to change; the handle must not leave it.
    public func withValues<Result, Failure: Error>(
        _ body: (Floats) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(buffer.floats) }
    }

    /// Log probabilities [rows, actions] of the rows' actions, head by head; valid until the next use of `memory`.
    func logProbabilities(rows: Matrix, allowed: Matrix, _ memory: ActorCriticMemory) -> Matrix {
        let hidden = policy.forward(values, input: rows, memory.policy)
        let logits = memory.logits.rows(0..<rows.rows)
        actor.forward(values, input: hidden, output: logits)
        for head in memory.heads {
            let columns = logits.columns(head)
            CategoricalHead.forward(logits: columns, allowed: allowed.columns(head), logProbabilities: columns)
        }
        memory.lastHidden = hidden
        return logits
    }

    /// Values of `count` states; after `logProbabilities` on the same rows if the trunk is shared.
    func stateValues(count: Int, rows: Matrix, state: Matrix, _ memory: ActorCriticMemory) -> Floats {
        let input = configuration.value == .state ? state : rows
        let hidden = hiddenOfValue(input, memory)
        let perRow = memory.rowValues.rows(0..<input.rows)
        critic.forward(values, input: hidden, output: perRow)
        let each = input.rows / count
        for index in 0..<count {
            var sum: Float = 0
            for row in index * each..<(index + 1) * each { sum += perRow[row, 0] }
            memory.values[index] = sum / Float(each)
        }
        return memory.values[0..<count]
    }

    private func hiddenOfValue(_ input: Matrix, _ memory: ActorCriticMemory) -> Matrix {
        guard let valueTrunk, let space = memory.value else {
            guard let hidden = memory.lastHidden, hidden.rows == input.rows else {
                preconditionFailure("the shared trunk has not seen these rows")
            }
            return hidden
        }
        memory.lastValueHidden = valueTrunk.forward(values, input: input, space)
        return memory.lastValueHidden ?? input
    }

    /// Adds to `gradients` after both forward passes on the same input; `memory.logitsGradient` and
    /// `memory.valueGradient` hold the gradients with respect to logits and state values and are overwritten.
    func backward(gradients: Floats, count: Int, rows: Matrix, state: Matrix, _ memory: ActorCriticMemory) {
        guard let hidden = memory.lastHidden, let hiddenGradient = memory.hiddenGradient else {
            preconditionFailure("a memory for training after a forward pass")
        }
        let logitsGradient = memory.logitsGradient.rows(0..<rows.rows)
        let trunkGradient = hiddenGradient.rows(0..<rows.rows)
        actor.backward(
            values, gradients: gradients, input: hidden, outputGradient: logitsGradient, inputGradient: nil)
        actor.setInputGradient(trunkGradient, values, outputGradient: logitsGradient, scratch: memory.scratch)
        let input = configuration.value == .state ? state : rows
        let each = input.rows / count
        let rowGradient = memory.rowValues.rows(0..<input.rows)
        for row in 0..<input.rows { rowGradient[row, 0] = memory.valueGradient[row / each] / Float(each) }
        if let valueTrunk, let space = memory.value, let lastValueHidden = memory.lastValueHidden,
            let valueHiddenGradient = memory.valueHiddenGradient
        {
            let gradient = valueHiddenGradient.rows(0..<input.rows)
            critic.backward(
                values, gradients: gradients, input: lastValueHidden, outputGradient: rowGradient, inputGradient: nil)
            critic.setInputGradient(gradient, values, outputGradient: rowGradient, scratch: memory.scratch)
            valueTrunk.backward(
                values, gradients: gradients, input: input, outputGradient: gradient, inputGradient: nil, space)
        } else {
            critic.backward(
                values, gradients: gradients, input: hidden, outputGradient: rowGradient, inputGradient: nil)
            let weights = values.run(critic.weight)
            for row in 0..<rows.rows { trunkGradient.row(row).add(weights, scale: rowGradient[row, 0]) }
        }
        policy.backward(
            values, gradients: gradients, input: rows, outputGradient: trunkGradient, inputGradient: nil,
            memory.policy)
    }
}

/// Memory of an `ActorCriticNetwork` for at most `countMax` states.
final class ActorCriticMemory {
    let heads: [Range<Int>]
    let policy: DenseSpace
    let value: DenseSpace?
    /// Logits, then log probabilities, [countMax · agents, actions].
    let logits: Matrix
    let logitsGradient: Matrix
    let rowValues: Matrix
    let values: Floats
    let valueGradient: Floats
    let hiddenGradient: Matrix?
    let valueHiddenGradient: Matrix?
    let scratch: Floats
    var lastHidden: Matrix?
    var lastValueHidden: Matrix?
    private let buffers: [FloatBuffer]

    init(_ network: ActorCriticNetwork, countMax: Int, training: Bool) {
        let space = network.space
        heads = space.headColumns
        let rows = countMax * space.agents
        let valueRows = network.configuration.value == .state ? countMax : rows
        policy = DenseSpace(network.policy, rowsMax: rows, training: training)
        value = network.valueTrunk.map { DenseSpace($0, rowsMax: valueRows, training: training) }
        let widths = (network.policy.outputs, network.valueTrunk?.outputs ?? 0)
        let scratchCount = max(widths.0 * space.actions, widths.1)
        let sizes = [
            rows * space.actions, training ? rows * space.actions : 0, valueRows, countMax, countMax,
            training ? rows * widths.0 : 0, training ? valueRows * widths.1 : 0, training ? scratchCount : 0,
        ]
        buffers = sizes.map { FloatBuffer(count: $0) }
        logits = Matrix(buffers[0].floats, rows: rows, columns: space.actions)
        logitsGradient = Matrix(buffers[1].floats, rows: training ? rows : 0, columns: space.actions)
        rowValues = Matrix(buffers[2].floats, rows: valueRows, columns: 1)
        values = buffers[3].floats
        valueGradient = buffers[4].floats
        hiddenGradient = training ? Matrix(buffers[5].floats, rows: rows, columns: widths.0) : nil
        valueHiddenGradient =
            training && network.valueTrunk != nil
            ? Matrix(buffers[6].floats, rows: valueRows, columns: widths.1) : nil
        scratch = buffers[7].floats
    }
}

extension DecisionSpace {
    /// Columns of each head among the actions of a row.
    var headColumns: [Range<Int>] {
        var start = 0
        return heads.map { count in
            defer { start += count }
            return start..<start + count
        }
    }
}

extension Matrix {
    /// The columns `range` of every row, sharing the storage.
    func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns outside the matrix")
        guard rows > 0 else { return Matrix(floats[0..<0], rows: 0, columns: range.count, stride: stride) }
        let end = (rows - 1) * stride + range.upperBound
        return Matrix(floats[range.lowerBound..<end], rows: rows, columns: range.count, stride: stride)
    }
}
